"""Means and deviations of rows of numbers.

All sums run over vectors of numbers in their order, and over the lanes last; so they depend on nothing but the row.
"""

from __future__ import annotations

import numpy as np

from numbarnn.cells.numbers import reciprocal_deviation, zero
from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.simd import first_lanes, lanes, load, spread, store
from numbarnn.kernels.cpu.units import total


@inline
def centre(matrix):
    """Take from each row of a matrix its mean; rows of one number everywhere become zeros."""
    n_rows, n = matrix.shape
    rows = matrix.reshape(1, 1, n_rows, n)
    for k in range(n_rows):
        mean = row_mean(rows, (np.intp(0), np.intp(0), k), n)
        for j in range(0, n, lanes(matrix)):
            store(matrix, (k, j), n - j, load(matrix, (k, j), n - j) - mean)


@inline
def centred(matrix):
    """Return a matrix with the mean of each row taken from it."""
    result = matrix.copy()
    centre(result)
    return result


@inline
def row_mean(array, at, n):
    """Return the mean of the n numbers from `array[at]` on, in every lane.

    What is added up is what they differ from the first one, so that n equal numbers have that very mean.
    """
    t, b, k = at
    first = spread(array, array[t, b, k, 0])
    differences = zero(first)
    for j in range(0, n, lanes(array)):
        differences = differences + first_lanes(load(array, (t, b, k, j), n - j) - first, n - j)
    return first + total((differences,)) * spread(array, 1 / n)


@inline
def row_variance(array, at, n, mean):
    """Return the variance of the n numbers from `array[at]` on, in every lane."""
    t, b, k = at
    squares = zero(mean)
    for j in range(0, n, lanes(array)):
        difference = first_lanes(load(array, (t, b, k, j), n - j) - mean, n - j)
        squares = squares + difference * difference
    return total((squares,)) * spread(array, 1 / n)


@inline
def take_roots(variances, start, end):
    """Turn some variances into reciprocal deviations."""
    for i in range(start, end, lanes(variances)):
        store(variances, (i,), end - i, reciprocal_deviation(load(variances, (i,), end - i)))
