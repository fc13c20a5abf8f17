"""The levels of adaptive conformal inference."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from numbarnn.forecasting.scores import Scores


class AdaptiveLevels:
    """Levels alpha that follow how often observations fell outside their intervals (Gibbs and Candès 2021).

    Each step of the horizon, and each series, has its own: one observation says once for each step whether the interval
    that was made so many steps before has covered it.

    Parameters
    ----------
    alpha : float
        The share of observations that should fall outside.
    gamma : float
        The step size.
    shape : tuple of int
        Steps of the horizon and series.
    """

    def __init__(self, alpha: float, gamma: float, shape: tuple[int, int]) -> None:
        self.target = alpha
        self.gamma = gamma
        self.alpha = np.full(shape, alpha)
        self._made: deque[tuple[NDArray, NDArray, NDArray]] = deque(maxlen=shape[0])

    def remember(self, origins: NDArray, forecasts: NDArray, widths: NDArray) -> None:
        """Keep intervals until their observations come.

        Parameters
        ----------
        origins : ndarray of shape (n_series,)
            The step of the last observation before the forecasts.
        forecasts, widths : ndarray of shape (h, n_series)
        """
        self._made.append((origins, forecasts, widths))

    def observe(self, times: NDArray, values: NDArray, scores: Scores) -> None:
        """Compare one observation of each series with the intervals made for it, and take over its errors as scores.

        Parameters
        ----------
        times : ndarray of shape (n_series,)
            The step of the observation.
        values : ndarray of shape (n_series,)
            NaN where there is none.
        scores : Scores
        """
        for origins, forecasts, widths in self._made:
            ahead = times - origins - 1
            for step in range(len(forecasts)):
                errors = np.where(ahead == step, np.abs(values - forecasts[step]), np.nan)
                known = ~np.isnan(errors)
                if known.any():
                    # alpha_{t+1} = alpha_t + gamma (alpha - err_t), equation 2
                    outside = errors[known] > widths[step, known]
                    self.alpha[step, known] += self.gamma * (self.target - outside)
                    scores.replace_oldest(step, errors)
