"""A seasonal naive forecaster that keeps the contract, and one that records what it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import polars as pl
from scipy.special import ndtri
from sklearn.base import BaseEstimator

from numbarnn.forecasting.times import read_pandas_index


class SeasonalNaive(BaseEstimator):
    """Repeats the last season; quantiles are normal, with the standard deviation of the seasonal differences."""

    def __init__(self, horizon=1, period=1):
        self.horizon = horizon
        self.period = period

    def fit(self, y, X=None, *, past_X=None, static_X=None, series_id=None, time=None, target=None):
        self.columns_ = (series_id, time, target)
        self.history_ = self._items(y)
        self.spread_ = [
            np.nanstd(v[self.period :] - v[: -self.period], axis=0) for v in map(_values, self.history_.values())
        ]
        self.form_ = y
        return self

    def update(self, y, X=None, *, past_X=None):
        for key, new in self._items(y).items():
            old = self.history_[key]
            if isinstance(old, (pd.Series, pd.DataFrame)):
                self.history_[key] = pd.concat([old, new])
                self.history_[key].index.name = old.index.name
            elif isinstance(old, (pl.Series, pl.DataFrame)):
                self.history_[key] = pl.concat([old, new])
            else:
                self.history_[key] = np.concatenate([old, new])
        return self

    def predict(self, horizon=None, *, y=None, X=None, past_X=None, static_X=None):
        form, history = (self.form_, self.history_) if y is None else (y, self._items(y))
        horizon = horizon or self.horizon
        results = {}
        for key, item in history.items():
            values = _values(item)[-self.period :]
            repeated = values[np.arange(horizon) % self.period]
            results[key] = self._like(item, repeated if len(item.shape) == 2 else repeated[:, 0], horizon)
        return self._container(form, results)

    def predict_quantiles(self, q, horizon=None, *, y=None, X=None, past_X=None, static_X=None):
        form, history = (self.form_, self.history_) if y is None else (y, self._items(y))
        horizon = horizon or self.horizon
        results = {}
        for i, (key, item) in enumerate(history.items()):
            values = _values(item)[-self.period :][np.arange(horizon) % self.period]
            season = np.sqrt(1 + np.arange(horizon) // self.period)[:, np.newaxis, np.newaxis]
            table = values[..., np.newaxis] + season * self.spread_[i][:, np.newaxis] * ndtri(np.asarray(q))
            results[key] = self._quantiles_like(item, table, list(q), horizon)
        return self._container(form, results)

    def _items(self, y) -> dict[Any, Any]:
        if self.columns_[0] is not None:
            frame = y
            if isinstance(y, pl.DataFrame):
                frame = pd.DataFrame(y.to_dict(as_series=False))
                if frame[self.columns_[1]].dtype == object:
                    frame[self.columns_[1]] = pd.to_datetime(frame[self.columns_[1]])
            by_id = frame.groupby(self.columns_[0], sort=False)
            return {key: part.set_index(self.columns_[1])[self.columns_[2]] for key, part in by_id}
        if isinstance(y, Mapping):
            return dict(y)
        return dict(enumerate(y)) if isinstance(y, list) else {0: y}

    def _like(self, item, values, horizon):
        if isinstance(item, pd.Series):
            return pd.Series(values, index=_next_index(item.index, horizon), name=item.name)
        if isinstance(item, pd.DataFrame):
            return pd.DataFrame(values, index=_next_index(item.index, horizon), columns=item.columns)
        if isinstance(item, pl.Series):
            return pl.Series(item.name, values)
        return pl.DataFrame(values, schema=item.columns) if isinstance(item, pl.DataFrame) else values

    def _quantiles_like(self, item, table, q, horizon):
        flat = table.reshape(horizon, -1)
        if isinstance(item, pd.Series):
            return pd.DataFrame(flat, index=_next_index(item.index, horizon), columns=q)
        if isinstance(item, pd.DataFrame):
            names = pd.MultiIndex.from_product([item.columns, q])
            return pd.DataFrame(flat, index=_next_index(item.index, horizon), columns=names)
        if isinstance(item, pl.Series):
            return pl.DataFrame(dict(zip(map(str, q), flat.T, strict=True)))
        return table if len(item.shape) == 2 else table[:, 0]

    def _container(self, form, results):
        series_id, time, target = self.columns_
        if series_id is not None:
            parts = []
            for key, result in results.items():
                part = result.to_frame(target) if isinstance(result, pd.Series) else result.rename(columns=str)
                part.insert(0, time, part.index)
                part.insert(0, series_id, key)
                parts.append(part)
            frame = pd.concat(parts, ignore_index=True)
            return pl.DataFrame(frame.to_dict("list")) if isinstance(form, pl.DataFrame) else frame
        if isinstance(form, Mapping):
            return results
        return list(results.values()) if isinstance(form, list) else results[0]


class Spy(SeasonalNaive):
    """Records the calls of all its clones, with copies of their arguments."""

    calls: ClassVar[list[tuple[str, dict[str, Any]]]] = []

    def fit(self, y, X=None, *, past_X=None, static_X=None, **columns):
        self.calls.append(("fit", {"y": y, "X": X, "past_X": past_X, "static_X": static_X}))
        return super().fit(y, **columns)

    def update(self, y, X=None, *, past_X=None):
        self.calls.append(("update", {"y": y, "X": X, "past_X": past_X}))
        return super().update(y)

    def predict(self, horizon=None, *, y=None, X=None, past_X=None, static_X=None):
        arguments = {"horizon": horizon, "y": y, "X": X, "past_X": past_X, "static_X": static_X}
        self.calls.append(("predict", arguments))
        return super().predict(horizon, y=y)


def _values(item):
    return np.asarray(item.to_numpy() if hasattr(item, "to_numpy") else item, float).reshape(len(item), -1)


def _next_index(index, horizon):
    if isinstance(index, pd.DatetimeIndex):
        step = read_pandas_index(index, name="y")[0].freq
        return pd.date_range(index[-1], periods=horizon + 1, freq=step, name=index.name)[1:]
    if isinstance(index, pd.PeriodIndex):
        return pd.period_range(index[-1] + 1, periods=horizon, name=index.name)
    return pd.RangeIndex(index[-1] + 1, index[-1] + 1 + horizon, name=index.name)
