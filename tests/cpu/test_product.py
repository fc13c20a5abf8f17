"""The matrix product: values, strides, and rows whose bits depend on themselves alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn.kernels.cpu import product

DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def draw(*shape, dtype):
    return np.random.default_rng(shape).standard_normal(shape).astype(dtype)


@DTYPES
@pytest.mark.parametrize("M", [0, 1, 7, 8, 9, 37])
@pytest.mark.parametrize(("K", "N"), [(0, 3), (1, 1), (5, 16), (33, 17), (70, 130)])
def test_values(dtype, M, K, N):
    a, b, bias = draw(M, K, dtype=dtype), draw(K, N, dtype=dtype), draw(N, dtype=dtype)
    tolerance = 20 * np.finfo(dtype).eps
    for given in (None, bias):
        exact = a.astype("longdouble") @ b + (0 if given is None else given)
        out = product(a, b, given)
        assert out.dtype == dtype
        assert_allclose(out, exact.astype(dtype), rtol=tolerance, atol=tolerance * max(K, 1) ** 0.5)


@DTYPES
def test_strides(dtype):
    a, b = draw(9, 21, dtype=dtype), draw(21, 18, dtype=dtype)
    expected = product(a, b)
    assert_array_equal(product(np.asfortranarray(a), np.asfortranarray(b)), expected)
    assert_array_equal(product(a[::-1], b[:, ::-1]), expected[::-1, ::-1])
    assert_array_equal(product(np.repeat(a, 2, axis=1)[:, ::2], b), expected)


@DTYPES
def test_rows_do_not_depend_on_their_number(dtype):
    a, b, bias = draw(37, 33, dtype=dtype), draw(33, 17, dtype=dtype), draw(17, dtype=dtype)
    expected = product(a, b, bias)
    for rows in ([5], [36, 0], np.arange(36, -1, -1), np.arange(9)):
        assert_array_equal(product(a[rows], b, bias), expected[rows])
