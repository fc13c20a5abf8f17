"""Derivatives over many sequences, beside finite differences and beside one another."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbarnn
from numbarnn.data import Sequences, time_major
from numbarnn.network import (
    Batch,
    Network,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
    objective,
    predict,
    sensitivity,
)
from tests.network.networks import over

STEP = 1e-6
LENGTHS = np.array([2, 5, 1, 3])


def draw(network, seed=0):
    """Random parameters, ragged sequences, and a direction and a cotangent for each."""
    rng = np.random.default_rng(seed)
    theta, theta_dot = 0.5 * rng.standard_normal((2, network.n_parameters))
    values, values_dot = rng.standard_normal((2, LENGTHS.sum(), network.n_inputs))
    n_rows = LENGTHS.sum() if network.return_sequences else len(LENGTHS)
    outputs_bar = rng.standard_normal((n_rows, network.n_outputs))
    return theta, Sequences(values, LENGTHS), theta_dot, values_dot, outputs_bar


def differences(function, array):
    """Central differences of a function of one array."""
    slopes = np.empty_like(array)
    for i in np.ndindex(array.shape):
        ends = []
        for sign in (1, -1):
            moved = array.copy()
            moved[i] += sign * STEP
            ends.append(function(moved))
        slopes[i] = (ends[0] - ends[1]) / (2 * STEP)
    return slopes


@over()
def test_pull_back_is_the_gradient(network):
    theta, sequences, _, _, outputs_bar = draw(network)
    inputs_bar, theta_bar = sensitivity.pull_back(network, theta, sequences, outputs_bar)
    by_inputs = differences(
        lambda values: np.vdot(outputs_bar, predict(network, theta, Sequences(values, LENGTHS))), sequences.values
    )
    by_theta = differences(lambda moved: np.vdot(outputs_bar, predict(network, moved, sequences)), theta)
    assert_allclose(inputs_bar, by_inputs, rtol=1e-6, atol=1e-8)
    assert_allclose(theta_bar, by_theta, rtol=1e-6, atol=1e-8)


@over()
def test_push_forward_is_the_directional_derivative(network):
    theta, sequences, theta_dot, values_dot, _ = draw(network)
    ends = [
        predict(network, theta + s * theta_dot, Sequences(sequences.values + s * values_dot, LENGTHS))
        for s in (STEP, -STEP)
    ]
    outputs_dot = sensitivity.push_forward(network, theta, sequences, theta_dot, values_dot)
    assert_allclose(outputs_dot, (ends[0] - ends[1]) / (2 * STEP), rtol=1e-6, atol=1e-8)


@over(cells=("elman", "lstm"))
def test_pull_back_is_the_transpose_of_push_forward(network):
    theta, sequences, theta_dot, values_dot, outputs_bar = draw(network)
    outputs_dot = sensitivity.push_forward(network, theta, sequences, theta_dot, values_dot)
    inputs_bar, theta_bar = sensitivity.pull_back(network, theta, sequences, outputs_bar)
    expected = np.vdot(inputs_bar, values_dot) + np.vdot(theta_bar, theta_dot)
    assert_allclose(np.vdot(outputs_bar, outputs_dot), expected, rtol=1e-12, atol=1e-12)


@over(depths=((3,),))
def test_missing_directions_are_zero(network):
    theta, sequences, theta_dot, values_dot, _ = draw(network)
    both = sensitivity.push_forward(network, theta, sequences, theta_dot, values_dot)
    one = sensitivity.push_forward(network, theta, sequences, theta_dot)
    other = sensitivity.push_forward(network, theta, sequences, inputs_dot=values_dot)
    assert_allclose(one + other, both, rtol=1e-12, atol=1e-12)


@over(depths=((3, 2),))
def test_small_batches_change_no_bit_of_a_row(network, monkeypatch):
    theta, sequences, theta_dot, values_dot, outputs_bar = draw(network)

    def results():
        inputs_bar, theta_bar = sensitivity.pull_back(network, theta, sequences, outputs_bar)
        return inputs_bar, sensitivity.push_forward(network, theta, sequences, theta_dot, values_dot), theta_bar

    *rows, theta_bar = results()
    monkeypatch.setattr(sensitivity, "_MAX_NUMBERS", 1)
    *rows_of_small, theta_bar_of_small = results()
    assert_array_equal(rows_of_small[0], rows[0])
    assert_array_equal(rows_of_small[1], rows[1])
    assert_allclose(theta_bar_of_small, theta_bar, rtol=1e-12, atol=1e-12)


def targets_for(loss, n_rows, n_outputs, rng):
    if isinstance(loss, SoftmaxCrossEntropy):
        return rng.integers(0, n_outputs, n_rows)
    return rng.integers(0, 2, (n_rows, n_outputs)).astype(float)


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), SigmoidCrossEntropy(), SquaredError()])
@over(depths=((3,),))
def test_the_weighted_mean_of_sequence_gradients_is_the_batch_gradient(network, loss):
    theta, sequences, *_, outputs_bar = draw(network)
    targets = targets_for(loss, len(outputs_bar), network.n_outputs, np.random.default_rng(1))
    given = Sequences(targets, LENGTHS) if network.return_sequences else targets
    theta_bars = sensitivity.sequence_gradients(network, loss, theta, sequences, given)
    assert theta_bars.shape == (4, network.n_parameters)

    weights = np.array([0.5, 1.0, 2.0, 3.0])
    x, lengths = time_major(sequences, np.arange(4))
    batch_bar = objective(network, loss, theta, Batch(x, lengths, targets, weights)).theta_bar
    per_sequence = weights * LENGTHS if network.return_sequences else weights
    assert_allclose(np.average(theta_bars, axis=0, weights=per_sequence), batch_bar, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("return_sequences", [False, True], ids=["last", "steps"])
@pytest.mark.parametrize("live", ["forward", "backward"])
@pytest.mark.parametrize("depth", [1, 2])
def test_gradient_flow_where_the_inputs_are_the_outputs(depth, live, return_sequences):
    """Rectifiers that are all on, W = 1 in one direction and 0 in the other: then x_t has the gradient of h_t."""
    network = Network(numbarnn.ElmanReLU, 3, (3, 4)[:depth], 2, bidirectional=True, return_sequences=return_sequences)
    theta, sequences, *_ = draw(network)
    views = network.views(theta)
    for name, view in views.items():
        if name.startswith("layer0"):
            view[...] = {"W": np.eye(3) * (live in name), "R": 0.3 * view, "b": 50.0}[name[-1]]
    rng = np.random.default_rng(1)
    targets = rng.standard_normal((LENGTHS.sum() if return_sequences else 4, 2))
    given = Sequences(targets, LENGTHS) if return_sequences else targets
    flows = sensitivity.layer_gradient_flow(network, SquaredError(), theta, sequences, given)
    assert list(flows) == [f"layer{i}.{direction}" for i in range(depth) for direction in ("forward", "backward")]

    weights = np.repeat(1 / LENGTHS, LENGTHS) if return_sequences else np.ones(4)
    _, outputs_bar = SquaredError()(predict(network, theta, sequences), targets, weights)
    inputs_bar, _ = sensitivity.pull_back(network, theta, sequences, outputs_bar)
    assert_allclose(flows[f"layer0.{live}"], np.linalg.norm(inputs_bar, axis=1), rtol=1e-10, atol=1e-12)
    if depth == 1 and not return_sequences:
        half = slice(0, 3) if live == "forward" else slice(3, 6)
        reads_last = sequences.starts + (LENGTHS - 1 if live == "forward" else 0)
        seen = np.linalg.norm(outputs_bar @ views["readout.W"][half].T, axis=1)
        assert_allclose(flows[f"layer0.{live}"][reads_last], seen, rtol=1e-12, atol=0)


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), SigmoidCrossEntropy(), SquaredError()])
def test_activation_adjoint(loss):
    z, p_bar = np.random.default_rng(0).standard_normal((2, 3, 4))
    expected = differences(lambda moved: np.vdot(p_bar, loss.output(moved)), z)
    z_bar = sensitivity.activation_adjoint(loss.out_activation, loss.output(z), p_bar)
    assert_allclose(z_bar, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.slow
def test_sequence_gradients_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    network = Network(numbarnn.LSTM, 2, (4,), 3)
    theta, sequences, *_ = draw(network)
    targets = np.array([0, 2, 1, 1])
    views = {name: torch.tensor(view) for name, view in network.views(theta).items()}
    lstm = torch.nn.LSTM(2, 4, dtype=torch.float64)
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(views["layer0.forward.W"].T)
        lstm.weight_hh_l0.copy_(views["layer0.forward.R"].T)
        lstm.bias_ih_l0.copy_(views["layer0.forward.b"])
        lstm.bias_hh_l0.zero_()
    theta_bars = sensitivity.sequence_gradients(network, SoftmaxCrossEntropy(), theta, sequences, targets)
    for i, theta_bar in enumerate(theta_bars):
        x = torch.tensor(time_major(sequences, np.array([i]))[0])
        h = lstm(x)[0][-1]
        lstm.zero_grad()
        z = h @ views["readout.W"] + views["readout.b"]
        torch.nn.functional.cross_entropy(z, torch.tensor(targets[i : i + 1])).backward()
        bars = network.views(theta_bar)
        assert_allclose(bars["layer0.forward.R"], lstm.weight_hh_l0.grad.T.numpy(), rtol=1e-10, atol=1e-12)
        assert_allclose(bars["layer0.forward.W"], lstm.weight_ih_l0.grad.T.numpy(), rtol=1e-10, atol=1e-12)
        assert_allclose(bars["layer0.forward.b"], lstm.bias_ih_l0.grad.numpy(), rtol=1e-10, atol=1e-12)
