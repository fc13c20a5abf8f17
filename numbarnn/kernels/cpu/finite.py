"""Whether numbers are finite, at the speed of memory."""

from __future__ import annotations

import numpy as np

from numbarnn.cells.numbers import zero
from numbarnn.kernels.cpu.compile import inline, kernel
from numbarnn.kernels.cpu.simd import all_zero, lanes, load


def all_finite(array: np.ndarray, lengths: np.ndarray | None = None) -> bool:
    """Return whether a contiguous array has no NaN and no infinity.

    With `lengths (B,)`, of an array (T, B, I) only the valid steps count.
    """
    if array.size == 0:
        return True
    return _all_finite(array.reshape(-1)) if lengths is None else _all_valid_finite(array, lengths)


def all_fractions(array: np.ndarray) -> bool:
    """Return whether all numbers of an array lie in [0, 1]."""
    return array.size == 0 or bool(array.min() >= 0 and array.max() <= 1)


@kernel
def _all_finite(array):
    return all_zero(_add_differences(array, 0, array.size, zero(load(array, (0,), array.size))))


@kernel
def _all_valid_finite(array, lengths):
    n_steps, n_sequences, size = array.shape
    flat = array.reshape(-1)
    total = zero(load(flat, (0,), flat.size))
    for t in range(n_steps):
        for b in range(n_sequences):
            if t < lengths[b]:
                first = (t * n_sequences + b) * size
                total = _add_differences(flat, first, first + size, total)
    return all_zero(total)


@inline
def _add_differences(array, first, last, total):
    """Add each number less itself: zero, but NaN for NaN and for infinity."""
    for i in range(first, last, lanes(array)):
        values = load(array, (i,), last - i)
        total = total + (values - values)
    return total
