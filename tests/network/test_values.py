from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbarnn
from numbarnn import LSTM
from numbarnn.network import Network
from tests.network.networks import LENGTHS, draw, over


@over(learn_state=(False, True))
def test_layers_follow_one_another(network):
    """The same network, put together by hand for one sequence at a time."""
    theta, x = draw(network)
    z, _ = network.forward(theta, x, LENGTHS)
    views = network.views(theta)
    for n, length in enumerate(LENGTHS):
        y = x[:length, n : n + 1]
        for i in range(len(network.hidden_layer_sizes)):
            halves, last = [], []
            for direction, sign in zip(network.directions, (1, -1), strict=False):
                cell = network.cell(*(views[f"layer{i}.{direction}.{field}"] for field in "WRb"))
                initial = [views[f"layer{i}.{direction}.state{k}"][None] for k in range(2 * network.learn_state)]
                half, state, _ = numbarnn.forward(cell, np.ascontiguousarray(y[::sign]), initial or None)
                halves.append(half[::sign])
                last.append(state[0])
            y = np.concatenate(halves, axis=-1)
        features = y[:, 0] if network.return_sequences else np.concatenate(last, axis=-1)[0]
        expected = features @ views["readout.W"] + views["readout.b"]
        assert_allclose(z[:length, n] if network.return_sequences else z[n], expected, rtol=1e-12, atol=1e-12)


@over()
def test_outputs_past_the_lengths_are_zero(network):
    theta, x = draw(network)
    z, _ = network.forward(theta, x, LENGTHS)
    if network.return_sequences:
        assert_array_equal(z[np.arange(len(x))[:, None] >= LENGTHS], 0)
    else:
        assert_array_equal(z[LENGTHS == 0], np.broadcast_to(network.views(theta)["readout.b"], (1, 3)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@over(depths=((3, 2),))
def test_bits_of_a_row_are_its_own(network, dtype):
    """Neither the other sequences, nor padding, nor threads change one bit of an output."""
    theta, x = draw(network, dtype=dtype)
    z, _ = network.forward(theta, x, LENGTHS)
    junk = np.where((np.arange(len(x))[:, None] >= LENGTHS)[:, :, None], x.dtype.type(99), x)
    padded = np.concatenate([junk, junk])
    assert_array_equal(network.forward(theta, padded, LENGTHS).z[: len(z)], z)
    assert_array_equal(network.forward(theta, x, LENGTHS, n_jobs=2).z, z)
    for n, length in enumerate(LENGTHS):
        if length:
            alone = network.forward(theta, np.ascontiguousarray(x[:length, n : n + 1])).z
            row = z[:length, n : n + 1] if network.return_sequences else z[n : n + 1]
            assert_array_equal(alone, row)


@over(depths=((3, 2),))
def test_gradient_bits_do_not_depend_on_threads(network):
    theta, _ = draw(network)
    x = np.random.default_rng(0).standard_normal((4, 70, 2))
    z, tape = network.forward(theta, x)
    one, two = (network.adjoint(theta, tape, np.cos(z), inputs=True, n_jobs=n) for n in (1, 2))
    assert_array_equal(one.theta_bar, two.theta_bar)
    assert_array_equal(one.x_bar, two.x_bar)


@over()
def test_tape_is_left_out(network):
    theta, x = draw(network)
    z, tape = network.forward(theta, x, LENGTHS, keep_tape=False)
    assert tape is None
    assert_array_equal(z, network.forward(theta, x, LENGTHS).z)


@over(depths=((3,),))
def test_no_sequences(network):
    theta, x = draw(network)
    z, tape = network.forward(theta, x[:, :0], LENGTHS[:0])
    assert z.shape == ((5, 0, 3) if network.return_sequences else (0, 3))
    assert_array_equal(network.adjoint(theta, tape, z).theta_bar, 0)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((5, 4))}, "x"),
        ({"x": np.zeros((5, 4, 3))}, "x"),
        ({"x": np.zeros((5, 4, 2), "float32")}, "x"),
        ({"lengths": [5, 5, 5]}, "lengths"),
        ({"lengths": [5, 5, 5, 6]}, "lengths"),
        ({"lengths": [5.5, 5, 5, 5]}, "lengths"),
    ],
)
def test_errors_name_the_argument(bidirectional, change, message):
    network = Network(LSTM, 2, (3,), 1, bidirectional)
    theta, x = draw(network)
    with pytest.raises((ValueError, TypeError), match=message):
        network.forward(**{"theta": theta, "x": x, **change})
