"""Weights of steps, masked targets, and what they must not touch."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import accuracy_score, r2_score

from numbarnn import RNNClassifier, RNNRegressor
from tests.estimators.problems import labels, numbers, ragged

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = ragged(24)
Y = [x[:, 0] for x in X]
OBSERVED = [np.random.RandomState(i).uniform(size=len(x)) > 0.4 for i, x in enumerate(X)]
OBSERVED[3][:] = False
WEIGHTS = [np.where(seen, 1.0 + np.arange(len(seen)), 0.0) for seen in OBSERVED]
QUICK = {
    "cell": "lstm",
    "hidden_layer_sizes": 4,
    "max_iter": 3,
    "batch_size": 7,
    "random_state": 0,
    "return_sequences": True,
}


def masked(junk):
    return [np.where(seen, y, junk) for seen, y in zip(OBSERVED, Y, strict=True)]


@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"tbptt": (2, 3)}, {"patch": 2}], ids=str)
def test_nan_targets_and_weightless_junk_are_the_same_to_the_bit(options):
    ones = [seen.astype(float) for seen in OBSERVED]
    X_even = [np.concatenate([x, x]) for x in X] if options.get("patch") else X

    def fit(y, weights):
        if options.get("patch"):
            y = [np.concatenate([item, item]) for item in y]
            weights = None if weights is None else [np.concatenate([item, item]) for item in weights]
        return RNNRegressor(**QUICK, **options).fit(X_even, y, weights)

    expected = fit(masked(np.nan), None)
    for junk in (0.0, 1e300, np.nan):
        other = fit(masked(junk), ones)
        assert_array_equal(other.theta_, expected.theta_)
        assert other.validation_scores_ == expected.validation_scores_


def test_a_fully_masked_sequence_is_as_if_removed():
    y = masked(np.nan)
    removed = RNNRegressor(**QUICK).fit([*X[:3], *X[4:]], [*y[:3], *y[4:]])
    assert_array_equal(RNNRegressor(**QUICK).fit(X, y).theta_, removed.theta_)


def test_weights_of_steps_may_be_an_array():
    cube = np.random.RandomState(0).standard_normal((6, 4, 2))
    weights = np.arange(24.0).reshape(6, 4)
    reg = RNNRegressor(**QUICK | {"batch_size": "auto"})
    theta = reg.fit(cube, cube[..., 0], weights).theta_
    assert_array_equal(reg.fit(list(cube), list(cube[..., 0]), list(weights)).theta_, theta)
    repeated = np.repeat(np.arange(6.0), 4).reshape(6, 4)
    assert_array_equal(reg.fit(cube, cube[..., 0], np.arange(6.0)).theta_, reg.fit(cube, cube[..., 0], repeated).theta_)


def test_everything_masked_is_an_error():
    with pytest.raises(ValueError, match="Every step is masked"):
        RNNRegressor(**QUICK).fit(X, [y * np.nan for y in Y])


@pytest.mark.parametrize(
    ("estimator", "y", "message"),
    [
        (RNNRegressor(), np.where(labels(X), np.nan, 1.0), "contains NaN"),
        (RNNRegressor(), np.where(labels(X), np.inf, 1.0), "contains infinity"),
        (RNNRegressor(return_sequences=True), [y * np.inf for y in Y], r"contains infinity: y\[0\] at step 0"),
        (RNNClassifier(return_sequences=True), masked(np.nan), r"contains NaN: y\[2\] at step 1"),
    ],
)
def test_nan_elsewhere_and_infinity_are_errors(estimator, y, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)


def test_scores_ignore_masked_steps():
    seen, weights = np.concatenate(OBSERVED), np.concatenate(WEIGHTS)
    reg = RNNRegressor(**QUICK).fit(X, Y)
    rows, predicted = np.concatenate(Y)[seen], np.concatenate(reg.predict(X))[seen]
    assert reg.score(X, masked(np.nan)) == r2_score(rows, predicted)
    expected = r2_score(rows, predicted, sample_weight=weights[seen])
    assert_allclose(reg.score(X, masked(1e300), WEIGHTS), expected, rtol=1e-12, atol=1e-15)
    clf = RNNClassifier(**QUICK).fit(X, [y > 0 for y in Y])
    predicted = np.concatenate(clf.predict(X))[seen]
    assert clf.score(X, [y > 0 for y in Y], OBSERVED) == accuracy_score(rows > 0, predicted)


def test_a_classifier_masks_by_weights():
    names = [np.where(seen, np.where(y > 0, "up", "down"), "?") for seen, y in zip(OBSERVED, Y, strict=True)]
    clf = RNNClassifier(**QUICK).fit(X, names, WEIGHTS)
    assert_array_equal(clf.classes_, ["down", "up"])
    others = [np.where(name == "?", "!", name) for name in names]
    assert_array_equal(RNNClassifier(**QUICK).fit(X, others, WEIGHTS).theta_, clf.theta_)


def test_parameter_gradients_of_masked_steps():
    reg = RNNRegressor(**QUICK).fit(X, Y)
    gradients = reg.parameter_gradients(X, masked(np.nan))
    assert_array_equal(gradients[3], 0)
    n = np.array([seen.sum() for seen in OBSERVED])
    cut = [x[: np.flatnonzero(seen).max() + 1] for x, seen in zip(X, OBSERVED, strict=True) if seen.any()]
    errors = [
        (p[seen[: len(p)]] - y[: len(p)][seen[: len(p)]]).mean()
        for p, y, seen in zip(
            reg.predict(cut), [Y[i] for i in np.flatnonzero(n)], [OBSERVED[i] for i in np.flatnonzero(n)], strict=True
        )
    ]
    biases = [reg.network_.views(g)["readout.b"][0] for g in gradients[n > 0]]
    assert_allclose(biases, errors, rtol=1e-12, atol=1e-14)


def test_weights_are_relative_to_the_mean_weight_of_all_data():
    """With one sequence per batch a weight scales the step of its update; plain SGD shows by how much."""
    weights = np.array([1.0, 3.0])
    settings = {"solver": "sgd", "momentum": 0, "batch_size": 1, "alpha": 0, "shuffle": False, "max_iter": 1}
    settings["max_grad_norm"] = None
    reg = RNNRegressor(3, **settings, learning_rate_init=0.1, random_state=0)
    start = reg.set_params(learning_rate_init=1e-300).fit(X[:2], numbers(X[:2])).theta_
    reg.set_params(learning_rate_init=0.1).fit(X[:2], numbers(X[:2]), weights)
    theta, expected = start.copy(), reg.theta_
    probe = RNNRegressor(3, **settings, learning_rate_init=1e-300, random_state=0).fit(X[:2], numbers(X[:2]))
    for i in sorted(range(2), key=lambda i: len(X[i])):
        probe.theta_ = theta
        theta = theta - 0.1 * (weights[i] / 2.0) * probe.parameter_gradients([X[i]], numbers([X[i]]))[0]
    other = start.copy()
    for i in sorted(range(2), key=lambda i: -len(X[i])):
        probe.theta_ = other
        other = other - 0.1 * (weights[i] / 2.0) * probe.parameter_gradients([X[i]], numbers([X[i]]))[0]
    assert min(abs(theta - expected).max(), abs(other - expected).max()) < 1e-14
    assert abs(reg.fit(X[:2], numbers(X[:2])).theta_ - expected).max() > 1e-4


@pytest.mark.parametrize("scale", [1e-300, 1e39, 1e300])
def test_the_scale_of_weights_does_not_matter_without_a_penalty(scale):
    weights, quick = np.arange(24) + 1.0, QUICK | {"return_sequences": False, "alpha": 0}
    expected = RNNClassifier(**quick).fit(X, labels(X), weights)
    scaled = RNNClassifier(**quick).fit(X, labels(X), weights * scale)
    assert_allclose(scaled.theta_, expected.theta_, rtol=1e-10, atol=1e-13)
    assert_allclose(
        scaled.score(X, labels(X), weights * scale), expected.score(X, labels(X), weights), rtol=1e-12, atol=0
    )


def test_weights_that_underflow_in_float32():
    weights = np.exp(-np.arange(24.0)[::-1] * 10)
    low, high = (
        RNNClassifier(4, cell="lstm", max_iter=3, random_state=0, dtype=dtype).fit(X, labels(X), weights).loss_
        for dtype in ("float32", "float64")
    )
    assert_allclose(low, high, rtol=1e-4, atol=0)
