"""Plot of the forecasts of a backtest."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._optional_dependencies import check_matplotlib_support

from numbarnn.plotting.axes import checked_axes, fill_style, line_style
from numbarnn.plotting.intervals import Intervals, central_intervals, label
from numbarnn.plotting.series import numbers, one_series, times

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D

_COLUMNS = ("series", "cutoff", "time", "step", "y_true", "y_pred")


class Fold(NamedTuple):
    """The forecast of one series from one cutoff.

    Attributes
    ----------
    cutoff : object
        Time of the last observation that the forecast is based on.
    time : ndarray of shape (H,)
    y_pred : ndarray of shape (H,)
    intervals : dict of float to ndarray of shape (H, 2)
        Bounds by their coverage.
    """

    cutoff: Any
    time: NDArray
    y_pred: NDArray
    intervals: Intervals


class BacktestDisplay:
    """Plot of a series and its forecasts from several cutoffs, or of the error at each step of the horizon.

    `from_predictions` creates a display. The parameters are stored as attributes.

    Parameters
    ----------
    time : ndarray of shape (T,)
        Times of the series, numbers or dates.
    y : ndarray of shape (T,)
        The observed series; NaN is shown as a gap.
    folds : list of Fold
        The forecasts of this series, one for each cutoff: `cutoff`, `time`, `y_pred` and `intervals`.
    steps : ndarray of shape (H,)
        Numbers of steps ahead, as in the column "step" of the forecasts.
    errors : ndarray of shape (H,)
        Mean absolute error at each step, over all series and cutoffs.
    name : str, default=None
        Name of the series, for the vertical axis.

    Attributes
    ----------
    line_ : matplotlib Line2D
        The series, or the errors.
    pred_lines_ : list of matplotlib Line2D
        One forecast for each cutoff; empty with ``kind="errors"``.
    interval_fills_ : list of matplotlib PolyCollection
        The widest interval of each forecast, if there are quantiles.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from numbarnn.plotting import BacktestDisplay
    >>> y = pd.Series(np.arange(12.0) ** 2)
    >>> naive = [
    ...     {"series": 0, "cutoff": c, "time": c + k, "step": k, "y_true": y[c + k], "y_pred": y[c]}
    ...     for c in (5, 7, 9) for k in (1, 2)
    ... ]
    >>> display = BacktestDisplay.from_predictions(pd.DataFrame(naive), y)
    >>> [line.get_xdata().tolist() for line in display.pred_lines_]
    [[6, 7], [8, 9], [10, 11]]
    >>> display.plot(kind="errors").line_.get_ydata()
    array([15., 32.])
    """

    line_: Line2D
    pred_lines_: list[Line2D]
    interval_fills_: list[PolyCollection]
    ax_: Axes
    figure_: Figure | SubFigure

    def __init__(
        self,
        *,
        time: NDArray,
        y: NDArray,
        folds: list[Fold],
        steps: NDArray,
        errors: NDArray,
        name: str | None = None,
    ):
        self.time = time
        self.y = y
        self.folds = folds
        self.steps = steps
        self.errors = errors
        self.name = name

    @classmethod
    def from_predictions(
        cls,
        forecasts: Any,
        y: Any = None,
        *,
        series: Hashable | None = None,
        kind: Literal["forecasts", "errors"] = "forecasts",
        ax: Axes | None = None,
        **styles: Any,
    ) -> Self:
        """Plot the forecasts of a backtest.

        Parameters
        ----------
        forecasts : frame
            The attribute `forecasts` of the result of `numbarnn.forecasting.backtest`, with one row for each forecast:
            the columns "series", "cutoff", "time", "step", "y_true" and "y_pred", and one column for each quantile,
            named by its level, such as "0.05" and "0.95". A frame from pandas, polars or any other library that
            narwhals supports.
        y : series, frame, array, or list or dict of series, default=None
            The whole series, to plot it before the first cutoff as well. Without an index its times are 0 to T - 1.
            None plots the observed values in `forecasts`.
        series : hashable, default=None
            Which of several series to plot, as in the column "series".
        kind : {'forecasts', 'errors'}, default='forecasts'
            Whether to plot the forecasts over time, or the mean absolute error over all series at each step.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates new ones.
        **styles
            Further parameters, passed on to `plot`.

        Returns
        -------
        display : BacktestDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If a column is missing, there is no such series, or there are several and `series` is None.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        import narwhals as nw  # noqa: PLC0415  (slow to import)

        frame = nw.from_native(forecasts, eager_only=True)
        missing = [name for name in _COLUMNS if name not in frame.columns]
        if missing:
            raise ValueError(f"The forecasts lack the columns {missing}; they have {frame.columns}.")
        keys = frame["series"].to_list()
        several = list(dict.fromkeys(keys))
        if series is None and len(several) > 1 and kind != "errors":
            raise ValueError(f"There are {len(several)} series: say which one to draw, such as series={several[0]!r}.")
        series = several[0] if series is None and several else series
        if series not in several:
            raise ValueError(f"There is no series {series!r} among the forecasts; there are {several[:9]}.")
        columns = {name: np.asarray(frame[name].to_list()) for name in frame.columns if name != "series"}
        steps, errors = _errors(columns)
        rows = np.array([key == series for key in keys])
        own = {name: values[rows] for name, values in columns.items()}
        time, observed = _observed(own) if y is None else _given(y, series, several=len(several) > 1)
        name = series if isinstance(series, str) else None
        display = cls(time=time, y=observed, folds=_folds(own), steps=steps, errors=errors, name=name)
        return display.plot(ax, kind=kind, **styles)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        kind: Literal["forecasts", "errors"] = "forecasts",
        line_kwargs: dict[str, Any] | None = None,
        pred_kwargs: dict[str, Any] | None = None,
        interval_kwargs: dict[str, Any] | None = None,
    ) -> Self:
        """Plot the forecasts, or their errors.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates new ones.
        kind : {'forecasts', 'errors'}, default='forecasts'
            Whether to plot the forecasts over time, or the mean absolute error at each step.
        line_kwargs, pred_kwargs : dict, default=None
            Keyword arguments of matplotlib's `plot`, for the series (or the errors) and the forecasts.
        interval_kwargs : dict, default=None
            Keyword arguments of matplotlib's `fill_between` for the intervals.

        Returns
        -------
        display : BacktestDisplay
            The display itself.
        """
        if kind not in ("forecasts", "errors"):
            raise ValueError(f"kind must be 'forecasts' or 'errors', got {kind!r}.")
        ax = checked_axes(self, ax)
        from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  (an optional dependency)

        self.pred_lines_, self.interval_fills_ = [], []
        if kind == "errors":
            (self.line_,) = ax.plot(self.steps, self.errors, **line_style(line_kwargs, color="tab:blue", marker="o"))
            ax.set(xlabel="steps ahead", ylabel="mean absolute error")
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        else:
            style = line_style(line_kwargs, color="0.35", label="observed")
            (self.line_,) = ax.plot(self.time, self.y, **style)
            self._plot_folds(ax, pred_kwargs, interval_kwargs)
            ax.set_xlabel("time")
            if self.name is not None:
                ax.set_ylabel(self.name)
            ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _plot_folds(self, ax: Axes, pred_kwargs: dict[str, Any] | None, interval_kwargs: dict[str, Any] | None) -> None:
        """Draw the forecasts in colors from the first cutoff to the last."""
        from matplotlib import colormaps  # noqa: PLC0415  (an optional dependency)

        colors = colormaps["viridis"](np.linspace(0.15, 0.85, len(self.folds)))
        for i, (fold, color) in enumerate(zip(self.folds, colors, strict=True)):
            style = line_style(pred_kwargs, color=color, label=None if i else "forecasts")
            self.pred_lines_ += ax.plot(fold.time, fold.y_pred, **style)
            if fold.intervals:
                coverage = max(c for c in fold.intervals if c is not None)
                name = None if i else label(coverage)
                area = fill_style(interval_kwargs, facecolor=color, alpha=0.2, linewidth=0, label=name)
                self.interval_fills_.append(ax.fill_between(fold.time, *fold.intervals[coverage].T, **area))


def _errors(columns: dict[str, NDArray]) -> tuple[NDArray, NDArray]:
    """Return the steps ahead, and the mean absolute error at each of them where there is an observation."""
    errors = np.abs(numbers(columns["y_true"], name="y_true") - numbers(columns["y_pred"], name="y_pred"))
    steps, row = np.unique(columns["step"], return_inverse=True)
    seen = ~np.isnan(errors)
    sums, counts = np.bincount(row[seen], errors[seen], len(steps)), np.bincount(row[seen], minlength=len(steps))
    return steps, np.divide(sums, counts, out=np.full(len(steps), np.nan), where=counts > 0)


def _folds(columns: dict[str, NDArray]) -> list[Fold]:
    """Return the forecasts of one series by their cutoffs."""
    levels = {name: level for name in columns if (level := _level(name)) is not None}
    folds = []
    for cutoff in np.unique(columns["cutoff"]):
        rows = np.flatnonzero(columns["cutoff"] == cutoff)
        rows = rows[np.argsort(columns["step"][rows])]
        intervals: Intervals = {}
        if levels:
            quantiles = np.stack([numbers(columns[name][rows], name=name) for name in levels], axis=1)
            intervals = central_intervals(np.array(list(levels.values())), quantiles)
        y_pred = numbers(columns["y_pred"][rows], name="y_pred")
        folds.append(Fold(cutoff, columns["time"][rows], y_pred, intervals))
    return folds


def _level(name: str) -> float | None:
    """Return the level of the quantiles in a column, None for another column."""
    try:
        return float(name)
    except ValueError:
        return None


def _observed(columns: dict[str, NDArray]) -> tuple[NDArray, NDArray]:
    """Return the times and the values that were observed, each of them once."""
    time, first = np.unique(columns["time"], return_index=True)
    return time, numbers(columns["y_true"][first], name="y_true")


def _given(y: Any, series: Hashable, *, several: bool) -> tuple[NDArray, NDArray]:
    """Return the times and the values of the series in `y`."""
    single = one_series(y, series if several else None, name="y")
    values, time = numbers(single, name="y"), times(single)
    return np.arange(len(values)) if time is None else time, values
