"""The forms in which sequences are passed in, and the way back to them."""

from __future__ import annotations

import warnings
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Form(NamedTuple):
    """The form in which sequences were passed in, so that results can be returned in the same form.

    Parameters
    ----------
    container : {"array", "list", "object array"}
        One array for all sequences, or one item for each.
    flat : bool
        Each sequence came as (T_i,), one number per step, instead of (T_i, I).
    """

    container: Literal["array", "list", "object array"]
    flat: bool

    @property
    def series_per_row(self) -> bool:
        """Whether it was an array (n, T): one series per row."""
        return self.container == "array" and self.flat

    def restore(self, rows: NDArray, lengths: NDArray[np.intp]) -> NDArray | list[NDArray]:
        """Return rows, one per step, in the form of the sequences.

        Parameters
        ----------
        rows : ndarray of shape (sum of lengths, ...)
        lengths : ndarray of shape (n,)

        Returns
        -------
        sequences : ndarray of shape (n, T, ...), or list or object array of n ndarrays of shape (T_i, ...)
            Copies: they share no memory with `rows` and with each other.
        """
        if self.container == "array":
            return np.array(rows, order="C").reshape(len(lengths), -1, *rows.shape[1:])
        items = [item.copy() for item in np.split(rows, np.cumsum(lengths)[:-1])]
        if self.container == "list":
            return items
        array = np.empty(len(items), dtype=object)
        for i, item in enumerate(items):  # `array[:] = items` would broadcast items of one length
            array[i] = item
        return array


def separate(X: Any) -> list | None:
    """Return the items of a container of separate sequences; None for an array of all of them.

    Lists of lists of numbers are an array if they are regular, separate sequences if they are ragged. Separate
    sequences can also be the items of a one-dimensional object array or of a series of pandas or polars.
    """
    if isinstance(X, (list, tuple)):
        return list(X) if any(map(_has_axes, X)) or _is_ragged(X) else None
    if not hasattr(X, "dtype") or len(getattr(X, "shape", ())) != 1:
        return None
    kind = getattr(X.dtype, "kind", "O")  # a dtype of polars has no kind
    return list(X) if kind == "O" and np.asarray(X).dtype.kind == "O" else None


def _has_axes(item: Any) -> bool:
    return len(getattr(item, "shape", ())) > 0


def _is_ragged(X: list | tuple) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of masked elements, which `as_array` reads
            np.asarray(X)
    except ValueError:
        return True
    return False
