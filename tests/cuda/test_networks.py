"""Networks on the device against the same networks on the CPU, whose derivatives have tests of their own."""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest
from numbarnn.network import (
    Network,
    Regularization,
    SquaredError,
    draw_masks,
    objective,
    predict,
    predict_on,
    truncated_objective,
)
from numpy.testing import assert_allclose

import numbarnn
from numbarnn.data import Sequences
from numbarnn.kernels.devices import to_device, to_host
from tests.cuda.device import needs_device
from tests.cuda.strict import _strict  # noqa: F401
from tests.network.networks import draw, name
from tests.network.test_objective import LENGTHS, LOSSES, batch_of

pytestmark = needs_device

NETWORKS = [
    Network(numbarnn.LSTM, 2, sizes, 3, both, steps)
    for sizes in ((3,), (3, 2))
    for both in (False, True)
    for steps in (False, True)
]
CASES = [
    (network, loss, lengths)
    for (network, lengths), loss in zip(
        [(network, lengths) for lengths in (LENGTHS, None) for network in NETWORKS], cycle(LOSSES), strict=False
    )
]


def cases(chosen):
    ids = [f"{name(n)}-{loss.out_activation}-{'equal' if lengths is None else 'ragged'}" for n, loss, lengths in chosen]
    return pytest.mark.parametrize(("network", "loss", "lengths"), chosen, ids=ids)


def tolerance(dtype):
    """Return rtol and atol."""
    return (2e-5, 1e-6) if dtype == "float32" else (1e-12, 1e-14)


def assert_same_objective(network, loss, theta, batch, **settings):
    dtype, (rtol, atol) = theta.dtype, tolerance(theta.dtype)
    expected = objective(network, loss, theta, batch, **settings)
    ours = objective(network, loss, to_device(theta), batch._replace(x=to_device(batch.x)), **settings)
    assert isinstance(ours.value, float)
    assert ours.theta_bar.dtype == dtype
    assert_allclose(ours.value, expected.value, rtol=rtol, atol=atol)
    assert_allclose(to_host(ours.theta_bar), expected.theta_bar, rtol=rtol, atol=atol)
    assert ours.weight == expected.weight


def as_float32(theta, batch):
    targets = batch.targets if batch.targets.dtype.kind == "i" else batch.targets.astype("float32")
    x, weights = batch.x.astype("float32"), batch.weights.astype("float32")
    return theta.astype("float32"), batch._replace(x=x, targets=targets, weights=weights)


@cases(CASES)
def test_objective(network, loss, lengths):
    assert_same_objective(network, loss, *batch_of(network, loss, lengths), alpha=0.3)


@cases(CASES[6:9])
def test_objective_in_single_precision(network, loss, lengths):
    assert_same_objective(network, loss, *as_float32(*batch_of(network, loss, lengths)), alpha=0.3)


def test_objective_from_learned_states():
    network = Network(numbarnn.LayerNormLSTM, 2, (3, 2), 3, bidirectional=True, learn_state=True)
    assert_same_objective(network, SquaredError(), *batch_of(network, SquaredError(), LENGTHS))


@pytest.mark.parametrize("steps", [False, True], ids=["last", "steps"])
def test_objective_with_dropout(steps):
    kept = {"dropout": 0.4, "input_dropout": 0.3, "weight_dropout": 0.3}
    settings = Regularization(**kept, recurrent_dropout=0.3, zoneout=(0.2, 0.3), preactivation_clip=0.5)
    network = Network(numbarnn.LSTM, 2, (3, 2), 3, bidirectional=True, return_sequences=steps, regularization=settings)
    theta, batch = batch_of(network, SquaredError(), LENGTHS)
    masks = draw_masks(network, 5, 4, "float64", random_state=0)
    assert_same_objective(network, SquaredError(), theta, batch._replace(masks=masks))
    if steps:
        assert_same_objective(network, SquaredError(), theta, batch)  # the mean of zoneout


@pytest.mark.parametrize("network", NETWORKS[5:7], ids=name)
def test_passes(network):
    """Also the adjoint of the inputs and the tangents, which training does without."""
    theta, x = draw(network)
    theta_dot, x_dot = draw(network, seed=1)
    z, tape = network.forward(theta, x, LENGTHS)
    ours, our_tape = network.forward(to_device(theta), to_device(x), LENGTHS)
    z_bar = np.random.default_rng(2).standard_normal(z.shape)
    bars = network.adjoint(theta, tape, z_bar, inputs=True)
    our_bars = network.adjoint(to_device(theta), our_tape, to_device(z_bar), inputs=True)
    dots = [network.tangent(theta, tape, *directions) for directions in ((theta_dot, x_dot), (None, x_dot))]
    our_dots = [
        network.tangent(to_device(theta), our_tape, *directions)
        for directions in ((to_device(theta_dot), to_device(x_dot)), (None, to_device(x_dot)))
    ]
    rtol, atol = tolerance("float64")
    for result, expected in zip((ours, *our_bars, *our_dots), (z, *bars, *dots), strict=True):
        assert_allclose(to_host(result), expected, rtol=rtol, atol=atol)


@pytest.mark.parametrize("steps", [False, True], ids=["last", "steps"])
def test_predictions(steps, monkeypatch):
    """In batches, and from a state on."""
    from numbarnn.network import prediction

    monkeypatch.setattr(prediction, "_MAX_NUMBERS", 24)  # two or three sequences a batch
    network = Network(numbarnn.LSTM, 2, (3, 2), 3, return_sequences=steps)
    theta, x = draw(network)
    sequences = Sequences(x.reshape(-1, 2), np.array([3, 2, 5, 1, 4, 5]))
    z, state = predict_on(network, theta, sequences, None)
    moved = to_device(theta), sequences.to_device()
    ours, our_state = predict_on(network, *moved, None)
    assert_allclose(ours, z, rtol=1e-12, atol=1e-14)
    assert_allclose(predict(network, *moved), z, rtol=1e-12, atol=1e-14)
    z, _ = predict_on(network, theta, sequences, state)
    ours, _ = predict_on(network, *moved, our_state)
    assert isinstance(our_state[0][0], np.ndarray)
    assert_allclose(ours, z, rtol=1e-12, atol=1e-14)


def test_a_row_does_not_depend_on_the_others():
    network = NETWORKS[7]
    theta, x = draw(network)
    together = to_host(network.forward(to_device(theta), to_device(x), LENGTHS).z)
    for b in range(4):
        one = np.ascontiguousarray(x[: LENGTHS[b], b : b + 1])
        alone = to_host(network.forward(to_device(theta), to_device(one)).z)
        np.testing.assert_array_equal(alone[:, 0], together[: LENGTHS[b], b])


def test_refusals():
    network = NETWORKS[0]
    theta, batch = batch_of(network, SquaredError(), LENGTHS)
    there = batch._replace(x=to_device(batch.x))
    moved = to_device(theta)
    with pytest.raises(ValueError, match="checkpoint_memory_mb"):
        objective(network, SquaredError(), moved, there, checkpoint_memory_mb=1)
    with pytest.raises(ValueError, match="tbptt must be None"):
        truncated_objective(network, SquaredError(), moved, there, (2, 2))
    with pytest.raises(TypeError, match="theta and x must both be"):
        objective(network, SquaredError(), theta, there)
    with pytest.raises(TypeError, match="theta and x must both be"):
        network.forward(moved, batch.x)
    with pytest.raises(ValueError, match="theta must have the shape"):
        network.forward(to_device(theta[1:]), there.x)
    with pytest.raises(ValueError, match="The loss is nan, not finite"):
        objective(network, SquaredError(), moved, there._replace(targets=np.full((4, 3), np.nan)))
