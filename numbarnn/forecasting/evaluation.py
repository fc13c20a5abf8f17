"""Metrics of backtests: where they come from, and what each is called with."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Metric = Callable[..., Any]
Metrics = Sequence[str | Metric] | Mapping[str, str | Metric]


def read_metrics(metrics: Metrics, *, has_quantiles: bool) -> dict[str, Metric]:
    """Return functions by their names.

    Parameters
    ----------
    metrics : sequence of str or callable, or mapping from names to them
        Names are those of functions of `sklearn.metrics` or `numbarnn.metrics`.
    has_quantiles : bool
        Whether there will be an interval to judge.

    Raises
    ------
    ValueError
        If neither module has such a function, two have the same name, or one judges intervals and there are none.
    """
    pairs = list(metrics.items()) if isinstance(metrics, Mapping) else [(_name(metric), metric) for metric in metrics]
    functions = {name: _function(metric) if isinstance(metric, str) else metric for name, metric in pairs}
    if len(functions) < len(pairs):
        raise ValueError(f"metrics must have different names, got {[name for name, _ in pairs]}; pass a dictionary")
    for name, function in functions.items():
        if not has_quantiles and "y_interval" in inspect.signature(function).parameters:
            raise ValueError(f"the metric {name} judges intervals; pass coverage= or quantiles= too")
    return functions


def evaluate(
    metric: Metric,
    parameters: Collection[str],
    y_true: NDArray,
    y_pred: NDArray,
    y_train: NDArray,
    quantiles: NDArray,
    levels: Sequence[float],
) -> float:
    """Return the value of a metric for one series and cutoff, NaN if nothing was observed or a forecast is missing.

    Parameters
    ----------
    metric : callable
        Called with `y_true` and `y_pred`. If it has the parameter `y_interval` it gets the outermost quantiles instead
        of `y_pred`, if `levels` all quantiles (where there are some), if `y_train` that as well.
    parameters : collection of str
        The names of the metric's parameters.
    y_true, y_pred : ndarray of shape (horizon,)
        Steps whose `y_true` is NaN are left out.
    y_train : ndarray of shape (T,)
        What was known of the series at the cutoff.
    quantiles : ndarray of shape (horizon, Q)
    levels : sequence of Q floats
        The levels of the quantiles, in ascending order.
    """
    observed = ~np.isnan(y_true)
    forecast = y_pred
    more: dict[str, Any] = {"y_train": y_train} if "y_train" in parameters else {}
    if "y_interval" in parameters:
        forecast = quantiles[:, [0, -1]]
    elif levels and "levels" in parameters:
        forecast, more["levels"] = quantiles, levels
    if not observed.any() or np.isnan(forecast[observed]).any():
        return float("nan")
    return float(metric(y_true[observed], forecast[observed], **more))


def _name(metric: str | Metric) -> str:
    if isinstance(metric, str):
        return metric
    function = getattr(metric, "func", metric)  # of a functools.partial
    return getattr(function, "__name__", type(function).__name__)


def _function(name: str) -> Metric:
    for module in ("sklearn.metrics", "numbarnn.metrics"):
        function = getattr(importlib.import_module(module), name, None)
        if callable(function):
            return function
    raise ValueError(f"metrics must be functions, or names in sklearn.metrics or numbarnn.metrics, got {name!r}")
