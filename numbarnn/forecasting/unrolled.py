"""Inputs and targets of a network that is unrolled through the horizon, where covariates are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numbarnn.forecasting.encoding import LARGEST, Covariates, Encoding, Filled

Array = NDArray[np.float64]


@dataclass(frozen=True)
class UnrolledEncoding(Encoding):
    """How a series with known covariates becomes inputs and targets.

    The network reads the last `look_back` steps, and then on through the `horizon` steps that follow, where the value
    is missing and the covariates are known. It has one output for each of these steps, instead of all at once, so that
    each step of the horizon is forecast by the same weights. At each step it reads the value, less the level at the
    last observed step and divided by the scale; whether it is missing; the values and covariates whole seasons before;
    the covariates and the calendar of the step; and how far ahead it is. The base of all targets is the level.

    Parameters
    ----------
    seasons : tuple of int
        Numbers of steps of the seasons.
    look_back : int
    """

    seasons: tuple[int, ...]
    look_back: int

    @property
    def n_rows_ahead(self) -> int:
        """Number of rows of inputs after the last observed step."""
        return self.horizon

    @property
    def lags(self) -> tuple[int, ...]:
        """Whole seasons that are at least the horizon."""
        return tuple(season * -(-self.horizon // season) for season in self.seasons)

    @property
    def n_before(self) -> int:
        """Number of steps before a step that its inputs and targets need."""
        return max((*self.lags, self._n_mean)) + 1

    def rows(self, filled: Filled, covariates: Covariates, fixed: Array, scale: Array, start: int) -> Array:
        """Return the inputs of the steps from `start` on and of the horizon, (T - start + horizon, I)."""
        last = np.array([len(filled) - 1])
        return self.sequences(filled, covariates, fixed, scale, last, len(filled) - start)[0]

    def bases(self, filled: Filled, fixed: Array, start: int = 0) -> Array:
        """Return the level at the steps from `start` on, for each step of the horizon, (T - start, horizon, K)."""
        levels = self._origin_levels(filled, fixed)[start:, np.newaxis]
        return np.broadcast_to(levels, (len(levels), self.horizon, levels.shape[-1]))

    def origins(self, n_steps: int) -> NDArray[np.intp]:
        """Return steps of a series after which training forecasts: each quarter of a horizon, back from the end."""
        stride, first = max(1, self.horizon // 4), min(self._n_mean, max(0, n_steps - 1 - self.horizon))
        found = np.arange(n_steps - 1 - self.horizon, first - 1, -stride)[::-1]
        return found[found >= 0] if (found >= 0).any() else np.arange(max(0, n_steps - 2), n_steps - 1)

    def sequences(
        self, filled: Filled, covariates: Covariates, fixed: Array, scale: Array, origins: NDArray[np.intp], n: int
    ) -> Array:
        """Return the inputs of n steps up to each origin, and of the horizon after it, (origins, n + horizon, I)."""
        offsets = np.arange(-n + 1, self.horizon + 1)
        steps, ahead = origins[:, np.newaxis] + offsets, (offsets > 0)[:, np.newaxis]
        levels = self._origin_levels(filled, fixed)[origins][:, np.newaxis]
        own = np.where(ahead, np.nan, rows_at(filled.x, steps))
        values = [own, *(rows_at(filled.last, steps - lag) for lag in self.lags)]
        relative = np.clip((np.concatenate([each - levels for each in values], axis=2)) / np.tile(scale, len(values)),
                           -LARGEST, LARGEST)  # fmt: skip
        known = [_nearest(covariates.known, steps - lag) for lag in (0, *self.lags)]
        others = [np.isnan(own).astype(float), rows_at(covariates.calendar, steps), *known]
        others.append(np.where(ahead, 0.0, rows_at(covariates.past, steps)))
        others.append(np.broadcast_to(np.maximum(offsets, 0)[:, np.newaxis] / self.horizon, (*steps.shape, 1)))
        others.append(np.broadcast_to(covariates.static, (*steps.shape, len(covariates.static))))
        rows = np.concatenate([relative, *others], axis=2)
        rows[np.isnan(rows)] = 0.0
        return rows

    def sequence_targets(
        self, filled: Filled, fixed: Array, scale: Array, origins: NDArray[np.intp], n: int
    ) -> tuple[Array, NDArray[np.intp]]:
        """Return the targets of the rows of `sequences`, (origins, n + horizon, K), and the steps that they are of."""
        offsets = np.arange(-n + 1, self.horizon + 1)
        steps = origins[:, np.newaxis] + offsets
        targets = np.where((offsets > 0)[:, np.newaxis], rows_at(filled.x, steps), np.nan)
        if not self.counts:
            targets = (targets - self._origin_levels(filled, fixed)[origins][:, np.newaxis]) / scale
        return targets, steps

    def _origin_levels(self, filled: Filled, fixed: Array) -> Array:
        levels = self.levels(filled, fixed) if self.level == "fixed" else self._means(filled)
        return np.where(np.isnan(levels), fixed, levels)


def rows_at(values: Array, steps: NDArray[np.intp]) -> Array:
    """Return the values of steps, NaN for those that there are not, (*steps.shape, columns)."""
    outside = (steps < 0) | (steps >= len(values))
    if not len(values):
        return np.full((*steps.shape, values.shape[1]), np.nan)
    return np.where(outside[..., np.newaxis], np.nan, values[np.clip(steps, 0, len(values) - 1)])


def _nearest(values: Array, steps: NDArray[np.intp]) -> Array:
    """Return the values of steps, or else of the nearest ones."""
    return values[np.clip(steps, 0, len(values) - 1)]
