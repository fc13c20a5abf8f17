"""Sums of many numbers, in double precision and in an order that depends only on their count.

Thread p adds up the terms p, p + n_parts, p + 2 n_parts, ...; the parts are added when the sum is read.
"""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cuda.compile import kernel
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.shim import SIMULATED, cuda, empty

MOST_PARTS = 4 if SIMULATED else 2**14


class Sum:
    """A sum on the device, times a factor; `float` waits for it and reads it."""

    def __init__(self, parts, factor=1.0):
        self._parts = parts
        self._factor = factor

    def __float__(self):
        with np.errstate(over="ignore", invalid="ignore"):
            return self._factor * float(np.add.reduce(self._parts.copy_to_host()))


def parts_for(n_terms):
    """Return an uninitialised array for the parts of a sum."""
    return empty((max(1, min(n_terms, MOST_PARTS)),), np.float64)


def sum_of_squares(vector, n_terms, factor=1.0):
    """Return the sum of the squares of the first `n_terms` numbers of a vector, times a factor."""
    parts = parts_for(n_terms)
    _add_squares[over(parts.size)](vector, n_terms, parts)
    return Sum(parts, factor)


@kernel
def _add_squares(vector, n_terms, parts):
    for p in range(cuda.grid(1), parts.size, cuda.gridsize(1)):
        total = 0.0
        for i in range(p, n_terms, parts.size):
            value = np.float64(vector[i])
            total += value * value
        parts[p] = total
