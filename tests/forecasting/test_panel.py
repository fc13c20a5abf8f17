from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from numbarnn.forecasting.forms import Columns
from numbarnn.forecasting.panel import read_panel

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

MONTHS = pd.date_range("2024-01-31", periods=5, freq="ME")
LONG = {"name": ["b", "a", "b", "a"], "at": [2, 1, 1, 2], "value": [3.0, 1.0, 2.0, 4.0]}


def restored(y, columns=None, labels=None):
    """Return the panel, and a forecast of two steps in its form."""
    panel = read_panel(y, columns)
    steps = np.arange(2.0)[:, np.newaxis] + np.arange(panel.n_variables)
    if labels is not None:
        steps = steps[:, :, np.newaxis] + 10 * np.arange(len(labels))
    return panel, panel.restore([steps] * len(panel), labels)


def test_arrays_come_back_as_arrays():
    panel, forecast = restored([1, 2, None])
    np.testing.assert_array_equal(panel.series[0].values, [[1], [2], [np.nan]])
    np.testing.assert_array_equal(forecast, [0, 1])
    assert restored(np.ones((4, 3)))[1].shape == (2, 3)
    assert restored(np.ones((4, 3)), labels=[0.1, 0.9])[1].shape == (2, 3, 2)


def test_lists_and_dicts_come_back_as_such():
    panel, forecast = restored([[1.0, 2.0], [1.0, 2.0, 3.0]])
    assert [len(each) for each in panel.series] == [2, 3]
    assert [each.tolist() for each in forecast] == [[0, 1], [0, 1]]
    _, forecast = restored({"u": pd.Series(np.ones(5), MONTHS), "v": [1.0, 2.0]})
    assert list(forecast) == ["u", "v"]
    assert isinstance(forecast["u"], pd.Series)


def test_pandas_comes_back_with_its_index_and_names():
    after = pd.date_range("2024-06-30", periods=2, freq="ME")
    _, forecast = restored(pd.Series(range(5), MONTHS, name="sales"))
    pd.testing.assert_series_equal(forecast, pd.Series([0.0, 1.0], after, name="sales"))
    _, forecast = restored(pd.Series(range(5), MONTHS), labels=[0.1, 0.9])
    pd.testing.assert_frame_equal(forecast, pd.DataFrame([[0.0, 10.0], [1.0, 11.0]], after, [0.1, 0.9]))
    _, forecast = restored(pd.DataFrame({"a": range(5), "b": 1.0}, MONTHS))
    pd.testing.assert_frame_equal(forecast, pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, 2.0]}, after))
    _, forecast = restored(pd.DataFrame({"a": range(5), "b": 1.0}, MONTHS), labels=["lower", "upper"])
    assert forecast["b", "upper"].tolist() == [11, 12]
    assert restored(pd.Series([1.0, 2.0], ["x", "y"]))[1].index.tolist() == [2, 3]


def test_polars_comes_back_as_polars():
    _, forecast = restored(pl.Series("sales", [1, 2, None]))
    assert forecast.to_list() == [0, 1]
    assert forecast.name == "sales"
    _, forecast = restored(pl.DataFrame({"a": [1, 2], "b": [1, 2]}))
    assert forecast.to_dict(as_series=False) == {"a": [0, 1], "b": [1, 2]}
    _, forecast = restored(pl.Series("sales", [1, 2]), labels=[0.5])
    assert forecast.columns == ["0.5"]


@pytest.mark.parametrize("library", [pd, pl])
def test_a_long_frame_comes_back_as_one(library):
    columns = Columns("name", "at", ("value",))
    panel, forecast = restored(library.DataFrame(LONG), columns)
    assert panel.names == ("b", "a")
    np.testing.assert_array_equal(panel.series[0].values[:, 0], [2, 3])
    assert isinstance(forecast, library.DataFrame)
    wanted = {"name": ["b", "b", "a", "a"], "at": [3, 4, 3, 4], "value": [0.0, 1.0, 0.0, 1.0]}
    assert {column: list(forecast[column]) for column in forecast.columns} == wanted
    _, forecast = restored(library.DataFrame(LONG), columns, labels=[0.1])
    assert list(forecast.columns) == ["name", "at", "0.1"]


def test_dates_of_a_long_frame_keep_their_type():
    dates = [dt.date(2024, 1, 31), dt.date(2024, 2, 29), dt.date(2024, 4, 30)]
    frame = pl.DataFrame({"at": dates, "value": [1.0, 2.0, 3.0]})
    panel, forecast = restored(frame, Columns(None, "at", ("value",)))
    np.testing.assert_array_equal(panel.series[0].values[:, 0], [1, 2, np.nan, 3])
    assert forecast["at"].to_list() == [dt.date(2024, 5, 31), dt.date(2024, 6, 30)]
    zoned = frame.with_columns(pl.col("at").cast(pl.Datetime("ms")).dt.replace_time_zone("Europe/Berlin"))
    _, forecast = restored(zoned, Columns(None, "at", ("value",)))
    assert forecast["at"].dtype == zoned["at"].dtype
    assert str(forecast["at"][0]) == "2024-05-31 00:00:00+02:00"


@pytest.mark.parametrize(
    ("y", "columns", "error", "message"),
    [
        ([], None, ValueError, "y is empty"),
        ({}, None, ValueError, "y is an empty dict"),
        (3.0, None, ValueError, r"shape \(T,\) or \(T, K\), got shape \(\)"),
        (np.ones((2, 2, 2)), None, ValueError, r"write list\(y\)"),
        ([np.inf, 1.0], None, ValueError, "y contains infinity at step 0"),
        (["a", "b"], None, ValueError, "Expected real numbers in y"),
        ([[1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]]], None, ValueError, "same number of variables"),
        (pd.DataFrame(LONG), None, ValueError, "column 'name' of String.*series_id="),
        (pd.DataFrame(LONG), Columns("id", "at", ("value",)), ValueError, "y has no column 'id'"),
        ([1.0], Columns("id", "at", ("value",)), TypeError, "y must be a long frame"),
        (pl.DataFrame(LONG | {"at": [1, 1, 1, 1]}), Columns("name", "at", ("value",)), ValueError, "more than once"),
        (pl.DataFrame(LONG | {"at": list("abcd")}), Columns("name", "at", ("value",)), ValueError, "dates or integers"),
        (pl.DataFrame(LONG | {"name": ["a", None, "b", "b"]}), Columns("name", "at", ("value",)), ValueError, "drop"),
    ],
)  # fmt: skip
def test_what_is_no_series_is_refused(y, columns, error, message):
    with pytest.raises(error, match=message):
        read_panel(y, columns)
