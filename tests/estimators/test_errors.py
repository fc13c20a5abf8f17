"""Bad input raises an error that says what came and what was expected."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from numbarnn import RNNClassifier, RNNRegressor
from tests.estimators.problems import labels, numbers, ragged

X = ragged(12)
Y = labels(X)
CUBE = np.random.RandomState(0).standard_normal((12, 4, 2))
QUICK = {"cell": "lstm", "hidden_layer_sizes": 3, "max_iter": 1, "random_state": 0}


@pytest.fixture(scope="module")
def fitted():
    return RNNClassifier(**QUICK).partial_fit(X, Y, classes=[0, 1])


BAD_X = {
    "rank": (CUBE[0, 0], "got 1D array"),
    "rank 4": (CUBE[np.newaxis], "no axis empty, got an array of shape"),
    "ragged features": ([*X[:-1], X[-1][:, :1]], "do not have the same features"),
    "NaN": (np.where(CUBE > 2, np.nan, CUBE), "contains NaN"),
    "infinity": ([*X[:-1], np.full((2, 2), np.inf)], "contains infinity"),
    "zero-length": ([*X[:-1], X[-1][:0]], "needs a step"),
    "empty": (np.zeros((0, 4, 2)), r"0 sample\(s\)"),
    "empty list": ([], "Found X with 0 sequences while a minimum of 1 is required"),
    "strings": (CUBE.astype(str), "Expected real numbers in X"),
    "complex": (CUBE * 1j, "Complex data not supported"),
    "objects": (np.array([{}] * 12), "got X.0. as a dict"),
}


@pytest.mark.parametrize(("bad", "message"), BAD_X.values(), ids=BAD_X.keys())
def test_bad_sequences(fitted, bad, message):
    with pytest.raises(ValueError, match=message):
        RNNClassifier(**QUICK).fit(bad, Y)
    with pytest.raises(ValueError, match=message):
        fitted.predict(bad)


def test_another_number_of_features(fitted):
    for method in (fitted.predict, fitted.predict_proba, fitted.predict_log_proba):
        with pytest.raises(ValueError, match="X has 3 features, but RNNClassifier is expecting 2 features"):
            method(np.ones((4, 5, 3)))
    with pytest.raises(ValueError, match="X has 1 features per step, but RNNClassifier is expecting 2"):
        fitted.predict(np.ones((4, 5)))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_overflow_is_an_error():
    reg = RNNRegressor(**QUICK).fit(X, Y)
    reg.network_.views(reg.theta_)["readout.b"][:] = np.inf
    with pytest.raises(ValueError, match="X holds numbers too large"):
        reg.predict(X)


@pytest.mark.parametrize("estimator", [RNNClassifier(), RNNRegressor()])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "score"])
def test_predicting_before_fit(estimator, method):
    if method.startswith("predict_") and isinstance(estimator, RNNRegressor):
        assert not hasattr(estimator, method)
        return
    arguments = (X, Y) if method == "score" else (X,)
    with pytest.raises(NotFittedError):
        getattr(estimator, method)(*arguments)


BAD_TARGETS = {
    "missing": (RNNClassifier, None, "requires y to be passed"),
    "too few": (RNNClassifier, Y[1:], "inconsistent numbers of samples"),
    "numbers as classes": (RNNClassifier, numbers(X), "Unknown label type"),
    "several columns of classes": (RNNClassifier, np.arange(24).reshape(12, 2), "return_sequences=True"),
    "NaN class": (RNNClassifier, np.where(Y, np.nan, 0), "Input y contains NaN"),
    "complex classes": (RNNClassifier, Y * 1j, "Complex data not supported"),
    "objects as classes": (RNNClassifier, np.array([{}] * 12), "Unknown label type|not supported"),
    "strings as numbers": (RNNRegressor, ["1.5"] * 12, "Expected real numbers in y"),
    "complex numbers": (RNNRegressor, Y * 1j, "Complex data not supported"),
    "labels in {0, 2}": (RNNClassifier, np.column_stack([2 * Y, 2 - 2 * Y]), "must hold zeros and ones"),
    "labels in {-1, 1}": (RNNClassifier, np.column_stack([2 * Y - 1, 1 - 2 * Y]), "must hold zeros and ones"),
    "mixed labels": (RNNClassifier, np.array(["a", 1], dtype=object)[Y], "y mixes text with other labels"),
    "generator": (RNNClassifier, (label for label in Y), r"write list\(y\)"),
    "infinity": (RNNRegressor, np.where(Y, np.inf, 0), "Input y contains infinity"),
    "rank 3": (RNNRegressor, np.zeros((12, 2, 2)), "Found array with dim 3"),
}


@pytest.mark.parametrize(("estimator", "y", "message"), BAD_TARGETS.values(), ids=BAD_TARGETS.keys())
def test_bad_targets(estimator, y, message):
    with pytest.raises((ValueError, TypeError), match=message):
        estimator(**QUICK).fit(X, y)


def test_targets_that_do_not_fit_the_steps():
    clf = RNNClassifier(**QUICK, return_sequences=True)
    with pytest.raises(ValueError, match=re.escape("return_sequences=True needs one target per step")):
        clf.fit(X, Y)
    with pytest.raises(ValueError, match=re.escape("expected y[11] of shape")):
        clf.fit(X, [*(x[:, 0] > 0 for x in X[:-1]), [True]])


BAD_WEIGHTS = {
    "negative": (-np.ones(12), "Negative values in data passed to `sample_weight`"),
    "all zero": (np.zeros(12), "at least one non-zero number"),
    "too few": (np.ones(11), r"sample_weight.shape == \(11,\), expected \(12,\)"),
    "NaN": (np.full(12, np.nan), "sample_weight contains NaN"),
}


@pytest.mark.parametrize(("weights", "message"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS.keys())
def test_bad_weights(fitted, weights, message):
    for method in (RNNClassifier(**QUICK).fit, fitted.partial_fit, fitted.score):
        with pytest.raises(ValueError, match=message):
            method(X, Y, sample_weight=weights)


BAD_PARAMETERS = [
    ("cell", "abacus"),
    ("cell", 3),
    ("solver", "newton"),
    ("pooling", "sum"),
    ("patch", 0),
    ("projection_size", 3),
    ("warmup_fraction", 1.0),
    ("max_fun", 0),
    ("n_estimators", 0),
    ("class_weight", "uniform"),
    ("hidden_layer_sizes", 0),
    ("hidden_layer_sizes", -3),
    ("hidden_layer_sizes", (4, -3)),
    ("hidden_layer_sizes", (4, 2.5)),
    ("hidden_layer_sizes", ()),
    ("hidden_layer_sizes", "64"),
    ("hidden_layer_sizes", ((4,),)),
    ("alpha", -1),
    ("batch_size", 0),
    ("batch_size", "all"),
    ("learning_rate", "fast"),
    ("learning_rate_init", 0),
    ("power_t", -1),
    ("max_iter", 0),
    ("shuffle", "yes"),
    ("random_state", "dice"),
    ("tol", -1),
    ("momentum", 2),
    ("validation_fraction", 1.0),
    ("beta_1", 1.0),
    ("beta_2", -0.1),
    ("epsilon", 0),
    ("n_iter_no_change", 0),
    ("max_grad_norm", 0),
    ("tbptt", 5),
    ("tbptt", "short"),
    ("tbptt", (3, 2)),
    ("tbptt", (1, 2, 3)),
    ("dtype", "float16"),
    ("dtype", int),
    ("device", "gpu"),
    ("n_jobs", 1.5),
    ("n_jobs", 0),
    ("bidirectional", "both"),
    ("return_sequences", None),
    ("dropout", 1.0),
    ("input_dropout", -0.1),
    ("recurrent_dropout", None),
    ("weight_dropout", "0.5"),
    ("zoneout", 1.0),
    ("zoneout", (0.1, 1.0)),
    ("zoneout", (0.1, 0.1, 0.1)),
    ("preactivation_clip", 0),
]


@pytest.mark.parametrize(("name", "value"), BAD_PARAMETERS, ids=str)
def test_bad_parameters(name, value):
    with pytest.raises(ValueError, match=name):
        RNNClassifier(**QUICK | {name: value}).fit(X, Y)


@pytest.mark.parametrize("columns", [[2 * Y, 2 - 2 * Y], [2 * Y - 1, 1 - 2 * Y]])
def test_labels_that_are_not_zeros_and_ones_are_refused_everywhere(columns):
    clf = RNNClassifier(**QUICK).partial_fit(X, np.column_stack([Y, 1 - Y]), classes=[0, 1])
    for method in (clf.partial_fit, clf.parameter_gradients, clf.gradient_flow):
        with pytest.raises(ValueError, match="must hold zeros and ones"):
            method(X, np.column_stack(columns))


@pytest.mark.parametrize("classes", [[0, 1, 2], [5, 7], [0]])
def test_classes_of_several_labels_are_the_columns(classes):
    with pytest.raises(ValueError, match=r"must be the numbers of the columns of y where it has several, \[0, 1\]"):
        RNNClassifier(**QUICK).partial_fit(X, np.column_stack([Y, 1 - Y]), classes=classes)


def test_one_bare_sequence(fitted):
    with pytest.raises(ValueError, match=r"For one sequence x of 5 steps with 2 features write \[x\]"):
        fitted.predict(np.ones((5, 2)))
    with pytest.raises(ValueError, match=r"For one sequence x of 4 steps write \[x\]"):
        RNNClassifier(**QUICK).fit(CUBE[0], [1])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_dated_targets_of_an_array_are_a_warning():
    y = pd.Series(numbers(X), index=pd.date_range("2020-01-01", periods=12))
    with pytest.warns(UserWarning, match="was read as 12 sequences, one per row, of 4 steps.*y is labelled by time"):
        RNNRegressor(**QUICK).fit(CUBE[:, :, 0], y)


def test_nothing_to_learn_from():
    with pytest.raises(ValueError, match="Found X with 0 sequences"):
        RNNClassifier(**QUICK).fit([], [])
    with pytest.raises(ValueError, match="A sequence needs a step and a feature"):
        RNNClassifier(**QUICK).fit([np.zeros((0, 2))], [1])
    with pytest.raises(TypeError, match=r"write list\(X\)"):
        RNNClassifier(**QUICK).fit((x for x in X), Y)


def test_missing_values_in_sequences_are_refused_with_the_place():
    with pytest.raises(ValueError, match=r"contains NaN: X\[3\] at step 1"):
        RNNClassifier(**QUICK).fit([*X[:3], [[1, 2], [np.nan, 1]], *X[4:]], Y)


def test_a_gradient_flow_without_steps(fitted):
    with pytest.raises(ValueError, match="A sequence needs a step"):
        fitted.gradient_flow([np.zeros((0, 2))], [1])


def test_partial_fit_wants_the_classes_and_no_early_stopping():
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        RNNClassifier(**QUICK).partial_fit(X, Y)
    with pytest.raises(ValueError, match="does not support early_stopping"):
        RNNClassifier(**QUICK, early_stopping=True).partial_fit(X, Y, classes=[0, 1])


def test_too_few_sequences_for_early_stopping():
    with pytest.raises(ValueError, match="validation set is too small"):
        RNNRegressor(**QUICK, early_stopping=True).fit(X[:5], numbers(X[:5]))
    with pytest.raises(ValueError, match="sets aside 1 of 1 sequences"):
        RNNRegressor(**QUICK, early_stopping=True).fit(X[:1], numbers(X[:1]))
    with pytest.raises(ValueError, match="validation_fraction must be above 0"):
        RNNRegressor(**QUICK, early_stopping=True, validation_fraction=0).fit(X, numbers(X))


def test_a_network_too_large_for_memory():
    with pytest.raises(MemoryError, match=r"hidden_layer_sizes=1000000 is too large: Unable to allocate .*iB"):
        RNNClassifier(10**6).fit(X, Y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_batch_larger_than_the_data_is_a_warning():
    with pytest.warns(UserWarning, match="batch_size=13 is larger than the number of sequences, 12"):
        RNNClassifier(**QUICK, batch_size=13).fit(X, Y)
