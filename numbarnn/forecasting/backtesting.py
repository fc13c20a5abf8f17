"""Backtests: forecasts from several times in the past, as they would have been made then."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import clone
from sklearn.utils._param_validation import Interval, validate_params
from sklearn.utils.parallel import Parallel, delayed
from tqdm import tqdm

from numbarnn.forecasting.evaluation import Metrics, evaluate, read_metrics
from numbarnn.forecasting.forms import Columns, LongFrame, time_column
from numbarnn.forecasting.observations import History
from numbarnn.forecasting.protocol import Forecaster, check_forecaster
from numbarnn.forecasting.results import forecast_values
from numbarnn.forecasting.times import PandasTimes
from numbarnn.kernels.cpu.threads import resolve_threads


class BacktestResult(NamedTuple):
    """Forecasts of a backtest and their metrics, as polars frames if the series are from polars, else pandas frames.

    Parameters
    ----------
    forecasts : frame
        One row for each series, cutoff and step, with the columns "series", "cutoff", "time", "step", "y_true" and
        "y_pred", and one column for each quantile, named by its level. For series of several variables there is one row
        for each variable, and a column "variable".
    metrics : frame
        One row for each series and cutoff (and variable), with one column for each metric.
    """

    forecasts: Any
    metrics: Any

    def summary(self) -> dict[str, float]:
        """Return the mean of each metric over all series and cutoffs, without those where it is NaN."""
        names = [name for name in self.metrics.columns if name not in ("series", "cutoff", "variable")]
        return {name: float(np.nanmean(self.metrics[name].to_numpy())) for name in names}


@validate_params(
    {
        "horizon": [Interval(Integral, 1, None, closed="left"), None],
        "initial_window": [Interval(Integral, 1, None, closed="left")],
        "step_length": [Interval(Integral, 1, None, closed="left")],
        "gap": [Interval(Integral, 0, None, closed="left")],
        "refit": ["boolean", Interval(Integral, 1, None, closed="left")],
        "quantiles": ["array-like", None],
        "coverage": [Interval(Real, 0, 1, closed="neither"), None],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def backtest(
    forecaster: Forecaster,
    y: Any,
    X: Any = None,
    *,
    past_X: Any = None,
    static_X: Any = None,
    horizon: int | None = None,
    initial_window: int,
    step_length: int = 1,
    gap: int = 0,
    refit: bool | int = True,
    quantiles: Sequence[float] | None = None,
    coverage: float | None = None,
    metrics: Metrics = ("mean_absolute_error", "mase"),
    series_id: str | None = None,
    time: str | None = None,
    target: str | list[str] | None = None,
    n_jobs: int | None = None,
    verbose: bool | int = False,
) -> BacktestResult:
    """Evaluate a forecaster on forecasts from several cutoffs in the past.

    The forecaster is fitted to all data up to a cutoff and forecasts the `horizon` steps that follow it, after an
    optional gap. Then the cutoff moves forward by `step_length` steps. The forecaster sees no data later than the
    cutoff, except the covariates X, which are known in the future.

    All lengths are numbers of time steps. Series with times, in the index or in a column, share one time axis: a cutoff
    is the same time for all of them, and missing rows count as steps. For series without times, steps are counted from
    the start of each series. A series is used from the first cutoff at which it covers at least `initial_window` steps
    (unless `refit` is True, from the next fit after that). It is forecast at each cutoff at which its observations
    reach the end of the horizon; after the last of these, it is still part of the training data.

    Parameters
    ----------
    forecaster : Forecaster
        The forecaster to evaluate, of which a clone is made for each fit.
    y : one or several series, or a long frame
        In any form that `Forecaster` describes.
    X, past_X, static_X : as for the forecaster, default=None
        Covariates. The rows of X and past_X belong to the same steps as those of y; X may have later rows.
    horizon : int, default=None
        Number of steps to forecast. None is the horizon of the forecaster.
    initial_window : int
        Number of steps from the start of the first series to the first cutoff.
    step_length : int, default=1
        Number of steps from one cutoff to the next.
    gap : int, default=0
        Number of steps between the cutoff and the first step that is evaluated, for data that arrive late.
    refit : bool or int, default=True
        Whether to fit the forecaster again at each cutoff. False fits at the first cutoff only, and passes later
        observations to `update`; a number k fits at every k-th cutoff.
    quantiles : sequence of floats, default=None
        Levels of quantiles to forecast in addition.
    coverage : float, default=None
        Coverage of an interval to forecast in addition. It adds the levels (1 - coverage) / 2 and (1 + coverage) / 2 to
        `quantiles`.
    metrics : sequence of str and callables, or dict of them, default=("mean_absolute_error", "mase")
        Functions ``metric(y_true, y_pred)``, or their names in `sklearn.metrics` or `numbarnn.metrics`. A function with
        a parameter `y_train` is passed the series up to the cutoff. A function with a parameter `y_interval` is passed
        the outermost quantiles instead of `y_pred`, and one with a parameter `levels` all quantiles. To set other
        parameters, use for instance ``functools.partial(mase, seasonal_period=12)``.
    series_id, time, target : str, default=None
        Columns of a long frame, which are passed on to the forecaster.
    n_jobs : int, default=None
        Number of fits that run in parallel, as in joblib, in threads unless a `joblib.parallel_config` context selects
        another backend. With ``refit=False`` there is only one fit. The results do not depend on `n_jobs`.
    verbose : bool or int, default=False
        Whether to show a progress bar over the cutoffs.

    Returns
    -------
    result : BacktestResult
        The named tuple (forecasts, metrics) of frames: polars frames if `y` is from polars, otherwise pandas frames.
        The column "step" counts from the cutoff, so it starts at ``gap + 1``.

    Raises
    ------
    ValueError
        If the series are too short for a single cutoff, or their times have no regular frequency.
    TypeError
        If `forecaster` does not follow the `Forecaster` protocol.
    ImportError
        If pandas, or polars for series from polars, is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.forecasting import backtest
    >>> class LastValue:
    ...     horizon = 2
    ...     def fit(self, y, X=None, *, past_X=None, static_X=None):
    ...         self.last_ = y[-1]
    ...         return self
    ...     def update(self, y, X=None, *, past_X=None):
    ...         return self.fit(y)
    ...     def predict(self, horizon=None, *, y=None, X=None, past_X=None, static_X=None):
    ...         return np.full(horizon or self.horizon, self.last_)
    ...     def predict_quantiles(self, q, horizon=None, *, y=None, X=None, past_X=None, static_X=None):
    ...         raise NotImplementedError
    >>> y = np.array([1.0, 2.0, 4.0, 3.0, 5.0, 8.0])
    >>> result = backtest(LastValue(), y, initial_window=3, metrics=["mean_absolute_error"])
    >>> result.forecasts
       series  cutoff  time  step  y_true  y_pred
    0       0       2     3     1     3.0     4.0
    1       0       2     4     2     5.0     4.0
    2       0       3     4     1     5.0     3.0
    3       0       3     5     2     8.0     3.0
    >>> result.metrics
       series  cutoff  mean_absolute_error
    0       0       2                  1.0
    1       0       3                  3.5
    >>> result.summary()
    {'mean_absolute_error': 2.25}
    """
    levels = _levels(quantiles, coverage)
    check_forecaster(forecaster, quantiles=bool(levels))
    observed = History.read(y, X, past_X, static_X, Columns.read(series_id, time, target))
    frame = _Frame(observed)
    functions = read_metrics(metrics, has_quantiles=bool(levels))
    steps = forecaster.horizon if horizon is None else horizon
    walk = _Walk(forecaster, observed, steps, initial_window, gap, levels)
    cutoffs = _cutoffs(observed, steps, initial_window, step_length, gap)
    size = len(cutoffs) if refit is False else int(refit)
    blocks = [cutoffs[i : i + size] for i in range(0, len(cutoffs), size)]
    if resolve_threads(n_jobs) == 1:
        windows = chain.from_iterable(map(walk.windows, blocks))
    else:
        parallel = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
        windows = chain.from_iterable(parallel(delayed(walk.listed)(block) for block in blocks))
    hidden = not verbose or sys.stderr is None
    done = list(tqdm(windows, total=len(cutoffs), desc="backtest", unit="cutoff", disable=hidden, dynamic_ncols=True))
    # A metric is called once for each series and cutoff; what it is called with is known to be valid.
    with config_context(skip_parameter_validation=True):
        return _result(done, walk, functions, frame)


class _Window(NamedTuple):
    """Forecasts of some series from one cutoff.

    Parameters
    ----------
    cutoff : int
    members : ndarray of n ints
        The numbers of the series.
    y_true, y_pred : ndarray of shape (n, horizon, K)
    quantiles : ndarray of shape (n, horizon, K, Q)
    """

    cutoff: int
    members: NDArray[np.intp]
    y_true: NDArray
    y_pred: NDArray
    quantiles: NDArray


@dataclass(frozen=True)
class _Walk:
    """A forecaster that moves through time, from cutoff to cutoff."""

    forecaster: Any
    observed: History
    horizon: int
    initial_window: int
    gap: int
    levels: list[float]

    def listed(self, cutoffs: Sequence[int]) -> list[_Window]:
        """Return the windows of all cutoffs of one fit."""
        return list(self.windows(cutoffs))

    def windows(self, cutoffs: Sequence[int]) -> Iterator[_Window]:
        """Fit at the first cutoff, forecast from it, and move on to the next."""
        observed, container = self.observed, self.observed.panel.container
        columns = container.columns.arguments if isinstance(container, LongFrame) else {}
        members = np.flatnonzero(observed.starts + self.initial_window - 1 <= cutoffs[0])
        before = observed.starts[members] - 1
        seen = self._last(members, cutoffs[0])
        forecaster = clone(self.forecaster, safe=False)
        arguments = observed.between(before, seen, members)
        forecaster.fit(**arguments, static_X=observed.static(members), **columns)
        for cutoff in cutoffs:
            last = self._last(members, cutoff)
            if (last > seen).any():
                forecaster.update(**observed.between(seen, last, members))
                seen = last
            yield self._window(forecaster, cutoff, members, last)

    def _window(self, forecaster: Any, cutoff: int, members: NDArray[np.intp], last: NDArray[np.intp]) -> _Window:
        end = cutoff + self.gap + self.horizon
        active = np.array([self.observed.y.positions[i][-1] >= end for i in members])
        chosen = members[active]
        if not len(chosen):
            nothing = np.empty((0, self.horizon, 1))
            return _Window(cutoff, chosen, nothing, nothing, np.empty((0, self.horizon, 1, len(self.levels))))
        # The last rows before the cutoff may be missing, and a forecast starts after the last row that is there.
        n_steps = int(end - last[active].min())
        data = {"X": self.observed.known_between(last, last + n_steps, members)}
        asked = members
        known = self.observed.known
        if known is not None and (known.n_between(last, last + n_steps, members) < n_steps).any():
            # Some series end before the covariates of these steps: only the others can be forecast.
            asked = chosen
            data = self._histories(chosen, last[active], n_steps)
        container, names = self.observed.panel.container, [self.observed.panel.names[i] for i in asked]
        first = dict(zip(members.tolist(), (cutoff + self.gap - last).tolist(), strict=True))

        def cut(values: list[NDArray]) -> NDArray:
            of = dict(zip(asked.tolist(), values, strict=True))
            return np.stack([of[i][first[i] : first[i] + self.horizon] for i in chosen.tolist()])

        y_pred = cut(forecast_values(forecaster.predict(n_steps, **data), container, names))
        quantiles = np.empty((*y_pred.shape, 0))
        if self.levels:
            forecast = forecaster.predict_quantiles(self.levels, n_steps, **data)
            quantiles = cut(forecast_values(forecast, container, names, self.levels))
        y_true = np.stack(self.observed.targets([cutoff + self.gap] * len(chosen), self.horizon, chosen))
        return _Window(cutoff, chosen, y_true, y_pred, quantiles)

    def _histories(self, members: NDArray[np.intp], last: NDArray[np.intp], n_steps: int) -> dict[str, Any]:
        """Return some series up to a cutoff, with covariates that reach further, as arguments of `predict`."""
        before = self.observed.starts[members] - 1
        return {
            **self.observed.between(before, last, members),
            "X": self.observed.known_between(before, last + n_steps, members),
            "static_X": self.observed.static(members),
        }

    def _last(self, members: NDArray[np.intp], cutoff: int) -> NDArray[np.intp]:
        """Return the step of the last row of some series at a cutoff."""
        positions = [self.observed.y.positions[i] for i in members]
        return np.array([p[np.searchsorted(p, cutoff, side="right") - 1] for p in positions], np.intp)


def _levels(quantiles: Sequence[float] | None, coverage: float | None) -> list[float]:
    levels = {float(level) for level in quantiles if level is not None} if quantiles is not None else set()
    if not all(0 < level < 1 for level in levels):
        raise ValueError(f"quantiles must be levels between 0 and 1, such as [0.05, 0.5, 0.95], got {quantiles!r}")
    if coverage is not None:
        levels |= {round((1 - coverage) / 2, 12), round((1 + coverage) / 2, 12)}
    return sorted(levels)


def _cutoffs(observed: History, horizon: int, initial_window: int, step_length: int, gap: int) -> list[int]:
    start = int(observed.starts.min())
    end = max(int(positions[-1]) for positions in observed.y.positions)
    cutoffs = list(range(start + initial_window - 1, end - gap - horizon + 1, step_length))
    if not cutoffs:
        raise ValueError(
            f"a cutoff needs initial_window + gap + horizon = {initial_window} + {gap} + {horizon} time steps, "
            f"but y has {end - start + 1}"
        )
    return cutoffs


def _result(windows: list[_Window], walk: _Walk, functions: dict[str, Any], frame: _Frame) -> BacktestResult:
    """Return the frames of forecasts and metrics."""
    observed, horizon = walk.observed, walk.horizon
    pairs = [(window, row, i) for window in windows for row, i in enumerate(window.members.tolist())]
    variables = observed.variables
    n_variables = len(variables)
    names = observed.names
    ids = [names[i] for _, _, i in pairs]
    cutoffs = np.array([window.cutoff for window, _, _ in pairs])
    steps = np.tile(np.repeat(np.arange(walk.gap + 1, walk.gap + 1 + horizon), n_variables), len(pairs))
    every = horizon * n_variables
    forecasts = {
        "series": [key for key in ids for _ in range(every)],
        "cutoff": frame.times(np.repeat(cutoffs, every)),
        "time": frame.times(np.repeat(cutoffs, every) + steps),
        "step": steps,
    }
    scores = {
        "series": [key for key in ids for _ in variables],
        "cutoff": frame.times(np.repeat(cutoffs, n_variables)),
    }
    if n_variables > 1:
        forecasts["variable"] = variables * (horizon * len(pairs))
        scores["variable"] = variables * len(pairs)
    kept = [window for window in windows if len(window.members)]
    forecasts["y_true"] = np.concatenate([window.y_true.ravel() for window in kept])
    forecasts["y_pred"] = np.concatenate([window.y_pred.ravel() for window in kept])
    for q, level in enumerate(walk.levels):
        forecasts[str(level)] = np.concatenate([window.quantiles[..., q].ravel() for window in kept])
    for name, metric in functions.items():
        parameters = inspect.signature(metric).parameters
        scores[name] = [
            evaluate(
                metric,
                parameters,
                window.y_true[row, :, k],
                window.y_pred[row, :, k],
                observed.until(i, window.cutoff)[:, k],
                window.quantiles[row, :, k],
                walk.levels,
            )
            for window, row, i in pairs
            for k in range(n_variables)
        ]
    return BacktestResult(frame.make(forecasts), frame.make(scores))


class _Frame:
    """Makes frames of the library in which the series came."""

    def __init__(self, observed: History) -> None:
        clock, rows = observed.clock, observed.y.rows
        self.polars = observed.is_polars
        self.make = _library("polars" if self.polars else "pandas").DataFrame
        self.clock: Any = None if clock is None else clock.ticks
        if isinstance(clock, PandasTimes):
            self.clock = clock.index
        elif isinstance(rows.container, LongFrame) and clock is not None:
            column = time_column(rows.container.columns.time, [clock], rows.frame)
            self.clock = column.to_native() if self.polars else column.to_pandas().to_numpy()

    def times(self, positions: NDArray[np.intp]) -> Any:
        """Return the time of each step, or its number if there are no times."""
        return positions if self.clock is None else self.clock[positions]


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ImportError(f"backtest needs {name}; install it with `pip install {name}`") from None
