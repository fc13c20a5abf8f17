"""Inputs and targets of the network at each step of a series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_N_PERIODS = 5
"""Number of periods of which a smooth base has the mean deviations."""

_DECAY = 0.7
"""Weight of a period in them, relative to the following one."""

LARGEST = 10.0
"""Inputs made of values are clipped to this size."""


@dataclass(frozen=True)
class Filled:
    """Transformed values of a series, with the last ones observed at each step.

    Attributes
    ----------
    x : ndarray of shape (T, K)
        NaN where a value is missing.
    last : ndarray of shape (T, K)
        The last value observed up to each step; NaN before the first.
    seasonal : ndarray of shape (T, K)
        The last value observed whole seasons before each step, or there.
    """

    x: Array
    last: Array
    seasonal: Array

    def __len__(self) -> int:
        return len(self.x)

    def take(self, start: int, stop: int | None = None) -> Filled:
        """Return the steps from one on, up to another or the end."""
        steps = slice(start, stop)
        return Filled(self.x[steps], self.last[steps], self.seasonal[steps])

    def joined(self, following: Array, period: int) -> Filled:
        """Return the series with further values."""
        start = len(self.x)
        x = np.concatenate((self.x, following))
        last = np.concatenate((self.last, following))
        seasonal = np.concatenate((self.seasonal, following))
        _fill(last, start, 1)
        _fill(seasonal, start, max(period, 1))
        return Filled(x, last, seasonal)


def fill(x: Array, period: int) -> Filled:
    """Return transformed values (T, K) with the last ones observed at each step."""
    empty = np.empty((0, x.shape[1]))
    return Filled(empty, empty, empty).joined(x, period)


def _fill(values: Array, start: int, period: int) -> None:
    """Replace missing values from a step on by the value one period before, in place."""
    if not np.isnan(values[start:]).any():
        return
    for i in range(max(start, period), len(values), period):
        block = values[i : i + period]
        before = values[i - period : i - period + len(block)]
        np.copyto(block, before, where=np.isnan(block))


class Covariates(NamedTuple):
    """Covariates of a series, scaled; arrays without columns where there are none.

    Attributes
    ----------
    calendar : ndarray of shape (T + 1, C)
    known : ndarray of shape (T + n, F)
        Covariates known in the future: those of all steps, and of n steps beyond.
    past : ndarray of shape (T, P)
    static : ndarray of shape (S,)
    """

    calendar: Array
    known: Array
    past: Array
    static: Array

    def take(self, start: int) -> Covariates:
        """Return the covariates of the steps from one on."""
        return Covariates(self.calendar[start:], self.known[start:], self.past[start:], self.static)


@dataclass(frozen=True)
class Encoding:
    """How a series becomes inputs and targets.

    At step t the network reads, for each variable, the last `window` values, less their level and divided by the scale
    of the series; how much the value has changed since the last one, and the level since the last period; whether the
    value is missing; and the covariates. Its targets are the next `horizon` values, less a base that is known at t,
    divided by the scale.

    Parameters
    ----------
    horizon : int
        Number of steps that are forecast at once.
    window : int
    period : int
        The base is the value whole periods before; with 0 it is the level.
    smooth : bool
        Whether the base is the mean of the last period plus a mean of the deviations from such means, rather than the
        value of the last period.
    level : {'last', 'mean', 'fixed'}
        The last value; the mean of the last period, or of the window if there is none; or that of the whole series.
    counts : bool
        Whether the targets are the values themselves.
    """

    horizon: int
    window: int
    period: int
    smooth: bool
    level: str
    counts: bool

    @property
    def n_before(self) -> int:
        """Number of steps before a step that its inputs and targets need."""
        return max(self.window, self._n_mean) + _N_PERIODS * self.period + 1

    @property
    def n_rows_ahead(self) -> int:
        """Number of rows of inputs after the last observed step, one for each step forecast; 0 has them all at once."""
        return 0

    @property
    def _n_mean(self) -> int:
        """Number of values of which the level is the mean."""
        return self.period or self.window

    def fixed(self, x: Array) -> tuple[Array, Array]:
        """Return the level and the scale of a whole series (T, K): each (K,).

        The scale is the mean absolute difference of values one period apart, as in the scaled errors of Hyndman and
        Koehler (2006); for a fixed level it is the standard deviation. Where it would be zero, it is one.
        """
        level = np.nanmean(x, axis=0)
        lag = self.period if 1 < self.period < len(x) else 1
        differences = np.abs(x[lag:] - x[:-lag])
        observed = ~np.isnan(differences)
        scale = np.where(observed, differences, 0.0).sum(axis=0) / np.maximum(observed.sum(axis=0), 1)
        spread = np.nanstd(x, axis=0)
        if self.level == "fixed":
            scale = spread
        scale = np.maximum(scale, 1e-3 * spread)
        return level, np.where(scale > 1e-9 * (1 + np.abs(level)), scale, 1.0)

    def levels(self, filled: Filled, fixed: Array) -> Array:
        """Return the level at each step, (T, K)."""
        if self.level == "fixed":
            return np.broadcast_to(fixed, filled.x.shape)
        return filled.last if self.level == "last" else self._means(filled)

    def _means(self, filled: Filled) -> Array:
        """Return the mean of the last period, or of the window, at each step, (T, K)."""
        windows = _windows(filled.x, self._n_mean)
        observed = ~np.isnan(windows)
        counts = observed.sum(axis=2)
        means = np.where(observed, windows, 0.0).sum(axis=2) / np.maximum(counts, 1)
        return np.where(counts > 0, means, filled.last)

    def rows(self, filled: Filled, covariates: Covariates, fixed: Array, scale: Array, start: int) -> Array:
        """Return the inputs of the steps from `start` on, (T - start, I).

        Parameters
        ----------
        filled : Filled
            The series, with `n_before` steps before `start` if there are as many.
        covariates : Covariates
        fixed, scale : ndarray of shape (K,)
            Level and scale of the whole series.
        start : int
        """
        n_steps = len(filled) - start
        levels = self.levels(filled, fixed)
        relative = _windows(filled.x, self.window) - levels[:, :, np.newaxis]
        changes = [filled.x - _before(filled.last, 1)]
        if self.period > 1:
            changes.append(levels - _before(levels, self.period))
        values = [(relative / scale[:, np.newaxis])[start:].reshape(n_steps, -1)]
        values += [(change / scale)[start:] for change in changes]
        inputs = np.clip(np.concatenate(values, axis=1), -LARGEST, LARGEST)
        others = [np.isnan(filled.x[start:]).astype(float), covariates.calendar[start + 1 : len(filled) + 1]]
        others += [self._known(covariates.known, start, len(filled)), covariates.past[start : len(filled)]]
        others.append(np.broadcast_to(covariates.static, (n_steps, len(covariates.static))))
        rows = np.concatenate([inputs, *others], axis=1)
        rows[np.isnan(rows)] = 0.0
        return rows

    def bases(self, filled: Filled, fixed: Array, start: int = 0) -> Array:
        """Return what the targets of the steps from `start` on are differences from, (T - start, horizon, K)."""
        levels = self.levels(filled, fixed)
        if not self.period:
            return np.broadcast_to(levels[start:, np.newaxis], (len(filled) - start, self.horizon, levels.shape[1]))
        if not self.smooth:
            return self._seasonal(filled.seasonal, levels, start, 0)
        means = self._means(filled)
        total: Any = 0.0
        weights: Any = 0.0
        for j in range(_N_PERIODS):
            before = _before(means, j * self.period)[start:, np.newaxis]
            deviations = self._seasonal(filled.seasonal, None, start, j * self.period) - before
            known = ~np.isnan(deviations)
            total = total + _DECAY**j * np.where(known, deviations, 0.0)
            weights = weights + _DECAY**j * known
        return means[start:, np.newaxis] + total / np.maximum(weights, 1e-9)

    def targets(self, filled: Filled, fixed: Array, scale: Array) -> Array:
        """Return the targets of all steps, (T, horizon * K); NaN where a value is missing or beyond the end."""
        n_steps, n_variables = filled.x.shape
        padded = np.concatenate((filled.x, np.full((self.horizon, n_variables), np.nan)))
        following = padded[np.arange(n_steps)[:, np.newaxis] + np.arange(1, self.horizon + 1)]
        if not self.counts:
            following = (following - self.bases(filled, fixed)) / scale
        return following.reshape(n_steps, -1)

    def _seasonal(self, seasonal: Array, levels: Array | None, start: int, shift: int) -> Array:
        """Return the values whole periods, and `shift` steps more, before the steps ahead; or else the levels."""
        ahead = np.arange(1, self.horizon + 1)
        steps = np.arange(start, len(seasonal))[:, np.newaxis]
        sources = steps + ahead - self.period * -(-ahead // self.period) - shift
        found = np.where((sources < 0)[:, :, np.newaxis], np.nan, seasonal[np.maximum(sources, 0)])
        return found if levels is None else np.where(np.isnan(found), levels[start:, np.newaxis], found)

    def _known(self, known: Array, start: int, stop: int) -> Array:
        """Return the covariates of the next `horizon` steps side by side; beyond the known ones, the last repeats."""
        if not known.shape[1]:
            return np.empty((stop - start, 0))
        steps = np.arange(start, stop)[:, np.newaxis] + np.arange(1, self.horizon + 1)
        return known[np.minimum(steps, len(known) - 1)].reshape(stop - start, -1)


def _windows(x: Array, n: int) -> Array:
    """Return the last n values at each step, the newest first, (T, K, n)."""
    padded = np.concatenate((np.full((n - 1, x.shape[1]), np.nan), x))
    views: Any = np.lib.stride_tricks.sliding_window_view(padded, n, axis=0)
    return np.ascontiguousarray(views[:, :, ::-1])


def _before(values: Array, n: int) -> Array:
    """Return the values n steps before each step, (T, K)."""
    return values if not n else np.concatenate((np.full((min(n, len(values)), values.shape[1]), np.nan), values[:-n]))
