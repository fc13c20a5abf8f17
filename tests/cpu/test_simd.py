"""Vectors: arithmetic lane by lane, and loads and stores that touch no number beyond their count."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from numbarnn.kernels.cpu.simd import copy, lanes, load, store, store_down


@numba.njit(error_model="numpy")
def combine(a, b, out, count):
    """-(a + b) * a / b - b in the first `count` places of row 1, from the second row of a and b."""
    for start in range(0, count, lanes(a)):
        left = load(a, (1, start), count - start)
        right = load(b, (1, start), count - start)
        total = left + right
        total += right
        store(out, (1, start), count - start, -total * left / right - right)


@numba.njit(error_model="numpy")
def n_lanes(array):
    return lanes(array)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 7, 16, 17, 31, 40])
def test_partial_vectors(dtype, count):
    rng = np.random.default_rng(count)
    a, b = rng.uniform(1, 2, (2, 3, 40)).astype(dtype)
    out = np.full_like(a, 7)
    combine(a, b, out, count)
    expected = np.full_like(a, 7)
    expected[1, :count] = (-((a + b) + b) * a / b - b)[1, :count]
    assert_array_equal(out, expected)


def test_lanes_fill_a_register():
    assert n_lanes(np.zeros(1, np.float32)) == 2 * n_lanes(np.zeros(1, np.float64))


@numba.njit(error_model="numpy")
def turn(a, out):
    store_down(out, (1, 2, 3), load(a, (0,), a.size))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lanes_go_down_a_column(dtype):
    a = np.arange(1, n_lanes(np.zeros(1, dtype)) + 1, dtype=dtype)
    out = np.zeros((2, a.size + 3, 5), dtype)
    turn(a, out)
    expected = np.zeros_like(out)
    expected[1, 2 : 2 + a.size, 3] = a
    assert_array_equal(out, expected)


@numba.njit(error_model="numpy")
def copy_rows(out, a):
    copy(out, (1, 2), a, (0, 1, 0), 2 * a.shape[2])


def test_numbers_are_copied_across_the_ends_of_rows():
    a = np.arange(24.0).reshape(2, 3, 4)
    out = np.zeros((3, 6))
    copy_rows(out, a)
    copy_rows.py_func(expected := np.zeros((3, 6)), a)
    assert_array_equal(out, expected)
    assert_array_equal(out.ravel()[6:18], [0, 0, *range(4, 12), 0, 0])
