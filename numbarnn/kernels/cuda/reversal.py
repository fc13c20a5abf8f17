"""Reversal of the valid steps of sequences, for layers that read them backward."""

from __future__ import annotations

from numbarnn.kernels.cuda.compile import kernel
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.shim import cuda, empty


def reversed_steps(n_steps, lengths):
    """Return the order of steps as `reverse` takes it: the lengths, on the device."""
    return lengths


def reverse(x, steps):
    """Return a copy of x (T, B, F) with the valid steps of each sequence reversed."""
    reversed_x = empty(x.shape, x.dtype)
    if x.size:
        _reverse[over(x.size)](x, steps, reversed_x)
    return reversed_x


@kernel
def _reverse(x, lengths, reversed_x):
    _, n_sequences, width = x.shape
    for k in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        t, b, i = k // (n_sequences * width), k // width % n_sequences, k % width
        step = lengths[b] - 1 - t if t < lengths[b] else t
        reversed_x[t, b, i] = x[step, b, i]
