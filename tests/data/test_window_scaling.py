"""Windows that are scaled by their own values, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn import SlidingWindow

WALK = 100 + np.cumsum(np.random.default_rng(0).standard_normal((30, 2)), axis=0)
PANEL = [WALK, 5 * WALK[:20], WALK[5:17] - 300]
SCALINGS = ["last", "mean", "standard"]


def by_hand(window, scaling):
    """Shift and scale of one window (length, K)."""
    if scaling == "last":
        return window[-1], 1
    if scaling == "mean":
        return 0, np.abs(window).mean(axis=0)
    return window.mean(axis=0), window.std(axis=0)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_windows_and_targets_are_scaled_by_the_values_of_the_window(scaling):
    X, y = SlidingWindow(6, horizon=2, step=5, scaling=scaling).make_xy(WALK)
    assert X.shape == (5, 6, 2)
    for i in range(5):
        shift, scale = by_hand(WALK[5 * i : 5 * i + 6], scaling)
        assert_allclose(X[i], (WALK[5 * i : 5 * i + 6] - shift) / scale, rtol=1e-12, atol=1e-12)
        assert_allclose(y[i].reshape(2, 2), (WALK[5 * i + 6 : 5 * i + 8] - shift) / scale, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scaling", [None, *SCALINGS])
@pytest.mark.parametrize("series", [WALK, WALK[:, 0], PANEL], ids=["table", "series", "panel"])
def test_the_inverse_returns_the_targets(series, scaling):
    for horizon in (1, 3):
        window = SlidingWindow(6, horizon=horizon, step=2, scaling=scaling)
        _, expected = SlidingWindow(6, horizon=horizon, step=2).make_xy(series)
        _, y = window.make_xy(series)
        assert_allclose(window.inverse_transform(y, series, of="make_xy"), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_forecasts_after_the_last_window(scaling):
    window = SlidingWindow(6, horizon=2, scaling=scaling)
    forecasts = np.random.default_rng(1).standard_normal((3, 4))
    units = window.inverse_transform(forecasts, PANEL)
    for series, forecast, unit in zip(PANEL, forecasts, units, strict=True):
        shift, scale = by_hand(series[-6:], scaling)
        assert_allclose(unit.reshape(2, 2), forecast.reshape(2, 2) * scale + shift, rtol=1e-12, atol=0)
    assert_array_equal(window.last_window(PANEL), np.concatenate([window.last_window(each) for each in PANEL]))
    n_windows = len(window.transform(PANEL))
    assert window.inverse_transform(np.zeros((n_windows, 4)), PANEL, of="transform").shape == (n_windows, 4)


def test_targets_of_their_own_are_scaled_by_their_own_past():
    demand, temperature = WALK[:, 0], WALK[:, 1]
    window = SlidingWindow(6, scaling="last")
    X, y = window.make_xy(np.column_stack([temperature, 2 * temperature]), demand)
    assert (X.shape, y.shape) == ((24, 6, 2), (24,))
    assert_allclose(y, demand[6:] - demand[5:-1], rtol=1e-12, atol=1e-12)
    assert_allclose(window.inverse_transform(y, demand, of="make_xy"), demand[6:], rtol=1e-12, atol=0)
    with pytest.raises(ValueError, match="Expected real numbers in y"):
        window.make_xy(temperature, ["a"] * 30)


def test_covariates_known_in_advance_are_not_scaled():
    X, _ = SlidingWindow(6, horizon=2, scaling="standard").make_xy(WALK, future=np.arange(30))
    assert_array_equal(X[0, :, 2], np.arange(2, 8))


def test_one_more_axis_holds_further_forecasts():
    window = SlidingWindow(6, horizon=2, scaling="last")
    quantiles = np.random.default_rng(1).standard_normal((1, 4, 3))
    units = window.inverse_transform(quantiles, WALK)
    for q in range(3):
        assert_array_equal(units[:, :, q], window.inverse_transform(quantiles[:, :, q], WALK))
    units = SlidingWindow(6, scaling="last").inverse_transform([[1.0, 2.0, 3.0]], WALK[:, 0])
    assert_allclose(units, WALK[-1, 0] + [[1, 2, 3]], rtol=1e-15, atol=0)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("value", [0.0, 0.1, -3.0])
def test_constant_windows_stay_finite_and_come_back(scaling, value):
    window = SlidingWindow(7, scaling=scaling)
    X, y = window.make_xy(np.full(10, value))
    assert np.abs(X).max() < 1.1
    assert_allclose(window.inverse_transform(y, np.full(10, value), of="make_xy"), value, rtol=1e-14, atol=0)


def test_float32_stays():
    window = SlidingWindow(6, scaling="standard")
    X, y = window.make_xy(WALK.astype("float32"))
    assert X.dtype == y.dtype == window.inverse_transform(y[-1:], WALK.astype("float32")).dtype == "float32"


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (np.zeros((2, 4)), {}, r"y has 2 rows, but last_window cuts 1 windows.*of='make_xy'"),
        (np.zeros((1, 2)), {}, r"Expected y of shape \(1, 4\), one column for each of 2 steps and 2 columns"),
        (np.zeros(1), {}, r"Expected y of shape \(1, 4\)"),
        (np.full((1, 4), np.nan), {}, "Input y contains NaN"),
        (np.zeros((1, 4)), {"of": "newest"}, "The 'of' parameter of inverse_transform must be"),
    ],
)
def test_bad_forecasts_are_errors(y, options, message):
    with pytest.raises(ValueError, match=message):
        SlidingWindow(6, horizon=2, scaling="last").inverse_transform(y, WALK, **options)


def test_an_unknown_scaling_is_an_error():
    with pytest.raises(ValueError, match="'scaling' parameter"):
        SlidingWindow(6, scaling="max").make_xy(WALK)
