"""A fast check whether arguments can go to the kernels unchanged: plain NumPy arrays of matching shapes and dtypes.

The result is cached by the class of the cell and the arrays' shapes and dtypes. A usual call spends a few
microseconds here instead of the thirty that the checks with their messages take.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from numbarnn.cells.form import n_memory
from numbarnn.kernels.tape import Tape
from numbarnn.recurrence.arguments import check_weights


def forward_takes(cell: Any, x: Any, state: Any) -> bool:
    """Return whether a forward pass can take its arguments as they are.

    If not, the functions of `arguments` convert the arrays or raise an error.
    """
    if not (isinstance(cell, tuple) and (state is None or isinstance(state, tuple))):
        return False
    signatures = _signatures((*cell, x, *(state or ())))
    return signatures is not None and _fit_forward(type(cell), state is not None, signatures)


def adjoint_takes(cell: Any, tape: Any, y_bar: Any, state_bar: Any) -> bool:
    """Return whether an adjoint pass can take its arguments as they are; see `forward_takes`."""
    if type(tape) is not Tape or tape.masks is not None or not isinstance(cell, tuple):
        return False
    if not (state_bar is None or isinstance(state_bar, tuple)):
        return False
    given = (() if y_bar is None else (y_bar,)) + (state_bar or ())
    signatures = _signatures((*cell, *tape.arrays, *given))
    if signatures is None:
        return False
    return _fit_adjoint(type(cell), tape.cell_type, y_bar is not None, state_bar is not None, signatures)


def _signatures(arrays: tuple[Any, ...]) -> Any:
    """Return the arrays' shapes and dtypes; None unless all are NumPy's own, and as contiguous as kernels want them."""
    found = [(a.shape, a.dtype) for a in arrays if type(a) is np.ndarray and a.flags.carray]
    return tuple(found) if len(found) == len(arrays) else None


@lru_cache(1024)
def _fit_forward(kind: Any, has_state: bool, signatures: Any) -> bool:
    sizes = _fitting_sizes(kind, signatures)
    if sizes is None:
        return False
    n_weights, n_inputs, n_outputs, size, dtype = sizes
    x, *state = signatures[n_weights:]
    if len(x[0]) != 3:
        return False
    n_steps, n_sequences, _ = x[0]
    wanted: list[tuple[int, ...]] = [(n_steps, n_sequences, n_inputs)]
    if has_state:
        wanted += _state_shapes(kind, n_sequences, n_outputs, size)
    return [x, *state] == [(shape, dtype) for shape in wanted]


@lru_cache(1024)
def _fit_adjoint(kind: Any, left_by: Any, has_y_bar: bool, has_state_bar: bool, signatures: Any) -> bool:
    sizes = _fitting_sizes(kind, signatures)
    if sizes is None or left_by is not kind:
        return False
    n_weights, n_inputs, n_outputs, size, dtype = sizes
    x, lengths, *others = signatures[n_weights:]
    if len(x[0]) != 3 or lengths != (x[0][1:2], np.dtype(np.intp)):
        return False
    n_steps, n_sequences, _ = x[0]
    wanted: list[tuple[int, ...]] = [
        (n_steps, n_sequences, n_inputs),
        (n_steps + 1, n_sequences, n_outputs),
        (n_steps + 1, n_sequences, n_memory(kind) + kind.n_saved, size),
    ]
    if has_y_bar:
        wanted.append((n_steps, n_sequences, n_outputs))
    if has_state_bar:
        wanted += _state_shapes(kind, n_sequences, n_outputs, size)
    return [x, *others] == [(shape, dtype) for shape in wanted]


def _fitting_sizes(kind: Any, signatures: Any) -> Any:
    """Return the number of weights, inputs, outputs and units, and the dtype, of a cell; None if it is not sound."""
    n_weights = len(getattr(kind, "_fields", signatures))
    weights = tuple((np.ndarray, shape, dtype, True) for shape, dtype in signatures[:n_weights])
    try:
        if not check_weights("cell", kind, weights, cuda=False):
            return None
    except (TypeError, ValueError):
        return None
    ((n_inputs, _), dtype), ((n_outputs, _), _), ((n_biases,), _) = signatures[:3]
    return n_weights, n_inputs, n_outputs, n_biases // kind.n_gates, dtype


def _state_shapes(kind: Any, n_sequences: int, n_outputs: int, size: int) -> list[tuple[int, ...]]:
    return [(n_sequences, n_outputs), *[(n_sequences, size)] * (kind.state_size - 1)]
