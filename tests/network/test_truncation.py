"""Truncated BPTT of a network beside loops over windows, and beside exact BPTT where it must be the same."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn import LSTM, Elman
from numbarnn.network import (
    Batch,
    Network,
    Regularization,
    SoftmaxCrossEntropy,
    SquaredError,
    draw_masks,
    evaluate_windows,
    objective,
    truncated_objective,
)
from numbarnn.network.truncation import windows
from tests.network.networks import name
from tests.network.windows import naive_windows

LENGTHS = np.array([7, 2, 5, 3])
LOSS = SquaredError()
NETWORKS = [
    Network(cell, 2, sizes, 3, return_sequences=return_sequences, learn_state=learn_state)
    for cell, sizes, return_sequences, learn_state in product([Elman, LSTM], [(3,), (3, 2)], [False, True], [False])
] + [Network(LSTM, 2, (3, 2), 3, return_sequences=steps, learn_state=True) for steps in (False, True)]
over_networks = pytest.mark.parametrize("network", NETWORKS, ids=name)
over_lengths = pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "ragged"])


def draw(network, lengths, n_steps=7, seed=0, dtype="float64"):
    """Parameters, biases too, and a batch of four sequences."""
    rng = np.random.default_rng(seed)
    ends = np.full(4, n_steps) if lengths is None else lengths
    n_rows = ends.sum() if network.return_sequences else 4
    theta = 0.5 * rng.standard_normal(network.n_parameters)
    x, targets = rng.standard_normal((n_steps, 4, 2)), rng.standard_normal((n_rows, network.n_outputs))
    batch = Batch(x.astype(dtype), lengths, targets.astype(dtype), (0.5 + rng.random(4)).astype(dtype))
    return theta.astype(dtype), batch


def all_windows(network, theta, batch, truncation):
    settings = {"alpha": 0.0, "tape_bytes": None, "n_threads": 1}
    return list(evaluate_windows(network, LOSS, network.parameters(theta), batch, tbptt=truncation, **settings))


@pytest.mark.parametrize("tbptt", [(1, 1), (2, 2), (2, 3), (3, 6), (1, 4), (4, 7)], ids=str)
@over_lengths
@over_networks
def test_gradient_beside_loops_over_windows(network, lengths, truncation):
    theta, batch = draw(network, lengths)
    naive = list(naive_windows(network, theta, batch, truncation))
    total = sum(weight for _, weight in naive)
    expected = sum(theta_bar for theta_bar, _ in naive) / total
    ours = truncated_objective(network, LOSS, theta, batch, truncation)
    assert_allclose(ours.theta_bar, expected, rtol=1e-11, atol=1e-13)
    parts = all_windows(network, theta, batch, truncation)
    assert_allclose([part.weight for part in parts], [weight for _, weight in naive], rtol=1e-14, atol=0)
    for part, (theta_bar, weight) in zip(parts, naive, strict=True):
        assert_allclose(part.theta_bar, theta_bar / weight, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("tbptt", [(1, 7), (3, 7), (2, 9)], ids=str)
@over_lengths
@over_networks
def test_windows_that_reach_the_first_step_are_exact(network, lengths, truncation):
    theta, batch = draw(network, lengths)
    exact = objective(network, LOSS, theta, batch, alpha=0.3)
    ours = truncated_objective(network, LOSS, theta, batch, truncation, alpha=0.3)
    for number, expected in zip(ours, exact, strict=True):
        assert_allclose(number, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("tbptt", [(1, 7), (3, 7), (7, 7)], ids=str)
@pytest.mark.parametrize("return_sequences", [False, True], ids=["last", "sequences"])
def test_masks_are_those_of_the_steps(return_sequences, truncation):
    dropped = Regularization(dropout=0.4, input_dropout=0.3, recurrent_dropout=0.25, weight_dropout=0.2, zoneout=0.3)
    network = Network(LSTM, 2, (3, 2), 3, return_sequences=return_sequences, regularization=dropped)
    theta, batch = draw(network, LENGTHS)
    batch = batch._replace(masks=draw_masks(network, 7, 4, "float64", 0))
    exact = objective(network, LOSS, theta, batch, alpha=0.3)
    ours = truncated_objective(network, LOSS, theta, batch, truncation, alpha=0.3)
    assert_allclose(ours.theta_bar, exact.theta_bar, rtol=1e-12, atol=1e-14)
    shorter = truncated_objective(network, LOSS, theta, batch, (2, 3), alpha=0.3)
    assert_allclose(shorter.value, exact.value, rtol=1e-13, atol=0)
    with pytest.raises(ValueError, match="masks"):
        truncated_objective(network, LOSS, theta, batch._replace(masks=draw_masks(network, 6, 4, "float64", 0)), (2, 3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@over_lengths
@over_networks
def test_one_window_has_the_bits_of_the_whole(network, lengths, dtype):
    theta, batch = draw(network, lengths, dtype=dtype)
    exact = objective(network, LOSS, theta, batch, alpha=0.3)
    ours = truncated_objective(network, LOSS, theta, batch, (7, 8), alpha=0.3)
    assert (ours.value, ours.weight) == (exact.value, exact.weight)
    assert_array_equal(ours.theta_bar, exact.theta_bar)


@pytest.mark.parametrize("tbptt", [(1, 1), (3, 4)], ids=str)
@over_networks
def test_the_loss_is_the_exact_one(network, truncation):
    theta, batch = draw(network, LENGTHS)
    exact = objective(network, LOSS, theta, batch, alpha=0.3)
    ours = truncated_objective(network, LOSS, theta, batch, truncation, alpha=0.3)
    assert_allclose([ours.value, ours.weight], [exact.value, exact.weight], rtol=1e-13, atol=0)
    of_readout = network.views(ours.theta_bar), network.views(exact.theta_bar)
    assert_allclose(*(views["readout.W"] for views in of_readout), rtol=1e-11, atol=1e-13)
    assert np.linalg.norm(ours.theta_bar - exact.theta_bar) > 1e-3 * np.linalg.norm(exact.theta_bar)


def test_classes_are_targets_too():
    network = Network(Elman, 2, (3,), 3, return_sequences=True)
    theta, batch = draw(network, LENGTHS)
    batch = batch._replace(targets=np.random.default_rng(0).integers(0, 3, 17))
    exact = objective(network, SoftmaxCrossEntropy(), theta, batch)
    ours = truncated_objective(network, SoftmaxCrossEntropy(), theta, batch, (2, 8))
    assert_allclose(ours.theta_bar, exact.theta_bar, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("tbptt", [(2, 2), (2, 4), (1, 3)], ids=str)
@over_networks
def test_a_sequence_has_the_same_windows_alone(network, truncation):
    theta, batch = draw(network, LENGTHS)
    together = truncated_objective(network, LOSS, theta, batch, truncation)
    rows = np.split(batch.targets, np.cumsum(LENGTHS)[:-1]) if network.return_sequences else batch.targets[:, None]
    alone = [
        truncated_objective(network, LOSS, theta, Batch(batch.x[:length, [n]], None, rows[n], w), truncation)
        for n, (length, w) in enumerate(zip(LENGTHS, batch.weights[:, None], strict=True))
    ]
    expected = sum(part.weight * part.theta_bar for part in alone) / together.weight
    assert_allclose(together.theta_bar, expected, rtol=1e-11, atol=1e-13)


@over_networks
def test_nothing_past_the_lengths_is_read(network):
    theta, batch = draw(network, LENGTHS)
    past = np.arange(7)[:, None] >= LENGTHS
    garbage = batch._replace(x=np.where(past[..., None], np.nan, batch.x))
    clean, dirty = (truncated_objective(network, LOSS, theta, b, (2, 3)).theta_bar for b in (batch, garbage))
    assert_array_equal(dirty, clean)


def test_an_empty_sequence_belongs_to_the_first_window():
    network = Network(LSTM, 2, (3,), 3, learn_state=True)
    theta, batch = draw(network, np.array([5, 0, 3, 0]))
    assert [window.weight for window in all_windows(network, theta, batch, (3, 3))] == [
        pytest.approx(batch.weights[1:].sum()),
        batch.weights[0],
    ]
    exact, ours = objective(network, LOSS, theta, batch), truncated_objective(network, LOSS, theta, batch, (1, 9))
    assert_allclose(ours.theta_bar, exact.theta_bar, rtol=1e-12, atol=1e-14)
    nothing = batch._replace(x=batch.x[:0], lengths=None)
    assert_array_equal(
        truncated_objective(network, LOSS, theta, nothing, (1, 1)).theta_bar,
        objective(network, LOSS, theta, nothing).theta_bar,
    )


def test_windows_without_a_loss_are_passed_by():
    network = Network(Elman, 2, (3,), 3)
    theta, batch = draw(network, np.array([7, 1, 1, 7]))
    assert [window.weight for window in all_windows(network, theta, batch, (2, 2))] == [
        batch.weights[1:3].sum(),
        batch.weights[[0, 3]].sum(),
    ]
    batch.weights[1:3] = 0
    assert len(all_windows(network, theta, batch, (2, 2))) == 1


@over_lengths
@over_networks
def test_memory_and_threads_change_no_bit(network, lengths):
    theta, batch = draw(network, lengths, n_steps=7)
    batch = batch._replace(x=np.repeat(batch.x, 6, axis=0), lengths=None if lengths is None else 6 * lengths)
    if network.return_sequences:
        batch = batch._replace(targets=np.repeat(batch.targets, 6, axis=0))
    plain, *others = (
        truncated_objective(network, LOSS, theta, batch, (5, 30), **options)
        for options in ({}, {"checkpoint_memory_mb": 0.006}, {"n_jobs": 2})
    )
    for other in others:
        assert other.value == plain.value
        assert_array_equal(other.theta_bar, plain.theta_bar)


@pytest.mark.parametrize("return_sequences", [False, True])
def test_only_one_windows_tape_is_held(return_sequences):
    network = Network(LSTM, 2, (16, 16), 3, return_sequences=return_sequences)
    theta, batch = draw(network, None, n_steps=2000)

    def peak(function, *arguments):
        function(network, LOSS, theta, batch, *arguments)
        tracemalloc.start()
        function(network, LOSS, theta, batch, *arguments)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(truncated_objective, (20, 40)) < 0.1 * peak(objective)


def test_where_the_windows_lie():
    assert list(windows(5, (2, 3))) == [(0, 0, 2, 1), (1, 2, 4, 3), (3, 4, 5, 3)]
    assert list(windows(5, (5, 5))) == list(windows(5, (6, 7))) == [(0, 0, 5, 0)]
    assert list(windows(5, (3, 5))) == [(0, 0, 3, 0), (0, 3, 5, 0)]
    assert list(windows(0, (2, 2))) == [(0, 0, 0, 0)]


@pytest.mark.parametrize(
    ("tbptt", "error", "message"),
    [
        (5, ValueError, r"truncation must be two numbers of steps, \(k1, k2\), got 5"),
        ((1, 2, 3), ValueError, r"two numbers of steps, \(k1, k2\), got \(1, 2, 3\)"),
        ((1.0, 2), TypeError, r"truncation must be two integers, \(k1, k2\), got \(1\.0, 2\)"),
        ((True, 2), TypeError, "two integers"),
        ((0, 2), ValueError, r"1 <= k1 <= k2, got \(0, 2\)"),
        ((3, 2), ValueError, r"1 <= k1 <= k2, got \(3, 2\)"),
    ],
)
def test_truncations_that_are_none(truncation, error, message):
    network = NETWORKS[0]
    theta, batch = draw(network, None)
    with pytest.raises(error, match=message):
        truncated_objective(network, LOSS, theta, batch, truncation)


def test_both_directions_cannot_be_truncated():
    network = Network(Elman, 2, (3,), 3, bidirectional=True)
    theta, batch = draw(network, None)
    with pytest.raises(ValueError, match="tbptt needs a network that reads in one direction"):
        truncated_objective(network, LOSS, theta, batch, (2, 2))


def test_weights_of_nothing():
    theta, batch = draw(NETWORKS[0], None)
    with pytest.raises(ValueError, match="weights must have a positive sum, got 0"):
        truncated_objective(NETWORKS[0], LOSS, theta, batch._replace(weights=np.zeros(4)), (2, 2))
