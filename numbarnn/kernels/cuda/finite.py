"""Checks of the numbers in device arrays: finite, or within bounds."""

from __future__ import annotations

import math

import numpy as np

from numbarnn.kernels.cuda.compile import kernel
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.shim import cuda, to_device


def all_finite(array, lengths=None):
    """Return whether a contiguous device array has no NaN and no infinity.

    With `lengths (B,)`, only the valid steps of an array (T, B, I) count.
    """
    if array.size == 0:
        return True
    if lengths is None:
        ends, width = np.ones(1, np.intp), array.size
    else:
        ends, width = lengths, array.shape[2]
    found = to_device(np.zeros(1, np.int32))
    ends = to_device(ends) if isinstance(ends, np.ndarray) else ends
    _find[over(array.size)](array.reshape(array.size), ends, width, found)
    return found.copy_to_host()[0] == 0


def all_fractions(array):
    """Return whether all numbers of a contiguous device array lie in [0, 1]."""
    return all_within(array, 0, 1)


def all_within(array, low, high):
    """Return whether all numbers of a contiguous device array lie in [low, high]."""
    if array.size == 0:
        return True
    found = to_device(np.zeros(1, np.int32))
    _find_outside[over(array.size)](array.reshape(array.size), low, high, found)
    return found.copy_to_host()[0] == 0


@kernel
def _find_outside(array, low, high, found):
    """Set `found` if any number is NaN or not in [low, high]; all threads that do write the same."""
    for k in range(cuda.grid(1), array.size, cuda.gridsize(1)):
        if not low <= array[k] <= high:
            found[0] = 1


@kernel
def _find(array, lengths, width, found):
    """Set `found` if any valid number is NaN or infinite; all threads that do write the same."""
    for k in range(cuda.grid(1), array.size, cuda.gridsize(1)):
        row = k // width
        if row // lengths.size < lengths[row % lengths.size] and not math.isfinite(array[k]):
            found[0] = 1
