"""Plot of a forecast."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._optional_dependencies import check_matplotlib_support

from numbarnn.plotting.axes import checked_axes, fill_style, line_style
from numbarnn.plotting.intervals import Intervals, from_bounds, from_quantiles, label
from numbarnn.plotting.series import numbers, one_series, times

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D


class ForecastDisplay:
    """Plot of a series, its forecast and prediction intervals.

    `from_estimator` and `from_predictions` create a display. The parameters are stored as attributes.

    Parameters
    ----------
    time_train : ndarray of shape (T,)
        Times of the training series, numbers or dates.
    y_train : ndarray of shape (T,)
        The series that precedes the forecast; NaN is shown as a gap.
    time_pred : ndarray of shape (H,)
        Times of the forecast.
    y_pred : ndarray of shape (H,)
        The forecast.
    time_true : ndarray of shape (M,), default=None
        Times of the later observations.
    y_true : ndarray of shape (M,), default=None
        The later observations.
    intervals : dict of float or None to ndarray of shape (H, 2), default=None
        Lower and upper bounds by their coverage; the key is None if the coverage is unknown.
    name : str, default=None
        Name of the series, for the vertical axis.

    Attributes
    ----------
    train_line_, pred_line_ : matplotlib Line2D
    true_line_ : matplotlib Line2D or None
    interval_fills_ : list of matplotlib PolyCollection
        One area for each interval.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.plotting import ForecastDisplay
    >>> y = np.sin(np.arange(60) / 5)
    >>> display = ForecastDisplay.from_predictions(y[:50], y[50:], interval=np.stack([y[50:] - 1, y[50:] + 1], axis=1))
    >>> display.pred_line_.get_xdata()
    array([50, 51, 52, 53, 54, 55, 56, 57, 58, 59])
    >>> display.ax_.set_title("A sine")
    Text(...)
    """

    train_line_: Line2D
    pred_line_: Line2D
    true_line_: Line2D | None
    interval_fills_: list[PolyCollection]
    ax_: Axes
    figure_: Figure | SubFigure

    def __init__(
        self,
        *,
        time_train: NDArray,
        y_train: NDArray,
        time_pred: NDArray,
        y_pred: NDArray,
        time_true: NDArray | None = None,
        y_true: NDArray | None = None,
        intervals: Intervals | None = None,
        name: str | None = None,
    ):
        self.time_train = time_train
        self.y_train = y_train
        self.time_pred = time_pred
        self.y_pred = y_pred
        self.time_true = time_true
        self.y_true = y_true
        self.intervals = intervals
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        forecaster: Any,
        y: Any,
        horizon: int | None = None,
        *,
        X: Any = None,
        past_X: Any = None,
        static_X: Any = None,
        coverage: float | Iterable[float] = (0.5, 0.9),
        y_true: Any = None,
        series: Hashable | None = None,
        history: int | None = None,
        ax: Axes | None = None,
        **styles: Any,
    ) -> Self:
        """Forecast the next steps of a series, and plot the forecast.

        Parameters
        ----------
        forecaster : object
            A fitted forecaster, such as `numbarnn.forecasting.RNNForecaster`.
        y : series, frame, array, or list or dict of series
            The series to forecast, up to the start of the forecast; not a long frame.
        horizon : int, default=None
            Number of steps to forecast. None is the horizon of the forecaster.
        X, past_X, static_X : default=None
            Covariates, passed on to `predict`.
        coverage : float or iterable of float, default=(0.5, 0.9)
            Coverages of the intervals, which come from the method `predict_interval` of the forecaster or, if it has
            none, from `predict_quantiles`. No intervals are plotted if it has neither, or for an empty tuple.
        y_true : default=None
            The later observations, in the form of `y`.
        series : hashable, default=None
            Which of several series to plot: its key, the name of its column, or its position.
        history : int, default=None
            Number of steps before the forecast to show; None shows all.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates new ones.
        **styles
            Further parameters, passed on to `plot`.

        Returns
        -------
        display : ForecastDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are several series and `series` is None.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        covariates = {"X": X, "past_X": past_X, "static_X": static_X}
        options = {"horizon": horizon, "y": y, **{k: v for k, v in covariates.items() if v is not None}}
        forecast: dict[str, Any] = {"y_pred": forecaster.predict(**options)}
        coverages = sorted(np.atleast_1d(np.asarray(coverage, dtype=float)).tolist(), reverse=True)
        if coverages and hasattr(forecaster, "predict_interval"):
            forecast["interval"] = {c: forecaster.predict_interval(coverage=c, **options) for c in coverages}
        elif coverages and hasattr(forecaster, "predict_quantiles"):
            tails = [(1 - c) / 2 for c in coverages]
            levels = [*tails, *(1 - tail for tail in reversed(tails))]
            forecast |= {"quantiles": forecaster.predict_quantiles(levels, **options), "levels": levels}
        return cls.from_predictions(y, **forecast, y_true=y_true, series=series, history=history, ax=ax, **styles)

    @classmethod
    def from_predictions(
        cls,
        y_train: Any,
        y_pred: Any,
        *,
        y_true: Any = None,
        interval: Any = None,
        quantiles: Any = None,
        levels: ArrayLike | None = None,
        series: Hashable | None = None,
        history: int | None = None,
        ax: Axes | None = None,
        **styles: Any,
    ) -> Self:
        """Plot a given forecast.

        The horizontal axis shows the dates or numbers in the index of pandas objects. For arrays, it shows the numbers
        of the steps, and the forecast starts after the training series.

        Parameters
        ----------
        y_train : series, frame, array, or list or dict of series
            The series that precedes the forecast.
        y_pred : in the form of `y_train`
            The forecast.
        y_true : in the form of `y_train`, default=None
            The later observations.
        interval : array-like of shape (H, 2), or dict of them by their coverage, default=None
            Lower and upper bounds, as returned by `predict_interval`.
        quantiles : array-like of shape (H, Q), default=None
            Quantiles, as returned by `predict_quantiles`. Each pair of levels, such as 0.05 and 0.95, is plotted as an
            interval. Cannot be combined with `interval`.
        levels : array-like of shape (Q,), default=None
            Levels of the quantiles; None for a frame, whose columns are the levels.
        series : hashable, default=None
            Which of several series to plot: its key, the name of its column, or its position.
        history : int, default=None
            Number of steps before the forecast to show; None shows all.
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates new ones.
        **styles
            Further parameters, passed on to `plot`.

        Returns
        -------
        display : ForecastDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are several series and `series` is None, shapes do not match, or a level is not one of a pair.
        """
        check_matplotlib_support(f"{cls.__name__}.from_predictions")
        if interval is not None and quantiles is not None:
            raise ValueError("Pass interval or quantiles, not both.")
        train, pred = (one_series(v, series, name=n) for v, n in ((y_train, "y_train"), (y_pred, "y_pred")))
        true = None if y_true is None else one_series(y_true, series, name="y_true")
        n_steps = len(pred)
        intervals = None
        if interval is not None:
            intervals = from_bounds(interval, series, n_steps)
        elif quantiles is not None:
            intervals = from_quantiles(quantiles, levels, series, n_steps)
        time_train, time_pred, time_true = _times(train, pred, true)
        display = cls(
            time_train=time_train,
            y_train=numbers(train, name="y_train"),
            time_pred=time_pred,
            y_pred=numbers(pred, name="y_pred"),
            time_true=time_true,
            y_true=None if true is None else numbers(true, name="y_true"),
            intervals=intervals,
            name=_name(train, series),
        )
        return display.plot(ax, history=history, **styles)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        history: int | None = None,
        train_kwargs: dict[str, Any] | None = None,
        true_kwargs: dict[str, Any] | None = None,
        pred_kwargs: dict[str, Any] | None = None,
        interval_kwargs: dict[str, Any] | None = None,
    ) -> Self:
        """Plot the forecast.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None creates new ones.
        history : int, default=None
            Number of steps before the forecast to show; None shows all.
        train_kwargs, true_kwargs, pred_kwargs : dict, default=None
            Keyword arguments of matplotlib's `plot` for the training series, the later observations and the forecast.
        interval_kwargs : dict, default=None
            Keyword arguments of matplotlib's `fill_between` for the intervals.

        Returns
        -------
        display : ForecastDisplay
            The display itself.
        """
        ax = checked_axes(self, ax)
        start = 0 if history is None else max(len(self.y_train) - history, 0)
        style = line_style(train_kwargs, color="0.35", label="training series")
        (self.train_line_,) = ax.plot(self.time_train[start:], self.y_train[start:], **style)
        self.true_line_ = None
        if self.y_true is not None and self.time_true is not None:
            style = line_style(true_kwargs, color="black", linestyle="--", label="observed")
            (self.true_line_,) = ax.plot(self.time_true, self.y_true, **style)
        style = line_style(pred_kwargs, color="tab:blue", label="forecast")
        (self.pred_line_,) = ax.plot(self.time_pred, self.y_pred, **style)
        self.interval_fills_ = []
        color = self.pred_line_.get_color()
        for i, (coverage, bounds) in enumerate((self.intervals or {}).items()):
            alpha = 0.2 + 0.15 * i  # the narrower, the darker
            area = fill_style(interval_kwargs, facecolor=color, alpha=alpha, linewidth=0, label=label(coverage))
            self.interval_fills_.append(ax.fill_between(self.time_pred, bounds[:, 0], bounds[:, 1], **area))
        ax.set_xlabel("time")
        if self.name is not None:
            ax.set_ylabel(self.name)
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _times(train: Any, pred: Any, true: Any) -> tuple[NDArray, NDArray, NDArray | None]:
    """Return the times of the training series, the forecast and the later observations."""
    n_train, n_steps, n_true = len(train), len(pred), 0 if true is None else len(true)
    of_train, of_pred, of_true = times(train), times(pred), None if true is None else times(true)
    if of_pred is None and n_true == n_steps:
        of_pred = of_true
    if of_train is None or of_pred is None or _are_dates(of_train) != _are_dates(of_pred):
        of_train, of_pred, of_true = np.arange(n_train), np.arange(n_train, n_train + n_steps), None
    if true is not None and of_true is None:
        if n_true > n_steps:
            raise ValueError(f"y_true has {n_true} steps, but the forecast has {n_steps}, and there are no times.")
        of_true = of_pred[:n_true]
    return of_train, of_pred, of_true


def _are_dates(values: NDArray) -> bool:
    return values.dtype.kind not in "iuf"


def _name(train: Any, series: Hashable | None) -> str | None:
    name = getattr(train, "name", None) or series
    return name if isinstance(name, str) else None
