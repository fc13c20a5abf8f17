"""Validation of sequences of labels, such as texts, lists of words or lists of phonemes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

Labels = Sequence[Hashable]


def validate_labels(X: Any, *, name: str = "X") -> list[Labels]:
    """Check sequences of labels, and return them in a list.

    Parameters
    ----------
    X : list of n sequences of labels
        Each is a list, a tuple, a one-dimensional array or series, or a string, which is a sequence of characters. The
        outer container can also be an array or a series. Labels are hashable: strings, integers, tuples and so on.
    name : str, default="X"
        The name of the argument, for messages.

    Returns
    -------
    sequences : list of n strings, lists or tuples
        Labels from arrays are Python objects. Sequences may be empty.

    Raises
    ------
    TypeError
        If X is not a list of sequences, or a label is not hashable.
    ValueError
        If X is one string, or a sequence does not have one axis.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data.validation import validate_labels
    >>> validate_labels(["abc", ("x", 1), np.array([3, 4])])
    ['abc', ('x', 1), [3, 4]]
    """
    if isinstance(X, str | bytes):
        raise ValueError(
            f"{name} must be a list of sequences of labels, got one string. For a single text write [text]."
        )
    if isinstance(X, dict | set | frozenset) or getattr(X, "ndim", 1) == 0 or not hasattr(X, "__len__"):
        raise TypeError(f"{name} must be a list of sequences of labels, got {_described(X)}.{_hint(X)}")
    if hasattr(X, "columns"):
        raise TypeError(f"{name} must be a list of sequences of labels, got a table. Pass one of its columns.")
    return [_sequence(item, f"{name}[{i}]", name) for i, item in enumerate(X)]


def validate_labels_of_one(sequence: Any, *, name: str) -> Labels:
    """Check one sequence of labels, and return it; see `validate_labels`.

    Raises
    ------
    TypeError
        If it is not a sequence, or a label is not hashable.
    ValueError
        If it does not have one axis.
    """
    return _sequence(sequence, name, name)


def _sequence(item: Any, place: str, name: str) -> Labels:
    if isinstance(item, str):
        return item
    if hasattr(item, "shape"):
        if len(item.shape) != 1:
            hint = f" For a single sequence write [{name}]." if len(item.shape) == 0 else ""
            raise ValueError(f"{place} must be a sequence of labels with one axis, got shape {item.shape}.{hint}")
        item = np.asarray(item).tolist()
    elif not isinstance(item, Sequence):
        hint = f" For a single sequence write [{name}]." if isinstance(item, Hashable) and item is not None else ""
        raise TypeError(
            f"{place} must be a sequence of labels, such as a list or a string, got {_described(item)}.{hint}"
        )
    for position, label in enumerate(item):
        _check_hashable(label, f"{place}[{position}]")
    return item


def _check_hashable(label: Any, place: str) -> None:
    try:
        hash(label)
    except TypeError:
        raise TypeError(
            f"{place} must be a hashable label, such as a string or an integer, got {_described(label)}. "
            "Labels of several parts can be tuples."
        ) from None


def _described(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _hint(X: Any) -> str:
    return " Write list(X) to read it once." if hasattr(X, "__next__") else ""
