"""Backtests."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest

from numbarnn.forecasting import ConformalForecaster, backtest
from tests.forecasting.naive import SeasonalNaive, Spy

MAE = ["mean_absolute_error"]
DAYS = pd.date_range("2024-01-01", periods=30, freq="D")


def walk(length, seed=0):
    return np.cumsum(np.random.default_rng(seed).normal(size=length))


@pytest.mark.parametrize("gap", [0, 2])
@pytest.mark.parametrize("refit", [True, False, 2])
def test_forecasts_are_those_of_a_loop(refit, gap):
    y = walk(40)
    backtested = backtest(
        SeasonalNaive(3, 4),
        y,
        initial_window=20,
        step_length=5,
        gap=gap,
        refit=refit,
        metrics=MAE,
        quantiles=[0.2, 0.9],
    )
    rows = []
    for cutoff in range(19, 40 - gap - 3, 5):
        naive = SeasonalNaive(3, 4).fit(y[: cutoff + 1])
        spread = naive.predict_quantiles([0.2, 0.9], 3 + gap)[gap:]
        for i, forecast in enumerate(naive.predict(3 + gap)[gap:]):
            time = cutoff + gap + 1 + i
            rows.append([0, cutoff, time, time - cutoff, y[time], forecast, *spread[i]])
    columns = ["series", "cutoff", "time", "step", "y_true", "y_pred", "0.2", "0.9"]
    assert list(backtested.forecasts.columns) == columns
    n = 6 if refit is True else 4  # quantiles depend on the first fit otherwise
    np.testing.assert_allclose(backtested.forecasts.to_numpy()[:, :n], np.array(rows)[:, :n], rtol=1e-12, atol=0)
    assert list(backtested.metrics.columns) == ["series", "cutoff", "mean_absolute_error"]
    errors = np.abs(np.array(rows)[:, 4] - np.array(rows)[:, 5]).reshape(-1, 3).mean(axis=1)
    np.testing.assert_allclose(backtested.metrics["mean_absolute_error"], errors, rtol=1e-12, atol=0)
    assert backtested.summary() == {"mean_absolute_error": pytest.approx(errors.mean(), rel=1e-12, abs=0)}


def times_of(y):
    """Return the values of a container of series whose values are their times."""
    if y is None:
        return np.empty(0)
    if isinstance(y, pd.DataFrame):
        y = y["y"]
    items = list(y.values()) if isinstance(y, dict) else y if isinstance(y, list) else [y]
    return np.concatenate([np.asarray(item, float).ravel() for item in items])


def forms():
    """Return series of which each value is its time, and covariates X, of which one more step is known."""
    t = np.arange(30.0)
    series = pd.Series(t, DAYS)
    long = pd.concat([pd.DataFrame({"id": key, "ds": DAYS[a:b], "y": t[a:b]}) for key, a, b in PARTS])
    return {
        "array": (t, t),
        "series": (series, series),
        "missing rows": (series.drop(DAYS[[15, 16, 21]]), series),
        "list": ([t, t[:17], t], [t, t[:17], t]),
        "dict of series": ({key: series[a:b] for key, a, b in PARTS}, {key: series[a:] for key, a, _ in PARTS}),
        "long": (long, long),
    }


PARTS = [("b", 0, 30), ("a", 3, 18), ("c", 12, 30)]


@pytest.mark.parametrize("refit", [True, False, 3])
@pytest.mark.parametrize("form", forms())
def test_nothing_after_the_cutoff_is_seen(form, refit):
    y, X = forms()[form]
    columns = {"series_id": "id", "time": "ds", "target": "y"} if form == "long" else {}
    n_series = 1 if form in ("array", "series", "missing rows") else 3
    static_X = np.arange(n_series)[:, np.newaxis]
    Spy.calls.clear()
    lengths = {"initial_window": 10, "step_length": 2, "gap": 1}
    covariates = {"past_X": y, "static_X": static_X}
    result = backtest(Spy(horizon=2), y, X, **covariates, **lengths, refit=refit, metrics=MAE, **columns)
    cutoffs = [9, 11, 13, 15, 17, 19, 21, 23, 25]
    n_predicted, seen = 0, -1
    for name, call in Spy.calls:
        cutoff = cutoffs[n_predicted]
        if name == "predict":
            assert times_of(call["y"]).max(initial=0) <= cutoff
            assert times_of(call["past_X"]).max(initial=0) <= cutoff
            assert times_of(call["X"]).max() <= cutoff + 3 + (form == "missing rows") * 3
            n_predicted += 1
            continue
        times = times_of(call["y"])
        assert times.max() <= cutoff
        np.testing.assert_array_equal(times_of(call["past_X"]), times)
        assert set(times) <= set(times_of(call["X"]))
        assert times_of(call["X"]).max() <= cutoff
        if name == "update":
            assert times.min() > seen
        else:
            assert len(call["static_X"]) == (1 if n_series == 1 else len(np.unique(call["static_X"])))
        seen = times.max()
    assert n_predicted == len(cutoffs)
    assert sum(name == "fit" for name, _ in Spy.calls) == {True: 9, False: 1, 3: 3}[refit]
    forecasts = result.forecasts
    np.testing.assert_array_equal(sorted(set(forecasts["step"])), [2, 3])
    position = forecasts["time"] if form in ("array", "list") else (forecasts["time"] - DAYS[0]).dt.days
    known = forecasts["y_true"].notna()
    np.testing.assert_array_equal(forecasts["y_true"][known], position[known])
    # The naive forecast is the last value that was seen.
    cutoff = forecasts["cutoff"] if form in ("array", "list") else (forecasts["cutoff"] - DAYS[0]).dt.days
    last = cutoff if form != "missing rows" else cutoff.replace({15: 14, 21: 20})
    np.testing.assert_array_equal(forecasts["y_pred"], last)


class Counting(SeasonalNaive):
    """Goes on counting from the last value."""

    def predict(self, horizon=None, **data):
        return super().predict(horizon, **data) + np.arange(1, horizon + 1)


@pytest.mark.parametrize("refit", [True, False])
def test_time_is_counted_where_rows_are_missing(refit):
    y = pd.Series(np.arange(12.0), DAYS[:12]).drop(DAYS[[5, 8]])
    result = backtest(Counting(2), y, initial_window=5, gap=1, refit=refit, metrics=MAE).forecasts
    assert list(result["cutoff"].unique()) == list(DAYS[4:9])
    assert (result["time"] - result["cutoff"] == pd.to_timedelta(result["step"], "D")).all()
    np.testing.assert_array_equal(result["y_true"], [6, 7, 7, np.nan, np.nan, 9, 9, 10, 10, 11])
    np.testing.assert_array_equal(result["y_pred"], [6, 7, 7, 8, 8, 9, 9, 10, 10, 11])


def test_when_a_series_of_a_panel_takes_part():
    y = {key: pd.Series(walk(30), DAYS)[a:b] for key, a, b in PARTS}
    taken = {}
    for refit in (True, False):
        result = backtest(SeasonalNaive(2), y, initial_window=9, step_length=4, refit=refit, metrics=MAE)
        cutoffs = (result.metrics["cutoff"] - DAYS[0]).dt.days
        taken[refit] = {key: sorted(cutoffs[result.metrics["series"] == key]) for key in "abc"}
        assert result.forecasts["y_true"].notna().all()
    # Series b is 9 steps old at step 8, a (from step 3 to 17) at step 11, c (from step 12) at step 20.
    assert taken[True] == {"a": [12], "b": [8, 12, 16, 20, 24], "c": [20, 24]}
    assert taken[False] == {"a": [], "b": [8, 12, 16, 20, 24], "c": []}


def test_rows_of_static_covariates_and_one_frame_of_covariates_for_all_series():
    y = {key: pd.Series(walk(20), DAYS[:20])[a:] for key, a in (("b", 0), ("a", 14))}
    static_X = pd.DataFrame({"size": [1, 2]}, ["a", "b"])
    X = pd.DataFrame({"x": np.arange(30.0)}, DAYS)
    Spy.calls.clear()
    backtest(Spy(horizon=2), y, X, static_X=static_X, initial_window=16, step_length=2, metrics=MAE)
    (_, fitted), (_, predicted) = Spy.calls[:2]
    assert list(fitted["y"]) == ["b"]
    pd.testing.assert_frame_equal(fitted["static_X"], static_X[1:])
    pd.testing.assert_frame_equal(fitted["X"], X[:16])
    pd.testing.assert_frame_equal(predicted["X"], X[16:18])


def test_lists_of_arrays_count_from_their_own_start():
    result = backtest(SeasonalNaive(2), [walk(12), walk(9)], initial_window=6, step_length=3, metrics=MAE)
    assert result.metrics[["series", "cutoff"]].to_numpy().tolist() == [[0, 5], [1, 5], [0, 8]]


def test_covariates_that_end_with_their_series():
    """Series that have ended lack the covariates of a forecast, so that only the others are forecast."""
    t = np.arange(20.0)
    Spy.calls.clear()
    backtest(
        Spy(horizon=2), [t, t[:12]], [t, t[:12]], static_X=[[5], [6]], initial_window=10, step_length=4, metrics=MAE
    )
    first, second, third = [call for name, call in Spy.calls if name == "predict"]
    assert first["y"] is None
    np.testing.assert_array_equal(first["X"], [[10, 11], [10, 11]])
    np.testing.assert_array_equal(second["y"], [t[:14]])
    np.testing.assert_array_equal(second["X"], [t[:16]])
    np.testing.assert_array_equal(second["static_X"], [[5]])
    np.testing.assert_array_equal(third["y"], [t[:18]])
    assert [len(item) for item in Spy.calls[-2][1]["y"]] == [18, 12]  # it is still fitted to


def test_several_columns():
    frame = pd.DataFrame({"a": walk(12), "b": walk(12, seed=1)}, pd.period_range("2020-01", periods=12, freq="M"))
    result = backtest(SeasonalNaive(2), frame, initial_window=9, coverage=0.8, metrics=MAE)
    names = ["series", "cutoff", "time", "step", "variable", "y_true", "y_pred", "0.1", "0.9"]
    assert list(result.forecasts.columns) == names
    assert list(result.metrics.columns) == ["series", "cutoff", "variable", "mean_absolute_error"]
    for name, rows in result.forecasts.groupby("variable"):
        np.testing.assert_array_equal(rows["y_true"], frame[name].to_numpy()[[9, 10, 10, 11]])
        np.testing.assert_array_equal(rows["y_pred"], frame[name].to_numpy()[[8, 8, 9, 9]])
    array = backtest(SeasonalNaive(2), frame.to_numpy(), initial_window=9, coverage=0.8, metrics=MAE)
    assert sorted(set(array.forecasts["variable"])) == [0, 1]
    np.testing.assert_array_equal(array.forecasts["0.1"], result.forecasts["0.1"])


def test_long_frames():
    y = {"b": walk(14), "a": walk(14, seed=1)}
    expected = backtest(
        SeasonalNaive(2), {k: pd.Series(v, DAYS[:14]) for k, v in y.items()}, initial_window=10, metrics=MAE
    )
    long = pd.concat([pd.DataFrame({"id": key, "ds": DAYS[:14], "y": v}) for key, v in y.items()])
    columns = {"series_id": "id", "time": "ds", "target": "y"}
    shuffled = long.sample(frac=1, random_state=0)
    result = backtest(SeasonalNaive(2), shuffled.sort_values("ds"), initial_window=10, metrics=MAE, **columns)
    order = ["series", "cutoff", "step"]
    pd.testing.assert_frame_equal(
        result.forecasts.sort_values(order, ignore_index=True), expected.forecasts.sort_values(order, ignore_index=True)
    )
    dates = pl.DataFrame(long.to_dict("list")).with_columns(pl.col("ds").cast(pl.Date))
    result = backtest(SeasonalNaive(2), dates, initial_window=10, metrics=MAE, **columns)
    assert isinstance(result.metrics, pl.DataFrame)
    assert result.forecasts.schema["time"] == pl.Date
    np.testing.assert_array_equal(result.forecasts["y_pred"], expected.forecasts["y_pred"])
    assert result.summary() == expected.summary()
    numbers = dates.with_columns(ds=pl.int_range(14).append(pl.int_range(14)).cast(pl.Int32))
    result = backtest(SeasonalNaive(2), numbers, initial_window=10, metrics=MAE, **columns)
    assert result.forecasts["time"][:4].to_list() == [10, 11, 10, 11]


def test_time_zones_in_polars():
    times = pl.datetime_range(
        pl.datetime(2024, 3, 28), pl.datetime(2024, 4, 8), "1d", time_zone="Europe/Berlin", eager=True
    )
    frame = pl.DataFrame({"ds": times, "y": walk(12)})
    result = backtest(OneLong(2), frame, initial_window=9, metrics=MAE, time="ds", target="y").forecasts
    assert result["time"].to_list() == times[[9, 10, 10, 11]].to_list()
    assert isinstance(backtest(SeasonalNaive(2), frame["y"], initial_window=9, metrics=MAE).forecasts, pl.DataFrame)


class OneLong(SeasonalNaive):
    """Takes a long frame of one series."""

    def fit(self, y, X=None, *, time=None, target=None, **covariates):
        return super().fit(y[target])

    def predict(self, horizon=None, **data):
        return pl.DataFrame({"ds": range(horizon), "y": super().predict(horizon)})


@pytest.mark.parametrize("refit", [True, 2])
def test_threads_change_nothing(refit):
    arguments = {"initial_window": 20, "refit": refit, "metrics": MAE}
    one, two = (backtest(SeasonalNaive(2, 3), [walk(30), walk(26)], **arguments, n_jobs=n) for n in (None, 2))
    pd.testing.assert_frame_equal(one.forecasts, two.forecasts)
    pd.testing.assert_frame_equal(one.metrics, two.metrics)


def test_progress_bar(capsys):
    backtest(SeasonalNaive(), walk(14), initial_window=10, metrics=MAE)
    assert capsys.readouterr().err == ""
    backtest(SeasonalNaive(), walk(14), initial_window=10, metrics=MAE, verbose=True)
    assert "backtest: 100%" in capsys.readouterr().err


def test_metrics():
    y = walk(20)
    y[12] = np.nan

    def n_known(y_true, y_pred, *, y_train):
        return len(y_true) * 100 + len(y_train)

    def width(y_true, y_interval):
        return np.ptp(y_interval)

    def n_levels(y_true, y_pred, *, levels=None):
        assert np.shape(y_pred) == (len(y_true), 3)
        return len(levels)

    def scaled(y_true, y_pred, scale):
        return np.mean(np.abs(y_true - y_pred)) / scale

    metrics = {"known": n_known, "mae": "mean_absolute_error", "width": width, "levels": n_levels}
    arguments = {"initial_window": 10, "step_length": 2, "gap": 1}
    result = backtest(SeasonalNaive(2), y, metrics=metrics, quantiles=[0.5], coverage=0.5, **arguments)
    assert list(result.forecasts.columns[-3:]) == ["0.25", "0.5", "0.75"]
    assert list(result.metrics.columns) == ["series", "cutoff", *metrics]
    assert result.metrics["known"].tolist()[:1] == [110]  # of steps 11 and 12 the second is missing
    np.testing.assert_array_equal(result.metrics["levels"], 3)
    widths = (result.forecasts["0.75"] - result.forecasts["0.25"]).to_numpy()
    np.testing.assert_array_equal(result.metrics["width"], widths[[0, 3, 5, 7]])
    named = backtest(SeasonalNaive(2), y, metrics=[partial(scaled, scale=2), "mean_absolute_error"], **arguments)
    np.testing.assert_array_equal(named.metrics["scaled"], named.metrics["mean_absolute_error"] / 2)
    np.testing.assert_array_equal(named.metrics["mean_absolute_error"], result.metrics["mae"])
    missing = backtest(SeasonalNaive(2), y, initial_window=10, step_length=3, metrics=MAE).metrics
    assert missing["cutoff"].tolist() == [9, 12, 15]
    assert missing["mean_absolute_error"].isna().tolist() == [False, True, False]  # the naive forecast is NaN


def test_default_metrics():
    numbarnn_metrics = pytest.importorskip("numbarnn.metrics")
    y = walk(20)
    result = backtest(SeasonalNaive(3), y, initial_window=10, step_length=3)
    assert list(result.metrics.columns) == ["series", "cutoff", "mean_absolute_error", "mase"]
    expected = numbarnn_metrics.mase(y[10:13], np.full(3, y[9]), y_train=y[:10])
    assert result.metrics["mase"][0] == pytest.approx(expected, rel=1e-12, abs=0)
    scores = backtest(SeasonalNaive(3), y, initial_window=10, coverage=0.8, metrics=["interval_coverage", "crps"])
    assert scores.metrics["interval_coverage"].between(0, 1).all()
    assert (scores.metrics["crps"] > 0).all()
    with pytest.raises(ValueError, match=r"names in sklearn.metrics or numbarnn.metrics, got 'mean_absolute_eror'"):
        backtest(SeasonalNaive(3), y, initial_window=10, metrics=["mean_absolute_eror"])


def test_conformal_intervals():
    y = walk(200)
    conformal = ConformalForecaster(SeasonalNaive(2), 0.8, n_calibration=20)
    result = backtest(conformal, y, initial_window=100, step_length=10, coverage=0.8, metrics=MAE).forecasts
    interval = conformal.fit(y[:110]).predict_interval()
    of_cutoff = result[result["cutoff"] == 109]
    np.testing.assert_allclose(of_cutoff[["0.1", "0.9"]], interval, rtol=1e-12, atol=0)
    adaptive = ConformalForecaster(SeasonalNaive(), 0.8, method="aci", n_calibration=20)
    result = backtest(adaptive, y, initial_window=100, refit=False, coverage=0.8, metrics=MAE).forecasts
    updated = adaptive.fit(y[:100])
    for t in range(100, 199):
        updated.update(y[t : t + 1])
    np.testing.assert_array_equal(result[["0.1", "0.9"]].to_numpy()[-1:], updated.predict_interval())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"initial_window": 19}, r"initial_window \+ gap \+ horizon = 19 \+ 0 \+ 2 time steps, but y has 20"),
        ({"initial_window": 0}, "'initial_window' parameter"),
        ({"refit": 0}, "'refit' parameter"),
        ({"metrics": ["mean_absolute_error"] * 2}, "must have different names"),
        ({"metrics": [lambda y_true, y_interval: 0]}, "judges intervals; pass coverage="),
        ({"quantiles": [10, 90]}, "levels between 0 and 1"),
        ({"X": [np.ones(20)] * 2}, "X must have one item for each of the 1 series, got 2"),
        (
            {"y": {"a": pd.Series(np.ones(30), DAYS), "b": pd.Series(np.ones(4), DAYS[::7][:4])}},
            r"must have the same frequency, but y\['b'\]",
        ),
        ({"y": [pd.Series(np.ones(30), DAYS), np.ones(9)]}, r"on one grid, got \['DatetimeIndex', 'positions'\]"),
        ({"y": {}}, "y is an empty dict; it must hold at least one series"),
        ({"y": {"a": np.ones(20), "b": np.ones(0)}}, r"at least one row, got none for \['b'\]"),
        ({"y": pd.Series([], pd.DatetimeIndex([]), dtype=float)}, r"at least one row, got none for \[0\]"),
        (
            {"y": np.ones((2, 3, 4))},
            r"y must be one series of shape \(T,\) or \(T, K\), .* got an array of shape \(2, 3, 4\)",
        ),
        ({"y": pd.Series(np.ones(20), DAYS[:20]), "X": np.ones(20)}, "so X must have one too"),
        ({"y": {"a": np.ones(20)}, "X": {"b": np.ones(20)}}, r"X has series \['b'\], which y lacks"),
        ({"y": pd.DataFrame({"y": np.ones(20)}), "time": "ds", "target": "y"}, "y has no column 'ds'"),
        ({"y": pd.DataFrame({"y": np.ones(20), "ds": DAYS[:20]}), "time": "ds", "target": "z"}, "y has no column 'z'"),
        ({"y": pd.DataFrame({"y": np.ones(20)}), "target": "y"}, "needs both time= and target="),
        (
            {"y": pd.DataFrame({"y": np.ones(2), "ds": ["1 May", "2 May"]}), "time": "ds", "target": "y"},
            "column 'ds' of y must hold dates or integers",
        ),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        backtest(SeasonalNaive(2), **{"y": walk(20), "initial_window": 10, "metrics": MAE, **arguments})


def test_what_is_no_forecaster_and_no_frame():
    with pytest.raises(TypeError, match="is no forecaster"):
        backtest("naive", walk(20), initial_window=10)
    with pytest.raises(TypeError, match=r"y must be a long frame with the columns \['ds'\], got ndarray"):
        backtest(SeasonalNaive(), walk(20), initial_window=10, time="ds", target="y")
