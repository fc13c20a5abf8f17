"""Reference methods that the networks are compared with."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


def seasonal_naive(y: Array, horizon: int, period: int) -> Array:
    """Return the values of the last season, again and again."""
    return np.resize(np.asarray(y)[-period:], horizon)


def theta(y: Array, horizon: int, period: int) -> Array:
    """Return the forecast of the theta method (Assimakopoulos and Nikolopoulos 2000), the winner of M3.

    The season is removed where the autocorrelation at its lag is significant at 10%, as in the competition.
    """
    from statsmodels.tsa.forecasting.theta import ThetaModel  # noqa: PLC0415  (an extra)

    options: dict[str, Any] = {"deseasonalize": _is_seasonal(y, period), "use_test": False}
    options["method"] = "multiplicative" if np.min(y) > 0 else "additive"
    return np.asarray(ThetaModel(y, period=period, **options).fit().forecast(horizon))


def ets(y: Array, horizon: int, period: int) -> Array:
    """Return the forecast of an exponential smoothing with a damped or plain trend and a season.

    Of four forms, with additive or multiplicative seasons and a plain or a damped additive trend, it is the one with
    the smallest AICc.
    """
    from statsmodels.tsa.holtwinters import ExponentialSmoothing  # noqa: PLC0415  (an extra)

    seasons = ("add", "mul") if np.min(y) > 0 else ("add",)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence
        fits = [
            ExponentialSmoothing(
                y,
                trend="add",
                damped_trend=damped,
                seasonal=season,
                seasonal_periods=period,
                initialization_method="estimated",
            ).fit()
            for season in seasons
            for damped in (False, True)
        ]
    return np.asarray(min(fits, key=lambda fit: fit.aicc).forecast(horizon))


class Demand(NamedTuple):
    """Forecasts of electricity demand one day ahead, for the days from `start` on.

    Attributes
    ----------
    frame : DataFrame
        Demand, WorkDay and Temperature, every half hour.
    start : int
        The first step of the test part.
    """

    frame: pd.DataFrame
    start: int

    def week_naive(self) -> Array:
        """Return the demand a week before."""
        return self._lagged("Demand", 7)[self.start :]

    def ridge(self) -> Array:
        """Return the forecasts of ridge regression for the day's half hours, each with its own intercept."""
        columns = self._columns()
        encoder = OneHotEncoder(sparse_output=False)
        times = encoder.fit_transform(columns[:, -2:])
        temperature = columns[:, 1:2]
        features = np.hstack((columns[:, :-2], temperature**2, times))
        return self._fitted(make_pipeline(StandardScaler(), Ridge()), features)

    def boosting(self) -> Array:
        """Return the forecasts of gradient boosting of the absolute error."""
        columns = self._columns()
        day = [columns.shape[1] - 1]
        options: dict[str, Any] = {"loss": "absolute_error", "categorical_features": day, "random_state": 0}
        return self._fitted(HistGradientBoostingRegressor(max_iter=400, learning_rate=0.05, **options), columns)

    def _columns(self) -> Array:
        """Return the columns known one day ahead: those of the step, those of days before, the half hour, the day."""
        index: Any = self.frame.index
        own = [self.frame["WorkDay"], self.frame["Temperature"]]
        lagged = [self._lagged("Demand", days) for days in (1, 2, 7)]
        lagged += [self._lagged("Temperature", days) for days in (1, 7)] + [
            self._lagged("WorkDay", days) for days in (1, 7)
        ]
        return np.column_stack([*own, *lagged, index.hour * 2 + index.minute // 30, index.dayofweek])

    def _lagged(self, name: str, days: int) -> Array:
        return self.frame[name].shift(days * _DAY).to_numpy()

    def _fitted(self, model: Any, columns: Array) -> Array:
        train = slice(7 * _DAY, self.start)
        model.fit(columns[train], self.frame["Demand"].to_numpy()[train])
        return model.predict(columns[self.start :])


_DAY = 48
"""Steps of a day."""


def _is_seasonal(y: Array, period: int) -> bool:
    """Return whether the autocorrelation at the lag of a season is significant at 10% (Bartlett's formula)."""
    if len(y) < 3 * period:
        return False
    x = y - np.mean(y)
    r = np.array([np.dot(x[lag:], x[: len(x) - lag]) for lag in range(1, period + 1)]) / np.dot(x, x)
    return bool(abs(r[-1]) > 1.645 * np.sqrt((1 + 2 * np.sum(r[:-1] ** 2)) / len(y)))
