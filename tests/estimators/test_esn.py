"""Echo state networks: what the reservoir computes, the ridge readout, feedback, parameters, scikit-learn's tools."""

from __future__ import annotations

import ast
import pickle
import re

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge, RidgeClassifier, RidgeClassifierCV, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import numbarnn
from numbarnn import ESNClassifier, ESNRegressor, SequenceScaler
from numbarnn.estimators import reservoir
from numbarnn.estimators.reservoir import draw_reservoir, largest_modulus
from tests.estimators.problems import labels, numbers, objects, ragged

X = ragged(60)
SMALL = {"n_reservoir": 30, "density": 0.15, "leaking_rate": 0.6, "input_scaling": 0.5, "random_state": 0}
WAVE = np.sin(0.3 * np.arange(200))
GENERATOR = {"n_reservoir": 40, "density": 0.15, "readout": "sequence", "washout": 50, "alpha": 1e-8, "random_state": 0}


def plain_states(cell, x):
    """States of a reservoir, one step after the other, in NumPy."""
    k, h, states = 1 / (1 + np.exp(-cell.p_k)), np.zeros(len(cell.b)), []
    for x_t in x:
        h = (1 - k) * h + k * np.tanh(x_t @ cell.W + h @ cell.R + cell.b)
        states.append(h)
    return np.array(states)


def close(actual, expected):
    assert_allclose(actual, expected, rtol=1e-9, atol=1e-11)


def test_a_drawn_reservoir_has_its_spectral_radius_density_and_scales():
    settings = {"spectral_radius": 0.8, "leaking_rate": 0.3, "input_scaling": [0.1, 2.0], "bias_scaling": 0.5}
    cell = draw_reservoir(2, 300, **settings, density=0.05, random_state=np.random.RandomState(0))
    assert abs(np.linalg.eigvals(cell.R)).max() == pytest.approx(0.8, rel=1e-7)
    assert np.count_nonzero(cell.R) == round(0.05 * 300**2)
    assert_allclose(abs(cell.W).max(axis=1), [0.1, 2.0], rtol=0.02, atol=0)
    assert 0.48 < abs(cell.b).max() <= 0.5
    assert_allclose(1 / (1 + np.exp(-cell.p_k)), 0.3, rtol=1e-15, atol=0)
    with pytest.raises(ValueError, match="use a larger density"):
        draw_reservoir(1, 20, density=0.001, random_state=np.random.RandomState(0))


def test_the_spectral_radius_is_found_where_the_iteration_does_not_converge(monkeypatch):
    R = np.random.RandomState(0).standard_normal((120, 120))

    def give_up(*args, **options):
        raise reservoir.ArpackNoConvergence("", np.zeros(0), None)

    monkeypatch.setattr(reservoir, "eigs", give_up)
    assert largest_modulus(R) == pytest.approx(abs(np.linalg.eigvals(R)).max(), rel=1e-12)


@pytest.mark.parametrize("readout", ["last", "mean"])
def test_the_rows_of_the_readout_are_last_steps_or_means_of_parts(readout):
    esn = ESNRegressor(**SMALL, readout=readout, n_parts=2, bidirectional=True, washout=1).fit(X, numbers(X))
    forwards, backwards = esn._reservoir.cells
    for x, row in zip(X, esn.features(X), strict=True):
        both = np.concatenate([x, plain_states(forwards, x), plain_states(backwards, x[::-1])], axis=1)
        both[:, :2] = x
        counted = both[1:]
        middle = -(-len(counted) // 2)
        parts = counted[:middle], counted[min(middle, len(counted) - 1) :]
        close(row, both[-1] if readout == "last" else np.concatenate([part.mean(axis=0) for part in parts]))


def test_states_of_both_directions_at_each_step_in_segments_of_one_step(monkeypatch):
    esn = ESNRegressor(**SMALL, readout="last", bidirectional=True).fit(X, numbers(X))
    monkeypatch.setattr(reservoir, "_MAX_NUMBERS", 1)
    forwards, backwards = esn._reservoir.cells
    for x, states in zip(X, esn.states(X), strict=True):
        close(states, np.concatenate([plain_states(forwards, x), plain_states(backwards, x[::-1])[::-1]], axis=1))
    assert_array_equal(esn.set_params(n_jobs=2).features(X), esn.set_params(n_jobs=1).features(X))


def test_the_readout_is_ridge_regression():
    weights = np.random.RandomState(0).uniform(0.5, 2, len(X))
    weights[::7] = 0
    for n_reservoir in (30, 80):  # more sequences than features, and fewer
        esn = ESNRegressor(**SMALL | {"n_reservoir": n_reservoir}, alpha=1.0).fit(X, numbers(X), weights)
        ridge = Ridge().fit(esn.features(X), numbers(X), weights)
        close(esn.coef_[0], ridge.coef_)
        close(esn.predict(X), ridge.predict(esn.features(X)))
    alphas = np.logspace(-3, 2, 6)
    esn = ESNRegressor(**SMALL, alpha=alphas).fit(X, numbers(X), weights)
    ridge = RidgeCV(alphas).fit(esn.features(X)[weights > 0], numbers(X)[weights > 0], weights[weights > 0])
    assert esn.alpha_ == ridge.alpha_
    close(esn.coef_[0], ridge.coef_)


def test_the_classifier_is_a_ridge_classifier():
    of_three = np.arange(len(X)) % 3
    for y, settings in ((labels(X), {}), (of_three, {"class_weight": "balanced"})):
        clf = ESNClassifier(**SMALL, alpha=0.1, **settings).fit(X, y)
        ridge = RidgeClassifier(0.1, **settings).fit(clf.features(X), y)
        close(clf.decision_function(X), ridge.decision_function(clf.features(X)))
        assert_array_equal(clf.predict(X), ridge.predict(clf.features(X)))
        probabilities = clf.predict_proba(X)
        close(probabilities.sum(axis=1), 1)
        assert_array_equal(clf.classes_[probabilities.argmax(axis=1)], clf.predict(X))
        close(np.exp(clf.predict_log_proba(X)), probabilities)
    clf = ESNClassifier(**SMALL, alpha=[0.01, 1.0]).fit(X, of_three)
    assert clf.alpha_ == RidgeClassifierCV([0.01, 1.0]).fit(clf.features(X), of_three).alpha_


def test_one_target_per_step_after_the_washout_and_without_masked_steps():
    y = [x[:, 0] + np.r_[0, x[:-1, 1]] for x in X]
    y[0] = np.full(len(X[0]), np.nan)
    esn = ESNRegressor(**SMALL, readout="sequence", washout=1, alpha=1.0).fit(X, y)
    rows, kept = (
        esn.features(X),
        np.concatenate([(np.arange(len(x)) >= 1) & ~np.isnan(t) for x, t in zip(X, y, strict=True)]),
    )
    ridge = Ridge().fit(rows[kept], np.concatenate(y)[kept])
    close(esn.coef_[0], ridge.coef_)
    close(np.concatenate(esn.predict(X)), ridge.predict(rows))
    with pytest.raises(ValueError, match="washout=9 leaves no step: the longest sequence has 6"):
        ESNRegressor(**SMALL, readout="sequence", washout=9).fit(X, y)


@pytest.mark.parametrize("n_estimators", [1, 2])
def test_partial_fits_are_one_fit(n_estimators):
    y = labels(X)
    whole = ESNClassifier(**SMALL, n_estimators=n_estimators, alpha=0.1).fit(X, y)
    parts = ESNClassifier(**SMALL, n_estimators=n_estimators, alpha=0.1)
    for k in range(0, len(X), 15):
        parts.partial_fit(X[k : k + 15], y[k : k + 15], classes=[0, 1])
    close(parts.decision_function(X), whole.decision_function(X))
    before = parts.decision_function(X)
    with pytest.raises(ValueError, match="classes not in"):
        parts.partial_fit(X, np.full(len(X), 5))
    assert_array_equal(parts.decision_function(X), before)
    assert not hasattr(parts.set_params(alpha=[0.1, 1.0]), "partial_fit")


def test_labels_per_row_and_an_ensemble():
    y = np.stack([labels(X), [len(x) > 3 for x in X]], axis=1).astype(int)
    clf = ESNClassifier(**SMALL, n_estimators=2, alpha=0.01).fit(X, y)
    z = [member.decision_function(X) for member in clf.estimators_]
    close(clf.decision_function(X), np.mean(z, axis=0))
    assert_array_equal(clf.predict(X), clf.predict_proba(X) > 0.5)
    assert clf.score(X, y) > 0.5
    with pytest.raises(ValueError, match="estimators_\\[0\\]"):
        clf.states(X)


def test_a_series_is_continued_by_its_own_outputs():
    esn = ESNRegressor(**GENERATOR).fit(WAVE[np.newaxis, :149, np.newaxis], WAVE[np.newaxis, 1:150])
    X_known = [WAVE[:150, np.newaxis], WAVE[10:140, np.newaxis]]
    outputs = esn.generate(20, X_known)
    assert_allclose(outputs, [WAVE[150:170], WAVE[140:160]], rtol=0, atol=1e-3)
    series = X_known[0]
    for t in range(3):
        following = esn.predict([series])[0][-1]
        assert_allclose(outputs[0, t], following, rtol=0, atol=1e-8)
        series = np.append(series, [[following]], axis=0)


def test_feedback_is_forced_in_fit_and_runs_freely_in_predictions():
    one = np.ones((1, 200, 1))
    esn = ESNRegressor(**GENERATOR, feedback=True, bias_scaling=0.2).fit(one[:, :150], WAVE[np.newaxis, :150])
    assert_allclose(esn.generate(30, one[:, :180], WAVE[np.newaxis, :150])[0], WAVE[150:180], rtol=0, atol=1e-3)
    before, h, outputs = 0.0, np.zeros(40), []
    cell, k = esn.cell_, 1 / (1 + np.exp(-esn.cell_.p_k))
    for _ in range(10):
        u = np.array([1.0, before])
        h = (1 - k) * h + k * np.tanh(u @ cell.W + h @ cell.R + cell.b)
        before = (esn.coef_ @ np.concatenate([u[:1], h]) + esn.intercept_)[0]
        outputs.append(before)
    assert_allclose(esn.predict(one[:, :10])[0], outputs, rtol=1e-7, atol=1e-9)
    ensemble = clone(esn).set_params(n_estimators=2).fit(one[:, :150], WAVE[np.newaxis, :150])
    assert_allclose(ensemble.generate(9, one[:, :159], WAVE[np.newaxis, :150])[0], WAVE[150:159], rtol=0, atol=1e-3)
    with pytest.raises(ValueError, match="needs y, the outputs known so far"):
        esn.generate(5, one)
    with pytest.raises(ValueError, match="must have n_steps=200 more steps"):
        esn.generate(200, one, WAVE[np.newaxis])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"feedback": True}, "feedback=True needs readout='sequence'"),
        ({"input_scaling": [1.0, 2.0, 3.0]}, "one for each of the 2 inputs"),
        ({"leaking_rate": 0.0}, "leaking_rate"),
    ],
)
def test_parameters_that_do_not_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        ESNRegressor(**SMALL | settings).fit(X, numbers(X))


def test_series_that_cannot_be_continued():
    esn = ESNRegressor(**SMALL).fit(X, numbers(X))
    with pytest.raises(ValueError, match="fitted with readout='sequence'"):
        esn.generate(3, X)
    esn.set_params(readout="sequence").fit(X, [x[:, 0] for x in X])
    with pytest.raises(ValueError, match=r"2 inputs and 1 outputs\. Use feedback=True"):
        esn.generate(3, X)
    with pytest.raises(ValueError, match="y is only for a network fitted with feedback=True"):
        esn.generate(3, X, X)
    with pytest.raises(ValueError, match="n_steps must be at least 1, got 0"):
        esn.generate(0, X)


def test_a_memory_mapped_network_predicts_and_learns_on(tmp_path):
    esn = ESNRegressor(**GENERATOR).fit(WAVE[np.newaxis, :149, np.newaxis], WAVE[np.newaxis, 1:150])
    joblib.dump(esn, tmp_path / "esn")
    mapped = joblib.load(tmp_path / "esn", mmap_mode="r")
    known = WAVE[np.newaxis, :150, np.newaxis]
    assert_array_equal(mapped.generate(5, known), esn.generate(5, known))
    again = mapped.partial_fit(known[:, :-1], WAVE[np.newaxis, 1:150])
    assert_array_equal(again.coef_, esn.partial_fit(known[:, :-1], WAVE[np.newaxis, 1:150]).coef_)


def test_in_a_grid_search_over_a_pipeline_and_pickled():
    pipeline = make_pipeline(SequenceScaler(), ESNClassifier(**SMALL))
    grid = {"esnclassifier__input_scaling": [0.1, 1.0], "esnclassifier__alpha": [1e-3, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(objects(X), labels(X))
    loaded = pickle.loads(pickle.dumps(search.best_estimator_))
    assert_array_equal(loaded.decision_function(X), search.decision_function(X))


def test_docstrings_name_every_parameter():
    for estimator in (ESNClassifier, ESNRegressor):
        parameters = estimator.__doc__.split("Attributes")[0]
        for name, default in estimator().get_params().items():
            line = re.search(rf"^ *{name} : .*default=(.*)$", parameters, re.MULTILINE)
            assert ast.literal_eval(line[1]) == default


@pytest.mark.slow
def test_dense_reservoirs_and_single_precision():
    dense = {"n_reservoir": 120, "density": 1.0, "leaking_rate": 0.5, "random_state": 0}
    esn = ESNRegressor(**dense).fit(X, numbers(X))
    for x, states in zip(X, esn.states(X), strict=True):
        close(states, plain_states(esn.cell_, x))
    series = ESNRegressor(**GENERATOR | dense).fit(WAVE[np.newaxis, :149, np.newaxis], WAVE[np.newaxis, 1:150])
    forecast = series.generate(20, WAVE[np.newaxis, :150, np.newaxis])
    assert_allclose(forecast[0], WAVE[150:170], rtol=0, atol=1e-3)
    single = ESNRegressor(**SMALL).fit([x.astype("float32") for x in X], numbers(X))
    assert single.coef_.dtype == single.predict(X).dtype == np.float32
    assert_allclose(single.predict(X), ESNRegressor(**SMALL).fit(X, numbers(X)).predict(X), rtol=0, atol=1e-4)


@pytest.mark.slow
def test_the_reservoir_is_a_layer_that_can_be_trained():
    from numbarnn.layers import Padded, Recurrent
    from numbarnn.layers.recurrent import RecurrentParameters

    esn = ESNRegressor(**SMALL).fit(X, numbers(X))
    layer = Recurrent(numbarnn.LeakyElman, 2, 30, return_sequences=False)
    lengths = np.array([len(x) for x in X])
    values = np.zeros((lengths.max(), len(X), 2))
    for i, x in enumerate(X):
        values[: len(x), i] = x
    run = layer.forward(RecurrentParameters(esn.cell_, ()), Padded(values, lengths))
    close(run.y.values, esn.features(X)[:, 2:])


def of_leave_one_out(estimator):
    if not np.ndim(estimator.alpha):
        return {}
    reason = "as in RidgeCV, the leave-one-out error leaves out all copies that a weight stands for"
    return {"check_sample_weight_equivalence_on_dense_data": reason}


@pytest.mark.slow
@parametrize_with_checks(
    [
        estimator(**{"random_state": 0, "n_reservoir": 50, **options})
        for options in ({}, {"n_estimators": 2, "readout": "mean", "alpha": 0.1}, {"alpha": [0.1, 1.0]})
        for estimator in (ESNClassifier, ESNRegressor)
    ],
    expected_failed_checks=of_leave_one_out,
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
