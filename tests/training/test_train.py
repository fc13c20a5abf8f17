from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn.data import Sequences
from numbarnn.network import SquaredError, objective, predict
from numbarnn.training import SGD, Adam, Adaptive, Constant, Examples, Plateau, TrainingState, train
from tests.training.problem import LOSS, NETWORK, examples_of, run, state_of


@pytest.mark.parametrize("solver", [Adam, SGD])
def test_learns(solver):
    examples = examples_of()
    state = run(examples, state_of(solver, tol=-1), max_iter=100)
    assert state.outcome == "max_iter"
    assert state.n_iter == len(state.loss_curve) == 100
    assert state.n_seen == 1200
    assert state.loss_curve[0] > 1
    assert state.best_loss == min(state.loss_curve) < 0.1
    assert_array_equal(predict(NETWORK, state.theta, examples.sequences).argmax(axis=1), examples.targets)


def test_learns_step_by_step():
    """Sequence labelling: the targets are the inputs of one step before."""
    network = NETWORK.__class__(NETWORK.cell, 1, (8,), 1, return_sequences=True)
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 8, 20)
    values = rng.choice([-1.0, 1.0], (lengths.sum(), 1))
    targets = np.roll(values, 1, axis=0)
    sequences = Sequences(values, lengths)
    targets[sequences.starts] = 0
    examples = Examples(sequences, Sequences(targets, lengths))
    state = run(examples, state_of(network=network, tol=-1), network, SquaredError(), max_iter=150)
    assert state.loss_curve[0] > 0.1
    assert state.loss_curve[-1] < 0.02
    assert_allclose(predict(network, state.theta, sequences), targets, rtol=0, atol=0.5)


def test_one_epoch_by_hand():
    """Two batches without shuffling: gradient, clipping, update, and the loss by the batches' weights."""
    examples = examples_of(n=6, weights=np.array([1.0, 2.0, 1.0, 0.5, 1.0, 3.0]))
    state = run(examples, state_of(SGD, learning_rate=0.3), max_iter=1, shuffle=False, alpha=0.1, max_grad_norm=0.05)
    theta = state_of().theta
    velocity = np.zeros_like(theta)
    total = 0.0
    for indices in ([0, 1, 2, 3], [4, 5]):
        batch = examples.batch(np.array(indices))
        value, theta_bar, weight = objective(NETWORK, LOSS, theta, batch, alpha=0.1)
        norm = np.linalg.norm(theta_bar)
        assert norm > 0.05
        theta_bar *= 0.05 / norm
        velocity = 0.9 * velocity - 0.3 * theta_bar
        theta += 0.9 * velocity - 0.3 * theta_bar
        total += weight * value
    assert_allclose(state.theta, theta, rtol=1e-12, atol=1e-14)
    assert_allclose(state.loss_curve, [total / 8.5], rtol=1e-12, atol=0)


def test_weight_k_is_k_copies():
    examples = examples_of(n=5)
    weighted = examples._replace(weights=np.array([1.0, 3.0, 1.0, 2.0, 1.0]))
    indices = np.array([0, 1, 1, 1, 2, 3, 3, 4])
    copies = Examples(examples.sequences.take(indices), examples.targets[indices])
    ours, expected = (run(e, batch_size=100, alpha=0.1) for e in (weighted, copies))
    assert_allclose(ours.theta, expected.theta, rtol=1e-9, atol=1e-11)
    assert_allclose(ours.loss_curve, expected.loss_curve, rtol=1e-11, atol=0)


def test_a_seed_fixes_all_bits():
    first, again, threaded, other = (
        run(examples_of(n=24), batch_size=12, random_state=seed, n_jobs=n_jobs)
        for seed, n_jobs in ((0, None), (0, None), (0, 2), (1, None))
    )
    for same in (again, threaded):
        assert_array_equal(same.theta, first.theta)
        assert same.loss_curve == first.loss_curve
    assert not np.array_equal(other.theta, first.theta)


def test_the_given_state_stays_as_it_was():
    state = state_of()
    theta = state.theta.copy()
    run(state=state)
    assert_array_equal(state.theta, theta)
    assert_array_equal(state.solver.first_moment, 0)
    assert (state.loss_curve, state.plateau.count, state.outcome) == ([], 0, None)


def test_two_halves_are_one_whole():
    whole = run(max_iter=6, random_state=np.random.RandomState(0))
    rng = np.random.RandomState(0)
    halves = run(state=run(max_iter=3, random_state=rng), max_iter=3, random_state=rng)
    assert_array_equal(halves.theta, whole.theta)
    assert halves.loss_curve == whole.loss_curve
    assert (halves.n_iter, halves.n_seen) == (3, whole.n_seen)


def test_stops_on_a_plateau():
    state = run(state=state_of(tol=np.inf, n_iter_no_change=2), max_iter=20)
    assert (state.outcome, state.n_iter) == ("converged", 4)


def test_adaptive_rate_goes_on_after_a_plateau():
    state = state_of(tol=np.inf, n_iter_no_change=2)
    state.schedule = Adaptive(0.1)
    state = run(state=state, max_iter=7)
    assert (state.outcome, state.n_iter) == ("max_iter", 7)
    assert_allclose(state.schedule.learning_rate, 0.1 / 25, rtol=1e-12, atol=0)


@pytest.mark.parametrize("max_grad_norm", [1.0, None])
def test_targets_that_are_not_finite(max_grad_norm):
    examples = examples_of()._replace(targets=np.full((12, 3), np.nan))
    state = state_of()
    theta = state.theta.copy()
    with pytest.raises(ValueError, match="The loss is nan, not finite"):
        train(NETWORK, SquaredError(), examples, state, max_grad_norm=max_grad_norm)
    assert_array_equal(state.theta, theta)


@pytest.mark.parametrize("values", [np.zeros((6, 3)), np.zeros((6, 2), "float32")], ids=["inputs", "dtype"])
def test_sequences_that_do_not_fit(values):
    examples = Examples(Sequences(values, np.array([4, 2])), np.array([0, 1]))
    with pytest.raises(ValueError, match="sequences must have 2 inputs of the parameters' dtype float64, got values"):
        run(examples)


def test_parameters_that_are_not_finite():
    theta = NETWORK.init("float64", random_state=0)
    state = TrainingState(theta, SGD(theta.size, theta.dtype), Constant(np.inf), Plateau())
    with pytest.raises(ValueError, match="parameters are not finite"):
        run(state=state, max_iter=1, batch_size=100)


def test_progress_bar(capsys):
    run(verbose=True, max_iter=3)
    shown = capsys.readouterr().err
    assert "9/9" in shown
    assert "epoch 3" in shown
    assert "loss=" in shown
    run(max_iter=3)
    assert capsys.readouterr() == ("", "")
