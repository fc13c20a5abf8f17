"""The fields of a cell, and which of them weight decay draws towards zero.

A field says so itself, in its annotation: `Weight` decays, `Undecayed` does not. Without such an annotation, `W`, `R`
and the matrix of a projection decay, and everything else (biases, gains, rates) does not.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, ForwardRef, get_args, get_origin

import numpy as np


@dataclass(frozen=True)
class Decay:
    """Mark of a field's annotation: whether weight decay, the L2 penalty on the weights, applies to it."""

    applies: bool


Weight = Annotated[np.ndarray, Decay(applies=True)]
Undecayed = Annotated[np.ndarray, Decay(applies=False)]


def decays(cell_class: Any) -> dict[str, bool]:
    """Return for each field of a cell class whether weight decay applies to it.

    Parameters
    ----------
    cell_class : type
        A class of cells, such as `numbarnn.LSTM`.

    Returns
    -------
    dict of str to bool
        In the order of the fields.

    Examples
    --------
    >>> from numbarnn import PeepholeLSTM
    >>> from numbarnn.cells.fields import decays
    >>> decays(PeepholeLSTM)
    {'W': True, 'R': True, 'b': False, 'p_i': True, 'p_f': True, 'p_o': True}
    """
    matrices = {"W", "R", *getattr(cell_class, "projection", ())[:1]}
    marks = {field: _mark_of(cell_class, field) for field in cell_class._fields}
    return {field: field in matrices if mark is None else mark.applies for field, mark in marks.items()}


@cache  # a batch asks for every field of its cells
def _mark_of(cell_class: Any, field: str) -> Decay | None:
    """Return the mark in a field's annotation, None if it has none."""
    for owner in cell_class.__mro__:
        annotation = inspect.get_annotations(owner).get(field)
        if annotation is not None:
            return _mark_in(_evaluated(annotation, owner))
    return None


def _evaluated(annotation: Any, owner: Any) -> Any:
    """Return the annotation that a string denotes; local names of a function are not known."""
    text = annotation.__forward_arg__ if isinstance(annotation, ForwardRef) else annotation
    if not isinstance(text, str):
        return annotation
    module = vars(sys.modules[owner.__module__]) if owner.__module__ in sys.modules else {}
    known = {"Annotated": Annotated, "np": np, "Decay": Decay, "Weight": Weight, "Undecayed": Undecayed}
    try:
        return eval(text, {**known, **module})
    except Exception:  # a string with local names of a function may raise almost anything
        return known.get(text.rpartition(".")[2])


def _mark_in(annotation: Any) -> Decay | None:
    if get_origin(annotation) is not Annotated:
        return None
    return next((mark for mark in get_args(annotation)[1:] if isinstance(mark, Decay)), None)
