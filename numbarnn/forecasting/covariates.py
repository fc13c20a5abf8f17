"""Covariates: what is known besides the series, aligned with their steps and scaled."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from numbarnn.data.validation.arrays import is_nan
from numbarnn.forecasting.forms import Columns, DictOf, LongFrame, Single
from numbarnn.forecasting.panel import Panel, Series, read_panel
from numbarnn.forecasting.times import CALENDAR_FIELDS, IntegerTimes, Times

Array = NDArray[np.float64]

_N_HARMONICS = 3


def calendar_features(times: Times, fields: tuple[str, ...]) -> Array:
    """Return sines and cosines of fields of the calendar, (T, C).

    A field of n values has ``min(3, n // 2)`` pairs, of rising frequency.
    """
    columns: list[Array] = []
    for field in fields:
        first, n = CALENDAR_FIELDS[field]
        phase = 2 * np.pi * (times.calendar(field) - first) / n
        for harmonic in range(1, min(_N_HARMONICS, n // 2) + 1):
            columns += [np.sin(harmonic * phase), np.cos(harmonic * phase)]
    return np.stack(columns, axis=1) if columns else np.empty((len(times), 0))


def choose_calendar(asked: Any, panel: Panel) -> tuple[str, ...]:
    """Return the fields of the calendar that a forecaster's parameter asks for.

    'auto' takes the fields whose cycle is longer than a step, and of which the longest series holds at least two.

    Raises
    ------
    ValueError
        If a field is unknown, or the series have no dates.
    """
    longest = max(panel.series, key=len).times
    if isinstance(asked, str) and asked == "auto":
        days = longest.days_per_step
        if days is None:
            return ()
        cycles = {"hour": 1.0, "dayofweek": 7.0, "month": 365.25}
        steps = {"hour": 1 / 24, "dayofweek": 1.0, "month": 31.0}
        return tuple(
            field for field, cycle in cycles.items() if days <= steps[field] and days * len(longest) >= 2 * cycle
        )
    fields = () if asked is None else tuple(np.atleast_1d(asked).tolist())
    for field in fields:
        if field not in CALENDAR_FIELDS:
            raise ValueError(f"calendar_features must be of {sorted(CALENDAR_FIELDS)}, 'auto' or None, got {field!r}.")
        longest.calendar(field)
    return fields


@dataclass(frozen=True)
class CovariateScaler:
    """Columns of covariates, with their mean and standard deviation over all training series.

    Parameters
    ----------
    name : str
        Name of the argument in messages.
    columns : tuple or None
        Names of the columns; None if they have none.
    mean, std : ndarray of shape (F,)
    """

    name: str
    columns: tuple[Hashable, ...] | None
    mean: Array
    std: Array

    @classmethod
    def fit(cls, covariates: list[Series], name: str) -> CovariateScaler:
        """Return the scaler of the covariates of training series."""
        values = np.concatenate([each.values for each in covariates])
        std = values.std(axis=0)
        return cls(name, covariates[0].columns, values.mean(axis=0), np.where(std > 0, std, 1.0))

    @classmethod
    def empty(cls, name: str) -> CovariateScaler:
        """Return the scaler of no covariates."""
        return cls(name, None, np.empty(0), np.empty(0))

    @property
    def n_columns(self) -> int:
        """Number of columns, F."""
        return len(self.mean)

    def transform(self, series: Series) -> Array:
        """Return scaled values, with the columns in their order.

        Raises
        ------
        ValueError
            If there are other columns.
        """
        values, columns = series.values, series.columns
        if values.shape[1] != self.n_columns:
            raise ValueError(f"{self.name} must have {self.n_columns} columns as in fit, got {values.shape[1]}.")
        if self.columns is not None and columns is not None and columns != self.columns:
            if set(columns) != set(self.columns):
                raise ValueError(
                    f"{self.name} must have the columns {list(self.columns)} as in fit, got {list(columns)}."
                )
            values = values[:, [columns.index(column) for column in self.columns]]
        return (values - self.mean) / self.std


def read_covariates(X: Any, panel: Panel, columns: Columns | None, *, name: str) -> list[Series]:
    """Read covariates in the form of the panel: one series of them for each of its series.

    One frame of pandas with dates serves all series.

    Raises
    ------
    TypeError, ValueError
        If there are none for a series, or one holds missing values.
    """
    if columns is not None:
        X = _as_long(X, columns, name)
        target = tuple(column for column in nw.from_native(X, eager_only=True).columns if column not in columns.keys)
        columns = Columns(columns.series_id, columns.time, target)
    given = read_panel(X, columns, name=name, allow_empty=not all(map(len, panel.series)))
    for i, each in enumerate(given.series):
        missing = np.isnan(each.values)
        if missing.any():
            step = int(missing.any(axis=1).argmax())
            raise ValueError(
                f"{name} contains NaN in series {given.names[i]!r} at {each.times.label(step)}; fill it in first. "
                "Only y may have missing values."
            )
    return _matched(given, panel, name)


def _as_long(X: Any, columns: Columns, name: str) -> Any:
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        raise TypeError(f"{name} must be a long frame with the columns {columns.keys} as y, got {type(X).__name__}.")
    missing = [key for key in columns.keys if key not in frame.columns]
    if missing:
        raise ValueError(f"{name} has no column {missing[0]!r}; its columns are {frame.columns}.")
    return X


def _matched(given: Panel, panel: Panel, name: str) -> list[Series]:
    if isinstance(given.container, Single):
        shared = not isinstance(given.series[0].times, IntegerTimes)
        if len(panel) > 1 and not shared:
            raise ValueError(
                f"{name} must hold one array for each of the {len(panel)} series of y, as a list, got one array."
            )
        return [given.series[0]] * len(panel)
    if isinstance(panel.container, (DictOf, LongFrame)) and isinstance(given.container, (DictOf, LongFrame)):
        found = dict(zip(given.names, given.series, strict=True))
        absent = [key for key in panel.names if key not in found]
        if absent:
            raise ValueError(f"{name} holds nothing for the series {absent[0]!r} of y.")
        return [found[key] for key in panel.names]
    if len(given) != len(panel):
        raise ValueError(f"{name} must hold one array for each of the {len(panel)} series of y, got {len(given)}.")
    return list(given.series)


def align(covariates: Series, times: Times, *, name: str, exact: bool = False) -> Series:
    """Return covariates from the first of some times on, which they must all have.

    Parameters
    ----------
    covariates : Series
    times : Times
    name : str
        Name of the argument in messages.
    exact : bool, default=False
        Whether covariates without times must be as many as the times; otherwise there may be more.

    Raises
    ------
    ValueError
        If a time is missing.
    """
    if isinstance(covariates.times, IntegerTimes) and covariates.times.start == 0:
        n = len(covariates)
        if n < len(times) or (exact and n != len(times)):
            least = "" if exact else "at least "
            raise ValueError(f"{name} must have {least}{len(times)} rows, one for each step, got {n}.")
        return covariates
    found = covariates.times.locate(times, name=name)
    absent = found < 0
    if absent.any():
        raise ValueError(
            f"{name} has no row for {times.label(int(absent.argmax()))}; it reaches from "
            f"{covariates.times.label(0)} to {covariates.times.label(len(covariates) - 1)}."
        )
    if len(times) > 1 and not (np.diff(found) == 1).all():
        raise ValueError(f"{name} must have the frequency of y; it has more rows than y between two steps.")
    return covariates.take(int(found[0])) if len(times) else covariates


class StaticEncoder:
    """Columns of static covariates: numbers are scaled, categories numbered.

    Parameters
    ----------
    static : array-like or frame of shape (n, S)
        One row for each series.
    panel : Panel

    Attributes
    ----------
    categories : dict
        Names or positions of the columns of categories, and the categories of each in order.
    """

    def __init__(self, static_X: Any, panel: Panel) -> None:
        table = _static_table(static_X, panel)
        self.columns = tuple(table)
        self.categories = {name: sorted(set(column)) for name, column in table.items() if not _is_numeric(column)}
        numbers = {name: np.asarray(column, float) for name, column in table.items() if _is_numeric(column)}
        self.mean = {name: float(column.mean()) for name, column in numbers.items()}
        self.std = {name: float(column.std()) or 1.0 for name, column in numbers.items()}

    @property
    def n_categories(self) -> tuple[int, ...]:
        """Number of categories of each column of categories, which come last."""
        return tuple(len(found) for found in self.categories.values())

    def transform(self, static_X: Any, panel: Panel) -> Array:
        """Return numbers, and after them the positions of categories, (n, S).

        Raises
        ------
        ValueError
            If there are other columns, or a category is unknown.
        """
        table = _static_table(static_X, panel)
        if set(table) != set(self.columns):
            raise ValueError(f"static_X must have the columns {list(self.columns)} as in fit, got {list(table)}.")
        columns = [(np.asarray(table[name], float) - self.mean[name]) / self.std[name] for name in self.mean]
        for name, categories in self.categories.items():
            unknown = [each for each in table[name] if each not in categories]
            if unknown:
                raise ValueError(f"static_X holds an unknown category in the column {name!r}: {unknown[0]!r}.")
            columns.append(np.array([categories.index(each) for each in table[name]], float))
        return np.stack(columns, axis=1)


def _static_table(static_X: Any, panel: Panel) -> dict[Hashable, list[Any]]:
    """Return the columns of static covariates, one entry for each series in its order."""
    frame = nw.from_native(static_X, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        array = np.asarray(static_X, dtype=object)
        array = array[np.newaxis] if array.ndim == 1 and len(panel) == 1 else array.reshape(len(array), -1)
        table: dict[Hashable, list[Any]] = {i: column.tolist() for i, column in enumerate(array.T)}
        n_rows = len(array)
    else:
        container, order = panel.container, np.arange(len(frame))
        key = container.columns.series_id if isinstance(container, LongFrame) else None
        index = getattr(static_X, "index", None)
        if key is not None and key in frame.columns:
            order = _positions(frame[key].to_list(), panel)
            frame = frame.drop(key)
        elif isinstance(container, (DictOf, LongFrame)) and index is not None:
            order = _positions(index.tolist(), panel)
        table = {name: [column[i] for i in order] for name, column in frame.to_dict(as_series=False).items()}
        n_rows = len(order)
    if n_rows != len(panel):
        raise ValueError(f"static_X must have one row for each of the {len(panel)} series, got {n_rows}.")
    for name, column in table.items():
        if is_nan(np.array([np.nan if each is None else each for each in column], object)).any():
            raise ValueError(f"static_X contains a missing value in the column {name!r}; fill it in first.")
    return table


def _positions(names: list[Any], panel: Panel) -> Any:
    place = {name: i for i, name in reversed(list(enumerate(names)))}  # the first row of a name counts
    absent = [name for name in panel.names if name not in place]
    if absent:
        raise ValueError(f"static_X has no row for the series {absent[0]!r}.")
    return [place[name] for name in panel.names]


def _is_numeric(column: list[Any]) -> bool:
    return all(isinstance(each, (int, float, np.number)) for each in column)
