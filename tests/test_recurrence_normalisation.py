"""Rows that a normalisation finds without variance, with a huge one, and with one that is not to count."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbarnn
from tests import grid, reference

pytestmark = pytest.mark.slow  # kernels of their own for these tests alone
T, B, I, H = 4, 3, 2, 5


def draw(seed=0):
    rng = np.random.default_rng(seed)
    cell = numbarnn.LayerNormLSTM.init(I, H, "float64", random_state=seed)
    return cell._replace(b_c=rng.standard_normal(H)), rng.standard_normal((T, B, I))


def everything(cell, x, state=None):
    y, last, tape = numbarnn.forward(cell, x, state)
    bars = numbarnn.adjoint(cell, tape, np.ones_like(y), last)
    return y, last, bars, numbarnn.tangent(cell, tape, cell, x, last)


def test_equal_columns_count_for_nothing():
    """x W is then a row of one number; it gives exactly what no inputs give, and has no derivative."""
    cell, x = draw()
    equal = cell._replace(W=np.tile(cell.W[:, :1], (1, 4 * H)))
    y, last, bars, (y_dot, _) = everything(equal, x)
    assert_array_equal(y, numbarnn.forward(cell, np.zeros_like(x)).y)
    for x_bar in (bars.x, bars.cell.gain_x):
        assert_array_equal(x_bar, 0)
    assert all(np.isfinite(array).all() for array in grid.leaves((last, bars, y_dot)))


def test_equal_units():
    """All c are the same number then, and v is zero to the bit."""
    cell, x = draw()
    W, R, b = (np.repeat(array[..., ::H], H, axis=-1) for array in (cell.W, cell.R, cell.b))
    y, (_, c), bars, _ = everything(cell._replace(W=W, R=R, b=b), x)
    assert_array_equal(c, np.repeat(c[:, :1], H, axis=1))
    assert_allclose(y / np.tanh(cell.b_c), (y / np.tanh(cell.b_c))[..., :1] * np.ones(H), rtol=1e-15, atol=0)
    assert_array_equal(bars.cell.gain_c, 0)
    assert all(np.isfinite(array).all() for array in grid.leaves(bars))


def test_nothing_at_all():
    cell, x = draw()
    nothing = type(cell)(*map(np.zeros_like, cell))
    y, last, bars, tangents = everything(nothing, np.zeros_like(x))
    for array in (y, *last):
        assert_array_equal(array, 0)
    assert all(np.isfinite(array).all() for array in grid.leaves((bars, tangents)))


@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
def test_only_directions_count_of_large_weights(dtype):
    """W and R times a power of two give the same outputs, all but EPSILON, however large; so large gates saturate."""
    cell, x = draw()
    cell, x = type(cell)(*(array.astype(dtype) for array in cell)), x.astype(dtype)
    large, huge = (
        cell._replace(W=cell.W * factor, R=cell.R * factor) for factor in map(cell.W.dtype.type, (2**16, 2**40))
    )
    assert_allclose(everything(huge, x)[0], everything(large, x)[0], rtol=grid.TOLERANCE[dtype], atol=1e-6)
    sharp = large._replace(gain_x=cell.gain_x * cell.gain_x.dtype.type(1e6))
    for array in grid.leaves(everything(sharp, x)):
        assert np.isfinite(array).all()
    assert np.abs(everything(sharp, x)[0]).max() <= 1


def test_the_bias_of_the_products_is_one():
    """As the paper has it, with a bias behind each gain and b, which are here their sum."""
    cell, x = draw()
    beta_1, beta_2, b = np.random.default_rng(1).standard_normal((3, 4 * H))
    _, (h, c), _ = numbarnn.forward(cell._replace(b=beta_1 + beta_2 + b), x[:1])
    for n in range(B):
        a = cell.gain_h * reference.layer_norm(np.zeros(H) @ cell.R) + beta_1
        a = a + cell.gain_x * reference.layer_norm(x[0, n] @ cell.W) + beta_2 + b
        i, _, g, o = np.split(a, 4)
        expected = reference.sigmoid(i) * np.tanh(g)
        assert_allclose(c[n], expected, rtol=1e-13, atol=1e-14)
        v = reference.layer_norm(expected)
        assert_allclose(h[n], reference.sigmoid(o) * np.tanh(cell.gain_c * v + cell.b_c), rtol=1e-12, atol=1e-13)
