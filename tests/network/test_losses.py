from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime
from sklearn.metrics import log_loss, mean_squared_error

from numbarnn.network import SigmoidCrossEntropy, SoftmaxCrossEntropy, SquaredError

LOSSES = [SoftmaxCrossEntropy(), SigmoidCrossEntropy(), SquaredError()]
over_losses = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)


def draw(loss, dtype="float64"):
    """Seven rows of four outputs, with targets and weights."""
    rng = np.random.default_rng(0)
    z = 3 * rng.standard_normal((7, 4)).astype(dtype)
    targets = {
        "softmax": rng.integers(0, 4, 7),
        "logistic": rng.integers(0, 2, (7, 4)).astype(dtype),
        "identity": rng.standard_normal((7, 4)).astype(dtype),
    }[loss.out_activation]
    return z, targets, rng.random(7).astype(dtype)


def peer(loss, z, targets, weights):
    """The weighted mean loss by scikit-learn's metrics."""
    output = loss.output(z)
    if loss.out_activation == "softmax":
        return log_loss(targets, output, sample_weight=weights, labels=range(4))
    if loss.out_activation == "identity":
        return 0.5 * mean_squared_error(targets, output, sample_weight=weights)
    return sum(log_loss(targets[:, k], output[:, k], sample_weight=weights) for k in range(4))


@over_losses
def test_value_agrees_with_sklearn(loss):
    z, targets, weights = draw(loss)
    value, _ = loss(z, targets, weights / weights.sum())
    assert_allclose(value, peer(loss, z, targets, weights), rtol=1e-12, atol=0)


@over_losses
def test_adjoint_is_the_derivative(loss):
    z, targets, weights = draw(loss)
    _, z_bar = loss(z, targets, weights)

    def value(flat):
        return loss(flat.reshape(z.shape), targets, weights)[0]

    differences = approx_fprime(z.ravel(), value, 1e-7)
    assert_allclose(z_bar.ravel(), differences, rtol=1e-5, atol=1e-6)


@over_losses
def test_float32_agrees_with_float64(loss):
    z, targets, weights = draw(loss, "float32")
    value, z_bar = loss(z, targets, weights)
    wide = targets if targets.dtype == int else targets.astype(float)
    expected, expected_bar = loss(z.astype(float), wide, weights.astype(float))
    assert z_bar.dtype == "float32"
    assert_allclose(value, expected, rtol=1e-6, atol=0)
    assert_allclose(z_bar, expected_bar, rtol=1e-5, atol=1e-6)


@over_losses
def test_rows_do_not_depend_on_one_another(loss):
    z, targets, weights = draw(loss)
    _, z_bar = loss(z, targets, weights)
    output = loss.output(z)
    for n in range(len(z)):
        row = slice(n, n + 1)
        assert_array_equal(loss(z[row], targets[row], weights[row])[1], z_bar[row])
        assert_array_equal(loss.output(z[row]), output[row])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_outputs_stay_finite(dtype):
    z = np.array([[1e4, -1e4], [-1e4, 1e4]], dtype)
    weights = np.ones(2, dtype)
    value, z_bar = SoftmaxCrossEntropy()(z, np.array([0, 0]), weights)
    assert value == 2e4
    assert_array_equal(z_bar, [[0, 0], [-1, 1]])
    value, z_bar = SigmoidCrossEntropy()(z, np.array([[1, 0], [1, 0]], dtype), weights)
    assert value == 2e4
    assert_array_equal(z_bar, [[0, 0], [-1, 1]])


@over_losses
def test_nan_is_not_hidden(loss):
    z, targets, weights = draw(loss)
    z[3, 2] = np.nan
    assert np.isnan(loss(z, targets, weights)[0])


@pytest.mark.parametrize("classes", [[0, 4], [-1, 0]])
def test_classes_out_of_range(classes):
    with pytest.raises(ValueError, match="targets must be classes from 0 to K - 1"):
        SoftmaxCrossEntropy()(np.zeros((2, 4)), np.array(classes), np.ones(2))


@over_losses
def test_rows_that_do_not_fit(loss):
    z, targets, weights = draw(loss)
    with pytest.raises(ValueError, match="targets must have the shape"):
        loss(z, targets[:-1], weights)
    with pytest.raises(ValueError, match="weights must have the shape"):
        loss(z, targets, weights[:-1])
