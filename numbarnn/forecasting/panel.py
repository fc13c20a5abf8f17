"""Panels: one or several series in every form that users have them, as arrays with their times."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from numbarnn.data.forms import separate
from numbarnn.data.validation import as_array, as_floats
from numbarnn.data.validation.arrays import check_numeric
from numbarnn.forecasting.forms import (
    ArrayForm,
    Columns,
    Container,
    DictOf,
    Form,
    Labels,
    ListOf,
    LongFrame,
    PandasForm,
    PolarsForm,
    Single,
)
from numbarnn.forecasting.times import IntegerTimes, Times, read_integers, read_pandas_index, read_stamps


@dataclass(frozen=True)
class Series:
    """Values of one series, or of covariates, with the times of their steps.

    Attributes
    ----------
    values : ndarray of shape (T, K), float64
        NaN where a value is missing.
    times : Times
    form : Form
    columns : tuple of str, or None
        Names of the K columns, if they have names.
    """

    values: NDArray[np.float64]
    times: Times
    form: Form
    columns: tuple[Hashable, ...] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, start: int) -> Series:
        """Return the series from one step on; a negative number counts from the end."""
        return replace(self, values=self.values[start:], times=self.times.take(start))


@dataclass(frozen=True)
class Panel:
    """Series of any lengths with the same variables.

    Parameters
    ----------
    series : tuple of Series
    container : Container
    """

    series: tuple[Series, ...]
    container: Container

    def __len__(self) -> int:
        return len(self.series)

    @property
    def names(self) -> tuple[Hashable, ...]:
        """Names of the series: their keys, or their positions."""
        container = self.container
        if isinstance(container, LongFrame):
            return container.ids
        return container.names if isinstance(container, DictOf) else tuple(range(len(self.series)))

    @property
    def n_variables(self) -> int:
        """Number of variables of each series, K."""
        return self.series[0].values.shape[1]

    def label(self, i: int) -> str:
        """Return the name of a series for messages."""
        return "y" if isinstance(self.container, Single) else f"y[{self.names[i]!r}]"

    def ends(self) -> Panel:
        """Return the panel of the last step of each series."""
        return replace(self, series=tuple(each.take(-1) for each in self.series))

    def places(self, other: Panel) -> list[int]:
        """Return which of these series each one of another panel is.

        Raises
        ------
        ValueError
            If one is none of these.
        """
        if not isinstance(self.container, (DictOf, LongFrame)):
            if len(other) != len(self):
                raise ValueError(f"y must hold all {len(self)} series as in fit, got {len(other)}.")
            return list(range(len(self)))
        unknown = [name for name in other.names if name not in self.names]
        if unknown:
            raise ValueError(f"y holds the series {unknown[0]!r}, which fit has not seen; pass new series to predict.")
        return [self.names.index(name) for name in other.names]

    def restore(self, forecasts: list[NDArray], labels: Labels | None = None, *, labels_first: bool = False) -> Any:
        """Return forecasts of the steps that follow each series, in the form of the panel.

        Parameters
        ----------
        forecasts : list of ndarray of shape (H, K), or (H, K, number of labels)
        labels : sequence or None, default=None
        labels_first : bool, default=False
            Whether arrays have the labels on their first axis.
        """
        times = [self._after(each, len(forecast)) for each, forecast in zip(self.series, forecasts, strict=True)]
        restored = self.container.restore([each.form for each in self.series], forecasts, times, labels)
        if not labels_first:
            return restored
        if isinstance(restored, dict):
            return {key: _labels_first(each) for key, each in restored.items()}
        return [_labels_first(each) for each in restored] if isinstance(restored, list) else _labels_first(restored)

    def _after(self, series: Series, n: int) -> Times:
        """Return the times of n following steps; arrays need none."""
        return (
            IntegerTimes(0, 1, n) if isinstance(series.form, ArrayForm) and not self._is_long else series.times.after(n)
        )

    @property
    def _is_long(self) -> bool:
        return isinstance(self.container, LongFrame)


def _labels_first(forecast: Any) -> Any:
    return np.moveaxis(forecast, -1, 0) if isinstance(forecast, np.ndarray) else forecast


def read_panel(y: Any, columns: Columns | None = None, *, name: str = "y", allow_empty: bool = False) -> Panel:
    """Read one series or several.

    Parameters
    ----------
    y : array-like, Series or frame, or list or dict of them
        One series of shape (T,) or (T, K), several as a list or a dict, or with `columns` a long frame.
    columns : Columns or None, default=None
        Columns of a long frame.
    name : str, default="y"
        Name of the argument in messages.
    allow_empty : bool, default=False
        Whether a series may have no steps.

    Returns
    -------
    Panel

    Raises
    ------
    TypeError, ValueError
        If y has another form, or holds no or infinite values, or its times are not on a regular grid.
    """
    if columns is not None:
        return _read_long(y, columns, name)
    if isinstance(y, Mapping):
        if not y:
            raise ValueError(f"{name} is an empty dict; it must hold at least one series.")
        named = tuple(read_series(item, name=f"{name}[{key!r}]", allow_empty=allow_empty) for key, item in y.items())
        return _checked(Panel(named, DictOf(tuple(y))), name)
    items = None if _is_frame_or_series(y) else separate(y)
    if items is not None:
        series = tuple(read_series(item, name=f"{name}[{i}]", allow_empty=allow_empty) for i, item in enumerate(items))
        return _checked(Panel(series, ListOf()), name)
    if isinstance(y, (list, tuple)) and not len(y):
        raise ValueError(f"{name} is empty; it must hold at least one value.")
    return Panel((read_series(y, name=name, allow_empty=allow_empty),), Single())


def read_series(values: Any, *, name: str, allow_empty: bool = False) -> Series:
    """Read one series, or the covariates of one series.

    Raises
    ------
    TypeError, ValueError
    """
    times, slots, columns = None, None, None
    form: Form
    if _is_pandas(values):
        times, slots = read_pandas_index(values.index, name=name)
        names = getattr(values, "columns", None)
        columns = None if names is None else tuple(names)
        form = PandasForm(getattr(values, "name", None), names)
        _refuse_key_columns(values, name)
    elif nw.dependencies.is_polars_series(values) or nw.dependencies.is_polars_dataframe(values):
        columns = tuple(values.columns) if hasattr(values, "columns") else None
        form = PolarsForm(getattr(values, "name", ""), columns)
        _refuse_key_columns(values, name)
    else:
        form = ArrayForm(np.ndim(values) == 1)
    numbers = _numbers(values, name, allow_empty=allow_empty)
    if slots is not None and times is not None:
        full = np.full((len(times), numbers.shape[1]), np.nan)
        full[slots] = numbers
        numbers = full
    return Series(numbers, times if times is not None else IntegerTimes(0, 1, len(numbers)), form, columns)


def _numbers(values: Any, name: str, *, allow_empty: bool = False) -> NDArray[np.float64]:
    array = as_array(values, name=name)
    if array.ndim == 3:
        raise ValueError(
            f"{name} must be one series of shape (T,) or (T, K), or a list of series, got an array of shape "
            f"{array.shape}; for several series write list({name})."
        )
    if array.ndim not in (1, 2):
        raise ValueError(f"{name} must be a series of shape (T,) or (T, K), got shape {array.shape}.")
    check_numeric(array, name=name)
    floats = as_floats(array, np.float64, input_name=name).reshape(len(array), array.shape[1] if array.ndim == 2 else 1)
    if not floats.size and not allow_empty:
        raise ValueError(f"{name} is empty: it has shape {array.shape}.")
    if np.isinf(floats).any():
        raise ValueError(f"{name} contains infinity at step {int(np.isinf(floats).any(axis=1).argmax())}.")
    return floats


def _refuse_key_columns(frame: Any, name: str) -> None:
    """Refuse a frame with columns of text or dates: it is a long one, or its dates should be the index."""
    for column in getattr(frame, "columns", ()):
        dtype = nw.from_native(frame[column], series_only=True).dtype
        if not (dtype.is_numeric() or dtype in (nw.Boolean, nw.Object)):
            raise ValueError(
                f"{name} has a column {column!r} of {dtype}. For a long frame, say which columns are which: "
                f"fit(frame, series_id=..., time={column!r}, target=...); otherwise make the times the index."
            )


def _checked(panel: Panel, name: str) -> Panel:
    widths = [each.values.shape[1] for each in panel.series]
    if min(widths) != max(widths):
        i = int(np.argmax(np.array(widths) != widths[0]))
        raise ValueError(
            f"All series must have the same number of variables: {name}[{panel.names[0]!r}] has {widths[0]}, "
            f"{name}[{panel.names[i]!r}] has {widths[i]}."
        )
    return panel


def _read_long(frame: Any, columns: Columns, name: str) -> Panel:
    native = nw.from_native(_indexed_to_columns(frame), eager_only=True, pass_through=True)
    if not isinstance(native, nw.DataFrame):
        raise TypeError(f"{name} must be a long frame with the columns {columns.keys}, got {type(frame).__name__}.")
    missing = [each for each in (*columns.keys, *columns.target) if each not in native.columns]
    if missing:
        raise ValueError(f"{name} has no column {missing[0]!r}; its columns are {native.columns}.")
    if not len(native):
        raise ValueError(f"{name} is empty: it has no rows.")
    for key in columns.keys:
        if native[key].is_null().any():
            raise ValueError(f"The column {key!r} of {name} holds missing values; drop these rows.")
    parts = _parts(native, columns)
    series = tuple(_read_part(part, columns, f"{name}[{key!r}]") for key, part in parts.items())
    return Panel(series, LongFrame(columns, tuple(parts), native.head(1).to_native()))


def _parts(frame: Any, columns: Columns) -> dict[Hashable, Any]:
    """Return the rows of each series, sorted by time, in the order in which the series appear."""
    if columns.series_id is None:
        return {None: frame.sort(columns.time)}
    order = frame[columns.series_id].unique(maintain_order=True).to_list()
    found = {key[0]: part for key, part in frame.group_by(columns.series_id)}
    return {key: found[key].sort(columns.time) for key in order}


def _read_part(part: Any, columns: Columns, name: str) -> Series:
    times, slots = _read_times(part[columns.time], name)
    target = part.select(columns.target).to_native()
    numbers = _numbers(target, name)
    full = numbers
    if slots is not None:
        full = np.full((len(times), numbers.shape[1]), np.nan)
        full[slots] = numbers
    return Series(full, times, ArrayForm(len(columns.target) == 1), columns.target)


def _read_times(column: Any, name: str) -> tuple[Times, NDArray[np.intp] | None]:
    dtype = column.dtype
    if not (dtype.is_temporal() or dtype.is_integer() or dtype in (nw.Object, nw.Unknown)):
        raise ValueError(
            f"The column {column.name!r} must hold dates or integers, got {dtype}; convert it first, such as with "
            "pandas.to_datetime."
        )
    if column.implementation.is_pandas():
        import pandas as pd  # noqa: PLC0415  (optional)

        return read_pandas_index(pd.Index(column.to_native()), name=name)
    if column.is_duplicated().any():
        again = column.filter(column.is_duplicated())[0]
        raise ValueError(f"{name} holds the time {again} more than once; aggregate its rows first.")
    if dtype.is_integer():
        return read_integers(column.to_numpy(), name=name)
    zone = getattr(dtype, "time_zone", None)
    dates = column.cast(nw.Datetime("us", zone))
    if zone is None:
        return read_stamps(dates.to_numpy(), name=name)
    clock = dates.dt.replace_time_zone(None).to_numpy()
    utc = dates.dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_numpy()
    return read_stamps(clock, name=name, zone=zone, utc=utc)


def _indexed_to_columns(frame: Any) -> Any:
    """Return a frame of pandas whose keys may be levels of its index as one whose keys are columns."""
    if _is_pandas(frame) and hasattr(frame, "columns") and any(name is not None for name in frame.index.names):
        return frame.reset_index()
    return frame


def _is_pandas(values: Any) -> bool:
    return nw.dependencies.is_pandas_series(values) or nw.dependencies.is_pandas_dataframe(values)


def _is_frame_or_series(values: Any) -> bool:
    if _is_pandas(values):
        kind = getattr(getattr(values, "dtype", None), "kind", "f")
        return not (kind == "O" and len(values) and hasattr(values.iloc[0], "shape"))  # else a Series of arrays
    return nw.dependencies.is_polars_series(values) or nw.dependencies.is_polars_dataframe(values)
