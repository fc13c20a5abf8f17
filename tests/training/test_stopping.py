from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.neural_network import MLPRegressor

from numbarnn.training import Plateau


@pytest.mark.parametrize("seed", range(5))
def test_as_sklearn(seed):
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


def test_negative_infinite_tolerance_never_stops():
    plateau = Plateau(tol=-math.inf, n_iter_no_change=1)
    assert not any(plateau.reached(1.0) for _ in range(10))
