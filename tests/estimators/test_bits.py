"""What must not change a result, to the bit; and what weights mean."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn import RNNClassifier, RNNRegressor
from tests.estimators.problems import labels, numbers, objects, ragged

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = ragged(40)
Y = labels(X)
QUICK = {"cell": "lstm", "hidden_layer_sizes": 5, "max_iter": 4, "random_state": 0}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("parameters", [{"batch_size": 7}, {"early_stopping": True}, {"bidirectional": True}], ids=str)
def test_fits_and_predictions_repeat(parameters, dtype):
    first, second = (RNNClassifier(**QUICK, **parameters, dtype=dtype).fit(X, Y) for _ in range(2))
    assert first.theta_.dtype == dtype
    assert_array_equal(first.theta_, second.theta_)
    assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    other = RNNClassifier(**QUICK | {"random_state": 1}, **parameters, dtype=dtype).fit(X, Y)
    assert (other.theta_ != first.theta_).any()


@pytest.mark.parametrize("n_jobs", [2, -1])
def test_threads_do_not_change_a_bit(n_jobs):
    one = RNNClassifier(**QUICK, n_jobs=1).fit(X, Y)
    many = RNNClassifier(**QUICK, n_jobs=n_jobs).fit(X, Y)
    assert_array_equal(many.theta_, one.theta_)
    assert_array_equal(many.predict_proba(X), one.predict_proba(X))


@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_prediction_does_not_depend_on_the_other_sequences(return_sequences, bidirectional):
    settings = QUICK | {"return_sequences": return_sequences, "bidirectional": bidirectional}
    reg = RNNRegressor(**settings).fit(X, [x[:, 0] for x in X] if return_sequences else numbers(X))
    together = reg.predict(X)
    alone = [reg.predict([x])[0] for x in X]
    shuffled = reg.predict([*X[::-1], np.zeros((50, 2))])
    for i in range(40):
        assert_array_equal(together[i], alone[i])
        assert_array_equal(together[i], shuffled[39 - i])


def test_the_form_of_the_input_does_not_change_a_bit():
    cube = np.random.RandomState(0).standard_normal((12, 5, 2))
    y = labels(cube)
    theta = RNNClassifier(**QUICK).fit(cube, y).theta_
    for form in (
        cube.tolist(),
        list(cube),
        tuple(cube),
        objects(cube),
        np.asfortranarray(cube),
        [pd.DataFrame(x, columns=["a", "b"]) for x in cube],
        [pl.DataFrame(x, schema=["a", "b"]) for x in cube],
    ):
        clf = RNNClassifier(**QUICK).fit(form, y)
        assert_array_equal(clf.theta_, theta)
        assert clf.n_features_in_ == 2


def test_one_series_per_row_is_one_input_per_step():
    rows = np.random.RandomState(0).standard_normal((12, 5))
    y = labels(rows[:, :, np.newaxis])
    clf = RNNClassifier(**QUICK).fit(rows, y)
    assert clf.n_features_in_ == 5
    assert clf.network_.n_inputs == 1
    for form in (pd.DataFrame(rows), pl.DataFrame(rows), rows[:, :, np.newaxis], list(rows)):
        assert_array_equal(RNNClassifier(**QUICK).fit(form, y).theta_, clf.theta_)
        if not isinstance(form, pl.DataFrame):  # whose columns have names
            assert_array_equal(clf.predict_proba(form), clf.predict_proba(rows))


@pytest.mark.parametrize("parameters", [{}, {"batch_size": 7}, {"early_stopping": True}], ids=str)
def test_weight_zero_is_a_removed_sequence(parameters):
    weights = np.where(np.arange(40) % 3 == 0, 0.0, 0.7)
    kept = np.flatnonzero(weights)
    weighted = RNNClassifier(**QUICK, **parameters).fit(X, Y, sample_weight=weights)
    removed = RNNClassifier(**QUICK, **parameters).fit([X[i] for i in kept], Y[kept], sample_weight=weights[kept])
    assert_array_equal(weighted.theta_, removed.theta_)
    assert weighted.t_ == removed.t_


def test_weight_zero_removes_a_class():
    y = np.where(np.arange(40) < 3, 2, Y)
    assert_array_equal(RNNClassifier(**QUICK).fit(X, y, sample_weight=y < 2).classes_, [0, 1])


@pytest.mark.parametrize("return_sequences", [False, True])
def test_weight_k_is_k_copies(return_sequences):
    y = [x[:, 0] for x in X] if return_sequences else numbers(X)
    weights = np.arange(40) % 4
    copies = np.repeat(np.arange(40), weights)
    reg = RNNRegressor(**QUICK, return_sequences=return_sequences, shuffle=False)
    weighted = reg.set_params(batch_size=np.count_nonzero(weights)).fit(X, y, sample_weight=weights).theta_
    repeated = reg.set_params(batch_size=len(copies)).fit([X[i] for i in copies], [y[i] for i in copies]).theta_
    assert_allclose(weighted, repeated, rtol=1e-11, atol=1e-14)


def test_one_batch_has_the_same_bits_in_any_order_and_for_copies_as_for_weights():
    y, weights = numbers(X[:20]), 1 + np.arange(20) % 3
    order = np.random.RandomState(0).permutation(20)
    expected = RNNRegressor(**QUICK).fit(X[:20], y, sample_weight=weights).theta_
    for indices, of_indices in ((order, weights[order]), (order.repeat(weights[order]), None)):
        reg = RNNRegressor(**QUICK).fit([X[i] for i in indices], y[indices], sample_weight=of_indices)
        assert_array_equal(reg.theta_, expected)
    with_another_target = RNNRegressor(**QUICK).fit([*X[:20], X[0]], [*y, y[0] + 1])
    assert (with_another_target.theta_ != RNNRegressor(**QUICK).fit(X[:20], y).theta_).any()


def test_equal_weights_are_no_weights():
    reg = RNNRegressor(**QUICK)
    assert_array_equal(reg.fit(X, numbers(X), sample_weight=np.ones(40)).theta_, reg.fit(X, numbers(X)).theta_)


@pytest.mark.parametrize(
    ("given", "dtype", "expected"),
    [
        ("float32", None, "float32"),
        ("int64", None, "float64"),
        ("float32", "float64", "float64"),
        ("float64", np.float32, "float32"),
    ],
)
def test_dtype(given, dtype, expected):
    cube = (10 * np.random.RandomState(0).standard_normal((12, 5, 2))).astype(given)
    clf = RNNClassifier(**QUICK, dtype=dtype).fit(cube, labels(cube))
    assert clf.theta_.dtype == expected
    assert clf.predict_proba(cube).dtype == expected
    assert clf.predict_proba(cube.astype("float64")).dtype == expected
