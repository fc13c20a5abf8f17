"""Whether numbers on the device are finite, or fractions."""

from __future__ import annotations

import math

import numpy as np

from numbarnn.kernels.cuda.compile import kernel
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.shim import cuda, to_device


def all_finite(array, lengths=None):
    """Return whether a contiguous device array has no NaN and no infinity.

    With `lengths (B,)`, of an array (T, B, I) only the valid steps count.
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
    if array.size == 0:
        return True
    found = to_device(np.zeros(1, np.int32))
    _find_others[over(array.size)](array.reshape(array.size), found)
    return found.copy_to_host()[0] == 0


@kernel
def _find_others(array, found):
    """Set `found` if any number is no fraction; whichever thread does writes the same."""
    for k in range(cuda.grid(1), array.size, cuda.gridsize(1)):
        if not 0 <= array[k] <= 1:
            found[0] = 1


@kernel
def _find(array, lengths, width, found):
    """Set `found` if any number is NaN or infinite; whichever thread does writes the same."""
    for k in range(cuda.grid(1), array.size, cuda.gridsize(1)):
        row = k // width
        if row // lengths.size < lengths[row % lengths.size] and not math.isfinite(array[k]):
            found[0] = 1
