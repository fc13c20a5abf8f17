"""Dropout, zoneout and clip as parameters of the estimators."""

from __future__ import annotations

import pickle

import pytest
from numpy.testing import assert_array_equal

from numbarnn import RNNClassifier, RNNRegressor
from tests.estimators.problems import ONE_WAY, labels, numbers, ragged

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = ragged(40)
Y = labels(X)
QUICK = {"cell": "lstm", "hidden_layer_sizes": 4, "max_iter": 4, "batch_size": 7, "random_state": 0}
ALL = {
    "dropout": 0.2,
    "input_dropout": 0.2,
    "recurrent_dropout": 0.2,
    "weight_dropout": 0.2,
    "zoneout": (0.1, 0.3),
    "preactivation_clip": 2.0,
}


def test_parameters_reach_the_network():
    (_, recurrent), (_, dropout), _ = RNNClassifier(**QUICK, **ALL, **ONE_WAY).fit(X, Y).network_.layer.steps
    assert dropout.rate == 0.2
    for name, value in ALL.items():
        assert name == "dropout" or getattr(recurrent, name) == value


@pytest.mark.parametrize("shuffle", [True, False])
def test_fits_repeat_whatever_the_threads(shuffle):
    settings = QUICK | ALL | {"shuffle": shuffle, "batch_size": 20}
    first, second = (RNNClassifier(**settings, n_jobs=n_jobs).fit(X, Y) for n_jobs in (1, 2))
    assert_array_equal(second.theta_, first.theta_)
    assert (RNNClassifier(**settings | {"random_state": 1}).fit(X, Y).theta_ != first.theta_).any()


def test_partial_fit_is_fit_epoch_by_epoch():
    whole = RNNClassifier(**QUICK, **ALL).fit(X, Y)
    parts = RNNClassifier(**QUICK, **ALL)
    for _ in range(4):
        parts = pickle.loads(pickle.dumps(parts.partial_fit(X, Y, classes=[0, 1])))
    assert_array_equal(parts.theta_, whole.theta_)
    assert parts.loss_curve_ == whole.loss_curve_


def test_what_is_dropped_may_change_in_a_warm_start():
    clf = RNNClassifier(**QUICK, **ALL, warm_start=True).fit(X, Y)
    clf.set_params(dropout=0.0).fit(X, Y)
    assert len(clf.loss_curve_) == 8
    assert [name for name, _ in clf.network_.layer.steps] == ["layer0", "pooling", "readout"]


@pytest.mark.slow
def test_what_is_fitted_drops_nothing():
    """Predictions, states and derivatives are those of the same parameters with the mean of zoneout and the clip."""
    y = numbers(X)
    kept = {"zoneout": ALL["zoneout"], "preactivation_clip": ALL["preactivation_clip"]}
    dropping, plain = (RNNRegressor(**QUICK, **settings).fit(X, y) for settings in (ALL, kept))
    theta = dropping.theta_
    assert (theta != plain.theta_).any()
    plain.theta_ = theta
    assert_array_equal(dropping.predict(X), plain.predict(X))
    for ours, expected in zip(*(m.predict(X, return_state=True)[1][0] for m in (dropping, plain)), strict=True):
        assert_array_equal(ours, expected)
    _, state = dropping.predict([x[:1] for x in X], return_state=True)
    assert_array_equal(dropping.predict([x[1:] for x in X], state), dropping.predict(X))
    assert_array_equal(dropping.parameter_gradients(X, y), plain.parameter_gradients(X, y))
    for ours, expected in zip(dropping.input_gradient(X), plain.input_gradient(X), strict=True):
        assert_array_equal(ours, expected)
    flows = (m.gradient_flow(X, y)["layer0"] for m in (dropping, plain))
    for ours, expected in zip(*flows, strict=True):
        assert_array_equal(ours, expected)


@pytest.mark.parametrize("options", [{}, {"return_sequences": True}, {"bidirectional": True}], ids=str)
def test_a_budget_of_memory_changes_no_bit(options):
    y = [x[:, 0] for x in X] if options.get("return_sequences") else numbers(X)
    settings = QUICK | ALL | {"hidden_layer_sizes": (4, 3), "learn_initial_state": True} | options
    free, bound = (
        RNNRegressor(**settings, checkpoint_memory_mb=checkpoint_memory_mb).fit(X, y)
        for checkpoint_memory_mb in (None, 0.032)
    )
    assert_array_equal(bound.theta_, free.theta_)
