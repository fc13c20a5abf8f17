"""Sequences, stored one after the other without padding, and time-major batches of them.

The starts and lengths of the sequences are NumPy arrays; the values stay on the device.
"""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cuda.compile import kernel
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.packing import fill, matrix
from numbarnn.kernels.cuda.shim import cuda, empty, to_device


def time_major(values, starts, lengths, n_steps):
    """Return sequences of `values (N, I)` as an array (T, B, I), zero past their ends.

    Sequence b has the rows from `starts[b]` to `starts[b] + lengths[b]`.
    """
    x = empty((n_steps, lengths.size, values.shape[1]), values.dtype)
    if x.size:
        _gather[over(x.size)](values, _places(starts, lengths), x)
    return x


def valid_rows(z, lengths):
    """Return the valid steps of `z (T, B, K)`, sequence after sequence, as rows (N, K); lengths of None are all T."""
    n_steps, n_sequences, n_columns = z.shape
    if lengths is None:
        lengths = np.full(n_sequences, n_steps)
    rows = empty((int(lengths.sum()), n_columns), z.dtype)
    if rows.size:
        _scatter[over(z.size)](z, _places(np.cumsum(lengths) - lengths, lengths), rows)
    return rows


def take(rows, indices):
    """Return the rows at the indices."""
    return take_sequences(rows, indices, np.ones(indices.size, np.intp))


def take_sequences(values, starts, lengths):
    """Return the rows of sequences, `lengths[i]` of each from `starts[i]` on."""
    table = values if values.ndim == 2 else matrix(values, 1)
    rows = valid_rows(time_major(table, starts, lengths, int(lengths.max(initial=0))), lengths)
    return rows if values.ndim == 2 else rows.reshape(rows.size)


def valid_steps(x, lengths):
    """Return the lengths of a batch x as the other functions take them: on the device."""
    if lengths is not None:
        return to_device(lengths)
    ends = empty((x.shape[1],), np.intp)
    fill(ends, x.shape[0])
    return ends


def _places(starts, lengths):
    """Return the first row and the length of each sequence, (2, B), on the device."""
    return to_device(np.array([starts, lengths], np.intp))


@kernel
def _gather(values, places, x):
    """Copy the steps of each sequence to its column of x, followed by zeros."""
    _, n_sequences, n_inputs = x.shape
    for k in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        t, b, i = k // (n_sequences * n_inputs), k // n_inputs % n_sequences, k % n_inputs
        if t < places[1, b]:
            x[t, b, i] = values[places[0, b] + t, i]
        else:
            x[t, b, i] = 0


@kernel
def _scatter(z, places, rows):
    """Copy the steps of each sequence from its column of z to its rows."""
    _, n_sequences, n_columns = z.shape
    for k in range(cuda.grid(1), z.size, cuda.gridsize(1)):
        t, b, i = k // (n_sequences * n_columns), k // n_columns % n_sequences, k % n_columns
        if t < places[1, b]:
            rows[places[0, b] + t, i] = z[t, b, i]
