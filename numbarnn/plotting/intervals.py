"""Prediction intervals for plots."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numbarnn.plotting.series import numbers, one_series

Intervals = dict[float | None, NDArray]
"""Bounds of shape (H, 2) by their coverage, None if it is unknown, from the widest to the narrowest."""


def from_bounds(interval: Any, series: Hashable | None, n_steps: int) -> Intervals:
    """Return intervals from their bounds.

    Parameters
    ----------
    interval : array-like of shape (H, 2) or (H, K, 2), list or dict of them, or dict of these by their coverage
        A dict whose keys are all numbers between 0 and 1 holds intervals by their coverage.
    series : hashable or None
        Which series to take.
    n_steps : int
        Steps of the forecast, H.
    """
    by_coverage: dict[float | None, Any] = {None: interval}
    if isinstance(interval, Mapping) and all(isinstance(key, float) and 0 < key < 1 for key in interval):
        by_coverage = dict(sorted(interval.items(), reverse=True))
    bounds: Intervals = {}
    for coverage, each in by_coverage.items():
        array = numbers(one_series(each, series, name="interval", n_axes=2), name="interval")
        if array.shape != (n_steps, 2):
            raise ValueError(f"Expected interval of shape ({n_steps}, 2), lower and upper bounds, got {array.shape}.")
        bounds[coverage] = array
    return bounds


def from_quantiles(quantiles: Any, levels: ArrayLike | None, series: Hashable | None, n_steps: int) -> Intervals:
    """Return the central intervals between pairs of quantiles.

    Parameters
    ----------
    quantiles : array-like of shape (H, Q) or (H, K, Q), frame with one column per level, or list or dict of them
    levels : array-like of shape (Q,) or None
        None for a frame, whose columns are the levels.
    series : hashable or None
        Which series to take.
    n_steps : int
        Steps of the forecast, H.
    """
    single = one_series(quantiles, series, name="quantiles", n_axes=2)
    array = numbers(single, name="quantiles")
    if levels is None:
        levels = getattr(single, "columns", None)
        if levels is None:
            raise ValueError("The quantiles have no column names: pass their levels, such as levels=(0.05, 0.5, 0.95).")
    probabilities = np.asarray(levels, dtype=float)
    if array.shape != (n_steps, len(probabilities)):
        raise ValueError(f"Expected quantiles of shape ({n_steps}, {len(probabilities)}), got {array.shape}.")
    return central_intervals(probabilities, array)


def central_intervals(levels: NDArray, quantiles: NDArray) -> Intervals:
    """Return the intervals between the quantiles at the levels a and 1 - a, for all a below 0.5.

    Raises
    ------
    ValueError
        If a level is not one of a pair.
    """
    column = {round(float(level), 9): j for j, level in enumerate(levels)}
    bounds: Intervals = {}
    for level in sorted(column):
        partner = round(1 - level, 9)
        if not 0 < level < 1 or partner not in column:
            raise ValueError(f"Levels must come in pairs such as 0.05 and 0.95, got {sorted(column)}.")
        if level < partner:
            bounds[round(partner - level, 9)] = quantiles[:, [column[level], column[partner]]]
    return bounds


def label(coverage: float | None) -> str:
    """Return the label of an interval in the legend."""
    return "interval" if coverage is None else f"{100 * coverage:.6g}% interval"
