from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import accuracy_score

from numbarnn import RNNClassifier
from tests.estimators.problems import labels, objects, ragged

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = ragged(150)
Y = labels(X)
QUICK = {"hidden_layer_sizes": 4, "max_iter": 3, "random_state": 0}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        pytest.param({"cell": "elman"}, marks=pytest.mark.slow),
        pytest.param({"cell": "elman_relu", "max_grad_norm": 1.0}, marks=pytest.mark.slow),
        {"max_grad_norm": 1.0},
        {"bidirectional": True},
        {"hidden_layer_sizes": (6, 3)},
        {"solver": "sgd", "learning_rate_init": 0.2},
        {"solver": "sgd", "learning_rate_init": 0.5, "nesterovs_momentum": False},
        {"solver": "sgd", "learning_rate_init": 0.2, "learning_rate": "adaptive"},
    ],
    ids=str,
)
def test_it_learns(parameters):
    settings = {"learning_rate_init": 0.03, "batch_size": 25, "max_iter": 60, "random_state": 0} | parameters
    clf = RNNClassifier(**{"hidden_layer_sizes": 8} | settings).fit(X, Y)
    assert clf.score(X, Y) > 0.9
    assert clf.loss_ < 0.5 * clf.loss_curve_[0]


def test_it_generalizes():
    clf = RNNClassifier(8, learning_rate_init=0.03, random_state=0).fit(X[:100], Y[:100])
    assert clf.score(X[100:], Y[100:]) > 0.8


@pytest.mark.parametrize(
    ("names", "dtype"),
    [
        ([7, -2], int),
        ([1.0, 0.0], float),
        ([True, False], bool),
        (["up", "down"], str),
        (["up", "down"], object),
    ],
)
def test_labels_of_any_kind(names, dtype):
    y = np.array(names, dtype=dtype)[Y]
    clf = RNNClassifier(**QUICK).fit(X, y)
    assert_array_equal(clf.classes_, np.unique(y))
    predictions = clf.predict(X)
    assert predictions.dtype == clf.classes_.dtype
    assert_array_equal(predictions, clf.classes_[clf.predict_proba(X).argmax(axis=1)])
    assert clf.score(X, y) == accuracy_score(Y == 0, predictions == names[0])


CONTAINERS = [list, tuple, pd.Series, pl.Series, np.asarray, pd.Categorical, lambda y: pd.Series(y, dtype="string")]


@pytest.mark.parametrize("container", CONTAINERS)
def test_labels_in_any_container(container):
    y = container(np.array(["up", "down"])[Y].tolist())
    clf = RNNClassifier(**QUICK).fit(X, y)
    assert clf.score(X, y) == clf.score(X, np.array(y))


def test_three_classes():
    y = np.array([np.digitize(x[-1, 0], [-0.4, 0.4]) for x in X])
    clf = RNNClassifier(8, learning_rate_init=0.03, random_state=0).fit(X[:100], y[:100])
    assert clf.n_outputs_ == 3
    assert clf.out_activation_ == "softmax"
    assert clf.score(X[100:], y[100:]) > 0.8


def test_probabilities():
    clf = RNNClassifier(**QUICK).fit(X, Y)
    probabilities = clf.predict_proba(X)
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-14, atol=0)
    assert_allclose(clf.predict_log_proba(X), np.log(probabilities), rtol=1e-12, atol=1e-15)


def test_log_probabilities_stay_finite_where_probabilities_vanish():
    clf = RNNClassifier(**QUICK).fit(X, Y)
    clf.network_.views(clf.theta_)["readout.b"][:] = [0, 1e4]
    assert clf.predict_proba(X)[0, 0] == 0
    assert_allclose(clf.predict_log_proba(X)[0, 0], -1e4, rtol=1e-3, atol=0)


def test_several_labels_at_once():
    y = np.column_stack([Y, [x[0, 1] > 0 for x in X], np.ones(150)]).astype(int)
    clf = RNNClassifier(8, learning_rate_init=0.03, random_state=0).fit(X[:100], y[:100])
    assert clf.out_activation_ == "logistic"
    assert_array_equal(clf.classes_, [0, 1, 2])
    predictions = clf.predict(X)
    assert_array_equal(predictions, clf.predict_proba(X) > 0.5)
    assert (predictions == y).mean() > 0.9
    assert clf.score(X, y) == (predictions == y).all(axis=1).mean()
    assert_allclose(clf.predict_log_proba(X), np.log(clf.predict_proba(X)), rtol=1e-10, atol=1e-15)


def test_one_class():
    clf = RNNClassifier(**QUICK).fit(X, np.full(150, "all"))
    assert_array_equal(clf.predict(X), np.full(150, "all"))
    assert_array_equal(clf.predict_proba(X), np.ones((150, 1)))


def steps(X):
    """Of each step: is it above the one before?"""
    return [np.diff(x[:, 0], prepend=0) > 0 for x in X]


def test_one_label_per_step():
    y = [np.array(["down", "up"])[step.astype(int)] for step in steps(X)]
    clf = RNNClassifier(8, return_sequences=True, learning_rate_init=0.05, max_iter=60, random_state=0)
    clf.fit(X[:100], y[:100])
    predictions = clf.predict(X[100:])
    assert isinstance(predictions, list)
    assert clf.score(X[100:], y[100:]) == (np.concatenate(predictions) == np.concatenate(y[100:])).mean() > 0.8
    assert [p.shape for p in clf.predict_proba(X[:3])] == [(len(x), 2) for x in X[:3]]
    assert [p.shape for p in clf.predict_log_proba(objects(X[:3]))] == [(len(x), 2) for x in X[:3]]
    assert clf.predict(objects(X[:3])).dtype == object


def test_one_label_per_step_of_an_array():
    cube = np.random.RandomState(0).standard_normal((10, 5, 2))
    clf = RNNClassifier(**QUICK, return_sequences=True).fit(cube, cube[:, :, 0] > 0)
    assert clf.predict(cube).shape == (10, 5)
    assert clf.predict_proba(cube).shape == (10, 5, 2)
    series = RNNClassifier(**QUICK, return_sequences=True).fit(cube[:, :, 0], cube[:, :, 0] > 0)
    assert series.predict(cube[:, :, 0]).shape == (10, 5)


def test_several_labels_per_step():
    cube = np.random.RandomState(0).standard_normal((10, 5, 2))
    clf = RNNClassifier(**QUICK, return_sequences=True).fit(cube, cube > 0)
    assert clf.predict(cube).shape == (10, 5, 2)
    assert clf.out_activation_ == "logistic"


def test_the_score_of_steps_weighs_sequences():
    y = steps(X)
    clf = RNNClassifier(**QUICK, return_sequences=True).fit(X, y)
    weights = np.arange(150)
    right = np.concatenate([p == t for p, t in zip(clf.predict(X), y, strict=True)])
    expected = np.average(right, weights=np.repeat(weights, [len(x) for x in X]))
    assert_allclose(clf.score(X, y, sample_weight=weights), expected, rtol=1e-12, atol=0)
