"""Forecasts in the form of the series: the numbers in them, and the same form with other columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from narwhals.stable.v2 import dependencies
from numpy.typing import NDArray

from numbarnn.forecasting.observations import Columns, as_numbers, read_table


def forecast_values(
    forecast: Any, ids: Sequence[Any], columns: Columns, levels: Sequence[float] | None
) -> list[NDArray]:
    """Return the numbers of a forecast of some series.

    Parameters
    ----------
    forecast : as returned by `Forecaster.predict` or `predict_quantiles`
    ids : sequence
        The names of the series.
    columns : Columns
        The names with which a long frame was fitted.
    levels : sequence of Q floats, or None
        The levels of quantiles; None for a forecast of points.

    Returns
    -------
    values : list of ndarrays of shape (horizon, K), or (horizon, K, Q) with `levels`
    """
    if columns.given:
        names = [columns.target or ""] if levels is None else [str(level) for level in levels]
        numbers = read_table(forecast, "the forecast", columns).ordered(list(ids), "the forecast").values(names)
    elif isinstance(forecast, Mapping):
        numbers = [as_numbers(forecast[key]) for key in ids]
    else:
        numbers = [as_numbers(item) for item in (forecast if isinstance(forecast, (list, tuple)) else [forecast])]
    return numbers if levels is None else [item.reshape(len(item), -1, len(levels)) for item in numbers]


def with_columns(
    forecast: Any, values: Sequence[NDArray], labels: Sequence[Any], ids: Sequence[Any], columns: Columns
) -> Any:
    """Return numbers in the form of a forecast of points, with one more axis or one column for each label.

    Parameters
    ----------
    forecast : as returned by `Forecaster.predict`
    values : sequence of ndarrays of shape (horizon, K, Q)
        One for each series, in the order of `ids`.
    labels : sequence of Q
        Levels of quantiles, or names.
    ids : sequence
        The names of the series.
    columns : Columns
        The names with which a long frame was fitted.

    Returns
    -------
    numbers : in the form of the forecast
        Arrays get a last axis of length Q; a Series becomes a frame, and each column of a frame Q columns.
    """
    if columns.given:
        return _long(forecast, values, labels, ids, columns)
    if isinstance(forecast, Mapping):
        return {key: _one(forecast[key], item, labels) for key, item in zip(ids, values, strict=True)}
    if isinstance(forecast, (list, tuple)):
        return [_one(item, v, labels) for item, v in zip(forecast, values, strict=True)]
    return _one(forecast, values[0], labels)


def _one(forecast: Any, values: NDArray, labels: Sequence[Any]) -> Any:
    """Return numbers (horizon, K, Q) in the form of the forecast of one series."""
    table = values.reshape(len(values), -1)
    if dependencies.is_pandas_series(forecast) or dependencies.is_pandas_dataframe(forecast):
        import pandas as pd  # noqa: PLC0415  (optional)

        series = forecast.ndim == 1
        names = pd.Index(labels) if series else pd.MultiIndex.from_product([forecast.columns, labels])
        return pd.DataFrame(table, index=forecast.index, columns=names)
    if dependencies.is_polars_series(forecast) or dependencies.is_polars_dataframe(forecast):
        strings = [f"{name}_{label}" for name in getattr(forecast, "columns", []) for label in labels]
        namespace = nw.get_native_namespace(forecast)
        return namespace.DataFrame(dict(zip(strings or map(str, labels), table.T, strict=True)))
    return values[:, 0] if np.ndim(forecast) == 1 else values


def _long(forecast: Any, values: Sequence[NDArray], labels: Sequence[Any], ids: Sequence[Any], columns: Columns) -> Any:
    rows = read_table(forecast, "the forecast", columns).ordered(list(ids), "the forecast").items
    frame = nw.from_native(forecast, eager_only=True)
    table = np.empty((len(frame), len(labels)))
    table[np.concatenate(rows)] = np.concatenate(values).reshape(len(frame), -1)
    kept = frame.select(name for name in (columns.series_id, columns.time) if name is not None)
    series = [
        nw.new_series(str(label), column, backend=frame.implementation)
        for label, column in zip(labels, table.T, strict=True)
    ]
    if frame.implementation.is_pandas():
        series = [nw.maybe_set_index(column, index=nw.maybe_get_index(frame)) for column in series]
    return kept.with_columns(*series).to_native()
