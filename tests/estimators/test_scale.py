"""Targets and sequences of any scale: when training stops, and what is a warning."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from numbarnn import RNNClassifier, RNNRegressor
from numbarnn.estimators.scale import Moments, warn_of_scale
from tests.estimators.problems import labels, numbers, ragged

X = ragged(40)
Y = numbers(X)
ONE = Moments(np.zeros(1), np.ones(1))
QUICK = {"cell": "lstm", "hidden_layer_sizes": 4, "random_state": 0}


def moments(mean, std):
    return Moments(np.array(mean), np.array(std))


@pytest.mark.parametrize(
    ("loss", "std", "unit"),
    [
        ("squared_error", [1.0, 3.0], 5.0),
        ("absolute_error", [1.0, 3.0], 2.0),
        ("quantile", [1.0, 3.0], 2.0),
        ("huber", [0.5, 3.0], (0.25 + 5.0) / 2),
        ("gaussian", [3.0], 1.0),
        ("squared_error", [0.0], 1.0),
    ],
)
def test_the_unit_of_the_tolerance(loss, std, unit):
    assert RNNRegressor(loss=loss)._loss_unit(moments(np.zeros_like(std), std)) == unit


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_small_targets_are_learned_as_long_as_large_ones(solver):
    """An absolute tolerance would end the training after about 20 epochs, with a score of 0.13 or 0.71."""
    reg = RNNRegressor(**QUICK, solver=solver, alpha=0, n_iter_no_change=10, batch_size=4)
    assert reg.fit(X, 0.03 * Y).score(X, 0.03 * Y) > 0.9
    assert reg.n_iter_ > 100


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_validation_score_has_no_unit():
    settings = QUICK | {"early_stopping": True, "tol": 0.5, "n_iter_no_change": 1, "validation_fraction": 0.3}
    assert RNNRegressor(**settings).fit(X, 1e-3 * Y)._state.plateau.tol == 0.5


def test_moments_count_weights_and_neither_nan_nor_rounding():
    rows = np.array([[1.0, 0.1], [3.0, 0.1 + 1e-17], [np.nan, 0.1], [9.0, 0.1]])
    found = Moments.of(rows, np.array([1.0, 1.0, 1.0, 0.0]))
    assert_allclose(found.mean, [2, 0.1], rtol=1e-15, atol=0)
    assert_allclose(found.std, [1, 0], rtol=1e-15, atol=0)


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (ONE, moments([0.0, 280.0], [1.0, 120.0]), r"targets y are not scaled \(mean 280, .*120\).*TransformedTarget"),
        (ONE, moments([0.0], [0.001]), r"targets y are not scaled \(mean 0, standard deviation 0.001\)"),
        (moments([0.0, -2000.0], [1.0, 5.0]), None, r"X are not scaled \(feature 1: mean -2e\+03.*SequenceScaler"),
        (moments([0.0, 0.0], [0.001, 0.0]), ONE, r"X are not scaled \(feature 0: .* 0.001\)"),
        (moments([100.0], [1.0]), moments([100.0], [1.0]), "targets y are not scaled .* X are not scaled"),
    ],
)
def test_a_scale_far_from_one_is_a_warning(inputs, targets, message):
    with pytest.warns(ConvergenceWarning, match=message) as record:
        warn_of_scale(inputs, targets)
    assert len(record) == 1


@pytest.mark.parametrize("targets", [None, ONE, moments([0.0], [0.0]), moments([10.0], [20.0])])
def test_a_scale_near_one_is_none(targets):
    warn_of_scale(ONE, targets)
    warn_of_scale(moments([0.0, 5.0], [30.0, 0.0]), targets)


def test_raw_numbers_of_passengers_are_a_warning_of_fit():
    with pytest.warns(ConvergenceWarning, match=r"y are not scaled.*X are not scaled") as record:
        RNNRegressor(**QUICK, tol=1, n_iter_no_change=1).fit(np.full((4, 3), 280.0), [270.0, 290.0, 300.0, 260.0])
    assert record[0].filename == __file__


def test_no_warning_where_the_link_is_logarithmic_and_for_classes():
    quick = QUICK | {"tol": 1.0, "n_iter_no_change": 1}
    RNNRegressor(**quick, loss="poisson").fit(X, np.full(40, 300.0))
    RNNClassifier(**quick).fit(X, 300 + labels(X))


def test_few_updates_are_named_where_training_has_not_converged():
    with pytest.warns(
        ConvergenceWarning, match=r"Maximum iterations \(3\).*There were 6 updates.*2 per epoch.*batch_size"
    ):
        RNNRegressor(**QUICK, max_iter=3, batch_size=20).fit(X, Y)
