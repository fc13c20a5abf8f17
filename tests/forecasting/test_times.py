from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from numbarnn.forecasting.covariates import calendar_features
from numbarnn.forecasting.times import CALENDAR_FIELDS, IntegerTimes, read_integers, read_pandas_index, read_stamps

pd = pytest.importorskip("pandas")


@pytest.mark.parametrize(
    ("index", "following"),
    [
        (pd.date_range("2024-01-31", periods=4, freq="ME"), ["2024-05-31", "2024-06-30"]),
        (pd.to_datetime(["2024-01-31", "2024-02-29", "2024-03-31"]), ["2024-04-30", "2024-05-31"]),
        (pd.period_range("2024-11", periods=3, freq="M"), ["2025-02", "2025-03"]),
        (pd.date_range("2024-10-26 22:00", periods=4, freq="h", tz="Europe/Berlin"),
         ["2024-10-27 02:00+02:00", "2024-10-27 02:00+01:00"]),
        (pd.date_range("2024-10-25", periods=2, freq="D", tz="Europe/Berlin"), ["2024-10-27", "2024-10-28"]),
        (pd.date_range("2024-11-28", periods=3, freq="B"), ["2024-12-03", "2024-12-04"]),
        (pd.timedelta_range("1h", periods=3, freq="h"), ["4h", "5h"]),
    ],
    ids=["month ends", "without a frequency", "periods", "hours with a change of the clock", "days with one",
         "business days", "durations"],
)  # fmt: skip
def test_an_index_of_pandas_goes_on(index, following):
    times, slots = read_pandas_index(index, name="y")
    assert slots is None
    after = times.after(2).index
    wanted = type(index)(following, dtype=index.dtype)
    assert list(after) == list(wanted)
    assert after.dtype == index.dtype
    assert list(times.joined(times.after(2)).index) == [*index, *wanted]


def test_missing_rows_have_their_places():
    times, slots = read_pandas_index(pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-06"]), name="y")
    assert len(times) == 6
    assert slots.tolist() == [0, 1, 2, 5]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (["2024-01-01", "2024-01-01"], "2024-01-01 00:00:00 more than once"),
        (["2024-01-02", "2024-01-01"], r"pass y.sort_index\(\)"),
        (["2024-01-01", "2024-01-02", "2024-01-03 07:00", "2024-01-17"], "resample"),
        (["2024-01-01", None], "missing times"),
    ],
)
def test_an_index_that_is_no_grid_is_refused(index, message):
    with pytest.raises(ValueError, match=message):
        read_pandas_index(pd.to_datetime(index, format="mixed"), name="y")


def test_levels_of_an_index_are_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"fit\(y.reset_index\(\), series_id=..., time=..., target=...\)"):
        read_pandas_index(pd.MultiIndex.from_product([["a"], [1, 2]]), name="y")


def test_one_time_alone_cannot_go_on():
    times, _ = read_pandas_index(pd.to_datetime(["2024-01-01"]), name="y")
    with pytest.raises(ValueError, match="frequency of y cannot be told"):
        times.after(1)


def test_integers_go_on_in_their_step():
    times, slots = read_integers(np.array([2000, 2002, 2006]), name="y")
    assert times.after(2).ticks.tolist() == [2008, 2010]
    assert slots.tolist() == [0, 1, 3]
    assert times.take(-1).ticks.tolist() == [2006]
    with pytest.raises(ValueError, match="not on a regular grid"):
        read_integers(np.array([0, 1, 1000]), name="y")


@pytest.mark.parametrize(
    ("stamps", "following"),
    [
        (["2024-01-31", "2024-02-29", "2024-04-30"], ["2024-05-31", "2024-06-30"]),
        (["2024-01-01", "2024-04-01"], ["2024-07-01", "2024-10-01"]),
        (["2024-01-15", "2024-02-15", "2024-03-15"], ["2024-04-15", "2024-05-15"]),
        (["2024-01-01T10:30", "2024-01-01T11:00", "2024-01-01T12:30"], ["2024-01-01T13:00", "2024-01-01T13:30"]),
    ],
)
def test_stamps_go_on(stamps, following):
    times, _ = read_stamps(np.array(stamps, "datetime64[us]"), name="y")
    np.testing.assert_array_equal(times.after(2).stamps, np.array(following, "datetime64[us]"))


@pytest.mark.parametrize("field", CALENDAR_FIELDS)
def test_the_calendar_is_that_of_pandas(field):
    index = pd.date_range("2023-12-30 23:45", periods=500, freq="25h45min")
    from_pandas, _ = read_pandas_index(index, name="y")
    from_stamps, _ = read_stamps(index.to_numpy(), name="y")
    wanted = getattr(index, {"dayofweek": "day_of_week", "dayofyear": "day_of_year"}.get(field, field)).to_numpy()
    np.testing.assert_array_equal(from_pandas.calendar(field), wanted)
    np.testing.assert_array_equal(from_stamps.calendar(field), wanted)


def test_stamps_of_a_time_zone_have_its_calendar():
    utc = np.array(["2024-10-26T22:00", "2024-10-26T23:00", "2024-10-27T00:00", "2024-10-27T01:00"], "datetime64[us]")
    local = [each.replace(tzinfo=dt.UTC).astimezone(dt.timezone(dt.timedelta(hours=2))) for each in utc.tolist()]
    clock = np.array([each.replace(tzinfo=None) for each in local], "datetime64[us]")
    clock[3] -= np.timedelta64(1, "h")  # two o'clock again
    times, _ = read_stamps(clock, name="y", zone="Europe/Berlin", utc=utc)
    assert times.calendar("hour").tolist() == [0, 1, 2, 2]
    assert times.after(1).calendar("hour").tolist() == [3]


def test_features_of_the_calendar_are_periodic_and_differ():
    times, _ = read_pandas_index(pd.date_range("2024-01-01", periods=14, freq="D"), name="y")
    features = calendar_features(times, ("dayofweek",))
    assert features.shape == (14, 6)
    np.testing.assert_allclose(features[:7], features[7:], rtol=0, atol=1e-12)
    assert len(np.unique(features.round(6), axis=0)) == 7


def test_times_of_another_kind_cannot_be_compared():
    times, _ = read_pandas_index(pd.date_range("2024-01-01", periods=3, freq="D"), name="y")
    with pytest.raises(ValueError, match="X must have times of the kind of y, integers, got DatetimeIndex"):
        times.locate(IntegerTimes(0, 1, 2), name="X")
