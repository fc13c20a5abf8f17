"""Sequences, stored one after the other without padding, and time-major batches of them."""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cpu.compile import kernel


def time_major(values, starts, lengths, n_steps):
    """Return sequences of `values (N, I)` as an array (T, B, I), zero past their ends.

    Sequence b has the rows from `starts[b]` on, as many as its length.
    """
    x = np.empty((n_steps, lengths.size, values.shape[1]), values.dtype)
    _gather(values, starts, lengths, x)
    return x


def valid_rows(z, lengths):
    """Return the valid steps of `z (T, B, K)`, sequence after sequence, as rows (N, K); lengths of None are all T."""
    z = z.swapaxes(0, 1)
    if lengths is None:
        return np.ascontiguousarray(z).reshape(-1, z.shape[2])
    return z[np.arange(z.shape[1]) < lengths[:, np.newaxis]]


def take(rows, indices):
    """Return the rows at the indices."""
    return rows[indices]


def take_sequences(values, starts, lengths):
    """Return the rows of sequences, of each as many as its length from `starts` on."""
    new_starts = np.cumsum(lengths) - lengths
    return values[np.repeat(starts - new_starts, lengths) + np.arange(lengths.sum())]


def valid_steps(x, lengths):
    """Return the lengths of a batch x as the layers take them: None if all sequences have T steps."""
    return lengths


@kernel
def _gather(values, starts, lengths, x):
    """Copy each sequence's steps to its column of x, zeros behind them."""
    n_steps, n_sequences, n_inputs = x.shape
    for b in range(n_sequences):
        for t in range(n_steps):
            for i in range(n_inputs):
                x[t, b, i] = values[starts[b] + t, i] if t < lengths[b] else 0
