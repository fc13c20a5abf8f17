"""Every loss: gradient, Hessian product, activation, ends and weights; values against other implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, log_softmax, softmax
from scipy.stats import nbinom, norm
from scipy.stats import t as student_t
from sklearn.metrics import log_loss, mean_absolute_error, mean_pinball_loss, mean_poisson_deviance, mean_squared_error

from numbarnn.layers import Padded
from numbarnn.losses import (
    AbsoluteError,
    Gaussian,
    Huber,
    NegativeBinomial,
    Observed,
    Poisson,
    Quantile,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
    StudentT,
)
from numbarnn.testing import certify

LENGTHS = np.array([5, 0, 3, 1])
EXACT = {"squared_error", "absolute_error", "huber", "poisson", "sigmoid", "softmax"}
"""Losses whose Hessian product is that of the Hessian, wherever there is one."""

LOSSES = {
    "squared_error": SquaredError(),
    "absolute_error": AbsoluteError(),
    "huber": Huber(delta=0.7),
    "poisson": Poisson(),
    "sigmoid": SigmoidCrossEntropy(),
    "softmax": SoftmaxCrossEntropy(),
    "quantile": Quantile((0.9, 0.5, 0.1, 0.2)),
    "gaussian": Gaussian(),
    "student_t": StudentT(),
    "negative_binomial": NegativeBinomial(),
    "observed": Observed(Gaussian()),
}
OF_TWO_TARGETS = {"quantile", "gaussian", "student_t", "negative_binomial", "observed"}
COUNTS = {"poisson", "negative_binomial"}
over_losses = pytest.mark.parametrize("name", LOSSES)
N = 9


def draw(name, dtype="float64"):
    """Nine rows of outputs, targets and weights."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((N, {"quantile": 8, "student_t": 6}.get(name, 4))).astype(dtype)
    n_targets = 2 if name in OF_TWO_TARGETS else 4
    numbers = (3 * rng.standard_normal((N, n_targets))).astype(dtype)
    if name == "observed":
        numbers[1, 0] = numbers[4, 1] = numbers[6] = np.nan
    targets = {
        "softmax": rng.integers(0, 4, N),
        "sigmoid": (numbers > 0).astype(dtype),
        "poisson": np.abs(numbers).round(),
        "negative_binomial": np.abs(numbers).round(),
    }.get(name, numbers)
    return z, targets, (0.5 + rng.random(N)).astype(dtype)


def expected_value(name, z, targets, weights):
    """The weighted sum by scikit-learn's metrics or SciPy."""
    if name == "squared_error":
        mean = mean_squared_error(targets, z, sample_weight=weights) / 2
    elif name == "absolute_error":
        mean = mean_absolute_error(targets, z, sample_weight=weights)
    elif name == "huber":
        error = np.abs(z - targets)
        losses = np.where(error <= 0.7, error**2 / 2, 0.7 * (error - 0.35))
        mean = np.average(losses.mean(axis=1), weights=weights)
    elif name == "poisson":
        t = np.maximum(targets, 1e-300)
        constant = np.average((targets - targets * np.log(t)).mean(axis=1), weights=weights)
        deviances = [mean_poisson_deviance(targets[:, k], np.exp(z[:, k]), sample_weight=weights) / 2 for k in range(4)]
        mean = np.mean(deviances) + constant
    elif name == "sigmoid":
        mean = sum(log_loss(targets[:, k], expit(z[:, k]), sample_weight=weights) for k in range(4))
    elif name == "softmax":
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        mean = log_loss(targets, p, sample_weight=weights, labels=range(4))
    elif name == "quantile":
        outputs = LOSSES[name].output(z).reshape(N, 2, 4)
        levels = (0.1, 0.2, 0.5, 0.9)
        mean = np.mean(
            [mean_pinball_loss(targets, outputs[..., j], sample_weight=weights, alpha=a) for j, a in enumerate(levels)]
        )
    elif name == "student_t":
        scale, degrees = 1e-3 + np.logaddexp(0, z[:, 2:4]), 2.001 + np.logaddexp(0, z[:, 4:])
        mean = np.average(-student_t.logpdf(targets, degrees, z[:, :2], scale).mean(axis=1), weights=weights)
    elif name == "negative_binomial":
        means, alpha = np.exp(z[:, :2]), 1e-6 + np.logaddexp(0, z[:, 2:])
        losses = -nbinom.logpmf(targets, 1 / alpha, 1 / (1 + alpha * means))
        mean = np.average(losses.mean(axis=1), weights=weights)
    else:
        scale = 1e-3 + np.logaddexp(0, z[:, 2:])
        losses = np.nan_to_num(-norm.logpdf(targets, z[:, :2], scale))
        mean = np.average(losses.mean(axis=1), weights=weights)
    return mean * weights.sum()


@over_losses
def test_certificate(name):
    z, targets, weights = draw(name)
    given = {"targets": targets, "weights": weights, "random_state": 0}
    certificate = certify(LOSSES[name], z, reference=expected_value(name, z, targets, weights), **given)
    assert (certificate.hessian_rate >= 1.9) == (name in EXACT)
    padded = np.ones((5, 4, z.shape[1]))
    padded[np.arange(5)[:, None] < LENGTHS] = z
    certify(LOSSES[name], padded, lengths=LENGTHS, **given)


@over_losses
def test_float32_follows_float64(name):
    loss, (z, targets, weights) = LOSSES[name], draw(name, "float32")
    certify(loss, z, targets=targets, weights=weights, random_state=0)
    wide = targets if targets.dtype == int else targets.astype(float)
    value, z_bar = loss.value_and_gradient(Padded(z), targets, weights)
    expected, expected_bar = loss.value_and_gradient(Padded(z.astype(float)), wide, weights.astype(float))
    assert z_bar.dtype == "float32"
    assert_allclose(value, expected, rtol=2e-6, atol=0)
    assert_allclose(z_bar, expected_bar, rtol=1e-5, atol=1e-6)


@over_losses
def test_rows_do_not_depend_on_one_another(name):
    loss, (z, targets, weights) = LOSSES[name], draw(name)
    _, z_bar = loss.value_and_gradient(Padded(z), targets, weights)
    output = loss.output(z)
    for n in range(N):
        row = slice(n, n + 1)
        assert_array_equal(loss.value_and_gradient(Padded(z[row]), targets[row], weights[row])[1], z_bar[row])
        assert_array_equal(loss.output(z[row]), output[row])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@over_losses
def test_extreme_outputs(name, dtype):
    """Where the loss itself is finite so are its derivatives, and nothing overflows on the way."""
    loss, (z, targets, weights) = LOSSES[name], draw(name, dtype)
    z = np.full_like(z, -80) if name in COUNTS else (1e4 * np.sign(z)).astype(dtype)
    value, z_bar = loss.value_and_gradient(Padded(z), targets, weights)
    product = loss.hessian_product(Padded(z), np.ones_like(z), targets, weights)
    assert math.isfinite(value)
    assert np.isfinite(z_bar).all()
    assert np.isfinite(product).all()
    assert np.isfinite(loss.output(z)).all()


@pytest.mark.parametrize("n_classes", [1, 3, 11])
def test_softmax_of_sequences_row_by_row(n_classes):
    rng = np.random.default_rng(0)
    z = Padded(rng.standard_normal((5, 4, n_classes)), LENGTHS)
    targets, weights = rng.integers(0, n_classes, N), rng.random(N)
    weights[4] = 0
    value, z_bar = SoftmaxCrossEntropy().value_and_gradient(z, targets, weights)
    valid = np.arange(5) < LENGTHS[:, np.newaxis]
    rows = z.values.swapaxes(0, 1)[valid]
    expected = weights[:, np.newaxis] * (softmax(rows, axis=1) - np.eye(n_classes)[targets])
    assert_allclose(value, -np.sum(weights * log_softmax(rows, axis=1)[np.arange(N), targets]), rtol=1e-14, atol=1e-14)
    assert_allclose(z_bar.swapaxes(0, 1)[valid], expected, rtol=1e-14, atol=1e-15)
    assert not z_bar.swapaxes(0, 1)[~valid].any()


def test_extreme_logits_by_hand():
    z = np.array([[1e4, -1e4], [-1e4, 1e4]])
    value, z_bar = SoftmaxCrossEntropy().value_and_gradient(Padded(z), np.array([0, 0]), np.ones(2))
    assert value == 2e4
    assert_array_equal(z_bar, [[0, 0], [-1, 1]])
    value, z_bar = SigmoidCrossEntropy().value_and_gradient(Padded(z), np.array([[1.0, 0], [1, 0]]), np.ones(2))
    assert value == 2e4
    assert_array_equal(z_bar, [[0, 0], [-1, 1]])


@over_losses
def test_nan_is_not_hidden(name):
    loss, (z, targets, weights) = LOSSES[name], draw(name)
    z[3, 2] = np.nan
    assert np.isnan(loss.value_and_gradient(Padded(z), targets, weights)[0])


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3, 1e30])
def test_quantiles_never_cross(scale):
    loss = LOSSES["quantile"]
    z = scale * np.random.default_rng(0).standard_normal((500, 4))
    z[:, 2] /= scale
    for dtype in ("float32", "float64"):
        quantiles = loss.output(z.astype(dtype))
        assert np.all(np.diff(quantiles, axis=1) >= 0)
        assert_array_equal(loss.point(z.astype(dtype))[:, 0], quantiles[:, 2])


def test_gaussian_scale_has_a_floor():
    mean, scale = LOSSES["gaussian"].output(np.array([[2.0, -1e4]]))[0]
    assert (mean, scale) == (2.0, 1e-3)


@pytest.mark.parametrize("classes", [[0, 4], [-1, 0]])
def test_classes_out_of_range(classes):
    with pytest.raises(ValueError, match="targets must be classes from 0 to K - 1"):
        SoftmaxCrossEntropy().value_and_gradient(Padded(np.zeros((2, 4))), np.array(classes), np.ones(2))


def test_negative_counts():
    with pytest.raises(ValueError, match="y must not be negative with loss='poisson', got -1"):
        Poisson().check_targets(np.array([[1.0], [-1.0]]))


@over_losses
def test_rows_that_do_not_fit(name):
    loss, (z, targets, weights) = LOSSES[name], draw(name)
    for wrong in ((targets[:-1], weights), (targets, weights[:-1])):
        with pytest.raises(ValueError, match=r"targets and weights must have one row for each of the 9 rows of z"):
            loss.value_and_gradient(Padded(z), *wrong)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Quantile((0.1, 0.9)), ValueError, "quantiles must hold 0.5"),
        (lambda: Quantile((0.5, 0.5)), ValueError, "quantiles must differ"),
        (lambda: Quantile((0.5, 1.0)), ValueError, r"quantiles must lie in \(0, 1\)"),
        (lambda: Quantile(("a", 0.5)), TypeError, "quantiles must be a number, got 'a'"),
        (lambda: Huber(0), ValueError, "delta must be above 0 and finite, got 0"),
        (lambda: Huber("1"), TypeError, "delta must be a number, got '1'"),
    ],
)
def test_hyperparameters_that_cannot_be(make, error, message):
    with pytest.raises(error, match=message):
        make()


def curvature(loss, z, target):
    """The Hessian product with each unit vector, of one row with one target."""
    given = np.array([[target]]), np.ones(1)
    return np.array([loss.hessian_product(Padded(z), unit[None], *given)[0] for unit in np.eye(z.shape[1])])


def test_gaussian_curvature_is_the_fisher_information():
    """The expectation of the gradient's square over targets as predicted, by Gauss-Hermite quadrature."""
    loss, z = LOSSES["gaussian"], np.array([[0.3, -0.4]])
    nodes, shares = np.polynomial.hermite_e.hermegauss(10)
    mean, scale = loss.output(z)[0]
    gradients = [
        loss.value_and_gradient(Padded(z), np.array([[mean + scale * node]]), np.ones(1))[1][0] for node in nodes
    ]
    fisher = sum(share * np.outer(g, g) for share, g in zip(shares, gradients, strict=True)) / np.sqrt(2 * np.pi)
    assert_allclose(curvature(loss, z, 0.0), fisher, rtol=1e-12, atol=1e-13)
