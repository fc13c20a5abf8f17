"""Dropout, zoneout and clip of a network: values, derivatives, and how masks are drawn."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn import LSTM, Elman, LayerNormLSTM
from numbarnn.network import Batch, Network, Regularization, SquaredError, draw_masks, objective
from numbarnn.testing import dot_test, taylor_test
from tests import reference
from tests.network.networks import LENGTHS, draw, over

ALL = Regularization(
    dropout=0.4, input_dropout=0.3, recurrent_dropout=0.25, weight_dropout=0.2, zoneout=0.3, preactivation_clip=1
)
DROPOUTS = Regularization(dropout=0.4, input_dropout=0.3, recurrent_dropout=0.25, weight_dropout=0.2)


def regularized(network, settings=ALL):
    return replace(network, regularization=settings)


def masks_for(network, x, seed=0):
    return draw_masks(network, *x.shape[:2], x.dtype, seed)


def by_hand(network, theta, x, length, n, layers):
    """The output of one sequence of the batch, put together from the reference's steps."""
    views = network.views(theta)
    plain = {Elman: reference.elman, LSTM: reference.lstm}[network.cell]
    step = partial(plain, bound=reference.bounded(network.regularization.preactivation_clip))
    y = x[:length, n]
    for i, layer in enumerate(layers):
        halves, last = [], []
        for direction, order, own in zip(network.directions, (1, -1), layer.cells, strict=False):
            prefix = f"layer{i}.{direction}."
            named = {name.removeprefix(prefix): view for name, view in views.items() if name.startswith(prefix)}
            weights = named["W"], times(named["R"], own.weights), named["b"]
            state = tuple(named.get(f"state{k}", np.zeros(len(weights[1]))) for k in range(network.cell.state_size))
            half = np.zeros((length, len(weights[1])))
            for t, x_t in enumerate(times(y, own.inputs, n)[::order]):
                state = reference.masked(step, own.recurrence, t, n)(weights, x_t, state)
                half[t] = state[0]
            halves.append(half[::order])
            last.append(state[0])
        if network.hands_on_last_state(i):
            y = times(np.concatenate(last), layer.outputs, n)
        else:
            y = times(np.concatenate(halves, axis=-1), layer.outputs, (slice(length), n))
    return y @ views["readout.W"] + views["readout.b"]


def times(array, mask, index=...):
    return array if mask is None else array * mask[index]


@pytest.mark.parametrize("drawn", [True, False], ids=["drawn", "at rest"])
@over(cells=("elman", "lstm"), learn_state=(False, True))
def test_values(network, drawn):
    network = regularized(network)
    theta, x = draw(network)
    z, tape = network.forward(theta, x, LENGTHS, masks=masks_for(network, x) if drawn else None)
    for n, length in enumerate(LENGTHS):
        expected = by_hand(network, theta, x, length, n, tape.masks)
        assert_allclose(z[:length, n] if network.return_sequences else z[n], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "ragged"])
@over(cells=("elman", "lstm"), learn_state=(False, True))
def test_derivatives_with_masks(network, lengths):
    network = regularized(network)
    theta, x = draw(network)
    given = {"lengths": lengths, "theta": theta, "masks": masks_for(network, x), "random_state": 0}
    dot_test(network, x, **given, rtol=1e-12)
    taylor_test(network, x, **given, min_rate=1.9)


@over(cells=("lstm",))
def test_gradient_of_the_objective_with_masks(network):
    network = regularized(network)
    theta, x = draw(network)
    lengths = np.array([5, 2, 3, 1])
    n_rows = lengths.sum() if network.return_sequences else 4
    targets = np.random.default_rng(1).standard_normal((n_rows, 3))
    batch = Batch(x, lengths, targets, np.arange(1.0, 5.0), masks_for(network, x))

    def value(theta):
        return objective(network, SquaredError(), theta, batch, alpha=0.3).value

    theta_bar = objective(network, SquaredError(), theta, batch, alpha=0.3).theta_bar
    moves = 1e-5 * np.eye(theta.size)
    differences = [(value(theta + move) - value(theta - move)) / 2e-5 for move in moves]
    assert_allclose(theta_bar, differences, rtol=1e-6, atol=1e-9)
    assert value(theta) != objective(network, SquaredError(), theta, batch._replace(masks=None), alpha=0.3).value


@over()
def test_without_masks_nothing_is_dropped(network):
    theta, x = draw(network)
    z, tape = network.forward(theta, x, LENGTHS)
    dropping = regularized(network, DROPOUTS)
    z_dropping, tape_dropping = dropping.forward(theta, x, LENGTHS)
    assert_array_equal(z_dropping, z)
    bars = [n.adjoint(theta, t, np.cos(z), inputs=True) for n, t in ((network, tape), (dropping, tape_dropping))]
    for bar, dropping_bar in zip(*bars, strict=True):
        assert_array_equal(dropping_bar, bar)


def test_clip_and_the_mean_of_zoneout_need_no_masks():
    theta, x = draw(Network(LSTM, 2, (3,), 3))
    plain, *others = (
        Network(LSTM, 2, (3,), 3, regularization=settings)
        for settings in (Regularization(), Regularization(preactivation_clip=0.5), Regularization(zoneout=(0, 0.3)))
    )
    for network in others:
        assert (network.forward(theta, x).z != plain.forward(theta, x).z).all()


@over()
def test_masks_of_nothing_change_no_bit(network):
    theta, x = draw(network)
    masks = masks_for(network, x)
    assert_array_equal(network.forward(theta, x, LENGTHS, masks=masks).z, network.forward(theta, x, LENGTHS).z)


@over(depths=((3, 2),))
def test_threads_change_no_bit_of_a_masked_run(network):
    network = regularized(network)
    theta, _ = draw(network)
    x = np.random.default_rng(0).standard_normal((4, 70, 2))
    masks = masks_for(network, x)
    (z, tape), (z_two, tape_two) = (network.forward(theta, x, masks=masks, n_jobs=n) for n in (1, 2))
    assert_array_equal(z_two, z)
    bar, bar_two = (network.adjoint(theta, t, np.cos(z), n_jobs=n) for t, n in ((tape, 1), (tape_two, 2)))
    assert_array_equal(bar_two.theta_bar, bar.theta_bar)


@over(depths=((3, 2),))
def test_a_sequence_has_its_own_masks(network):
    """What the others are, and how long, changes no bit of a sequence under its masks."""
    network = regularized(network)
    theta, x = draw(network)
    masks = masks_for(network, x)
    z, _ = network.forward(theta, x, LENGTHS, masks=masks)
    other, shorter = x.copy(), LENGTHS.copy()
    other[:, [1, 3]], shorter[3] = -1, 0
    z_other, _ = network.forward(theta, other, shorter, masks=masks)
    assert_array_equal(z_other[..., [0, 2], :], z[..., [0, 2], :])


def arrays(masks):
    """All random arrays of the masks with their names."""
    named = {}
    for i, layer in enumerate(masks.layers):
        named[f"{i}.outputs"] = layer.outputs
        for k, own in enumerate(layer.cells):
            named[f"{i}.{k}.inputs"], named[f"{i}.{k}.weights"] = own.inputs, own.weights
            named[f"{i}.{k}.recurrent"] = own.recurrence.recurrent
            named |= {f"{i}.{k}.zoneout.{part}": z for part, z in zip("hc", own.recurrence.zoneout, strict=True)}
    return named


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rates_and_means(p, dtype):
    settings = Regularization(dropout=p, input_dropout=p, recurrent_dropout=p, weight_dropout=p, zoneout=(p, p / 2))
    network = Network(LSTM, 60, (50,), 1, return_sequences=True, bidirectional=True, regularization=settings)
    masks = draw_masks(network, 40, 100, dtype, random_state=0)
    named = arrays(masks)
    for name, mask in {name: named.pop(name) for name in [*named] if "zoneout" in name}.items():
        q = p if name.endswith("h") else p / 2
        assert mask.dtype == dtype
        assert_array_equal(np.unique(mask), [0, 1])
        assert_allclose(np.mean(mask, dtype=float), q, rtol=0, atol=4 * np.sqrt(q * (1 - q) / mask.size), err_msg=name)
    for name, mask in named.items():
        deviation = 4 * np.sqrt(p * (1 - p) / mask.size)  # four standard errors of the rate
        assert mask.dtype == dtype
        assert_allclose(np.unique(mask), [0, 1 / (1 - p)], rtol=1e-4, atol=0, err_msg=name)
        assert_allclose(np.mean(mask == 0), p, rtol=0, atol=deviation, err_msg=name)
        assert_allclose(np.mean(mask, dtype=float), 1, rtol=0, atol=deviation / (1 - p), err_msg=name)
        if len(mask) > 1:  # nor do rows and columns depend on one another
            rows = (mask == 0).reshape(len(mask), -1).mean(axis=1)
            assert rows.std() < 2 * np.sqrt(p * (1 - p) * len(mask) / mask.size)


def test_every_mask_is_drawn_for_itself():
    network = Network(LSTM, 16, (8, 8), 1, return_sequences=True, bidirectional=True, regularization=ALL)
    masks = arrays(masks_for(network, np.zeros((6, 5, 16))))
    again, other = (arrays(masks_for(network, np.zeros((6, 5, 16)), seed)) for seed in (0, 1))
    assert len({mask.tobytes() for mask in masks.values()}) == len(masks) == 22
    for name, mask in masks.items():
        assert_array_equal(again[name], mask)
        assert (other[name] != mask).any()


def test_probabilities_near_zero_and_one():
    for p, rate in ((1e-9, 0), (1 - 1e-9, 1 - 2**-16)):
        network = Network(Elman, 9, (3,), 1, regularization=Regularization(input_dropout=p))
        mask = masks_for(network, np.zeros((1, 500, 9))).layers[0].cells[0].inputs
        assert set(np.unique(mask)) <= {0, 1 / (1 - rate)}
    assert not Regularization().is_random


def test_masks_of_another_batch():
    network = Network(LSTM, 2, (3,), 1, regularization=ALL)
    theta, x = draw(network)
    masks = masks_for(network, x)
    for network_, x_ in (
        (network, x[:, :1]),
        (network, x[:3]),
        (network, x.astype("float32")),
        (regularized(network, Regularization()), x),
    ):
        with pytest.raises(ValueError, match="masks must be drawn for this network and batch"):
            network_.forward(theta.astype(x_.dtype), x_, masks=masks)
    batch = Batch(x[:3], None, np.zeros((4, 1)), np.ones(4), masks)
    with pytest.raises(ValueError, match="masks must be drawn for this network and batch"):
        objective(network, SquaredError(), theta, batch)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"dropout": 1.0}, ValueError, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"input_dropout": -0.1}, ValueError, "input_dropout must lie in"),
        ({"recurrent_dropout": np.nan}, ValueError, "recurrent_dropout must lie in"),
        ({"weight_dropout": "0.5"}, TypeError, "weight_dropout must be a number, got '0.5'"),
        ({"weight_dropout": True}, TypeError, "weight_dropout must be a number, got True"),
        ({"zoneout": (0.1, 1.0)}, ValueError, "zoneout must lie in"),
        ({"zoneout": (0.1,)}, ValueError, "zoneout must be one number or two"),
        ({"zoneout": "0.1"}, TypeError, "zoneout must be a number or a pair"),
        ({"zoneout": (0.1, None)}, TypeError, "zoneout must be a number, got None"),
        ({"preactivation_clip": 0}, ValueError, "clip must be above 0"),
        ({"preactivation_clip": np.inf}, ValueError, "clip must be above 0 and finite"),
        ({"preactivation_clip": "3"}, TypeError, "clip must be a number"),
    ],
)
def test_settings_that_cannot_be(settings, error, message):
    with pytest.raises(error, match=message):
        Regularization(**settings)


def test_settings_that_do_not_fit_the_network():
    with pytest.raises(ValueError, match="zoneout must be one number for a cell without a c"):
        Network(Elman, 1, (2,), 1, regularization=Regularization(zoneout=(0.1, 0.2)))
    with pytest.raises(TypeError, match="regularization must be a Regularization, got 0"):
        Network(Elman, 1, (2,), 1, regularization=0)
    with pytest.raises(ValueError, match="zoneout must be 0 for a LayerNormLSTM"):
        Network(LayerNormLSTM, 1, (2,), 1, regularization=Regularization(zoneout=(0.0, 0.2)))
