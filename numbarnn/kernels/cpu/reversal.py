"""The order in which a layer reads sequences backward."""

from __future__ import annotations

import numpy as np


def reversed_steps(n_steps, lengths):
    """Return the step that takes each place when every sequence is read backward.

    The steps past a length stay where they are, so the order is a symmetric permutation of each column:
    reversal is its own inverse and its own adjoint.

    Parameters
    ----------
    n_steps : int
        Number of steps T.
    lengths : ndarray of shape (B,), or None
        Valid steps of each sequence; None if all have T.

    Returns
    -------
    steps : ndarray of shape (T, B), or (T, 1) if lengths is None
        The order to give to `reverse`.
    """
    step = np.arange(n_steps)[:, np.newaxis]
    if lengths is None:
        return step[::-1]
    return np.where(step < lengths, lengths - 1 - step, step)


def reverse(x, steps):
    """Return a copy of x (T, B, F) with the steps of each sequence in the order of `reversed_steps`."""
    return np.ascontiguousarray(x[steps, np.arange(x.shape[1])])
