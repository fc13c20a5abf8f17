"""Weights go to PyTorch's layout and back without a change, and PyTorch computes the same with them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import numbarnn
from numbarnn.cells import CELLS
from numbarnn.interop.torch import from_torch_state_dict, to_torch_state_dict
from numbarnn.layers import Bidirectional, Dense, Dropout, Model, Pooling, Recurrent, Stack
from tests.grid import assert_same_bits

NAMES = ["elman", "elman_relu", "lstm", "projected_lstm", "gru"]
N_INPUTS, N_UNITS = 3, 4


def layers_of(name, n_layers=2, directions=2, dtype="float64"):
    """Cells with random weights and biases, among them zeros of both signs."""
    rng, kind = np.random.default_rng(len(name)), CELLS[name]
    options = {"n_outputs": 2} if name == "projected_lstm" else {}
    n_inputs, layers = N_INPUTS, []
    for _ in range(n_layers):
        like = kind.init(n_inputs, N_UNITS, dtype, **options)
        cells = [kind(*(rng.standard_normal(a.shape).astype(dtype) for a in like)) for _ in range(directions)]
        for cell in cells:
            cell.b[:2] = 0.0, -0.0
        layers.append(tuple(cells) if directions == 2 else cells[0])
        n_inputs = directions * len(cells[0].R)
    return layers


def network(name="lstm", readout=2, **options):
    recurrent = Bidirectional(Recurrent(CELLS[name], N_INPUTS, N_UNITS, **options))
    steps = ("layer0", recurrent), ("dropout0", Dropout(0.5, 8)), ("pooling", Pooling("attention", 8))
    return Model(Stack((*steps, ("readout", Dense(8, readout)))))


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_there_and_back(name, dtype, directions):
    layers = layers_of(name, directions=directions, dtype=dtype)
    back = from_torch_state_dict(to_torch_state_dict(layers), name)
    assert_same_bits(tuple(back), tuple(layers))
    if name != "elman_relu":  # the other cells are told by the shapes
        assert_same_bits(tuple(from_torch_state_dict(to_torch_state_dict(layers))), tuple(layers))


def test_networks_and_prefixes():
    model = network()
    theta = model.init("float64", random_state=0)
    state_dict = to_torch_state_dict(model, theta, prefix="rnn.")
    assert state_dict["readout.weight"].shape == (2, 8)
    assert {name.partition(".")[0] for name in state_dict} == {"rnn", "readout", "pooling"}
    assert_same_bits(from_torch_state_dict(state_dict, model, prefix="rnn."), theta)
    assert len(from_torch_state_dict(state_dict, prefix="rnn.")) == 1


def test_without_biases():
    state_dict = to_torch_state_dict(layers_of("lstm", 1, 1))
    (cell,) = from_torch_state_dict({name: array for name, array in state_dict.items() if "bias" not in name})
    assert not cell.b.any()


@pytest.mark.parametrize(
    ("source", "theta", "error", "message"),
    [
        (CELLS["jordan"].init(2, 3), None, TypeError, "no module for a Jordan, only for Elman"),
        (CELLS["lstm"].init(2, 3), np.zeros(3), TypeError, "theta must be None unless source is a Model"),
        (network(), None, TypeError, "theta must be the parameters of the Model"),
        (network(zoneout=0.1), "zeros", ValueError, r"do not have zoneout=0\.1"),
        (network(learn_initial_state=True), "zeros", ValueError, "do not have learn_initial_state=True"),
        ("lstm", None, TypeError, "expected a cell, a sequence of layers, a Model or a fitted estimator"),
        (numbarnn.RNNRegressor(), None, ValueError, "not fitted"),
    ],
)
def test_what_has_no_counterpart(source, theta, error, message):
    theta = np.zeros(source.n_parameters) if isinstance(theta, str) else theta
    with pytest.raises(error, match=message):
        to_torch_state_dict(source, theta)


def with_changes(**changes):
    return {**to_torch_state_dict(layers_of("lstm", 1, 1)), **changes}


@pytest.mark.parametrize(
    ("state_dict", "target", "error", "message"),
    [
        ({}, None, ValueError, "weight_ih_l0 is missing"),
        (with_changes(weight=np.zeros(2)), None, ValueError, "unknown names: weight"),
        (with_changes(bias_ih_l0=np.zeros(16, int)), None, TypeError, "bias_ih_l0 must be float32 or float64"),
        (with_changes(weight_ih_l0=np.zeros((16, 0))), "gru", ValueError, "do not fit the class GRU"),
        (with_changes(weight_ih_l0=np.zeros((3, 2))), None, ValueError, r"as many rows, got \(3, 2\) and \(16, 4\)"),
        (with_changes(), "jordan", ValueError, "must be one of Elman"),
        (with_changes(), network(), ValueError, "readout.weight is missing|pooling.q is missing"),
        (to_torch_state_dict(network(readout=3), np.zeros(291)), network(), ValueError, r"readout.weight must be .*"),
    ],
)
def test_what_does_not_fit(state_dict, target, error, message):
    with pytest.raises(error, match=message):
        from_torch_state_dict(state_dict, target)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_values_of_torch(name):
    """PyTorch's module with our weights has our outputs, and its own weights come back from it."""
    torch = pytest.importorskip("torch")
    layers = layers_of(name)
    options = {"num_layers": 2, "bidirectional": True, "dtype": torch.float64}
    module = {
        "elman": lambda: torch.nn.RNN(N_INPUTS, N_UNITS, **options),
        "elman_relu": lambda: torch.nn.RNN(N_INPUTS, N_UNITS, nonlinearity="relu", **options),
        "lstm": lambda: torch.nn.LSTM(N_INPUTS, N_UNITS, **options),
        "projected_lstm": lambda: torch.nn.LSTM(N_INPUTS, N_UNITS, proj_size=2, **options),
        "gru": lambda: torch.nn.GRU(N_INPUTS, N_UNITS, **options),
    }[name]()
    module.load_state_dict({key: torch.from_numpy(array) for key, array in to_torch_state_dict(layers).items()})
    x = np.random.default_rng(0).standard_normal((6, 5, N_INPUTS))
    with torch.no_grad():
        theirs = module(torch.from_numpy(x))[0].numpy()
    ours = x
    for ahead, back in layers:
        y = numbarnn.forward(ahead, ours).y, numbarnn.forward(back, ours[::-1].copy()).y[::-1]
        ours = np.concatenate(y, axis=2)
    assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert_same_bits(tuple(from_torch_state_dict(module.state_dict(), name)), tuple(layers))


@pytest.mark.slow
def test_a_fitted_estimator():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((12, 5, 2)), rng.standard_normal(12)
    first, second = (
        numbarnn.RNNRegressor(3, cell="elman", tol=1.0, n_iter_no_change=1, random_state=seed).fit(X, y)
        for seed in (0, 1)
    )
    loaded = from_torch_state_dict(to_torch_state_dict(first), second)
    assert_same_bits(loaded.predict(X), first.predict(X))
    assert (loaded.theta_ != second.theta_).any()
