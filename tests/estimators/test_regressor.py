from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import r2_score

from numbarnn import RNNRegressor, SlidingWindow
from tests.estimators.problems import numbers, objects, ragged

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X = ragged(150)
Y = numbers(X)
QUICK = {"hidden_layer_sizes": 4, "max_iter": 3, "random_state": 0}


def test_it_learns_and_generalizes():
    reg = RNNRegressor(8, learning_rate_init=0.03, batch_size=25, max_iter=60, random_state=0)
    assert reg.fit(X[:100], Y[:100]).score(X[100:], Y[100:]) > 0.8
    assert reg.out_activation_ == "identity"


def test_several_outputs():
    y = np.column_stack([Y, [x[-1, 1] for x in X]])
    reg = RNNRegressor(8, learning_rate_init=0.03, batch_size=25, max_iter=60, random_state=0).fit(X[:100], y[:100])
    predictions = reg.predict(X[100:])
    assert reg.n_outputs_ == 2
    assert predictions.shape == (50, 2)
    assert reg.score(X[100:], y[100:]) == r2_score(y[100:], predictions) > 0.8


@pytest.mark.parametrize("y", [Y, Y[:, np.newaxis], np.column_stack([Y, Y, Y])], ids=["n", "n, 1", "n, 3"])
def test_predictions_have_the_shape_of_y(y):
    assert RNNRegressor(**QUICK).fit(X, y).predict(X[:7]).shape == (7, *y.shape[1:])


@pytest.mark.parametrize("container", [list, tuple, pd.Series])
def test_targets_in_any_container(container):
    reg = RNNRegressor(**QUICK)
    assert_array_equal(reg.fit(X, container(Y)).theta_, reg.fit(X, Y).theta_)


def test_integer_targets():
    reg = RNNRegressor(**QUICK)
    y = np.round(Y)
    assert_array_equal(reg.fit(X, y.astype(int)).theta_, reg.fit(X, y).theta_)


def test_one_target_per_step():
    y = [np.cumsum(x[:, 0]) for x in X]
    reg = RNNRegressor(8, return_sequences=True, learning_rate_init=0.03, batch_size=25, max_iter=40, random_state=0)
    reg.fit(X[:100], y[:100])
    predictions = reg.predict(X[100:])
    assert [p.shape for p in predictions] == [t.shape for t in y[100:]]
    expected = r2_score(np.concatenate(y[100:]), np.concatenate(predictions))
    assert reg.score(X[100:], y[100:]) == expected > 0.8


def test_several_targets_per_step():
    assert [p.shape for p in _steps(X, X).predict(X[:3])] == [x.shape for x in X[:3]]
    assert [p.shape for p in _steps(X, objects(X)).predict(objects(X[:3]))] == [x.shape for x in X[:3]]
    cube = np.zeros((4, 3, 2))
    assert _steps(cube, cube).predict(cube).shape == (4, 3, 2)
    assert _steps(cube, cube[:, :, 0]).predict(cube).shape == (4, 3)
    assert _steps(cube, cube[:, :, :1]).predict(cube).shape == (4, 3, 1)


def _steps(X, y):
    return RNNRegressor(**QUICK, return_sequences=True).fit(X, y)


def test_steps_count_alike():
    """One target per step is the mean over all steps of all sequences."""
    X = [np.ones((1, 1)), np.ones((3, 1))]
    y = [np.array([4.0]), np.zeros(3)]
    reg = RNNRegressor(2, return_sequences=True, alpha=0, max_iter=1, random_state=0).fit(X, y)
    network, theta = reg.network_, reg.network_.init("float64", np.random.RandomState(0))
    reg.theta_ = theta
    errors = np.concatenate(reg.predict(X)) - np.concatenate(y)
    assert network.n_outputs == 1
    assert_allclose(reg.loss_curve_[0], 0.5 * np.mean(errors**2), rtol=1e-12, atol=0)


def test_a_forecast():
    wave = np.sin(0.3 * np.arange(200))
    window = SlidingWindow(10, horizon=3)
    windows, targets = window.make_xy(wave)
    reg = RNNRegressor(8, learning_rate_init=0.02, random_state=0).fit(windows, targets)
    assert_allclose(reg.predict(window.last_window(wave)), [np.sin(0.3 * np.arange(200, 203))], rtol=0, atol=0.3)


def test_a_forecast_of_a_series_with_a_trend_and_a_known_covariate():
    """The steps are those of the covariate: without it, or without the scaling, there is nothing to see."""
    jumps = np.random.default_rng(1).choice([-1.0, 1.0], 201)
    series = 500 + np.cumsum(jumps)[:200]
    window = SlidingWindow(2, scaling="last")
    X, y = window.make_xy(series, future=jumps)
    reg = RNNRegressor(8, cell="lstm", learning_rate_init=0.02, max_iter=60, random_state=0).fit(X, y)
    forecast = window.inverse_transform(reg.predict(window.last_window(series, future=jumps)), series)
    assert_allclose(forecast, series[-1] + jumps[200:], rtol=0, atol=0.2)
