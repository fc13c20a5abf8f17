"""Batches: the sequences that are processed together, as a padded time-major array."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from numbarnn.data.sequences import Sequences
from numbarnn.kernels.backend import backend_of


def time_major(sequences: Sequences, indices: NDArray[np.intp]) -> tuple[NDArray, NDArray[np.intp] | None]:
    """Gather a batch into the array that the kernels read.

    Parameters
    ----------
    sequences : Sequences
    indices : ndarray of shape (B,)
        Indices of the sequences of the batch, in the order of the batch.

    Returns
    -------
    x : ndarray of shape (T, B, I)
        C-contiguous, zero past the end of a sequence; T is the length of the longest one.
    lengths : ndarray of shape (B,) or None
        None if all sequences of the batch have T steps.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data import Sequences, time_major
    >>> sequences = Sequences(np.arange(1.0, 6.0).reshape(5, 1), np.array([3, 2]))
    >>> x, lengths = time_major(sequences, np.array([0, 1]))
    >>> x[:, :, 0]
    array([[1., 4.],
           [2., 5.],
           [3., 0.]])
    >>> lengths
    array([3, 2])
    """
    lengths = sequences.lengths[indices]
    n_steps = int(lengths.max())
    values = sequences.values
    x = backend_of(values).time_major(values, sequences.starts[indices], lengths, n_steps)
    return x, None if lengths.min() == n_steps else lengths


def epoch_batches(
    lengths: NDArray[np.intp], batch_size: int, random_state: np.random.RandomState | None = None
) -> Iterator[NDArray[np.intp]]:
    """Cut the sequences into the batches of one epoch.

    Within a batch the longest sequences come first, because the kernels skip finished sequences fastest in this
    order, and those of equal length in the order of the input: a batch of all sequences does not depend on shuffling.

    Parameters
    ----------
    lengths : ndarray of shape (n,)
    batch_size : int
        The last batch may be smaller.
    random_state : RandomState, default=None
        Shuffles the sequences before they are cut into batches. None keeps their order.

    Yields
    ------
    indices : ndarray of shape (B,)

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data import epoch_batches
    >>> list(epoch_batches(np.array([2, 5, 3]), batch_size=2))
    [array([1, 0]), array([2])]
    """
    n = len(lengths)
    order = np.arange(n) if random_state is None else random_state.permutation(n)
    order = order[np.lexsort((order, -lengths[order], np.arange(n) // batch_size))]
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


def bounded_batches(lengths: NDArray[np.intp], max_steps: int) -> Iterator[NDArray[np.intp]]:
    """Cut the sequences, longest first, into batches of bounded memory.

    Parameters
    ----------
    lengths : ndarray of shape (n,)
    max_steps : int
        Maximum number of steps of a batch, with padding. A single longer sequence is a batch of its own.

    Yields
    ------
    indices : ndarray of shape (B,)

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data import bounded_batches
    >>> list(bounded_batches(np.array([2, 5, 3, 1]), max_steps=6))
    [array([1]), array([2, 0]), array([3])]
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        stop = start + max(1, max_steps // int(lengths[order[start]]))
        yield order[start:stop]
        start = stop
