"""The SIMD functions against extended precision, in units of the last place, over every kind of number."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn.cells import numbers
from numbarnn.kernels.cpu.simd import lanes, load, store
from numbarnn.kernels.cpu.vector_math import exp

DTYPES = [np.float32, np.float64]
FUNCTIONS = ["tanh", "sigmoid", "relu", "tanh_slope", "sigmoid_slope", "relu_slope", "reciprocal_deviation", "exp"]


@numba.njit(error_model="numpy")
def evaluate(x, out):
    for start in range(0, len(x), lanes(x)):
        count = len(x) - start
        value = load(x, (start,), count)
        store(out, (0, start), count, numbers.tanh(value))
        store(out, (1, start), count, numbers.sigmoid(value))
        store(out, (2, start), count, numbers.relu(value))
        store(out, (3, start), count, numbers.tanh_slope(value))
        store(out, (4, start), count, numbers.sigmoid_slope(value))
        store(out, (5, start), count, numbers.relu_slope(value))
        store(out, (6, start), count, numbers.reciprocal_deviation(value))
        store(out, (7, start), count, exp(value))


def vectorized(name, x):
    out = np.empty((len(FUNCTIONS), len(x)), x.dtype)
    evaluate(x, out)
    return out[FUNCTIONS.index(name)]


def every_kind_of_number(dtype):
    """All exponents and signs, subnormal, infinite and NaN too; and many of the size that nets meet."""
    rng = np.random.default_rng(0)
    bits = np.dtype(dtype).itemsize * 8
    any_bits = rng.integers(0, 2**bits, 100_000, dtype=f"uint{bits}").view(dtype)
    info = np.finfo(dtype)
    special = [
        0.0,
        -0.0,
        np.inf,
        -np.inf,
        np.nan,
        info.tiny,
        -info.tiny,
        info.smallest_subnormal,
        info.max,
        1e3,
        -1e3,
    ]
    usual = np.concatenate([rng.uniform(-width, width, 50_000) for width in (1, 10, 100, 1000)])
    return np.concatenate([any_bits, np.array(special, dtype), usual.astype(dtype)])


def last_places(computed, exact):
    """Error in units of the last place of the exact value."""
    spacing = np.spacing(np.abs(exact).astype(computed.dtype)).astype(np.longdouble)
    return np.abs(computed.astype(np.longdouble) - exact) / spacing


@pytest.fixture(params=DTYPES, scope="module")
def x(request):
    return every_kind_of_number(request.param)


@pytest.fixture
def finite_or_infinite(x):
    return x[~np.isnan(x)]


def test_tanh_within_three_last_places(finite_or_infinite):
    x = finite_or_infinite
    y = vectorized("tanh", x)
    assert np.all(last_places(y, np.tanh(x.astype(np.longdouble))) < 3)
    assert np.all(np.abs(y) <= 1)
    assert_array_equal(np.signbit(y), np.signbit(x))


def test_sigmoid_within_three_last_places(finite_or_infinite):
    x = finite_or_infinite
    y = vectorized("sigmoid", x)
    with np.errstate(over="ignore"):
        exact = 1 / (1 + np.exp(-x.astype(np.longdouble)))
    tiny = 3 * np.finfo(x.dtype).tiny
    assert np.all((last_places(y, exact) < 3) | ((exact < tiny) & (y < tiny)))
    assert np.all((y >= 0) & (y <= 1))


def test_relu_is_exact(finite_or_infinite):
    assert_array_equal(vectorized("relu", finite_or_infinite), np.maximum(finite_or_infinite, 0))
    assert_array_equal(vectorized("relu_slope", finite_or_infinite), finite_or_infinite > 0)


def test_slopes_of_values_between_0_and_1(x):
    y = np.abs(x[np.abs(x) <= 1])
    eps = np.finfo(y.dtype).eps
    exact = y.astype(np.longdouble)
    assert_allclose(vectorized("tanh_slope", y), 1 - exact**2, rtol=0, atol=eps)
    assert_allclose(vectorized("sigmoid_slope", y), exact - exact**2, rtol=0, atol=eps)


def test_reciprocal_deviation_within_two_last_places(finite_or_infinite):
    variance = np.abs(finite_or_infinite[np.isfinite(finite_or_infinite)])
    epsilon = np.longdouble(variance.dtype.type(numbers.EPSILON))
    exact = 1 / np.sqrt(variance.astype(np.longdouble) + epsilon)
    assert np.all(last_places(vectorized("reciprocal_deviation", variance), exact) < 2)


def test_exp_within_two_last_places(finite_or_infinite):
    x = finite_or_infinite[finite_or_infinite <= 87]
    y = vectorized("exp", x)
    exact = np.exp(x.astype(np.longdouble))
    tiny = 3 * np.finfo(x.dtype).tiny
    assert np.all((last_places(y, exact) < 2) | ((exact < tiny) & (y < tiny)))
    assert np.all(y[np.isneginf(x)] == 0)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "exp"])
def test_nan_passes_through_and_nothing_else_becomes_nan(name, x):
    assert_array_equal(np.isnan(vectorized(name, x)), np.isnan(x))
