"""Conformal intervals and backtests of recurrent networks."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pytest

from numbarnn.forecasting import ConformalForecaster, RNNForecaster, backtest

HORIZON, LENGTHS = 2, (44, 40)
DATES = pd.date_range("2024-01-01", periods=max(LENGTHS) + HORIZON, freq="D")
COLUMNS = {"series_id": "id", "time": "ds", "target": "y"}
FORMS = ["array", "series", "list", "long"]


def tiny(**parameters):
    defaults = {"hidden_layer_sizes": 4, "max_iter": 2, "n_estimators": 1, "random_state": 0}
    return RNNForecaster(HORIZON, **{**defaults, **parameters})


def values(i=0):
    """Return a series with its values to come."""
    t = np.arange(LENGTHS[i] + HORIZON)
    return 5 + np.sin(2 * np.pi * t / 7) + 0.1 * np.random.default_rng(i).normal(size=len(t))


def in_form(form, first=0, last=None):
    """Return the rows of one or two series from a step to another before the end; the second starts two days later."""
    ends = [n if last is None else n - last for n in LENGTHS]
    if form == "array":
        return values()[first : ends[0]]
    if form == "series":
        return pd.Series(values()[first : ends[0]], DATES[first : ends[0]], name="sales")
    parts = [values(i)[first:end] for i, end in enumerate(ends)]
    if form == "list":
        return parts
    dates = [DATES[first + 2 * i : end + 2 * i] for i, end in enumerate(ends)]
    rows = {"id": np.repeat(["v", "u"], [len(part) for part in parts]), "ds": np.concatenate(dates)}
    return (pd if form == "long" else pl).DataFrame({**rows, "y": np.concatenate(parts)})


def columns(form):
    return COLUMNS if form in ("long", "polars") else {}


def numbers(forecast, names):
    """Return the numbers of a forecast with some labels, (H, labels) for each series."""
    if isinstance(forecast, list):
        return np.concatenate(forecast)
    return np.asarray(forecast) if isinstance(forecast, np.ndarray) else np.asarray(forecast[names])


@pytest.mark.parametrize(("form", "method"), [*product(FORMS, ["split", "cqr", "aci"]), ("polars", "split")])
def test_conformal_intervals(form, method):
    conformal = ConformalForecaster(tiny(), 0.8, method=method, n_calibration=12).fit(in_form(form), **columns(form))
    interval = conformal.predict_interval()
    quantiles = conformal.predict_quantiles([0.1, 0.9])
    own = conformal.forecaster_.predict_interval()
    assert type(interval) is type(own)
    if form == "series":
        pd.testing.assert_frame_equal(interval.iloc[:, :0], own.iloc[:, :0])
        assert list(interval.columns) == ["lower", "upper"]
    elif form in ("long", "polars"):
        assert list(interval.columns) == list(own.columns) == ["id", "ds", "lower", "upper"]
        for key in ("id", "ds"):
            assert list(interval[key]) == list(own[key])
            assert interval[key].dtype == own[key].dtype
    bounds = numbers(interval, ["lower", "upper"])
    n_series = 1 if form in ("array", "series") else 2
    assert bounds.shape == (HORIZON * n_series, 2)
    assert (bounds[:, 0] < bounds[:, 1]).all()
    names = [0.1, 0.9] if form == "series" else ["0.1", "0.9"]
    np.testing.assert_allclose(numbers(quantiles, names), bounds, rtol=1e-12, atol=0)


@pytest.mark.parametrize("form", FORMS)
def test_updates_step_by_step_and_at_once(form):
    """After an update, forecasts and intervals are those of a forecaster that read everything, and start after it."""
    step_by_step = ConformalForecaster(tiny(), 0.8, method="aci", n_calibration=12)
    step_by_step.fit(in_form(form, last=2), **columns(form))
    at_once = ConformalForecaster(tiny(), 0.8, n_calibration=12).fit(in_form(form, last=2), **columns(form))
    new = in_form(form)
    if form in ("long", "polars"):
        order = pd.DataFrame({"id": list(new["id"]), "row": range(len(new))})
        rows = order.groupby("id", sort=False)["row"].apply(lambda each: each.iloc[-2:]).to_numpy()
        new = new.iloc[rows] if form == "long" else new[rows]
    else:
        new = [each[-2:] for each in new] if form == "list" else new[-2:]
    intervals = [forecaster.update(new).predict_interval() for forecaster in (step_by_step, at_once)]
    points = [forecaster.forecaster_.predict() for forecaster in (step_by_step, at_once)]
    if form == "series":
        assert list(intervals[0].index) == list(intervals[1].index) == list(DATES[LENGTHS[0] :][:HORIZON])
    if form == "long":
        assert list(intervals[0]["ds"]) == list(points[0]["ds"]) == [*DATES[44:46], *DATES[42:44]]
    names = ["lower", "upper"]
    middles = [numbers(interval, names).mean(axis=1) for interval in intervals]
    np.testing.assert_allclose(middles[0], middles[1], rtol=1e-6, atol=0)
    flat = np.concatenate(points[0]) if form == "list" else np.asarray(points[0]["y"] if columns(form) else points[0])
    np.testing.assert_allclose(middles[0], flat, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("form", "refit"), [*product(FORMS, [True, False, 2]), ("polars", False)])
def test_backtests(form, refit):
    y = in_form(form)
    arguments = {"initial_window": 30, "step_length": 6, "metrics": ["mean_absolute_error", "interval_coverage"]}
    result = backtest(tiny(), y, refit=refit, coverage=0.8, **arguments, **columns(form))
    forecasts, scores = result
    assert isinstance(forecasts, pl.DataFrame if form == "polars" else pd.DataFrame)
    names = ["series", "cutoff", "time", "step", "y_true", "y_pred", "0.1", "0.9"]
    assert list(forecasts.columns) == names
    assert np.isfinite(scores["mean_absolute_error"].to_numpy()).all()
    assert scores["interval_coverage"].is_between(0, 1).all() if form == "polars" else True
    # The last cutoff of the first series, forecast by hand.
    keys = [str(key) for key in forecasts["series"]]
    first = {"series": "sales", "long": "v", "polars": "v"}.get(form, "0")
    cutoffs = forecasts["cutoff"].to_numpy()
    chosen = (np.array(keys) == first) & (cutoffs == cutoffs[np.array(keys) == first].max())
    last = 41
    np.testing.assert_array_equal(forecasts["y_true"].to_numpy()[chosen], values()[last + 1 : last + 3])
    if form == "series" and refit is True:
        own = tiny().fit(y.iloc[: last + 1])
        np.testing.assert_array_equal(forecasts["y_pred"].to_numpy()[chosen], own.predict())
        np.testing.assert_array_equal(forecasts[["0.1", "0.9"]].to_numpy()[chosen], own.predict_quantiles([0.1, 0.9]))
        assert list(forecasts["time"][chosen]) == list(own.predict().index)


def test_updates_of_a_numbered_series_may_be_numbered_on_or_anew():
    conformal = ConformalForecaster(tiny(), 0.8, method="aci", n_calibration=8).fit(pd.Series(values()[:40]))
    assert conformal.update(pd.Series(values()[40:42])).predict_interval().index.tolist() == [42, 43]
    assert conformal.update(pd.Series(values()[42:44], [42, 43])).predict_interval().index.tolist() == [44, 45]


def test_hours_of_a_time_zone_are_updated_one_by_one():
    hours = pl.datetime_range(
        pl.datetime(2024, 10, 26), pl.datetime(2024, 10, 28), "1h", time_zone="Europe/Berlin", eager=True
    )
    frame = pl.DataFrame({"ds": hours[:44], "y": values()[:44]})
    conformal = ConformalForecaster(tiny(), 0.8, method="aci", n_calibration=8)
    conformal.fit(frame[:24], time="ds", target="y").update(frame[24:])  # the clock goes back at the 28th hour
    assert conformal.predict_interval()["ds"].to_list() == hours[44:46].to_list()


def test_forms_agree():
    """The forecasts of a list of series with dates and of a long frame are the same."""
    parts = [pd.Series(values(i)[:n], DATES[2 * i : 2 * i + n]) for i, n in enumerate(LENGTHS)]
    arguments = {"initial_window": 30, "step_length": 6, "refit": False, "metrics": ["mean_absolute_error"]}
    of_list = backtest(tiny(), dict(zip("vu", parts, strict=True)), **arguments).forecasts
    of_long = backtest(tiny(), in_form("long"), **arguments, **COLUMNS).forecasts
    pd.testing.assert_frame_equal(of_list, of_long)


def test_covariates_of_a_panel_that_ends_at_different_times():
    X = [np.cos(np.arange(n))[:, np.newaxis] for n in LENGTHS]
    y = in_form("list")
    conformal = ConformalForecaster(tiny(), 0.8, method="aci", n_calibration=8)
    conformal.fit([each[:-2] for each in y], [each[:-2] for each in X], past_X=[each[:-2] for each in X])
    conformal.update([y[0][-2:], y[1][:0]], [X[0][-2:], X[1][:0]], past_X=[X[0][-2:], X[1][:0]])
    ahead = [np.ones((HORIZON, 1))] * 2
    assert [each.shape for each in conformal.predict_interval(X=ahead)] == [(HORIZON, 2)] * 2
    result = backtest(
        tiny(), y, X, static_X=[["a"], ["b"]], initial_window=30, step_length=6, refit=False,
        metrics=["mean_absolute_error"],
    )  # fmt: skip
    assert np.isfinite(result.forecasts["y_pred"]).all()
