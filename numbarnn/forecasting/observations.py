"""Series and covariates in the form in which the user holds them, cut by time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
from narwhals.stable.v2 import dependencies
from numpy.typing import NDArray

from numbarnn.data.forms import separate
from numbarnn.forecasting.clock import Clock, find_clock

if TYPE_CHECKING:
    import pandas as pd

Positions = NDArray[np.intp]
Numbers = Sequence[int] | Positions


class Columns(NamedTuple):
    """Names of the columns of a long frame; all None where series have another form."""

    series_id: str | None = None
    time: str | None = None
    target: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """The names that are not None, as arguments of `fit`."""
        return {key: name for key, name in self._asdict().items() if name is not None}


@dataclass(frozen=True)
class Table:
    """Rows of one or several series, and the way to take some of them in the form in which they came.

    Parameters
    ----------
    kind : {"single", "list", "dict", "long"}
    ids : list
        The name of each series.
    items : list
        The rows of each series: what the user passed, or row numbers of `frame`, in order of time.
    indexes : list of pandas Index, or None
        The time stamps of the rows; None where they have none.
    frame : narwhals DataFrame or None
        The long frame.
    """

    kind: Literal["single", "list", "dict", "long"]
    ids: list[Any]
    items: list[Any]
    indexes: list[pd.Index] | None
    frame: nw.DataFrame | None = None

    @property
    def is_polars(self) -> bool:
        """Whether the rows are held by polars."""
        if self.frame is not None:
            return self.frame.implementation.is_polars()
        return any(map(_is_polars, self.items))

    def take(self, starts: Sequence[int], stops: Sequence[int], members: Numbers) -> Any:
        """Return rows `starts[i]` to `stops[i] - 1` of series `members[i]`, in the form in which they came."""
        parts = [_rows(self.items[i], a, b) for i, a, b in zip(members, starts, stops, strict=True)]
        if self.kind == "single":
            return parts[0]
        if self.kind == "list":
            return parts
        if self.kind == "dict":
            return {self.ids[i]: part for i, part in zip(members, parts, strict=True)}
        return self.frame[np.sort(np.concatenate(parts))].to_native()  # type: ignore[index]

    def values(self, columns: Sequence[str] | None = None) -> list[NDArray]:
        """Return the numbers of each series, (T_i, K) in float64, missing ones as NaN; of a long frame some columns."""
        if self.frame is None:
            return [as_numbers(item) for item in self.items]
        numbers = as_numbers(self.frame.select(*columns or ()).to_native())
        return [numbers[rows] for rows in self.items]

    def ordered(self, ids: list[Any], name: str) -> Table:
        """Return the table with its series in the order of `ids`; a series that is absent has no rows.

        Raises
        ------
        ValueError
            If there is a series that `ids` lacks, or a list has another length.
        """
        if self.kind in ("single", "list"):
            if len(self.ids) != len(ids):
                raise ValueError(f"{name} must have one item for each of the {len(ids)} series, got {len(self.ids)}")
            return Table(self.kind, ids, self.items, self.indexes)
        unknown = [key for key in self.ids if key not in ids]
        if unknown:
            raise ValueError(f"{name} has series {unknown[:5]}, which y lacks")
        place = {key: i for i, key in enumerate(self.ids)}
        none = self.items[0][:0]
        items = [self.items[place[key]] if key in place else none for key in ids]
        indexes = self.indexes and [self.indexes[place[key]] if key in place else self.indexes[0][:0] for key in ids]
        return Table(self.kind, ids, items, indexes, self.frame)


def read_table(data: Any, name: str, columns: Columns) -> Table:
    """Return series or covariates as a table.

    Parameters
    ----------
    data : array-like, Series, frame, list or dict of them, or long frame
    name : str
        Name of the argument, for error messages.
    columns : Columns
        If any is given, `data` is a long frame.

    Raises
    ------
    TypeError, ValueError
        If it is no such thing.
    """
    if columns.given:
        return _read_long(data, name, columns)
    if isinstance(data, Mapping):
        if not data:
            raise ValueError(f"{name} must have at least one series, got an empty dictionary")
        items = [_item(item, name) for item in data.values()]
        return Table("dict", list(data), items, _indexes(items))
    separated = separate(data)
    if separated is not None:
        items = [_item(item, name) for item in separated]
        return Table("list", list(range(len(items))), items, _indexes(items))
    item = _item(data, name)
    series_name = getattr(item, "name", None)
    return Table("single", [0 if series_name in (None, "") else series_name], [item], _indexes([item]))


def as_numbers(item: Any) -> NDArray:
    """Return rows as an ndarray (T, K) of float64, with NaN where a value is missing."""
    if dependencies.is_pandas_series(item) or dependencies.is_pandas_dataframe(item):
        numbers = item.to_numpy(np.float64, na_value=np.nan)
    elif _is_polars(item):
        numbers = np.asarray(item.to_numpy(), np.float64)
    else:
        numbers = np.asarray(item, np.float64)
    return numbers.reshape(len(numbers), -1) if len(numbers) else numbers.reshape(0, *numbers.shape[1:2] or (1,))


def _item(item: Any, name: str) -> Any:
    """Return one series as pandas, polars or NumPy hold it."""
    native = nw.to_native(item, pass_through=True)
    if not hasattr(native, "shape"):
        native = np.asarray(native)
    if len(native.shape) not in (1, 2):
        raise ValueError(f"each series of {name} must have the shape (T,) or (T, K), got {native.shape}")
    return native


def _indexes(items: list[Any]) -> list[pd.Index] | None:
    pandas = [dependencies.is_pandas_series(item) or dependencies.is_pandas_dataframe(item) for item in items]
    return [item.index for item in items] if all(pandas) and pandas else None


def _rows(item: Any, start: int, stop: int) -> Any:
    # A slice keeps the frequency of an index, which row numbers lose.
    return item.iloc[start:stop] if hasattr(item, "iloc") else item[start:stop]


def _is_polars(item: Any) -> bool:
    return dependencies.is_polars_series(item) or dependencies.is_polars_dataframe(item)


def _read_long(data: Any, name: str, columns: Columns) -> Table:
    try:
        frame = nw.from_native(data, eager_only=True)
    except TypeError:
        raise TypeError(
            f"series_id, time and target name columns of a long frame, but {name} is of type {type(data).__name__}"
        ) from None
    needed = [column for column in (columns.series_id, columns.time) if column is not None]
    absent = [column for column in needed if column not in frame.columns]
    if absent:
        raise ValueError(f"{name} has no column {absent[0]!r}; its columns are {frame.columns}")
    pd = import_pandas("a long frame")
    codes, ids = np.zeros(len(frame), np.intp), np.array([0])
    if columns.series_id is not None:
        codes, ids = pd.factorize(frame[columns.series_id].to_numpy())
    by_series = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes, minlength=len(ids)))[:-1])
    if columns.time is None:
        return Table("long", list(ids), by_series, None, frame)
    times = time_index(frame[columns.time])
    if times.dtype.kind not in "iuM" and not isinstance(times, (pd.DatetimeIndex, pd.PeriodIndex)):
        raise ValueError(
            f"column {columns.time!r} of {name} must hold dates, periods or whole numbers, got {times.dtype}; "
            "convert it, for example with pandas.to_datetime"
        )
    by_series = [rows[times[rows].argsort()] for rows in by_series]
    return Table("long", list(ids), by_series, [times[rows] for rows in by_series], frame)


def time_index(times: nw.Series) -> pd.Index:
    """Return a column of times as an index of pandas."""
    pd = import_pandas("a column of times")
    if times.implementation.is_pandas():
        return pd.Index(times.to_native())
    index = pd.Index(times.to_numpy())
    zone = times.dtype.time_zone if isinstance(times.dtype, nw.Datetime) else None
    return index if zone is None else index.tz_localize("UTC").tz_convert(zone)


def import_pandas(what: str) -> Any:
    """Return the module pandas, or raise an ImportError that says what it is needed for."""
    try:
        import pandas as pd  # noqa: PLC0415  (optional)
    except ImportError:
        raise ImportError(f"{what} needs pandas; install it with `pip install pandas`") from None
    return pd


class Known(NamedTuple):
    """Which series were observed up to which step of their clock.

    Parameters
    ----------
    ids : list
        The names of the series.
    clock : Clock or None
        None counts rows.
    last : ndarray of shape (n_series,)
        The step of the last row of each series.
    n_columns : int
        Number of columns of a series.
    """

    ids: list[Any]
    clock: Clock | None
    last: Positions
    n_columns: int


class Observations:
    """Series with their covariates, each row at its step of one clock.

    Parameters
    ----------
    y, X, past_X, static_X : as for `Forecaster.fit`
    columns : Columns
    follows : Known, optional
        Earlier observations, which these follow: the same series and the same clock.

    Raises
    ------
    TypeError, ValueError
        If the series or covariates have no form of the `Forecaster` protocol, or their times follow no clock.
    """

    def __init__(
        self, y: Any, X: Any, past_X: Any, static_X: Any, columns: Columns, follows: Known | None = None
    ) -> None:
        self.columns = columns
        self.static_X = static_X
        table = read_table(y, "y", columns)
        self.y = table if follows is None else table.ordered(follows.ids, "y")
        empty = [key for key, item in zip(self.y.ids, self.y.items, strict=True) if len(item) == 0]
        if follows is None and (empty or not self.y.ids):
            raise ValueError(f"each series of y must have at least one row, got none for {empty[:5] or 'y'}")
        if columns.given and columns.target not in self.y.frame.columns:  # type: ignore[union-attr]
            raise ValueError(f"target={columns.target!r} must be a column of y: {self.y.frame.columns}")  # type: ignore[union-attr]
        self.covariates = {
            name: read_table(data, name, columns).ordered(self.y.ids, name)
            for name, data in (("X", X), ("past_X", past_X))
            if data is not None
        }
        if follows is None:
            indexes = [index for table in (self.y, *self.covariates.values()) for index in table.indexes or []]
            self.clock = find_clock(indexes, "y and X") if self.y.indexes else None
            starts = np.zeros(len(self.y.ids), np.intp)
        else:
            self.clock = follows.clock
            starts = follows.last + 1
        self.positions = self._positions(self.y, "y", starts)
        self._covariate_positions = {
            name: self._positions(table, name, starts) for name, table in self.covariates.items()
        }
        for i, positions in enumerate(self.positions):
            if len(positions) and positions[0] < starts[i]:
                raise ValueError(
                    f"the new observations of series {self.y.ids[i]!r} must be later than those before, but start "
                    f"{starts[i] - positions[0]} steps too early"
                )

    def _positions(self, table: Table, name: str, starts: Positions) -> list[Positions]:
        if self.clock is None:
            return [np.arange(len(item)) + start for item, start in zip(table.items, starts, strict=True)]
        if table.indexes is None:
            raise ValueError(f"y has an index of times, so {name} must have one too")
        return self.clock.positions(table.indexes, name)

    @cached_property
    def values(self) -> list[NDArray]:
        """The numbers of each series, (T_i, K)."""
        return self.y.values(None if self.columns.target is None else [self.columns.target])

    @property
    def known(self) -> Known:
        """What later observations must follow."""
        last = np.array([positions[-1] if len(positions) else -1 for positions in self.positions], np.intp)
        return Known(self.y.ids, self.clock, last, self.values[0].shape[1])

    def targets(self, after: Numbers, horizon: int, members: Numbers) -> list[NDArray]:
        """Return the values of the `horizon` steps after some steps, (horizon, K) for each of some series.

        They are NaN where the series has no row.
        """
        targets = []
        for i, origin in zip(members, after, strict=True):
            steps = np.arange(origin + 1, origin + 1 + horizon)
            positions = self.positions[i]
            rows = np.minimum(np.searchsorted(positions, steps), len(positions) - 1)
            targets.append(np.where((positions[rows] == steps)[:, np.newaxis], self.values[i][rows], np.nan))
        return targets

    @property
    def variables(self) -> list[Any]:
        """The names of the columns of a series, or their numbers."""
        columns = getattr(self.y.items[0], "columns", None)
        return list(range(self.values[0].shape[1])) if columns is None else list(columns)

    def until(self, member: int, last: int) -> NDArray:
        """Return the values of one series at all steps up to one of them, (T, K), NaN where it has no row."""
        positions = self.positions[member]
        rows = int(np.searchsorted(positions, last, side="right"))
        values = np.full((last - positions[0] + 1, self.values[member].shape[1]), np.nan)
        values[positions[:rows] - positions[0]] = self.values[member][:rows]
        return values

    def between(self, after: Numbers, last: Numbers, members: Numbers) -> dict[str, Any]:
        """Return the rows of some series later than step `after` and not later than `last`, as arguments of `update`.

        Parameters
        ----------
        after, last : sequence of int
            One step for each of `members`.
        members : sequence of int
            Numbers of series.

        Returns
        -------
        arguments : dict
            y, X and past_X.
        """
        covariates = {name: self.covariate(name, after, last, members) for name in ("X", "past_X")}
        return {"y": _cut(self.y, self.positions, after, last, members), **covariates}

    def covariate(self, name: str, after: Numbers, last: Numbers, members: Numbers) -> Any:
        """Return the rows of X or past_X later than step `after` and not later than `last`; None if there is none."""
        if name not in self.covariates:
            return None
        return _cut(self.covariates[name], self._covariate_positions[name], after, last, members)

    def n_known(self, after: Numbers, last: Numbers, members: Numbers) -> Positions:
        """Return how many rows of X each of some series has later than step `after` and not later than `last`."""
        positions = self._covariate_positions["X"]
        return np.array(
            [
                np.subtract(*np.searchsorted(positions[i], [b, a], side="right"))
                for i, a, b in zip(members, after, last, strict=True)
            ]
        )

    def static(self, members: Numbers) -> Any:
        """Return the rows of static_X of some series; None if there is none."""
        rows = np.asarray(members, np.intp)
        if self.static_X is None:
            return None
        if isinstance(self.static_X, Mapping):
            return {self.y.ids[i]: self.static_X[self.y.ids[i]] for i in members}
        if dependencies.is_into_dataframe(self.static_X):
            frame = nw.from_native(self.static_X, eager_only=True)
            if self.columns.series_id in frame.columns:
                wanted = {self.y.ids[i] for i in members}
                rows = np.flatnonzero([key in wanted for key in frame[self.columns.series_id].to_list()])
            return frame[rows].to_native()
        return np.asarray(self.static_X)[rows]


def _cut(
    table: Table,
    positions: list[Positions],
    after: Numbers,
    last: Numbers,
    members: Numbers,
) -> Any:
    bounds = [np.searchsorted(positions[i], [a, b], side="right") for i, a, b in zip(members, after, last, strict=True)]
    starts, stops = np.array(bounds, np.intp).reshape(-1, 2).T
    return table.take(starts.tolist(), stops.tolist(), members)
