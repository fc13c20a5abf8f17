"""The parameters whose defaults depend on the data, and the values that they take."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from numbarnn import RNNClassifier, RNNRegressor
from numbarnn.estimators import parameters
from numbarnn.estimators.network import architecture

LENGTHS = np.array([160, 150, 20])
ONE_WAY = (False, "last", 1)


@pytest.mark.parametrize(
    ("n", "size", "epochs", "patience"), [(27, 27, 2000, 500), (270, 33, 223, 56), (2000, 64, 200, 16)]
)
def test_batches_epochs_and_patience(n, size, epochs, patience):
    reg = RNNRegressor()
    assert parameters.batch_size(reg, n) == size
    n_updates = parameters.updates_per_epoch(reg, np.full(n, 5), size)
    assert parameters.max_iter(reg, n_updates) == epochs
    assert parameters.n_iter_no_change(reg, n_updates) == patience


def test_few_sequences_are_one_batch():
    assert parameters.batch_size(RNNRegressor(), 5) == 5


def test_updates_of_truncated_bptt_are_counted():
    reg = RNNRegressor(tbptt=(2, 4))
    assert parameters.max_iter(reg, parameters.updates_per_epoch(reg, np.full(8, 10), 8)) == 400


def test_given_numbers_are_epochs():
    reg = RNNRegressor(batch_size=3, max_iter=7, n_iter_no_change=2)
    assert parameters.batch_size(reg, 1000) == 3
    assert parameters.max_iter(reg, 1) == 7
    assert parameters.n_iter_no_change(reg, 1) == 2


@pytest.mark.parametrize("solver", parameters.BY_ITERATIONS)
def test_solvers_that_count_iterations(solver):
    reg = RNNRegressor(solver=solver)
    assert parameters.max_iter(reg, 1) == 200
    assert parameters.n_iter_no_change(reg, 1) == 10


@pytest.mark.parametrize(("n", "expected"), [(100, 100), (300, 256), (4000, 500)])
def test_batches_of_curvature(n, expected):
    assert parameters.batch_size(RNNRegressor(solver="hessian_free"), n) == expected


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (RNNClassifier(), (True, "max", 3)),
        (RNNClassifier(return_sequences=True), ONE_WAY),
        (RNNClassifier(tbptt=(2, 4)), ONE_WAY),
        (RNNRegressor(), ONE_WAY),
        (RNNRegressor(return_sequences=True), ONE_WAY),
        (RNNClassifier(bidirectional=False), (False, "max", 3)),
        (RNNClassifier(pooling="last"), (True, "last", 3)),
        (RNNClassifier(patch=1), (True, "max", 1)),
        (RNNRegressor(bidirectional=True, pooling="mean", patch=2), (True, "mean", 2)),
    ],
    ids=str,
)
def test_automatic_architectures(estimator, expected):
    plan = architecture(estimator, LENGTHS)
    assert (plan.bidirectional, plan.pooling, plan.patch) == expected


def test_a_fit_takes_them():
    X = np.random.RandomState(0).standard_normal((4, 100))
    clf = RNNClassifier(2, cell="lstm", tol=0, max_iter=1, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(1\)"):
        clf.fit(X, X[:, 0] > 0)
    assert clf.patch_ == 2
    assert {name.split(".")[1] for name in clf.network_.views(clf.theta_) if name.startswith("layer0")} == {
        "forward",
        "backward",
    }
    reg = RNNRegressor(2, cell="elman", tol=0, learning_rate_init=1e-4, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2000\)"):
        reg.fit(X[:, :2], X[:, 0])
    assert reg.n_iter_ == 2000
