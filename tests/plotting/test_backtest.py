"""What BacktestDisplay draws of the tidy frame of a backtest."""

from __future__ import annotations

import numpy as np
import pytest

from numbarnn.plotting import BacktestDisplay

pytest.importorskip("narwhals")
pandas = pytest.importorskip("pandas")

INDEX = pandas.date_range("2024-01", periods=12, freq="MS")
Y = {name: pandas.Series(factor * np.arange(12.0) ** 2, index=INDEX) for name, factor in (("a", 1), ("b", -2))}


def tidy(quantiles=True):
    """Return forecasts by the last value, in a jumbled order, one of whose observations is missing."""
    rows = [
        {
            "series": name,
            "cutoff": INDEX[cutoff],
            "time": INDEX[cutoff + step],
            "step": step,
            "y_true": np.nan if (name, cutoff, step) == ("b", 9, 2) else y.iloc[cutoff + step],
            "y_pred": y.iloc[cutoff],
        }
        | ({"0.1": y.iloc[cutoff] - step, "0.9": y.iloc[cutoff] + step, "0.5": y.iloc[cutoff]} if quantiles else {})
        for name, y in Y.items()
        for cutoff in (9, 7, 5)
        for step in (2, 1)
    ]
    return pandas.DataFrame(rows)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_forecasts_over_time(library):
    frame = tidy()
    if library == "polars":
        frame = pytest.importorskip("polars").DataFrame(frame.to_dict("list"))
    display = BacktestDisplay.from_predictions(frame, Y, series="a")
    assert list(pandas.to_datetime(display.line_.get_xdata())) == list(INDEX)
    np.testing.assert_array_equal(display.line_.get_ydata(), Y["a"])
    for line, fill, cutoff in zip(display.pred_lines_, display.interval_fills_, (5, 7, 9), strict=True):
        assert list(pandas.to_datetime(line.get_xdata())) == list(INDEX[cutoff + 1 : cutoff + 3])
        assert line.get_ydata().tolist() == [cutoff**2] * 2
        heights = fill.get_paths()[0].vertices[:, 1]
        assert (heights.min(), heights.max()) == (cutoff**2 - 2, cutoff**2 + 2)
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [
        "observed",
        "forecasts",
        "80% interval",
    ]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("time", "a")


def test_without_the_series_itself_the_observations_of_the_forecasts_are_drawn():
    display = BacktestDisplay.from_predictions(tidy(quantiles=False), series="b", line_kwargs={"lw": 3})
    assert list(pandas.to_datetime(display.line_.get_xdata())) == list(INDEX[6:12])
    np.testing.assert_array_equal(display.line_.get_ydata(), [*Y["b"][6:11], np.nan])
    assert display.interval_fills_ == []
    assert display.line_.get_linewidth() == 3


def test_errors_by_step():
    frame = tidy()
    display = BacktestDisplay.from_predictions(frame, kind="errors")
    by_hand = (frame["y_true"] - frame["y_pred"]).abs().groupby(frame["step"]).mean()
    np.testing.assert_array_equal(display.line_.get_xdata(), by_hand.index)
    np.testing.assert_allclose(display.line_.get_ydata(), by_hand, rtol=1e-15, atol=0)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("steps ahead", "mean absolute error")
    assert display.plot(kind="forecasts").pred_lines_


def test_times_with_a_zone_and_keys_of_any_kind():
    frame, keys = tidy(), {"a": ("north", 1), "b": 2}
    for name in ("time", "cutoff"):
        frame[name] = frame[name].dt.tz_localize("Europe/Berlin")
    frame["series"] = frame["series"].map(keys)
    y = {key: Y[name].tz_localize("Europe/Berlin") for name, key in keys.items()}
    display = BacktestDisplay.from_predictions(frame, y, series=("north", 1))
    assert list(display.line_.get_xdata()) == list(y[2].index)
    assert list(display.pred_lines_[0].get_xdata()) == list(y[2].index[6:8])
    display.figure_.canvas.draw()


def test_integer_times_and_a_plain_array():
    y = np.arange(8.0)
    rows = [
        {"series": 0, "cutoff": c, "time": c + 1, "step": 1, "y_true": y[c + 1], "y_pred": y[c]} for c in range(4, 7)
    ]
    display = BacktestDisplay.from_predictions(pandas.DataFrame(rows), y)
    np.testing.assert_array_equal(display.line_.get_data(), [np.arange(8), y])
    assert [line.get_xdata().tolist() for line in display.pred_lines_] == [[5], [6], [7]]


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (tidy(), {}, "There are 2 series: say which one to draw, such as series='a'"),
        (tidy(), {"series": "c"}, r"no series 'c' among the forecasts; there are \['a', 'b'\]"),
        (tidy(), {"series": "a", "kind": "error"}, "kind must be 'forecasts' or 'errors', got 'error'"),
        (tidy()[:0], {}, "no series None among the forecasts"),
        (tidy().drop(columns=["step", "time"]), {"series": "a"}, r"lack the columns \['time', 'step'\]"),
    ],
)
def test_errors(frame, options, message):
    with pytest.raises(ValueError, match=message):
        BacktestDisplay.from_predictions(frame, **options)
