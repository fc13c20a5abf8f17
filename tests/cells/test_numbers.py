"""The functions of a number, on the numbers of Python and NumPy."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from numbarnn.cells import numbers

NAMES = ["zero", "tanh", "sigmoid", "relu", "reciprocal_deviation", "tanh_slope", "sigmoid_slope", "relu_slope"]
VALUES = [-1000.0, -30.0, -1.5, -1e-9, 0.0, 1e-300, 0.7, 2.0, 40.0, 1000.0]


@pytest.mark.parametrize("x", VALUES)
def test_values(x):
    assert_allclose(numbers.tanh(x), math.tanh(x), rtol=1e-15, atol=0)
    assert_allclose(numbers.sigmoid(x), 1 / (1 + math.exp(-x)) if x > -700 else 0, rtol=1e-14, atol=1e-16)
    assert numbers.relu(x) == max(x, 0)
    assert numbers.zero(x) == 0
    assert_allclose(numbers.reciprocal_deviation(abs(x)), 1 / math.sqrt(abs(x) + 1e-5), rtol=1e-15, atol=0)


@pytest.mark.parametrize("x", [value for value in VALUES if value])
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu"])
def test_slopes_by_complex_step(name, x):
    function, slope = getattr(numbers, name), getattr(numbers, f"{name}_slope")
    derivative = function(complex(x, 1e-200)).imag / 1e-200
    assert_allclose(slope(function(x)), derivative, rtol=1e-14, atol=1e-15)


def test_the_slope_at_the_kink_is_zero():
    assert numbers.relu_slope(numbers.relu(0.0)) == 0


def test_on_complex_numbers():
    z = 0.3 - 0.8j
    assert_allclose(numbers.tanh(z), cmath.tanh(z), rtol=1e-15, atol=0)
    assert_allclose(numbers.sigmoid(z), 1 / (1 + cmath.exp(-z)), rtol=1e-15, atol=0)
    assert_allclose(numbers.reciprocal_deviation(z), 1 / cmath.sqrt(z + 1e-5), rtol=1e-15, atol=0)
    assert numbers.relu(z) == z
    assert numbers.relu(-z) == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_float32_stays_one(name):
    assert type(getattr(numbers, name)(np.float32(0.5))) is np.float32


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "reciprocal_deviation"])
def test_nan_passes_through(name):
    assert math.isnan(getattr(numbers, name)(math.nan))
