from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.neural_network import MLPRegressor
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from numbarnn.optim import Adaptive, Constant, Cosine, InverseScaling, Plateau

SCHEDULES = {
    "constant": lambda: Constant(0.1),
    "invscaling": lambda: InverseScaling(0.1, power_t=0.7),
    "adaptive": lambda: Adaptive(0.1),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_as_sklearn(name):
    schedule = SCHEDULES[name]()
    peer = SGDOptimizer([], 0.1, name, power_t=0.7)
    for epoch in range(1, 12):
        schedule.end_update()
        schedule.end_epoch(150 * epoch)
        peer.iteration_ends(150 * epoch)
        assert_allclose(schedule.learning_rate, peer.learning_rate, rtol=1e-15, atol=0)
        assert schedule.lower() is not peer.trigger_stopping("", verbose=False)
        assert_allclose(schedule.learning_rate, peer.learning_rate, rtol=1e-15, atol=0)


def test_adaptive_ends():
    schedule = Adaptive(1e-5)
    assert [schedule.lower() for _ in range(4)] == [True, True, False, False]
    assert_allclose(schedule.learning_rate, 4e-7, rtol=1e-12, atol=0)


@pytest.mark.parametrize("n_warmup", [0, 3])
def test_cosine(n_warmup):
    schedule, rates = Cosine(0.2, n_updates=10, n_warmup=n_warmup), []
    for _ in range(13):
        rates.append(schedule.learning_rate)
        schedule.end_update()
    rise = [0.2 * (n + 1) / (n_warmup + 1) for n in range(n_warmup)]
    share = np.minimum(1, np.arange(13 - n_warmup) / (10 - n_warmup))
    assert_allclose(rates, [*rise, *(0.1 * (1 + np.cos(np.pi * share)))], rtol=1e-14, atol=1e-17)
    assert max(rates) == 0.2
    assert not schedule.lower()


def test_resuming():
    """A schedule goes on with the same settings only, and a cosine begins anew."""
    before = Adaptive(0.1)
    before.lower()
    for other, expected in ((Adaptive(0.1), 0.02), (Adaptive(0.3), 0.3), (Constant(0.1), 0.1)):
        other.resume(before)
        assert_allclose(other.learning_rate, expected, rtol=1e-14, atol=0)
    half = Cosine(0.1, n_updates=2)
    half.end_update()
    again = Cosine(0.1, n_updates=2)
    again.resume(half)
    assert again.learning_rate == 0.1


@pytest.mark.parametrize("seed", range(3))
def test_plateau_as_sklearn(seed):
    values = np.random.default_rng(seed).standard_normal(60).cumsum()
    plateau = Plateau(tol=0.3, n_iter_no_change=4)
    peer = MLPRegressor(tol=0.3, n_iter_no_change=4)
    peer.best_loss_, peer.loss_curve_, peer._no_improvement_count = math.inf, [], 0
    answers = []
    for value in values.tolist():
        peer.loss_curve_.append(value)
        peer._update_no_improvement_count(early_stopping=False, X=None, y=None, sample_weight=None)
        expected = peer._no_improvement_count > peer.n_iter_no_change
        if expected:
            peer._no_improvement_count = 0
        answers.append(plateau.reached(value))
        assert answers[-1] is expected
    assert any(answers)
    assert plateau.best == values.min()


def test_under_infinite_tolerance_nothing_improves():
    plateau = Plateau(tol=math.inf, n_iter_no_change=2)
    assert not plateau.reached(1.0)  # but the first value, which has none before it
    assert [plateau.reached(1.0 / n) for n in (2, 3, 4)] == [False, False, True]
