"""The forms that sequences come in, and the way back to them."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Form(NamedTuple):
    """How sequences came in, so that what is made of them goes out in the same way.

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
        """Give rows, one per step, the form in which the sequences came.

        Parameters
        ----------
        rows : ndarray of shape (sum of lengths, ...)
        lengths : ndarray of shape (n,)

        Returns
        -------
        sequences : ndarray of shape (n, T, ...), or list or object array of n ndarrays of shape (T_i, ...)
        """
        if self.container == "array":
            return rows.reshape(len(lengths), -1, *rows.shape[1:])
        items = np.split(rows, np.cumsum(lengths)[:-1])
        if self.container == "list":
            return items
        array = np.empty(len(items), dtype=object)
        for i, item in enumerate(items):  # `array[:] = items` would broadcast items of one length
            array[i] = item
        return array


def separate(X: Any) -> list | None:
    """Return the items of a container of separate sequences; None for an array of all of them.

    Lists of lists of numbers are an array if they are regular, separate sequences if they are ragged.
    """
    if isinstance(X, (list, tuple)):
        return list(X) if any(map(_has_axes, X)) or _is_ragged(X) else None
    kind = getattr(getattr(X, "dtype", None), "kind", None)
    return list(X) if kind == "O" and X.ndim == 1 else None


def _has_axes(item: Any) -> bool:
    return len(getattr(item, "shape", ())) > 0


def _is_ragged(X: ArrayLike) -> bool:
    try:
        np.asarray(X)
    except ValueError:
        return True
    return False
