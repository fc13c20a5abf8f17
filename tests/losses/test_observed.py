"""Missing targets of any loss: values, gradients, checks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn.layers import Padded
from numbarnn.losses import NumberHead, Observed, Poisson, Quantile, SigmoidCrossEntropy, SoftmaxCrossEntropy
from tests.losses.test_certificates import LOSSES, draw

OF_NUMBERS = [name for name in LOSSES if name not in {"sigmoid", "softmax", "observed"}]
over_losses = pytest.mark.parametrize("name", OF_NUMBERS)


def some_missing(name, dtype="float64"):
    z, targets, weights = draw(name, dtype)
    missing = np.random.default_rng(1).random(targets.shape) < 0.4
    missing[:3] = [[False], [True], [False]]
    return z, np.where(missing, np.nan, targets).astype(dtype), weights


def by_hand(loss, z, targets, weights):
    """The value and the gradient, one target after the other."""
    n_targets = targets.shape[1]
    value, z_bar = 0.0, np.zeros_like(z)
    for n, k in np.argwhere(~np.isnan(targets)):
        columns = loss.columns(n_targets)[k]
        single = Padded(z[n, columns][None]), targets[n, k].reshape(1, 1), weights[n : n + 1] / n_targets
        part, z_bar[n, columns] = loss.value_and_gradient(*single)
        value += part
    return value, z_bar


@over_losses
def test_each_observed_target_counts_for_itself(name):
    loss, (z, targets, weights) = LOSSES[name], some_missing(name)
    value, z_bar = Observed(loss).value_and_gradient(Padded(z), targets, weights)
    expected, expected_bar = by_hand(loss, z, targets, weights)
    assert_allclose(value, expected, rtol=1e-13, atol=0)
    assert_allclose(z_bar, expected_bar, rtol=1e-13, atol=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@over_losses
def test_complete_rows_are_those_of_the_loss(name, dtype):
    loss, (z, targets, weights) = LOSSES[name], some_missing(name, dtype)
    complete = ~np.isnan(targets).any(axis=1)
    z_bar = Observed(loss).value_and_gradient(Padded(z), targets, weights)[1]
    rows = Padded(z[complete]), targets[complete], weights[complete]
    value, expected = loss.value_and_gradient(*rows)
    assert_array_equal(z_bar[complete], expected)
    assert z_bar.dtype == dtype
    assert Observed(loss).value_and_gradient(*rows)[0] == value
    z_dot = np.ones_like(z)
    product = Observed(loss).hessian_product(Padded(z), z_dot, targets, weights)
    assert_array_equal(product[complete], loss.hessian_product(rows[0], z_dot[complete], *rows[1:]))


@over_losses
def test_outputs_of_missing_targets_have_no_influence(name):
    loss, (z, targets, weights) = Observed(LOSSES[name]), some_missing(name)
    value, z_bar = loss.value_and_gradient(Padded(z), targets, weights)
    product = loss.hessian_product(Padded(z), np.ones_like(z), targets, weights)
    missing = np.zeros(z.shape, dtype=bool)
    for n, k in np.argwhere(np.isnan(targets)):
        missing[n, loss.columns(targets.shape[1])[k]] = True
    assert_array_equal(z_bar[missing], 0)
    assert_array_equal(product[missing], 0)
    assert z_bar[~missing].any()
    z[missing] = np.inf
    assert loss.value_and_gradient(Padded(z), targets, weights)[0] == value


def test_no_target_is_observed():
    loss, z = Observed(Quantile((0.1, 0.5))), np.ones((3, 4))
    value, z_bar = loss.value_and_gradient(Padded(z), np.full((3, 2), np.nan), np.ones(3))
    assert value == 0
    assert_array_equal(z_bar, np.zeros((3, 4)))


@over_losses
def test_the_rest_is_that_of_the_loss(name):
    loss, z = LOSSES[name], draw(name)[0]
    assert Observed(loss).out_activation == loss.out_activation
    assert Observed(loss).n_outputs(3) == loss.n_outputs(3)
    assert_array_equal(Observed(loss).output(z), loss.output(z))
    assert_array_equal(Observed(loss).point(z), loss.point(z))
    assert_array_equal(Observed(loss).output_adjoint(z, z), loss.output_adjoint(z, z))


def test_observed_targets_are_checked():
    Observed(Poisson()).check_targets(np.array([[1.0, np.nan]]))
    with pytest.raises(ValueError, match="y must not be negative with loss='poisson', got -1"):
        Observed(Poisson()).check_targets(np.array([[np.nan, -1.0]]))


def test_head_accepts_missing_targets_of_a_loss_that_takes_them():
    rows = np.array([[1.0, np.nan], [np.nan, 2.0]])
    head = NumberHead(Observed(Poisson()), n_targets=2, one_dimensional=False)
    assert_array_equal(head.encode(rows, "float32"), rows)
    for loss, wrong in ((Poisson(), rows), (Observed(Poisson()), np.array([[1e300, np.nan]]))):
        with pytest.raises(ValueError, match="y must be finite in float32"):
            NumberHead(loss, 2, one_dimensional=False).encode(wrong, "float32")


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (SoftmaxCrossEntropy(), "SoftmaxCrossEntropy is a loss of one class per row, not a mean over targets"),
        (SigmoidCrossEntropy(), "SigmoidCrossEntropy is a sum over labels, not a mean over targets"),
        ("quantile", "loss must be a RowLoss, such as SquaredError.., got 'quantile'"),
    ],
)
def test_losses_that_cannot_be(loss, message):
    with pytest.raises(TypeError, match=message):
        Observed(loss)
