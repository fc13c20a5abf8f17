"""The estimators with device="cuda"."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from numbarnn import RNNClassifier, RNNRegressor
from tests.cuda.device import needs_device
from tests.cuda.strict import _strict  # noqa: F401
from tests.estimators.problems import ONE_WAY, labels, numbers, ragged

pytestmark = [*needs_device, pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")]

X = ragged(8)
QUICK = {"hidden_layer_sizes": (3,), "batch_size": 4, "max_iter": 2, "random_state": 0}
FITS = {
    "classes": (RNNClassifier(**QUICK, early_stopping=True, validation_fraction=0.25), X, labels(X)),
    "labels": (
        RNNClassifier(**QUICK, cell="elman", pooling="attention"),
        X,
        np.column_stack([labels(X), 1 - labels(X)]),
    ),
    "numbers": (RNNRegressor(**QUICK, solver="sgd", max_grad_norm=0.1, learn_initial_state=True), X, numbers(X)),
    "steps": (
        RNNRegressor(
            **QUICK | {"hidden_layer_sizes": (3, 2), "batch_size": 8},
            bidirectional=True,
            return_sequences=True,
            dropout=0.2,
        ),
        X,
        [x[:, 0] for x in X],
    ),
    "patches": (
        RNNRegressor(**QUICK | {"batch_size": 8, "max_iter": 1}, cell="elman", return_sequences=True, patch=2),
        X,
        [x[:, 0] for x in X],
    ),
    "pooling": (
        RNNRegressor(
            **QUICK | {"batch_size": 8, "max_iter": 1}, cell="elman", pooling="max", loss="huber", huber_delta=0.5
        ),
        X,
        numbers(X),
    ),
    "equal": (RNNRegressor(**QUICK), np.stack([x[:2] for x in X]).astype("float32"), numbers(X)),
}


def tolerance(estimator):
    """Return rtol and atol."""
    return (1e-4, 1e-5) if estimator.theta_.dtype == "float32" else (1e-10, 1e-12)


@pytest.mark.parametrize("fit", FITS)
def test_the_same_fit(fit):
    estimator, X, y = FITS[fit]
    here = clone(estimator).fit(X, y)
    there = clone(estimator).set_params(device="cuda").fit(X, y)
    rtol, atol = tolerance(here)
    assert_allclose(there.loss_curve_, here.loss_curve_, rtol=rtol, atol=atol)
    assert type(there.theta_) is np.ndarray
    assert_allclose(there.theta_, here.theta_, rtol=rtol, atol=atol)
    assert there.validation_scores_ == here.validation_scores_
    assert_allclose(there.score(X, y), here.score(X, y), rtol=rtol, atol=atol)
    z, expected = there.predict(X), here.predict(X)
    for ours, theirs in zip(z, expected, strict=True):
        assert_allclose(ours, theirs, rtol=rtol, atol=atol)
    elsewhere = pickle.loads(pickle.dumps(there)).set_params(device="cpu")
    for ours, theirs in zip(elsewhere.predict(X), expected, strict=True):
        assert_allclose(ours, theirs, rtol=rtol, atol=atol)


def test_probabilities_and_a_state_to_go_on_from():
    here = RNNClassifier(**QUICK, **ONE_WAY).fit(X, labels(X))
    there = clone(here).set_params(device="cuda").fit(X, labels(X))
    expected, state = here.predict_proba([x[:2] for x in X], return_state=True)
    ours, our_state = there.predict_proba([x[:2] for x in X], return_state=True)
    assert_allclose(ours, expected, rtol=1e-12, atol=0)
    assert_allclose(there.predict_proba(X, our_state), here.predict_proba(X, state), rtol=1e-12, atol=0)


def test_it_goes_on_here_and_there():
    y = numbers(X)
    here = RNNRegressor(**QUICK).fit(X, y).partial_fit(X, y)
    there = RNNRegressor(**QUICK, device="cuda").fit(X, y).set_params(device="cpu").partial_fit(X, y)
    assert_allclose(there.loss_curve_, here.loss_curve_, rtol=1e-11, atol=0)
    again = there.set_params(device="cuda", warm_start=True).fit(X, y)
    assert_allclose(again.loss_curve_, here.set_params(warm_start=True).fit(X, y).loss_curve_, rtol=1e-10, atol=0)
    assert_array_equal(again._state.solver.n_updates, 4)


REFUSED = {
    "checkpoint_memory_mb": 1.0,
    "tbptt": (2, 2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    estimator = RNNRegressor(**QUICK, device="cuda").set_params(**{name: REFUSED[name]})
    with pytest.raises(ValueError, match=f"{name} must be"):
        estimator.fit(X, numbers(X))
    assert not hasattr(estimator, "theta_")


@pytest.mark.filterwarnings("ignore:.*overflow:RuntimeWarning")  # the simulator's, on purpose
def test_a_fit_that_fails_changes_nothing(monkeypatch):
    estimator = RNNRegressor(**QUICK, device="cuda").fit(X, numbers(X))
    before = estimator.predict(X)
    with pytest.raises(ValueError, match="not finite"):
        estimator.fit([1e300 * x for x in X], 1e300 * numbers(X))
    from numbarnn.kernels.cuda import shim

    monkeypatch.setattr(shim, "free_bytes", lambda: 100)
    with pytest.raises(MemoryError, match="100 bytes free"):
        estimator.fit(X, numbers(X))
    with pytest.raises(MemoryError, match="100 bytes free"):
        estimator.predict(X)
    monkeypatch.undo()
    assert_array_equal(estimator.predict(X), before)
