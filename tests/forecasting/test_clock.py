"""The steps of time stamps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from numbarnn.forecasting.clock import find_clock


@pytest.mark.parametrize("frequency", ["15min", "h", "D", "B", "W-SUN", "MS", "ME", "QS", "YE"])
def test_missing_rows_are_counted(frequency):
    index = pd.DatetimeIndex(list(pd.date_range("2024-03-01", periods=40, freq=frequency, tz="Europe/Berlin")))
    kept = index.delete([2, 7, 8, 30])
    clock = find_clock([kept], "y")
    np.testing.assert_array_equal(clock.positions([kept], "y")[0], np.delete(np.arange(40), [2, 7, 8, 30]))


def test_the_clock_of_several_series_starts_with_the_first():
    index = pd.date_range("2024-01-01", periods=9, freq="D")
    clock = find_clock([index[4:], index[:3]], "y")
    first, second = clock.positions([index[4:], index[:3]], "y")
    np.testing.assert_array_equal(first, np.arange(4, 9))
    np.testing.assert_array_equal(second, np.arange(3))


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
    clock = find_clock([index], "y")
    np.testing.assert_array_equal(clock.positions([index], "y")[0], positions)
    assert clock.times(index[-1])[positions[-1]] == index[-1]


@pytest.mark.parametrize("index", [pd.Index(["a", "b"]), pd.Index([1949.0, 1949.083])])
def test_labels_are_no_times(index):
    assert find_clock([index], "y") is None


def test_times_that_are_no_steps():
    index = pd.date_range("2024-01-01", periods=5, freq="D")
    with pytest.raises(ValueError, match=r"from 2024-01-01 .* follow no frequency; set one, for example with y.asfreq"):
        find_clock([pd.DatetimeIndex(["2024-01-01", "2024-01-02", "2024-01-05", "2024-03-01"])], "y")
    with pytest.raises(ValueError, match="indexes of y must be of one kind"):
        find_clock([index, pd.RangeIndex(5)], "y")
    clock = find_clock([index], "y")
    with pytest.raises(ValueError, match="y has more than one row for 2024-01-02"):
        clock.positions([index.repeat([1, 2, 1, 1, 1])], "y")
    with pytest.raises(ValueError, match="y must be in order of time"):
        clock.positions([index[::-1]], "y")
    with pytest.raises(ValueError, match=r"X has a row for 2024-01-02 01:00:00, which is no step from 2024-01-01"):
        clock.positions([index[1:] + pd.Timedelta("1h")], "X")
