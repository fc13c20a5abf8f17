from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neural_network import MLPRegressor

from numbarnn import Elman
from numbarnn.network import (
    Batch,
    Network,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
    objective,
)
from tests.network.networks import draw, over

LOSSES = [SoftmaxCrossEntropy(), SigmoidCrossEntropy(), SquaredError()]
LENGTHS = np.array([5, 2, 3, 1])
over_losses = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)


def batch_of(network, loss, lengths):
    theta, x = draw(network)
    rng = np.random.default_rng(1)
    n_rows = 4
    if network.return_sequences:
        n_rows = 20 if lengths is None else lengths.sum()
    targets = {
        "softmax": rng.integers(0, 3, n_rows),
        "logistic": rng.integers(0, 2, (n_rows, 3)).astype(float),
        "identity": rng.standard_normal((n_rows, 3)),
    }[loss.out_activation]
    return theta, Batch(x, lengths, targets, 0.5 + rng.random(4))


def take(batch, network, indices):
    """The sequences of a ragged batch at the indices."""
    rows = np.asarray(indices)
    if network.return_sequences:
        ends = np.cumsum(batch.lengths)
        rows = np.concatenate([np.arange(ends[i] - batch.lengths[i], ends[i]) for i in indices])
    return Batch(batch.x[:, indices], batch.lengths[indices], batch.targets[rows], batch.weights[indices])


def central_differences(function, theta, step=1e-5):
    moves = step * np.eye(theta.size)
    return np.array([(function(theta + move) - function(theta - move)) / (2 * step) for move in moves])


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "ragged"])
@over_losses
@over()
def test_gradient_against_finite_differences(network, loss, lengths):
    theta, batch = batch_of(network, loss, lengths)
    _, theta_bar, _ = objective(network, loss, theta, batch, alpha=0.3)
    differences = central_differences(lambda t: objective(network, loss, t, batch, alpha=0.3).value, theta)
    assert_allclose(theta_bar, differences, rtol=1e-6, atol=1e-9)


@over_losses
@over(depths=((3, 2),))
def test_weight_zero_is_removal(network, loss):
    theta, batch = batch_of(network, loss, LENGTHS)
    batch.weights[1] = 0
    kept = take(batch, network, [0, 2, 3])
    with_zero, without = (objective(network, loss, theta, b, alpha=0.3) for b in (batch, kept))
    for ours, expected in zip(with_zero, without, strict=True):
        assert_allclose(ours, expected, rtol=1e-12, atol=1e-14)


def test_weights_of_nothing():
    network = Network(Elman, 2, (3,), 3)
    theta, batch = batch_of(network, SquaredError(), None)
    with pytest.raises(ValueError, match="weights must have a positive sum, got 0"):
        objective(network, SquaredError(), theta, batch._replace(weights=np.zeros(4)))


@over_losses
@over(depths=((3, 2),))
def test_weight_k_is_k_copies(network, loss):
    theta, batch = batch_of(network, loss, LENGTHS)
    ones = batch._replace(weights=np.ones(4))
    weighted = ones._replace(weights=np.array([1.0, 3.0, 1.0, 2.0]))
    copies = take(ones, network, [0, 1, 1, 1, 2, 3, 3])
    with_weights, with_copies = (objective(network, loss, theta, b, alpha=0.3) for b in (weighted, copies))
    for ours, expected in zip(with_weights, with_copies, strict=True):
        assert_allclose(ours, expected, rtol=1e-12, atol=1e-14)


@over(depths=((3,),))
def test_every_valid_step_is_a_row(network):
    theta, batch = batch_of(network, SquaredError(), LENGTHS)
    weight = objective(network, SquaredError(), theta, batch).weight
    expected = batch.weights @ LENGTHS if network.return_sequences else batch.weights.sum()
    assert_allclose(weight, expected, rtol=1e-14, atol=0)


def test_penalty_is_sklearns():
    """A network whose recurrence adds nothing to its readout has the loss that MLPRegressor computes."""
    network = Network(Elman, 1, (2,), 1)
    theta = np.zeros(network.n_parameters)
    views = network.views(theta)
    views["readout.W"][:] = [[2.0], [-3.0]]
    views["readout.b"][:] = 5.0
    weights = np.array([1.0, 0.5, 2.0])
    batch = Batch(np.zeros((1, 3, 1)), None, np.array([[4.0], [5.0], [7.0]]), weights)
    value, theta_bar, _ = objective(network, SquaredError(), theta, batch, alpha=0.7)

    mlp = MLPRegressor(hidden_layer_sizes=(2,), activation="tanh", alpha=0.7, solver="sgd", max_iter=1)
    mlp.partial_fit(np.zeros((3, 1)), batch.targets[:, 0])
    mlp.coefs_ = [np.zeros((1, 2)), views["readout.W"].copy()]
    mlp.intercepts_ = [np.zeros(2), np.array([5.0])]
    mlp.partial_fit(np.zeros((3, 1)), batch.targets[:, 0], sample_weight=weights)
    assert_allclose(value, mlp.loss_, rtol=1e-14, atol=0)
    bars = network.views(theta_bar)
    assert_allclose(bars["readout.W"][:, 0], 0.7 * np.array([2.0, -3.0]) / 3.5, rtol=1e-14, atol=0)
    assert_allclose(bars["readout.b"], (1.0 - 4.0) / 3.5, rtol=1e-14, atol=0)


def test_biases_are_not_penalized():
    network = Network(Elman, 1, (2,), 1)
    theta, batch = batch_of(network, SquaredError(), None)
    batch = batch._replace(targets=batch.targets[:, :1])
    plain, penalized = (objective(network, SquaredError(), theta, batch, alpha=a) for a in (0.0, 1.0))
    added = network.views(penalized.theta_bar - plain.theta_bar)
    views = network.views(theta)
    for name, view in views.items():
        expected = 0 * view if name.endswith(".b") else view / plain.weight
        assert_allclose(added[name], expected, rtol=1e-12, atol=1e-14, err_msg=name)
    squares = sum(np.sum(view**2) for name, view in views.items() if not name.endswith(".b"))
    assert_allclose(penalized.value - plain.value, 0.5 * squares / plain.weight, rtol=1e-12, atol=0)


def test_parameters_in_the_place_of_theta():
    network = Network(Elman, 2, (3,), 3)
    theta, batch = batch_of(network, SquaredError(), None)
    flat = objective(network, SquaredError(), theta, batch)
    tree = objective(network, SquaredError(), network.parameters(theta), batch)
    assert_array_equal(flat.theta_bar, tree.theta_bar)
