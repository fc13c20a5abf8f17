"""Training by truncated BPTT: an update after each window, the state carried on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn import LSTM
from numbarnn.data import Sequences
from numbarnn.network import Network, SquaredError
from numbarnn.training import SGD, Adam, Constant, Examples, Plateau, TrainingState, Validation
from tests.network.networks import name
from tests.network.windows import naive_windows
from tests.training.problem import NETWORK, examples_of, run, state_of
from tests.training.test_interruption import InterruptedAdam, interrupted

LOSS = SquaredError()
NETWORKS = [
    Network(LSTM, 2, (3, 2), 3, return_sequences=steps, learn_state=learned)
    for steps in (False, True)
    for learned in (False, True)
]
over_networks = pytest.mark.parametrize("network", NETWORKS, ids=name)
over_truncations = pytest.mark.parametrize("tbptt", [(2, 2), (2, 3), (1, 4), (3, 7)], ids=str)


def regression(network):
    """Five weighted sequences, the longest first, of up to seven steps."""
    rng = np.random.default_rng(0)
    lengths = np.array([7, 6, 4, 2, 1])
    sequences = Sequences(rng.standard_normal((20, 2)), lengths)
    targets = rng.standard_normal((20 if network.return_sequences else 5, 3))
    return Examples(
        sequences, Sequences(targets, lengths) if network.return_sequences else targets, rng.uniform(0.5, 2, 5)
    )


def sgd(network, learning_rate=0.5):
    theta = 0.5 * np.random.default_rng(1).standard_normal(network.n_parameters)
    solver = SGD(theta.size, theta.dtype, momentum=0, nesterov=False)
    return TrainingState(theta, solver, Constant(learning_rate), Plateau(tol=-np.inf))


def train(network, truncation, learning_rate=0.5, **settings):
    settings = {"max_iter": 2, "batch_size": 3, "shuffle": False, "max_grad_norm": None, "tbptt": truncation} | settings
    return run(regression(network), sgd(network, learning_rate), network, LOSS, **settings)


@over_truncations
@over_networks
def test_two_epochs_by_hand(network, truncation):
    examples, theta, alpha = regression(network), sgd(network).theta, 0.3
    for _ in range(2):
        for indices in ([0, 1, 2], [3, 4]):
            batch = examples.batch(np.array(indices))
            rows = np.repeat(batch.weights, batch.lengths) if network.return_sequences else batch.weights
            for theta_bar, weight in naive_windows(network, theta, batch, truncation):
                penalty_bar = alpha / rows.sum() * theta
                penalty_bar[network.layout.n_weights :] = 0
                theta -= 0.5 * (theta_bar / weight + penalty_bar)
    assert_allclose(train(network, truncation, alpha=alpha).theta, theta, rtol=1e-11, atol=1e-13)


@over_networks
def test_long_windows_are_exact_training(network):
    exact, ours = (train(network, truncation, alpha=0.3) for truncation in (None, (7, 7)))
    assert_array_equal(ours.theta, exact.theta)
    assert ours.loss_curve == exact.loss_curve


@over_truncations
@over_networks
def test_the_loss_curve_means_the_same(network, truncation):
    """Where the parameters stay as they are, so does it."""
    exact, ours = (train(network, k, learning_rate=0, alpha=0.3) for k in (None, truncation))
    assert_allclose(ours.loss_curve, exact.loss_curve, rtol=1e-12, atol=0)
    assert ours.n_seen == exact.n_seen == 10


@over_networks
def test_each_window_sees_the_updates_before_it(network):
    """With one batch, the loss of the first epoch depends on them alone."""
    rates = 0, 1e-3, 0.1
    losses = [train(network, (2, 3), rate, max_iter=1, batch_size=5).loss_curve[0] for rate in rates]
    assert losses[0] > losses[1] > losses[2]


def test_two_halves_are_one_whole():
    settings = {"tbptt": (2, 2), "random_state": np.random.RandomState(0)}
    whole = run(max_iter=6, **settings)
    settings["random_state"] = np.random.RandomState(0)
    halves = run(state=run(max_iter=3, **settings), max_iter=3, **settings)
    assert_array_equal(halves.theta, whole.theta)
    assert halves.loss_curve == whole.loss_curve


@over_networks
def test_memory_and_threads_change_no_bit(network):
    plain, *others = (
        train(network, (2, 5), **options) for options in ({}, {"checkpoint_memory_mb": 0.003}, {"n_jobs": 2})
    )
    for other in others:
        assert_array_equal(other.theta, plain.theta)
        assert other.loss_curve == plain.loss_curve


def test_ctrl_c_keeps_the_last_update():
    examples = examples_of()
    settings = {"tbptt": (1, 2), "batch_size": 12, "shuffle": False}
    with interrupted:
        state = run(examples, state_of(InterruptedAdam), **settings)
    assert state.outcome == "interrupted"
    assert_array_equal(state.solver.n_updates, 5)
    per_epoch = len(np.unique(examples.sequences.lengths))
    assert (per_epoch, state.n_iter) == (4, 1)
    again = run(examples, state, max_iter=1, **settings)
    assert (again.outcome, len(again.loss_curve)) == ("max_iter", 2)
    assert_array_equal(again.solver.n_updates, 9)


def test_validation_and_progress_are_those_of_epochs(capsys):
    scores = iter([0.3, 0.7, 0.5])
    validation = Validation(examples_of(n=4).sequences, lambda _: next(scores))
    state = run(max_iter=3, tbptt=(1, 2), validation=validation, verbose=True)
    assert "9/9" in capsys.readouterr().err
    assert_array_equal(state.theta, run(max_iter=2, tbptt=(1, 2)).theta)
    assert state.validation_scores == [0.3, 0.7, 0.5]


def test_learns_what_a_window_can_hold():
    """Each target is the input two steps before: two steps are too few to go back."""
    network = Network(NETWORK.cell, 1, (8,), 1, return_sequences=True)
    values = np.random.default_rng(0).choice([-1.0, 1.0], (200, 1))
    targets = np.roll(values, 2, axis=0)
    targets[:2] = 0
    examples = Examples(Sequences(values, np.array([200])), Sequences(targets, np.array([200])))
    losses = [
        run(examples, state_of(Adam, 0.02, network, tol=-1), network, LOSS, max_iter=15, tbptt=truncation).loss_curve[
            -1
        ]
        for truncation in ((2, 2), (2, 4))
    ]
    assert losses[0] > 0.2
    assert losses[1] < 0.02


def test_errors():
    with pytest.raises(ValueError, match=r"truncation must be \(k1, k2\) with 1 <= k1 <= k2, got \(3, 2\)"):
        run(tbptt=(3, 2))
    both = Network(LSTM, 2, (3,), 3, bidirectional=True)
    with pytest.raises(ValueError, match="tbptt needs a network that reads in one direction"):
        run(state=state_of(network=both), network=both, tbptt=(2, 2))
