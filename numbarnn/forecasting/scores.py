"""Conformity scores of several series, and their quantiles with the finite-sample correction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-9  # (n + 1) * 0.9 may exceed a whole number by the rounding of 0.9


def fewest_scores(coverage: float) -> int:
    """Return the smallest n with ``ceil((n + 1) * coverage) <= n``: fewer scores have no such quantile."""
    return max(1, math.ceil(coverage / (1 - coverage) - _ROUNDING))


def conformal_quantiles(scores: NDArray, levels: NDArray) -> NDArray:
    """Return the quantiles of n scores that a further, exchangeable score exceeds with probability 1 - level at most.

    That is the score of rank ``ceil((n + 1) * level)`` (Lei et al. 2018, algorithm 2): infinite where the rank is more
    than n, and the smallest score where it is less than one.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        NaN is left out.
    levels : ndarray

    Returns
    -------
    quantiles : ndarray of the shape of levels
    """
    ordered = np.append(np.sort(scores[~np.isnan(scores)]), np.inf)
    ranks = np.ceil(len(ordered) * levels - _ROUNDING).astype(np.intp)
    return ordered[np.clip(ranks, 1, len(ordered)) - 1]


def series_scales(values: Sequence[NDArray]) -> NDArray:
    """Return the mean absolute difference between one value and the next, for each column of each series.

    A series without any gets the median of the others, or 1.

    Parameters
    ----------
    values : sequence of ndarrays of shape (T_i, K)

    Returns
    -------
    scales : ndarray of shape (n_series * K,)
    """
    sums, counts = [], []
    for series in values:
        steps = np.abs(np.diff(series, axis=0))
        sums.append(np.nansum(steps, axis=0))
        counts.append(np.count_nonzero(~np.isnan(steps), axis=0))
    scales = np.concatenate(sums) / np.maximum(np.concatenate(counts), 1)
    positive = scales > 0
    return np.where(positive, scales, np.median(scales[positive]) if positive.any() else 1.0)


class Scores:
    """Scores of the errors of forecasts, for each step of the horizon, origin and series.

    Parameters
    ----------
    values : ndarray of shape (horizon, n_origins, n_series)
        NaN where there was nothing to compare the forecast with.
    scale : ndarray of shape (n_series,)
        The scale of each series.
    panel : {"scaled", "pooled", "separate"}
        How the scores of several series are put together.
    """

    def __init__(self, values: NDArray, scale: NDArray, panel: Literal["scaled", "pooled", "separate"]) -> None:
        self.values = values
        self.scale = scale
        self.panel = panel

    def check(self, coverage: float) -> None:
        """Raise a ValueError if there are too few scores for a coverage, at any step."""
        counts = np.count_nonzero(~np.isnan(self.values), axis=1)
        n = int((counts if self.panel == "separate" else counts.sum(axis=1)).min())
        needed = fewest_scores(coverage)
        if n >= needed:
            return
        n_series = 1 if self.panel == "separate" else self.values.shape[2]
        more = ' or use panel="scaled"' if self.panel == "separate" and self.values.shape[2] > 1 else ""
        raise ValueError(
            f"coverage={coverage} needs at least {needed} errors at each step of the horizon, but the calibration has "
            f"{n}; set n_calibration={math.ceil(needed / n_series)} (more if values are missing){more}, or a lower "
            "coverage"
        )

    def widths(self, levels: NDArray, scale: NDArray) -> NDArray:
        """Return the quantiles of the scores for series of some scale.

        Parameters
        ----------
        levels : ndarray of shape (h, n)
            For the first h steps of the horizon, and each series.
        scale : ndarray of shape (n,)

        Returns
        -------
        widths : ndarray of shape (h, n)

        Raises
        ------
        ValueError
            If each series has only its own scores, and there is another number of series.
        """
        if self.panel == "separate":
            if levels.shape[1] != self.values.shape[2]:
                raise ValueError(
                    f'with panel="separate" there are intervals only for the {self.values.shape[2]} series of the fit, '
                    f"got {levels.shape[1]}"
                )
            return np.array(
                [
                    [float(conformal_quantiles(scores[:, i], row[i])) for i in range(len(row))]
                    for scores, row in zip(self.values, levels, strict=False)
                ]
            )
        if self.panel == "pooled" or self.values.shape[2] == 1 == levels.shape[1]:
            return np.array(
                [conformal_quantiles(scores.ravel(), row) for scores, row in zip(self.values, levels, strict=False)]
            )
        return np.array(
            [
                conformal_quantiles((scores / self.scale).ravel(), row) * scale
                for scores, row in zip(self.values, levels, strict=False)
            ]
        )

    def replace_oldest(self, step: int, scores: NDArray) -> None:
        """Put a new score of each series, unless it is NaN, in the place of the oldest of a step.

        Parameters
        ----------
        step : int
        scores : ndarray of shape (n_series,)
        """
        new = ~np.isnan(scores)
        kept = self.values[step][1:, new]
        self.values[step][:, new] = np.vstack([kept, scores[new]])
