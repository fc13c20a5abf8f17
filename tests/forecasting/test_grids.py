"""The steps of the times of rows, for one series and for several."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest

from numbarnn.forecasting.forms import Columns
from numbarnn.forecasting.grids import locate_stamps, read_grids, read_stamped
from numbarnn.forecasting.panel import read_panel

DAYS = pd.date_range("2024-01-01", periods=12, freq="D")


@pytest.mark.parametrize("frequency", ["15min", "h", "D", "B", "W-SUN", "MS", "ME", "QS", "YE"])
def test_missing_rows_are_counted(frequency):
    index = pd.DatetimeIndex(list(pd.date_range("2024-03-01", periods=40, freq=frequency, tz="Europe/Berlin")))
    grid = read_stamped(index.delete([2, 7, 8, 30]), "y")
    np.testing.assert_array_equal(grid.rows, np.delete(np.arange(40), [2, 7, 8, 30]))
    assert list(grid.times.index) == list(index)


@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_days_without_weekends_are_business_days_in_polars(zone):
    index = pd.date_range("2024-02-26", periods=30, freq="B")
    dates = pl.Series("ds", index.delete([3, 16]).to_numpy()).cast(pl.Datetime("us"))
    dates = dates if zone is None else dates.dt.replace_time_zone(zone)
    grid = read_stamped(nw.from_native(dates, series_only=True), "y")
    np.testing.assert_array_equal(grid.rows, np.delete(np.arange(30), [3, 16]))
    np.testing.assert_array_equal(grid.times.after(3).stamps, pd.date_range("2024-04-08", periods=3, freq="B"))
    seven = read_stamped(nw.from_native(pl.Series("ds", DAYS.to_numpy()), series_only=True), "y")
    assert seven.times.after(1).stamps[0] == np.datetime64("2024-01-13")


@pytest.mark.parametrize(
    ("index", "positions"),
    [
        (pd.Index([1990, 1991, 1994]), [0, 1, 4]),
        (pd.Index([10, 20, 40]), [0, 1, 3]),
        (pd.period_range("2024-01", periods=5, freq="M").delete(1), [0, 2, 3, 4]),
        (pd.DatetimeIndex(["2024-01-01", "2024-01-03"]), [0, 1]),
        (pd.DatetimeIndex(["2024-01-01"]), [0]),
    ],
)
def test_numbers_periods_and_few_times(index, positions):
    grid = read_stamped(index, "y")
    np.testing.assert_array_equal(grid.rows, positions)
    assert grid.times.label(positions[-1]) == str(index[-1])


@pytest.mark.parametrize("index", [pd.Index(["a", "b"]), pd.Index([1949.0, 1949.083])])
def test_labels_are_no_times(index):
    (series,) = read_panel(pd.Series([1.0, 2.0], index)).series
    assert series.times.kind == "integers"
    assert series.times.ticks.tolist() == [0, 1]


@pytest.mark.parametrize("common", [True, False], ids=["with a frequency", "without"])
def test_the_clock_of_several_series_starts_with_the_first(common):
    parts = [DAYS[4:], DAYS[:3]] if common else [DAYS[4:].delete(2), DAYS[[0, 1, 2]]]
    (first, second), clock = read_grids(parts, ["u", "v"])
    assert list(clock.index) == list(DAYS)
    assert (first.times.label(0), len(first.times)) == (str(DAYS[4]), 8)
    np.testing.assert_array_equal(second.rows, np.arange(3))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_short_or_sparse_series_has_the_frequency_of_the_others(library):
    days = {"long": DAYS, "one": DAYS[[5]], "two": DAYS[[2, 5]], "sparse": DAYS[[0, 4, 9]], "weekly": DAYS[:0]}
    days["weekly"] = pd.date_range("2024-01-01", periods=5, freq="7D")
    frame = pd.concat([pd.DataFrame({"id": key, "ds": index, "y": 1.0}) for key, index in days.items()])
    long = frame if library == "pandas" else pl.DataFrame(frame.to_dict("list"))
    panel = read_panel(long, Columns("id", "ds", ("y",)))
    lengths = {name: len(each) for name, each in zip(panel.names, panel.series, strict=True)}
    # The weekly series is regular, and stays weekly.
    assert lengths == {"long": 12, "one": 1, "two": 4, "sparse": 10, "weekly": 5}
    forecast = panel.restore([np.zeros((1, 1))] * 5)
    after = dict(zip(forecast["id"], pd.DatetimeIndex(forecast["ds"].to_numpy()), strict=True))
    assert after["one"] == DAYS[6]
    assert after["two"] == DAYS[6]
    assert after["weekly"] == pd.Timestamp("2024-02-05")


def test_series_far_apart_have_grids_of_their_own():
    hours = pd.date_range("1900-01-01", periods=4, freq="h"), pd.date_range("2024-01-01", periods=5, freq="h")
    grids, clock = read_grids(hours, ["u", "v"])
    assert clock is None
    assert [len(grid.times) for grid in grids] == [4, 5]


def test_numbers_of_several_series():
    (first, second), clock = read_grids([pd.Index([2000, 2004, 2006]), pd.Index([2001, 2002])], ["u", "v"])
    assert clock.ticks.tolist() == list(range(2000, 2007))
    np.testing.assert_array_equal(first.rows, [0, 4, 6])
    assert second.times.after(1).ticks.tolist() == [2003]


def test_times_that_are_no_steps():
    with pytest.raises(ValueError, match=r"not on a regular grid of times: 2024-01-01 .* Resample it first"):
        read_stamped(pd.DatetimeIndex(["2024-01-01", "2024-01-02", "2024-01-05", "2024-03-01"]), "y")
    clock = read_stamped(DAYS, "y").times
    np.testing.assert_array_equal(locate_stamps(clock, DAYS[[1, 3]] + pd.Timedelta("1h"), name="X"), [-1, -1])
    with pytest.raises(ValueError, match="X must have times of the kind of y, DatetimeIndex, got integers"):
        locate_stamps(clock, pd.RangeIndex(5), name="X")
    with pytest.raises(ValueError, match=r"of X must increase, without repetitions, but 2024-01-02 .* after 2024"):
        locate_stamps(clock, DAYS[[0, 1, 1]], name="X")
    for index in (DAYS[::-1], DAYS[[0, 1, 1]]):
        with pytest.raises(ValueError, match=r"is not sorted|more than once"):
            read_grids([DAYS, index], ["u", "v"])


def test_times_go_on_up_to_another():
    clock = read_stamped(DAYS, "y").times
    assert len(clock.until(clock.ticks[-1] + 86_400_000_000_000 * 100)) == 100
    with pytest.raises(ValueError, match="too far"):
        read_stamped(pd.RangeIndex(5, 7), "y").times.until(10**12)
