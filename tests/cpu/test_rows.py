"""Means and deviations of rows, and what is made of a tuple of vectors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn.kernels.cpu.compile import kernel
from numbarnn.kernels.cpu.rows import centre, row_mean, row_variance
from numbarnn.kernels.cpu.simd import store

SIZES = [1, 2, 7, 16, 17, 100]
TOLERANCE = {"float32": 1e-6, "float64": 1e-14}
PARAMETRIZE = [pytest.mark.parametrize("dtype", TOLERANCE), pytest.mark.parametrize("size", SIZES)]


@kernel
def statistics(rows, out):
    """The mean and the variance of each of `rows (1, 1, K, n)`."""
    n = rows.shape[3]
    for k in range(rows.shape[2]):
        at = (np.intp(0), np.intp(0), k)
        mean = row_mean(rows, at, n)
        store(out, (k, 0), 1, mean)
        store(out, (k, 1), 1, row_variance(rows, at, n, mean))


@kernel
def take_means(matrix):
    centre(matrix)


def drawn(dtype, size, offset=0.0):
    return (offset + np.random.default_rng(size).standard_normal((3, size))).astype(dtype)


def over(test):
    for mark in PARAMETRIZE:
        test = mark(test)
    return test


@over
def test_mean_and_variance(dtype, size):
    rows, out = drawn(dtype, size, offset=100.0), np.empty((3, 2), dtype)
    statistics(rows.reshape(1, 1, 3, size), out)
    exact = rows.astype(np.longdouble)
    assert_allclose(out[:, 0], exact.mean(1), rtol=TOLERANCE[dtype], atol=0)
    # The mean's last place is what a variance cannot do without.
    assert_allclose(out[:, 1], exact.var(1), rtol=20 * TOLERANCE[dtype], atol=(100 * TOLERANCE[dtype]) ** 2)


@over
def test_centred_rows(dtype, size):
    matrix = drawn(dtype, size)
    exact = matrix - matrix.astype(np.longdouble).mean(1, keepdims=True)
    take_means(matrix)
    assert_allclose(matrix, exact, rtol=0, atol=10 * TOLERANCE[dtype])


@over
@pytest.mark.parametrize("number", [0.1, -1e-30, 3e30])
def test_equal_numbers_have_no_deviation_at_all(dtype, size, number):
    rows, out = np.full((2, size), number, dtype), np.empty((2, 2), dtype)
    statistics(rows.reshape(1, 1, 2, size), out)
    assert_array_equal(out[:, 0], rows[:, 0])
    assert_array_equal(out[:, 1], 0)
    take_means(rows)
    assert_array_equal(rows, 0)
