from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from numbarnn.data import SlidingWindow

SERIES = np.arange(10.0)
TABLE = np.column_stack([SERIES, -SERIES])


@pytest.mark.parametrize("container", [np.asarray, list, pd.Series, pl.Series])
def test_windows_and_the_next_value(container):
    X, y = SlidingWindow(4).make_xy(container(SERIES))
    assert X.shape == (6, 4, 1)
    for i in range(6):
        assert_array_equal(X[i, :, 0], SERIES[i : i + 4])
    assert_array_equal(y, SERIES[4:])


@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, pl.DataFrame])
def test_several_columns_and_steps(container):
    X, y = SlidingWindow(4, horizon=2, step=3).make_xy(container(TABLE))
    assert_array_equal(X, [TABLE[0:4], TABLE[3:7]])
    assert_array_equal(y, [[4, -4, 5, -5], [7, -7, 8, -8]])


def test_targets_of_their_own():
    labels = np.array(list("abcdefghij"))
    X, y = SlidingWindow(8).make_xy(TABLE, labels)
    assert X.shape == (2, 8, 2)
    assert_array_equal(y, ["i", "j"])
    _, y = SlidingWindow(8, horizon=2).make_xy(SERIES, TABLE)
    assert_array_equal(y, [[8, -8, 9, -9]])
    _, y = SlidingWindow(8).make_xy(SERIES, TABLE)
    assert_array_equal(y, [[8, -8], [9, -9]])


def test_transform_holds_the_windows_without_targets_too():
    window = SlidingWindow(4)
    X = window.fit_transform(SERIES)
    assert len(X) == 7
    assert_array_equal(X[-1:], window.last_window(SERIES))
    assert_array_equal(X[:-1], window.make_xy(SERIES)[0])


def test_the_last_window_ends_with_the_series():
    assert_array_equal(SlidingWindow(3, step=4).last_window(TABLE), [TABLE[-3:]])


def test_float32_stays():
    X, y = SlidingWindow(4).make_xy(SERIES.astype(np.float32))
    assert X.dtype == y.dtype == np.float32


def test_the_shortest_series():
    X, y = SlidingWindow(7, horizon=3).make_xy(SERIES)
    assert len(X) == len(y) == 1


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (SERIES[:4], r"at least 5 steps \(length=4, horizon=1\), got one of shape \(4,\)"),
        (np.zeros((9, 2, 2)), "Found array with dim 3"),
        (np.array([*SERIES, np.nan]), "Input series contains NaN"),
        (SERIES.astype(str), "Expected real numbers in series"),
        (SERIES.astype(complex), "Complex data not supported"),
        (np.ma.array(SERIES, mask=SERIES == 3), r"Input series contains NaN: series\[3\]"),
        (3.0, "Expected a series of shape"),
        (None, "got series as None"),
        ([], "minimum of 1 is required"),
        ([SERIES, SERIES[:3]], "series is not a regular array"),
        (
            pd.DataFrame({"a": SERIES}, index=pd.MultiIndex.from_product([["u", "v"], range(5)], names=["id", "t"])),
            r"windows would reach from one series into the next.*for _, g in series.groupby\(level=0\)",
        ),
    ],
)
def test_bad_series_are_errors(series, message):
    with pytest.raises(ValueError, match=message):
        SlidingWindow(4).make_xy(series)


@pytest.mark.parametrize("name", ["length", "horizon", "step"])
@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_bad_parameters_are_errors(name, value):
    window = SlidingWindow(4).set_params(**{name: value})
    for method in (window.fit, window.transform, window.make_xy, window.last_window):
        with pytest.raises(ValueError, match=f"'{name}' parameter"):
            method(SERIES)


def test_targets_of_another_length_are_an_error():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        SlidingWindow(4).make_xy(SERIES, SERIES[1:])


def test_an_iterator_is_an_error():
    with pytest.raises(TypeError, match=r"write list\(series\)"):
        SlidingWindow(4).make_xy(iter(SERIES))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.where(SERIES == 3, np.nan, SERIES), r"Input y contains NaN: y\[3\]"),
        ([*range(9), None], r"Input y contains NaN: y\[9\]"),
        (np.zeros((10, 1, 1)), r"Expected y of shape \(10,\) or \(10, K\)"),
    ],
)
def test_bad_targets_are_errors(y, message):
    with pytest.raises(ValueError, match=message):
        SlidingWindow(4).make_xy(SERIES, y)
