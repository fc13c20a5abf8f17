"""The estimators inside scikit-learn: its own checks, its tools, its conventions."""

from __future__ import annotations

import ast
import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from numbarnn import RNNClassifier, RNNRegressor, SequenceScaler
from tests.estimators.problems import labels, numbers, ragged

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = ragged(24)
QUICK = {"cell": "lstm", "hidden_layer_sizes": 4, "max_iter": 3, "random_state": 0}
VARIANT = {"n_estimators": 2, "pooling": "max", "patch": 2, "max_iter": 15, "learning_rate_init": 0.03}


def _checks(*settings):
    """Run scikit-learn's checks for both estimators with each of the settings."""
    return parametrize_with_checks(
        [estimator(**options) for options in settings for estimator in (RNNClassifier, RNNRegressor)]
    )


@_checks({"cell": "lstm", "max_iter": 15, "learning_rate_init": 0.03})
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@_checks({}, VARIANT)
def test_scikit_learns_checks_of_the_defaults_and_of_ensembles_pooling_and_patches(estimator, check):
    check(estimator)


def test_predictions_on_several_threads_at_once():
    clf = RNNClassifier(**QUICK).fit(X, labels(X))
    expected = clf.predict_proba(X)
    with ThreadPoolExecutor(4) as pool:
        for probabilities in pool.map(clf.predict_proba, [X] * 20):
            assert_array_equal(probabilities, expected)


def test_grid_search_over_a_pipeline_of_ragged_sequences():
    pipeline = make_pipeline(SequenceScaler(), RNNClassifier(**QUICK))
    grid = {"rnnclassifier__alpha": [1e-4, 1.0], "sequencescaler__with_mean": [True, False]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, labels(X))
    assert search.predict(X).shape == (24,)
    assert len(set(search.cv_results_["mean_test_score"])) > 1


@pytest.mark.slow
def test_a_grid_search_in_processes_has_the_scores_of_one_process():
    grid = {"alpha": [1e-4, 1.0]}
    one, several = (
        GridSearchCV(RNNClassifier(**QUICK), grid, cv=2, n_jobs=n_jobs, error_score="raise").fit(X, labels(X))
        for n_jobs in (1, 2)
    )
    assert_array_equal(several.cv_results_["mean_test_score"], one.cv_results_["mean_test_score"])


def test_cross_validation():
    scores = cross_val_score(RNNClassifier(**QUICK), X, labels(X), cv=3, error_score="raise")
    assert scores.shape == (3,)
    predictions = cross_val_predict(RNNRegressor(**QUICK), X, numbers(X), cv=3)
    assert predictions.shape == (24,)


def test_cross_validated_predictions_of_steps():
    sequences = np.array(X, dtype=object)
    steps = np.array([(x[:, 0] > 0).astype(int) for x in X], dtype=object)
    clf = RNNClassifier(**QUICK, return_sequences=True)
    predictions = cross_val_predict(clf, sequences, steps, cv=3)
    assert [len(p) for p in predictions] == [len(x) for x in X]


def test_transformed_targets():
    model = TransformedTargetRegressor(RNNRegressor(**QUICK), transformer=StandardScaler())
    assert model.fit(X, 1000 + numbers(X)).predict(X).shape == (24,)
    assert abs(model.predict(X).mean() - 1000) < 10


@pytest.mark.parametrize("dump", [pickle, joblib])
def test_pickling(dump, tmp_path):
    clf = RNNClassifier(**QUICK, bidirectional=True).fit(X, labels(X))
    with (tmp_path / "clf").open("wb") as file:
        dump.dump(clf, file)
    with (tmp_path / "clf").open("rb") as file:
        loaded = dump.load(file)
    assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    assert_array_equal(loaded.partial_fit(X, labels(X)).theta_, clf.partial_fit(X, labels(X)).theta_)


def test_a_memory_mapped_estimator_predicts_and_learns_on(tmp_path):
    clf = RNNClassifier(**QUICK).fit(X, labels(X))
    joblib.dump(clf, tmp_path / "clf")
    mapped = joblib.load(tmp_path / "clf", mmap_mode="r")
    assert_array_equal(mapped.predict_proba(X), clf.predict_proba(X))
    assert_array_equal(mapped.partial_fit(X, labels(X)).theta_, clf.partial_fit(X, labels(X)).theta_)


def test_a_clone_is_unfitted_and_fits_alike():
    clf = RNNClassifier(**QUICK).fit(X, labels(X))
    copy = clone(clf)
    assert not hasattr(copy, "theta_")
    assert_array_equal(copy.fit(X, labels(X)).theta_, clf.theta_)


def test_weights_are_routed():
    weights = np.where(np.arange(24) % 4 == 0, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        clf = RNNClassifier(**QUICK).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(clf, {"alpha": [0.1]}, cv=2).fit(X, labels(X), sample_weight=weights)
    direct = RNNClassifier(**QUICK, alpha=0.1).fit(X, labels(X), sample_weight=weights)
    assert_array_equal(search.best_estimator_.theta_, direct.theta_)


def test_docstrings_name_every_parameter():
    for estimator in (RNNClassifier, RNNRegressor):
        parameters = estimator.__doc__.split("Attributes")[0]
        for name, default in estimator().get_params().items():
            line = re.search(rf"^ *{name} : .*default=(.*)$", parameters, re.MULTILINE)
            assert ast.literal_eval(line[1]) == default
