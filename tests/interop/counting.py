"""A forecaster whose forecasts can be told in advance, with the interface of RNNForecaster for data of pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator


class CountingForecaster(BaseEstimator):
    """Forecast the last value plus the number of steps, plus the sum of the covariates at each step.

    The quantile q is q more. `read_` lists the number of rows of every call of `update`.
    """

    def __init__(self, horizon=1, offset=0.0, random_state=None):
        self.horizon = horizon
        self.offset = offset
        self.random_state = random_state

    def fit(self, y, X=None):
        self.last_ = {key: self._last(part, X, key) for key, part in _parts(y).items()}
        self.read_ = []
        return self

    def update(self, y, X=None):
        self.last_ |= {key: self._last(part, X, key) for key, part in _parts(y).items() if len(part)}
        self.read_.append({key: len(part) for key, part in _parts(y).items()})
        return self

    def predict(self, horizon=None, *, X=None):
        return _whole({key: self._ahead(key, horizon, X) for key in self.last_})

    def predict_quantiles(self, q, horizon=None, *, X=None):
        ahead = {key: self._ahead(key, horizon, X) for key in self.last_}
        return _whole({key: _levels(forecast, q) for key, forecast in ahead.items()})

    def _last(self, part, X, key):
        if X is not None:
            assert part.index.isin(_parts(X)[key].index).all()
        return part.ffill().iloc[-1:]

    def _ahead(self, key, horizon, X):
        last, steps = self.last_[key], np.arange(1, (horizon or self.horizon) + 1) + self.offset
        if X is not None:
            rows = _parts(X)[key]
            steps = steps + rows[rows.index > last.index[-1]].sum(axis=1).to_numpy()[: len(steps)]
        if isinstance(last, pd.Series):
            return pd.Series(last.to_numpy() + steps)
        return pd.DataFrame(last.to_numpy() + steps[:, np.newaxis], columns=last.columns)


def _levels(forecast, q):
    columns = forecast.to_frame() if isinstance(forecast, pd.Series) else forecast
    frame = pd.concat(
        {name: pd.concat({level: columns[name] + level for level in q}, axis=1) for name in columns}, axis=1
    )
    return frame.droplevel(0, axis=1) if isinstance(forecast, pd.Series) else frame


def _parts(data):
    return data if isinstance(data, dict) else {None: data}


def _whole(parts):
    return parts.get(None, parts)
