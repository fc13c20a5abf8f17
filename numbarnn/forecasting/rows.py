"""Rows of one or several series in the form in which they were passed in, and cutting them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from numbarnn.data.forms import separate
from numbarnn.data.validation import as_array, as_floats
from numbarnn.data.validation.arrays import check_numeric
from numbarnn.forecasting.forms import Columns, Container, DictOf, ListOf, LongFrame, Single
from numbarnn.forecasting.grids import Grid, has_times, positions_grid, read_grids, read_stamped, ticks_of
from numbarnn.forecasting.times import Times, check_levels


@dataclass(frozen=True)
class Rows:
    """Rows of one or several series, or of their covariates.

    Parameters
    ----------
    container : Container
    items : tuple
        The rows of each series: an array, Series or frame as it was passed in, or for a long frame a range of rows of
        `frame`.
    stamps : tuple of Index of pandas, Series of narwhals or None
        The times of these rows; None for a series without times.
    frame : DataFrame of narwhals, or None
        The long frame, sorted by series and time.
    """

    container: Container
    items: tuple[Any, ...]
    stamps: tuple[Any, ...]
    frame: Any = None

    @property
    def names(self) -> tuple[Hashable, ...]:
        """Names of the series: their keys, or their positions."""
        return self.container.names_of(len(self.items))

    def labels(self, name: str) -> list[str]:
        """Return the name of each series for messages."""
        return (
            [name] * len(self.items)
            if isinstance(self.container, Single)
            else [f"{name}[{key!r}]" for key in self.names]
        )

    def grids(self, name: str) -> tuple[list[Grid], Times | None]:
        """Return the grid of each series, and that of all together; None if there is none.

        Raises
        ------
        ValueError
            If times are not sorted, repeated, or not on a regular grid.
        """
        labels = self.labels(name)
        if all(each is not None for each in self.stamps):
            return read_grids(self.stamps, labels)
        each = zip(self.items, self.stamps, labels, strict=True)
        return [
            positions_grid(len(item)) if stamps is None else read_stamped(stamps, label) for item, stamps, label in each
        ], None

    def numbers(self, name: str, target: Sequence[str] | None = None) -> list[NDArray[np.float64]]:
        """Return the numbers of each series, (T, K), NaN where they are missing.

        Parameters
        ----------
        name : str
            Name of the argument in messages.
        target : sequence of str, default=None
            Columns of a long frame; None is its target.

        Raises
        ------
        TypeError, ValueError
            If they are no numbers, or not of one or two axes.
        """
        if not isinstance(self.container, LongFrame):
            return [_numbers(item, label) for item, label in zip(self.items, self.labels(name), strict=True)]
        target = self.container.columns.target if target is None else target
        missing = [column for column in target if column not in self.frame.columns]
        if missing:
            raise ValueError(f"{name} has no column {missing[0]!r}; its columns are {self.frame.columns}.")
        numbers = _numbers(self.frame.select(target).to_native(), name)
        return [numbers[own.start : own.stop] for own in self.items]

    def ordered(self, names: Sequence[Hashable], name: str) -> Rows:
        """Return the rows of series with some names, in this order; a series that is absent has no rows.

        A single frame with times serves all of them.

        Raises
        ------
        ValueError
            If there is a series of another name, or a list of another length.
        """
        if not isinstance(self.container, (DictOf, LongFrame)):
            if isinstance(self.container, Single) and self.stamps[0] is not None:
                return replace(self, items=self.items * len(names), stamps=self.stamps * len(names))
            if len(self.items) != len(names):
                raise ValueError(
                    f"{name} must have one item for each of the {len(names)} series, got {len(self.items)}."
                )
            return self
        place = {key: i for i, key in enumerate(self.names)}
        unknown = [key for key in place if key not in set(names)]
        if unknown:
            raise ValueError(f"{name} has series {unknown[:5]}, which y lacks.")
        nothing = self.items[0][:0]
        first = self.stamps[0]
        no_stamps = None if first is None else first[:0]
        return replace(
            self,
            container=replace(self.container, names=tuple(names)),
            items=tuple(self.items[place[key]] if key in place else nothing for key in names),
            stamps=tuple(self.stamps[place[key]] if key in place else no_stamps for key in names),
        )

    def take(self, starts: Sequence[int], stops: Sequence[int], members: Iterable[int]) -> Any:
        """Return rows `starts[i]` to `stops[i] - 1` of series `members[i]`, in the form in which they came."""
        if isinstance(self.container, Single):
            return _slice(self.items[0], min(starts), max(stops))
        parts = [_slice(self.items[i], a, b) for i, a, b in zip(members, starts, stops, strict=True)]
        if self.frame is not None:
            return self.frame[np.concatenate([np.arange(part.start, part.stop) for part in parts])].to_native()
        if isinstance(self.container, DictOf):
            return {self.names[i]: part for i, part in zip(members, parts, strict=True)}
        return parts


def read_rows(data: Any, columns: Columns | None, *, name: str) -> Rows:
    """Return the rows of one series or several.

    Parameters
    ----------
    data : array-like, Series or frame, or list or dict of them
        With `columns` a long frame.
    columns : Columns or None
    name : str
        Name of the argument in messages.

    Raises
    ------
    TypeError, ValueError
        If it is none of these.
    """
    if columns is not None:
        return _read_long(data, columns, name)
    if isinstance(data, Mapping):
        if not data:
            raise ValueError(f"{name} is an empty dict; it must hold at least one series.")
        labels = [f"{name}[{key!r}]" for key in data]
        return _of_items(DictOf(tuple(data)), list(data.values()), labels)
    items = None if _is_frame_or_series(data) else separate(data)
    if items is not None:
        return _of_items(ListOf(), items, [f"{name}[{i}]" for i in range(len(items))])
    if isinstance(data, (list, tuple)) and not len(data):
        raise ValueError(f"{name} is empty; it must hold at least one value.")
    return _of_items(Single(), [data], [name])


def is_pandas(values: Any) -> bool:
    """Return whether values are a Series or frame of pandas."""
    return nw.dependencies.is_pandas_series(values) or nw.dependencies.is_pandas_dataframe(values)


def is_polars(values: Any) -> bool:
    """Return whether values are a Series or frame of polars."""
    return nw.dependencies.is_polars_series(values) or nw.dependencies.is_polars_dataframe(values)


def _of_items(container: Container, given: list[Any], labels: list[str]) -> Rows:
    items, stamps = [], []
    for values, label in zip(given, labels, strict=True):
        native = nw.to_native(values, pass_through=True)
        item: Any = native if hasattr(native, "shape") else as_array(native, name=label)
        if is_pandas(item):
            check_levels(item.index, name=label)
        _check_axes(item, label)
        items.append(item)
        stamps.append(item.index if is_pandas(item) and has_times(item.index) else None)
    return Rows(container, tuple(items), tuple(stamps))


def _check_axes(item: Any, label: str) -> None:
    shape = tuple(item.shape)
    if len(shape) == 3:
        raise ValueError(
            f"{label} must be one series of shape (T,) or (T, K), or a list of series, got an array of shape {shape}; "
            f"for several series write list({label})."
        )
    if len(shape) not in (1, 2):
        raise ValueError(f"{label} must be a series of shape (T,) or (T, K), got shape {shape}.")


def _read_long(data: Any, columns: Columns, name: str) -> Rows:
    frame = nw.from_native(_keys_as_columns(data, columns), eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        raise TypeError(f"{name} must be a long frame with the columns {columns.keys}, got {type(data).__name__}.")
    for key in columns.keys:
        if key not in frame.columns:
            raise ValueError(f"{name} has no column {key!r}; its columns are {frame.columns}.")
    if not len(frame):
        raise ValueError(f"{name} is empty: it has no rows.")
    for key in columns.keys:
        if frame[key].is_null().any():
            raise ValueError(f"The column {key!r} of {name} holds missing values; drop these rows.")
    ids: list[Hashable] = [None]
    codes = np.zeros(len(frame), np.intp)
    if columns.series_id is not None:
        column = frame[columns.series_id]
        ids = column.unique(maintain_order=True).to_list()
        place = {key: i for i, key in enumerate(ids)}
        codes = np.array([place[key] for key in column.to_list()], np.intp)
    stamps = _stamps(frame[columns.time], name)
    order = np.lexsort((ticks_of(stamps), codes))
    if (np.diff(order) != 1).any():
        frame, stamps = frame[order], stamps[order]
    stops = np.cumsum(np.bincount(codes, minlength=len(ids))).tolist()
    items = tuple(map(range, [0, *stops], stops))
    container = LongFrame(columns, tuple(ids), frame.head(1).to_native())
    return Rows(container, items, tuple(stamps[own.start : own.stop] for own in items), frame)


def _stamps(column: Any, name: str) -> Any:
    """Return a column of times as an Index of pandas, or as it is."""
    stamps, dtype = column, column.dtype
    if column.implementation.is_pandas():
        import pandas as pd  # noqa: PLC0415  (optional)

        stamps = pd.Index(column.to_native())
        known = has_times(stamps)
    else:
        known = dtype.is_integer() or (dtype.is_temporal() and dtype != nw.Duration)
    if not known:
        raise ValueError(
            f"The column {column.name!r} of {name} must hold dates or integers, got {dtype}; convert it first, such as "
            "with pandas.to_datetime."
        )
    return stamps


def _keys_as_columns(frame: Any, columns: Columns) -> Any:
    """Return a frame of pandas whose keys may be levels of its index as one whose keys are columns."""
    in_index = is_pandas(frame) and any(name in columns.keys for name in frame.index.names)
    return frame.reset_index() if in_index and hasattr(frame, "columns") else frame


def _numbers(values: Any, name: str) -> NDArray[np.float64]:
    array = as_array(values, name=name)
    check_numeric(array, name=name)
    return as_floats(array, np.float64, input_name=name).reshape(len(array), array.shape[1] if array.ndim == 2 else 1)


def _slice(item: Any, start: int, stop: int) -> Any:
    # A slice keeps the frequency of an index, which row numbers lose.
    return item.iloc[start:stop] if hasattr(item, "iloc") else item[start:stop]


def _is_frame_or_series(values: Any) -> bool:
    if is_pandas(values):
        kind = getattr(getattr(values, "dtype", None), "kind", "f")
        return not (kind == "O" and len(values) and hasattr(values.iloc[0], "shape"))  # else a Series of arrays
    return is_polars(values)
