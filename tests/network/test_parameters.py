from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from numbarnn import LSTM, Elman
from numbarnn.cells import CELLS
from numbarnn.network import Network
from numbarnn.network.parameters import Layout


def test_layout_puts_weights_first_and_biases_last():
    layout = Layout({"layer0.b": (2,), "layer0.W": (1, 2), "readout.W": (2, 1), "readout.b": (1,)})
    theta = layout.flatten([np.full(2, 9), np.array([[1, 2]]), np.array([[3], [4]]), np.array([9])])
    assert_array_equal(theta, [1, 2, 3, 4, 9, 9, 9])
    assert (layout.size, layout.n_weights) == (7, 4)


def test_views_are_named_shaped_and_writable():
    network = Network(LSTM, 3, (4, 5), 2, bidirectional=True)
    theta = np.zeros(network.n_parameters)
    views = network.views(theta)
    assert {name: view.shape for name, view in views.items()} == {
        "layer0.forward.W": (3, 16),
        "layer0.forward.R": (4, 16),
        "layer0.forward.b": (16,),
        "layer0.backward.W": (3, 16),
        "layer0.backward.R": (4, 16),
        "layer0.backward.b": (16,),
        "layer1.forward.W": (8, 20),
        "layer1.forward.R": (5, 20),
        "layer1.forward.b": (20,),
        "layer1.backward.W": (8, 20),
        "layer1.backward.R": (5, 20),
        "layer1.backward.b": (20,),
        "readout.W": (10, 2),
        "readout.b": (2,),
    }
    for view in views.values():
        view[...] += 1
    assert_array_equal(theta, np.ones(network.n_parameters))  # each parameter has one name


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_layout_has_the_shapes_of_initial_weights(cell):
    shapes = Network(cell, 3, (4,), 2).layout.shapes
    for field, array in cell.init(3, 4, random_state=0)._asdict().items():
        assert shapes[f"layer0.forward.{field}"] == array.shape


def test_flatten_reverses_views():
    network = Network(Elman, 3, (4, 5), 2)
    theta = np.arange(float(network.n_parameters))
    assert_array_equal(network.layout.flatten(network.views(theta).values()), theta)


def test_parameters_view_theta_and_pass_through():
    network = Network(LSTM, 3, (4,), 2)
    theta = np.zeros(network.n_parameters)
    parameters = network.parameters(theta)
    theta += 1
    assert isinstance(parameters.layers[0][0], LSTM)
    assert parameters.layers[0][0].R.min() == parameters.readout.b.min() == 1
    assert network.parameters(parameters) is parameters


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_init(dtype):
    network = Network(LSTM, 3, (64,), 8, bidirectional=True)
    theta = network.init(dtype, random_state=0)
    views = network.views(theta)
    assert theta.dtype == dtype
    assert_array_equal(theta, network.init(dtype, random_state=0))
    assert not np.array_equal(theta, network.init(dtype, random_state=1))
    assert not np.array_equal(views["layer0.forward.W"], views["layer0.backward.W"])
    assert_array_equal(views["layer0.backward.b"], np.repeat([0, 1, 0, 0], 64))
    bound = np.sqrt(6 / (128 + 8))  # Glorot and Bengio 2010, equation 16
    assert 0.95 * bound < np.abs(views["readout.W"]).max() <= bound
    assert_array_equal(views["readout.b"], 0)


@pytest.mark.parametrize(
    ("theta", "error", "message"),
    [
        (np.zeros(63), ValueError, r"theta must have the shape \(64,\), got \(63,\)"),
        (np.zeros((64, 1)), ValueError, r"theta must have the shape \(64,\), got \(64, 1\)"),
        (np.zeros(64, int), TypeError, "theta must be an array of float32 or float64, got int64"),
        ([0.0] * 64, TypeError, "theta must be an array of float32 or float64, got list"),
        (np.zeros(128)[::2], ValueError, "theta must be contiguous"),
    ],
)
def test_theta_errors(theta, error, message):
    with pytest.raises(error, match=message):
        Network(LSTM, 1, (3,), 1).parameters(theta)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("lstm", 1, (3,), 1), TypeError, "cell must be a cell class, such as numbarnn.LSTM, got 'lstm'"),
        ((LSTM, 0, (3,), 1), ValueError, "n_inputs == 0, must be >= 1"),
        ((LSTM, 1, (), 1), ValueError, "hidden_layer_sizes must name at least one layer"),
        ((LSTM, 1, (3, -2), 1), ValueError, "hidden_layer_sizes == -2, must be >= 1"),
        ((LSTM, 1, (3.5,), 1), TypeError, "hidden_layer_sizes must be an instance of"),
        ((LSTM, 1, (3,), 0), ValueError, "n_outputs == 0, must be >= 1"),
    ],
)
def test_network_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        Network(*arguments)
