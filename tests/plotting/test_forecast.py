"""What ForecastDisplay draws for arrays, pandas and polars, one series and several, and which intervals it asks for."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from numbarnn.plotting import (
    BacktestDisplay,
    ForecastDisplay,
    GradientFlowDisplay,
    InputGradientDisplay,
    LossCurveDisplay,
)

Y = np.arange(20.0) ** 2
TRAIN, TRUE = Y[:16], Y[16:]
PRED = TRUE + 1
BOUNDS = np.stack([PRED - 5, PRED + 5], axis=1)


class Drift:
    """A forecaster of one series that repeats its last value, with what the protocol of forecasters asks for."""

    horizon = 3

    def predict(self, horizon=None, *, y=None, X=None):
        return np.full(horizon or self.horizon, y[-1]) + (0 if X is None else X)

    def predict_quantiles(self, q, horizon=None, *, y=None, X=None):
        return self.predict(horizon, y=y, X=X)[:, np.newaxis] + 10 * (np.asarray(q) - 0.5)


class DriftWithIntervals(Drift):
    def predict_interval(self, coverage=0.9, horizon=None, *, y=None, X=None):
        return self.predict_quantiles([0, 1], horizon, y=y, X=X) * [coverage, 1]


def points(line):
    return np.stack([np.asarray(values, dtype=float) for values in line.get_data()])


def corners(fill):
    """Return the least and the greatest value of a filled area at each time."""
    vertices = fill.get_paths()[0].vertices
    at = np.unique(vertices[:, 0])
    return at, np.array([(low.min(), low.max()) for low in (vertices[vertices[:, 0] == t, 1] for t in at)])


def names(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_arrays():
    display = ForecastDisplay.from_predictions(TRAIN, PRED, y_true=TRUE[:2], interval=BOUNDS)
    np.testing.assert_array_equal(points(display.train_line_), [np.arange(16), TRAIN])
    np.testing.assert_array_equal(points(display.pred_line_), [np.arange(16, 20), PRED])
    np.testing.assert_array_equal(points(display.true_line_), [[16, 17], TRUE[:2]])
    at, bounds = corners(display.interval_fills_[0])
    np.testing.assert_array_equal(at, np.arange(16, 20))
    np.testing.assert_array_equal(bounds, BOUNDS)
    assert names(display.ax_) == ["training series", "observed", "forecast", "interval"]
    assert display.ax_.get_xlabel() == "time"
    assert display.figure_ is display.ax_.figure


def test_plot_draws_again_elsewhere_in_another_style():
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    first = ForecastDisplay.from_predictions(TRAIN, PRED, interval={0.5: BOUNDS / 2, 0.9: BOUNDS})
    first_ax = first.ax_
    again = first.plot(ax, history=5, pred_kwargs={"c": "red", "lw": 3}, interval_kwargs={"color": "green"})
    assert again is first
    assert again.ax_ is ax is not first_ax
    np.testing.assert_array_equal(again.train_line_.get_xdata(), np.arange(11, 16))
    assert again.pred_line_.get_color() == "red"
    assert again.pred_line_.get_linewidth() == 3
    assert again.true_line_ is None
    assert names(ax)[2:] == ["90% interval", "50% interval"]
    np.testing.assert_array_equal(again.interval_fills_[0].get_facecolor()[0, :3], [0, 128 / 255, 0])


def test_dates():
    pandas = pytest.importorskip("pandas")
    for index in (
        pandas.date_range("2024-01", periods=20, freq="MS"),
        pandas.date_range("2024-03-30", periods=20, freq="h", tz="Europe/Berlin"),
        pandas.period_range("2024-01", periods=20, freq="M"),
    ):
        y = pandas.Series(Y, index=index, name="demand")
        quantiles = pandas.DataFrame({0.05: PRED - 2, 0.5: PRED, 0.95: PRED + 2}, index=index[16:])
        display = ForecastDisplay.from_predictions(y[:16], y[16:] + 1, y_true=y[16:], quantiles=quantiles)
        stamps = index.to_timestamp() if hasattr(index, "to_timestamp") else index
        assert list(pandas.to_datetime(display.time_train)) == list(stamps[:16])
        assert list(pandas.to_datetime(display.time_pred)) == list(stamps[16:])
        assert list(display.time_true) == list(display.time_pred)
        assert display.ax_.get_ylabel() == "demand"
        assert names(display.ax_)[-1] == "90% interval"
        np.testing.assert_array_equal(display.intervals[0.9], np.stack([PRED - 2, PRED + 2], axis=1))


def test_positions_where_only_one_part_has_dates():
    pandas = pytest.importorskip("pandas")
    dated = pandas.Series(TRAIN, index=pandas.date_range("2024-01", periods=16, freq="D"))
    assert ForecastDisplay.from_predictions(dated, PRED).time_pred.tolist() == [16, 17, 18, 19]
    later = pandas.Series(TRUE, index=pandas.date_range("2024-01-17", periods=4, freq="D"))
    assert ForecastDisplay.from_predictions(dated, PRED, y_true=later).time_pred.dtype.kind == "M"
    plain = pandas.Series(PRED)  # an index from 0 on, which is no date
    assert ForecastDisplay.from_predictions(dated, plain).time_pred.tolist() == [16, 17, 18, 19]
    with pytest.raises(ValueError, match="y_true has 4 steps, but the forecast has 2"):
        ForecastDisplay.from_predictions(TRAIN, PRED[:2], y_true=TRUE)


def test_one_of_several_series():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    both, bounds = np.stack([PRED, -PRED], axis=1), np.stack([BOUNDS, -BOUNDS], axis=1)
    wide = np.stack([TRAIN, -TRAIN], axis=1)
    forms = {
        1: (wide, both, bounds),
        "b": ({"a": TRAIN, "b": -TRAIN}, {"a": PRED, "b": -PRED}, {"a": BOUNDS, "b": -BOUNDS}),
        "B": (
            pandas.DataFrame(wide, columns=["A", "B"]),
            pandas.DataFrame(both, columns=["A", "B"]),
            pandas.DataFrame(
                bounds.reshape(4, 4), columns=pandas.MultiIndex.from_product([["A", "B"], ["lower", "upper"]])
            ),
        ),
        "two": (polars.DataFrame({"one": TRAIN, "two": -TRAIN}), polars.DataFrame({"one": PRED, "two": -PRED}), None),
    }
    for series, (train, pred, interval) in forms.items():
        display = ForecastDisplay.from_predictions(train, pred, interval=interval, series=series)
        np.testing.assert_array_equal(display.y_train, -TRAIN)
        np.testing.assert_array_equal(display.y_pred, -PRED)
        if interval is not None:
            np.testing.assert_array_equal(display.intervals[None], -BOUNDS)
        assert display.ax_.get_ylabel() == (series if isinstance(series, str) else "")
        with pytest.raises(ValueError, match=r"y_train holds 2 series: say which one to draw, such as series="):
            ForecastDisplay.from_predictions(train, pred)
        with pytest.raises(ValueError, match="y_train has no series 'c'"):
            ForecastDisplay.from_predictions(train, pred, series="c")
    assert len(ForecastDisplay.from_predictions([TRAIN], [PRED], interval=[BOUNDS]).y_pred) == 4


def test_a_forecaster_is_asked_for_its_intervals():
    display = ForecastDisplay.from_estimator(Drift(), TRAIN, coverage=(0.5, 0.8), X=2.0)
    assert display.y_pred.tolist() == [227.0] * 3
    np.testing.assert_allclose(display.intervals[0.8], [[223.0, 231.0]] * 3, rtol=1e-14, atol=0)
    np.testing.assert_allclose(display.intervals[0.5], [[224.5, 229.5]] * 3, rtol=1e-14, atol=0)
    display = ForecastDisplay.from_estimator(DriftWithIntervals(), TRAIN, 2, y_true=TRUE[:2], history=4)
    assert list(display.intervals) == [0.9, 0.5]
    assert display.intervals[0.5].tolist() == [[110.0, 230.0]] * 2
    assert len(display.train_line_.get_xdata()) == 4
    assert ForecastDisplay.from_estimator(DriftWithIntervals(), TRAIN, coverage=()).intervals is None
    assert list(ForecastDisplay.from_estimator(Drift(), TRAIN, coverage=0.9).intervals) == [0.9]


def test_missing_values_leave_a_gap():
    display = ForecastDisplay.from_predictions([1, None, 3], [4, 5])
    np.testing.assert_array_equal(display.train_line_.get_ydata(), [1, np.nan, 3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": BOUNDS, "quantiles": BOUNDS}, "not both"),
        ({"interval": BOUNDS[:2]}, r"Expected interval of shape \(4, 2\)"),
        ({"quantiles": BOUNDS}, "pass their levels"),
        ({"quantiles": BOUNDS, "levels": [0.1, 0.8]}, r"pairs such as 0\.05 and 0\.95, got \[0\.1, 0\.8\]"),
        ({"quantiles": BOUNDS, "levels": [0.1, 0.5, 0.9]}, r"Expected quantiles of shape \(4, 3\)"),
        ({"y_true": np.zeros((1, 1, 1))}, "Expected y_true with 1 axes"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        ForecastDisplay.from_predictions(TRAIN, PRED, **options)


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    calls = {
        "ForecastDisplay.from_predictions": lambda: ForecastDisplay.from_predictions(TRAIN, PRED),
        "ForecastDisplay.from_estimator": lambda: ForecastDisplay.from_estimator(Drift(), TRAIN),
        "BacktestDisplay.from_predictions": lambda: BacktestDisplay.from_predictions(None),
        "LossCurveDisplay.plot": lambda: LossCurveDisplay(loss_curves=[[1]]).plot(),
        "LossCurveDisplay.from_estimator": lambda: LossCurveDisplay.from_estimator(None),
        "InputGradientDisplay.from_estimator": lambda: InputGradientDisplay.from_estimator(None, TRAIN),
        "GradientFlowDisplay.from_estimator": lambda: GradientFlowDisplay.from_estimator(None, TRAIN, TRAIN),
        "GradientFlowDisplay.from_norms": lambda: GradientFlowDisplay.from_norms({}),
    }
    for name, draw in calls.items():
        with pytest.raises(ImportError, match=rf"{name} requires matplotlib"):
            draw()
