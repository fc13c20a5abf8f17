"""The edit distance between sequences of codes, for many pairs at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.integer[Any]]

_CELLS = 2**18
"""Maximum number of cells of one row of the tables of all pairs of a block."""


def edit_distances(first: list[Codes], second: list[Codes]) -> NDArray[np.intp]:
    r"""Return the edit distance of each pair of sequences.

    It is the smallest number of labels to insert, delete or replace that makes one sequence from the other
    (Levenshtein 1966 [1]_), by the dynamic program of Wagner and Fischer [2]_. With :math:`d_{ij}` the distance between
    the first i labels of p and the first j of q,

    .. math:: d_{ij} = \min(d_{i-1,j} + 1,\; d_{i-1,j-1} + [p_i \ne q_j],\; d_{i,j-1} + 1)

    Rows of the table are computed for all j and all pairs of a block at once: the third term makes
    :math:`d_{ij} = j + \min_{k \le j} (e_{ik} - k)`, a running minimum, with e the minimum of the other two.

    Parameters
    ----------
    first, second : list of n ndarrays of int, of shape (T_i,)

    Returns
    -------
    distances : ndarray of shape (n,)

    References
    ----------
    .. [1] V. I. Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals", Soviet Physics
       Doklady 10, 1966.
    .. [2] R. A. Wagner and M. J. Fischer, "The string-to-string correction problem", Journal of the ACM 21, 1974.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.metrics.edit_distance import edit_distances
    >>> edit_distances([np.array([1, 2, 3]), np.array([1])], [np.array([2, 3, 3]), np.array([1])])
    array([2, 0])
    """
    distances = np.zeros(len(first), np.intp)
    for block in _blocks(np.array([len(p) for p in first]), np.array([len(q) for q in second])):
        distances[block] = _distances([first[i] for i in block], [second[i] for i in block])
    return distances


def _blocks(n_rows: NDArray[np.intp], n_columns: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Yield the indices of pairs that are computed together, those of most rows first."""
    order = np.lexsort((n_columns, -n_rows))
    start = 0
    while start < len(order):
        widths = np.maximum.accumulate(n_columns[order[start:]] + 1) * np.arange(1, len(order) - start + 1)
        stop = start + max(1, int(np.searchsorted(widths, _CELLS, side="right")))
        yield order[start:stop]
        start = stop


def _distances(first: list[Codes], second: list[Codes]) -> NDArray[np.intp]:
    """Return the distances of a block, whose first sequences are sorted by length, the longest first."""
    n_columns = np.array([len(q) for q in second])
    p, q = _padded(first), _padded(second)
    j = np.arange(q.shape[1] + 1)
    row = np.tile(j, (len(second), 1))
    n_active = np.searchsorted(-np.array([len(p_b) for p_b in first]), -np.arange(p.shape[1]), side="left")
    for i, n in enumerate(n_active):  # of the first n pairs, p has more than i labels
        best = row[:n] + 1
        np.minimum(best[:, 1:], row[:n, :-1] + (p[:n, i, np.newaxis] != q[:n]), out=best[:, 1:])
        row[:n] = j + np.minimum.accumulate(best - j, axis=1)
    return row[np.arange(len(second)), n_columns]


def _padded(sequences: list[Codes]) -> Codes:
    padded = np.full((len(sequences), max(map(len, sequences))), -1)
    for row, codes in zip(padded, sequences, strict=True):
        row[: len(codes)] = codes
    return padded
