from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from numbarnn.network import predict
from numbarnn.training import Validation
from tests.training.problem import NETWORK, examples_of, run, state_of


def scripted(scores):
    """A validation that returns the given scores one after another and keeps what it was given."""
    given = []
    sequences = examples_of(n=4).sequences

    def score(z):
        given.append(z)
        return scores[len(given) - 1]

    return Validation(sequences, score), given


def test_the_best_parameters_come_back():
    validation, given = scripted([0.1, 0.5, 0.9, 0.4, 0.6])
    state = run(validation=validation)
    assert state.validation_scores == [0.1, 0.5, 0.9, 0.4, 0.6]
    assert state.best_validation_score == 0.9
    assert_array_equal(predict(NETWORK, state.theta, validation.sequences), given[2])
    assert_array_equal(state.theta, run(max_iter=3).theta)
    assert state.n_iter == 5


def test_the_score_decides_when_to_stop():
    validation, _ = scripted([0.5, 0.55, 0.58, 0.7, 0.75, 0.76, 0.77])
    state = run(state=state_of(tol=0.1, n_iter_no_change=1), validation=validation, max_iter=7)
    assert (state.outcome, state.n_iter) == ("converged", 3)


def test_earlier_best_parameters_win():
    before = run(validation=scripted([0.8, 0.9])[0], max_iter=2)
    after = run(state=before, validation=scripted([0.1, 0.2])[0], max_iter=2)
    assert_array_equal(after.theta, before.theta)
    assert after.validation_scores == [0.8, 0.9, 0.1, 0.2]


@pytest.mark.parametrize("scores", [[np.nan, 0.2, np.nan], [np.nan] * 3])
def test_scores_that_are_no_numbers(scores):
    state = run(validation=scripted(scores)[0], max_iter=3)
    best = 2 if 0.2 in scores else 3
    assert_array_equal(state.theta, run(max_iter=best).theta)
    assert state.best_validation_score == (0.2 if 0.2 in scores else -np.inf)
