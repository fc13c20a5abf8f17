from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from numbarnn.data import SlidingWindow
from tests.estimators.problems import objects

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
        (SERIES[:4], r"series to have at least 5 steps \(length=4, horizon=1\), got shape \(4,\)"),
        (np.zeros((9, 2, 2)), "Found array with dim 3"),
        (np.array([*SERIES, np.nan]), "Input series contains NaN"),
        (SERIES.astype(str), "Expected real numbers in series"),
        (SERIES.astype(complex), "Complex data not supported"),
        (np.ma.array(SERIES, mask=SERIES == 3), r"Input series contains NaN: series\[3\]"),
        (3.0, r"Expected series to be of shape \(T,\)"),
        (None, "got series as None"),
        ([], "minimum of 1 is required"),
        (
            [SERIES, SERIES[:3]],
            r"Expected series\[1\] to have at least 5 steps \(length=4, horizon=1\), got shape \(3,\)",
        ),
        ([SERIES, TABLE], r"the same columns: series\[0\] has shape \(10,\), series\[1\] has shape \(10, 2\)"),
        ([TABLE, [*TABLE[:-1], [1, np.nan]]], r"Input series\[1\] contains NaN: series\[1\]\[9\]"),
        ([SERIES, None], r"got series\[1\] as None"),
        ({"a": SERIES}, r"write list\(series.values\(\)\)"),
        (
            pd.DataFrame({"a": SERIES}, index=pd.MultiIndex.from_product([["u", "v"], range(5)], names=["id", "t"])),
            r"windows would reach from one series into the next.*\[g for _, g in series.groupby\(level=0\)\]",
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


PANEL = [SERIES, 100 + 2 * SERIES[:7], SERIES[:5] ** 2]


@pytest.mark.parametrize("container", [list, tuple, objects])
def test_windows_of_several_series_are_those_of_each_one_after_the_other(container):
    window = SlidingWindow(3, horizon=2, step=2)
    X, y = window.make_xy(container(PANEL))
    parts = [window.make_xy(series) for series in PANEL]
    assert_array_equal(X, np.concatenate([part[0] for part in parts]))
    assert_array_equal(y, np.concatenate([part[1] for part in parts]))
    assert_array_equal(window.transform(container(PANEL)), np.concatenate([window.transform(s) for s in PANEL]))
    assert_array_equal(window.last_window(container(PANEL))[:, :, 0], [series[-3:] for series in PANEL])


def test_series_of_one_length_are_no_table():
    X, y = SlidingWindow(8).make_xy([SERIES, -SERIES])
    assert X.shape == (4, 8, 1)
    assert_array_equal(y, [8, 9, -8, -9])
    X, y = SlidingWindow(8).make_xy([pd.DataFrame(TABLE), pl.DataFrame(TABLE)])
    assert (X.shape, y.shape) == ((4, 8, 2), (4, 2))


def test_targets_of_several_series():
    letters = [list("abcdefghij"), list("klmnopq"), list("rstuv")]
    _, y = SlidingWindow(4, step=3).make_xy(PANEL, letters)
    assert_array_equal(y, ["e", "h", "o", "v"])
    with pytest.raises(ValueError, match=r"the series has 7 steps, but y\[1\] has 10"):
        SlidingWindow(4).make_xy(PANEL, [letters[0]] * 3)
    with pytest.raises(ValueError, match="y must be a list with one item for each of the 3 series, got 2 items"):
        SlidingWindow(4).make_xy(PANEL, letters[:2])


def test_a_window_carries_the_covariates_of_horizon_steps_later():
    covariates = np.column_stack([np.arange(12), 10 * np.arange(12)])
    window = SlidingWindow(4, horizon=2, step=3)
    X, _ = window.make_xy(SERIES, future=covariates[:10])
    assert X.shape == (2, 4, 3)
    assert_array_equal(X[:, :, :1], window.make_xy(SERIES)[0])
    assert_array_equal(X[:, :, 1:], [covariates[2:6], covariates[5:9]])
    assert_array_equal(window.last_window(SERIES, future=covariates)[0, :, 1:], covariates[-4:])
    assert_array_equal(
        window.transform(SERIES, future=covariates)[:, :, 1:], [covariates[i : i + 4] for i in (2, 5, 8)]
    )


def test_covariates_of_several_series():
    future = [pd.Series(np.arange(12)), np.arange(20, 29), list(range(40, 47))]
    X = SlidingWindow(3, horizon=2).last_window([series.astype("float32") for series in PANEL], future=future)
    assert X.dtype == "float32"
    assert_array_equal(X[:, :, 1], [[9, 10, 11], [26, 27, 28], [44, 45, 46]])


@pytest.mark.parametrize(
    ("future", "message"),
    [
        (SERIES[:9], r"future must have at least 10 rows, one for each of the 10 steps of series; got 9"),
        (np.where(SERIES == 3, np.nan, SERIES), r"Input future contains NaN: future\[3\]"),
        (np.zeros((10, 1, 1)), "Found array with dim 3"),
        (SERIES.astype(str), "Expected real numbers in future"),
    ],
)
def test_bad_covariates_are_errors(future, message):
    with pytest.raises(ValueError, match=message):
        SlidingWindow(4).make_xy(SERIES, future=future)


def test_covariates_that_end_too_soon_or_have_other_columns_are_errors():
    window = SlidingWindow(4, horizon=2)
    for method in (window.transform, window.last_window):
        with pytest.raises(ValueError, match=r"at least 12 rows, .* 10 steps of series and the 2 after them; got 11"):
            method(SERIES, future=np.zeros(11))
    with pytest.raises(ValueError, match="future must be a list with one item for each of the 3 series, got a ndarray"):
        window.last_window(PANEL, future=np.zeros(12))
    with pytest.raises(
        ValueError, match=r"same columns: future\[0\] has shape \(10,\), future\[1\] has shape \(10, 2\)"
    ):
        window.make_xy([SERIES, SERIES], future=[SERIES, TABLE])
    with pytest.raises(ValueError, match=r"future needs a length of at least the horizon, 5, .* got length=4"):
        SlidingWindow(4, horizon=5).make_xy(SERIES, future=SERIES)
