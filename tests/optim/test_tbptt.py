"""Truncated BPTT against loops over windows, and against exact BPTT where it must be the same."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn import LSTM, Elman
from numbarnn.data import Sequences
from numbarnn.layers import Padded
from numbarnn.losses import SquaredError
from numbarnn.optim import SGD, Batch, BatchProblem, Examples, Objective, window_problems
from numbarnn.optim.tbptt import checked_tbptt, windows
from tests.optim.problem import model_of, run, state_of
from tests.optim.windows import naive_windows

LENGTHS = np.array([7, 2, 5, 3])
LOSS = SquaredError()
MODELS = {
    "last": model_of((3,)),
    "sequences": model_of((3,), sequences=True),
    "learned": model_of((3, 2), sequences=True, learn_initial_state=True),
    "lstm": model_of((3, 2), cell=LSTM, learn_initial_state=True),
}
over_models = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "lstm" else ()) for name in MODELS]
)


def draw(model, lengths=LENGTHS, n_steps=7, seed=0):
    """Parameters, biases too, and a batch of four sequences."""
    rng = np.random.default_rng(seed)
    ends = np.full(4, n_steps) if lengths is None else lengths
    n_rows = ends.sum() if model.returns_sequences else 4
    theta = 0.5 * rng.standard_normal(model.n_parameters)
    x, targets = rng.standard_normal((n_steps, 4, 2)), rng.standard_normal((n_rows, model.n_outputs))
    return theta, Batch(Padded(x, lengths), targets, 0.5 + rng.random(n_rows))


def truncated(objective, theta, batch, tbptt):
    """Return the sums over the windows of weight times value and of weight times gradient, over the weight of all."""
    value, gradient, weight = 0.0, np.zeros_like(theta), 0.0
    for problem in window_problems(objective, batch, tbptt, theta):
        own_value, own_gradient = problem.value_and_gradient(theta)
        value += problem.weight * own_value
        gradient += problem.weight * own_gradient
        weight += problem.weight
    return value / weight, gradient / weight


@pytest.mark.parametrize("tbptt", [(1, 1), (2, 3), (3, 6), (1, 4)], ids=str)
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "ragged"])
@over_models
def test_windows_by_loops(name, lengths, tbptt):
    model = MODELS[name]
    theta, batch = draw(model, lengths)
    naive = list(naive_windows(model, theta, batch, tbptt))
    problems = list(window_problems(Objective(model, LOSS), batch, tbptt, theta))
    assert len(problems) == len(naive)
    for problem, (gradient, weight) in zip(problems, naive, strict=True):
        assert problem.weight == weight
        assert_allclose(problem.value_and_gradient(theta)[1], gradient, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("tbptt", [(1, 7), (3, 7), (2, 9)], ids=str)
@over_models
def test_windows_that_reach_the_first_step_are_exact(name, tbptt):
    model = MODELS[name]
    theta, batch = draw(model)
    objective = Objective(model, LOSS, alpha=0.3)
    exact = BatchProblem(objective, batch).value_and_gradient(theta)
    for ours, expected in zip(truncated(objective, theta, batch, tbptt), exact, strict=True):
        assert_allclose(ours, expected, rtol=1e-12, atol=1e-14)


@over_models
def test_one_window_has_the_bits_of_the_whole(name):
    model = MODELS[name]
    theta, batch = draw(model)
    objective = Objective(model, LOSS, alpha=0.3)
    (problem,) = window_problems(objective, batch, (7, 8), theta)
    ours, exact = (p.value_and_gradient(theta) for p in (problem, BatchProblem(objective, batch)))
    assert ours[0] == exact[0]
    assert_array_equal(ours[1], exact[1])


@pytest.mark.parametrize("tbptt", [(3, 7), (7, 7)], ids=str)
@pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequences"])
def test_masks_are_those_of_the_steps_of_an_lstm(sequences, tbptt):
    within = {"input_dropout": 0.3, "recurrent_dropout": 0.2, "zoneout": 0.3, "preactivation_clip": 1.0}
    model = model_of((3, 2), cell=LSTM, sequences=sequences, dropout=0.4, **within)
    theta, batch = draw(model)
    batch = batch._replace(masks=model.draw_masks(7, 4, "float64", 0))
    objective = Objective(model, LOSS, alpha=0.3)
    exact = BatchProblem(objective, batch).value_and_gradient(theta)
    assert_allclose(truncated(objective, theta, batch, tbptt)[1], exact[1], rtol=1e-12, atol=1e-14)
    assert_allclose(truncated(objective, theta, batch, (2, 3))[0], exact[0], rtol=1e-13, atol=0)


@pytest.mark.parametrize("tbptt", [(2, 2), (2, 4)], ids=str)
def test_a_sequence_has_the_same_windows_alone(tbptt):
    model = MODELS["sequences"]
    theta, batch = draw(model)
    objective = Objective(model, LOSS)
    together = truncated(objective, theta, batch, tbptt)[1]
    parts, first = [], 0
    for n, length in enumerate(LENGTHS):
        rows = slice(first, first + length)
        alone = Batch(
            Padded(np.ascontiguousarray(batch.x.values[:length, [n]])), batch.targets[rows], batch.weights[rows]
        )
        parts.append(length * truncated(objective, theta, alone, tbptt)[1])
        first += length
    assert_allclose(together, sum(parts) / LENGTHS.sum(), rtol=1e-11, atol=1e-13)


def test_only_one_windows_tape_is_held():
    model = model_of((16,), cell=Elman, sequences=True)
    theta, batch = draw(model, None, n_steps=4000)
    objective = Objective(model, LOSS)

    def peak(function):
        function()
        tracemalloc.start()
        function()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    whole = peak(lambda: BatchProblem(objective, batch).value_and_gradient(theta))
    assert peak(lambda: truncated(objective, theta, batch, (20, 40))) < 0.2 * whole


def test_where_the_windows_lie():
    assert list(windows(5, (2, 3))) == [(0, 0, 2, 1), (1, 2, 4, 3), (3, 4, 5, 3)]
    assert list(windows(5, (5, 5))) == list(windows(5, (6, 7))) == [(0, 0, 5, 0)]
    assert list(windows(5, (3, 5))) == [(0, 0, 3, 0), (0, 3, 5, 0)]
    assert list(windows(0, (2, 2))) == [(0, 0, 0, 0)]


def test_windows_without_a_loss_are_passed_by():
    model = MODELS["last"]
    theta, batch = draw(model, np.array([7, 1, 1, 7]))
    objective = Objective(model, LOSS)
    assert [problem.weight for problem in window_problems(objective, batch, (2, 2), theta)] == [2, 2]
    batch.weights[1:3] = 0
    assert [problem.weight for problem in window_problems(objective, batch, (2, 2), theta)] == [2]


@pytest.mark.parametrize(
    ("tbptt", "error", "message"),
    [
        (5, ValueError, r"tbptt must be two numbers of steps, \(k1, k2\), got 5"),
        ((1, 2, 3), ValueError, r"two numbers of steps, \(k1, k2\), got \(1, 2, 3\)"),
        ((1.0, 2), TypeError, r"tbptt must be two integers, \(k1, k2\), got \(1\.0, 2\)"),
        ((True, 2), TypeError, "two integers"),
        ((0, 2), ValueError, r"1 <= k1 <= k2, got \(0, 2\)"),
        ((3, 2), ValueError, r"1 <= k1 <= k2, got \(3, 2\)"),
    ],
)
def test_tbptt_that_cannot_be(tbptt, error, message):
    with pytest.raises(error, match=message):
        checked_tbptt(tbptt)


def test_curvature_is_refused():
    model = MODELS["last"]
    theta, batch = draw(model)
    problem = next(window_problems(Objective(model, LOSS), batch, (2, 2), theta))
    with pytest.raises(ValueError, match="tbptt must be None"):
        problem.gauss_newton(theta)


def regression(model):
    """Five weighted sequences, the longest first, of up to seven steps."""
    rng = np.random.default_rng(0)
    lengths = np.array([7, 6, 4, 2, 1])
    sequences = Sequences(rng.standard_normal((20, 2)), lengths)
    targets = rng.standard_normal((20 if model.returns_sequences else 5, 3))
    weights = rng.uniform(0.5, 2, 5)
    return Examples(sequences, Sequences(targets, lengths) if model.returns_sequences else targets, weights)


def plain_sgd(*arguments, **options):
    return SGD(*arguments, momentum=0, nesterov=False, **options)


def trained(model, tbptt, learning_rate=0.5, **settings):
    state = state_of(plain_sgd, learning_rate, model, tol=-np.inf)
    state.theta[:] = 0.5 * np.random.default_rng(1).standard_normal(state.theta.size)
    settings = {"max_iter": 2, "batch_size": 3, "shuffle": False, "tbptt": tbptt} | settings
    return run(regression(model), state, model, LOSS, **settings)


@pytest.mark.parametrize("tbptt", [(2, 3), (3, 7)], ids=str)
@pytest.mark.parametrize("name", ["last", "sequences"])
def test_two_epochs_by_hand(name, tbptt):
    model, alpha = MODELS[name], 0.3
    theta = 0.5 * np.random.default_rng(1).standard_normal(model.n_parameters)
    examples, mean_weight = regression(model).normalized()
    for _ in range(2):
        for indices in ([0, 1, 2], [3, 4]):
            batch = examples.batch(np.array(indices))
            for gradient, _ in naive_windows(model, theta, batch, tbptt):
                penalty_bar = alpha / (np.count_nonzero(batch.weights) * mean_weight) * theta
                penalty_bar[model.layout.n_decaying :] = 0
                theta -= 0.5 * (gradient + penalty_bar)
    assert_allclose(trained(model, tbptt, alpha=alpha).theta, theta, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", ["last", "sequences"])
def test_the_loss_curve_means_the_same(name):
    """Where the parameters stay as they are, so does it."""
    exact, ours = (trained(MODELS[name], k, learning_rate=0, alpha=0.3) for k in (None, (2, 3)))
    assert_allclose(ours.loss_curve, exact.loss_curve, rtol=1e-12, atol=0)
    assert ours.n_seen == exact.n_seen == 10


def test_learns_what_a_window_can_hold():
    """Each target is the input two steps before: two steps are too few to go back."""
    model = model_of((8,), 1, 1, sequences=True)
    values = np.random.default_rng(0).choice([-1.0, 1.0], (200, 1))
    targets = np.roll(values, 2, axis=0)
    targets[:2] = 0
    examples = Examples(Sequences(values, np.array([200])), Sequences(targets, np.array([200])))
    losses = [
        run(examples, state_of(learning_rate=0.02, model=model, tol=-1), model, LOSS, max_iter=15, tbptt=k).loss_curve
        for k in ((2, 2), (2, 4))
    ]
    assert losses[0][-1] > 0.1
    assert losses[1][-1] < 0.02
