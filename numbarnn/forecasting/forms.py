"""The forms in which series are passed in, and the way back to them for forecasts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from numbarnn.forecasting.times import IntegerTimes, PandasTimes, Stamps, Times, is_short

Labels = Sequence[Hashable]


class Form(ABC):
    """The form of one series.

    A forecast of H steps of K variables is an array (H, K) or, with labels (levels of quantiles, the two ends of an
    interval, numbers of samples), an array (H, K, number of labels).
    """

    @abstractmethod
    def restore(self, forecast: NDArray, times: Times, labels: Labels | None) -> Any:
        """Return a forecast in the form of the series."""


@dataclass(frozen=True)
class ArrayForm(Form):
    """An array or a list of numbers; `flat` is of shape (T,) rather than (T, K)."""

    flat: bool

    def restore(self, forecast: NDArray, times: Times, labels: Labels | None) -> NDArray:  # noqa: ARG002
        """Return an array."""
        return forecast[:, 0] if self.flat else forecast


@dataclass(frozen=True)
class PandasForm(Form):
    """A Series of pandas, or with `columns` a DataFrame."""

    name: Hashable
    columns: Any = None

    def restore(self, forecast: NDArray, times: Times, labels: Labels | None) -> Any:
        """Return a Series or a DataFrame whose index goes on."""
        import pandas as pd  # noqa: PLC0415  (optional)

        index = times.index if isinstance(times, PandasTimes) else integer_index(times)
        if self.columns is None:
            if labels is None:
                return pd.Series(forecast[:, 0], index, name=self.name)
            return pd.DataFrame(forecast[:, 0], index, list(labels))
        if labels is None:
            return pd.DataFrame(forecast, index, self.columns)
        columns = pd.MultiIndex.from_product([self.columns, list(labels)])
        return pd.DataFrame(forecast.reshape(len(forecast), -1), index, columns)


@dataclass(frozen=True)
class PolarsForm(Form):
    """A Series of polars, or with `columns` a DataFrame."""

    name: str
    columns: tuple[str, ...] | None = None

    def restore(self, forecast: NDArray, times: Times, labels: Labels | None) -> Any:  # noqa: ARG002
        """Return a Series or a DataFrame."""
        import polars as pl  # noqa: PLC0415  (optional)

        if labels is None:
            if self.columns is None:
                return pl.Series(self.name, forecast[:, 0].copy())
            return pl.DataFrame(dict(zip(self.columns, forecast.T.copy(), strict=True)))
        columns = label_columns(self.columns or ("",), labels)
        return pl.DataFrame(dict(zip(columns, forecast.reshape(len(forecast), -1).T.copy(), strict=True)))


class Container(ABC):
    """How the series of a panel are held together."""

    def names_of(self, n: int) -> tuple[Hashable, ...]:
        """Return the names of n series: their keys, or their positions."""
        return self.names if isinstance(self, (DictOf, LongFrame)) else tuple(range(n))

    @abstractmethod
    def restore(self, forms: list[Form], forecasts: list[NDArray], times: list[Times], labels: Labels | None) -> Any:
        """Return the forecasts of all series in the form of the panel."""


class Single(Container):
    """One series, not in any container."""

    def restore(self, forms: list[Form], forecasts: list[NDArray], times: list[Times], labels: Labels | None) -> Any:
        """Return the forecast of the only series."""
        return forms[0].restore(forecasts[0], times[0], labels)


class ListOf(Container):
    """A list of series."""

    def restore(
        self, forms: list[Form], forecasts: list[NDArray], times: list[Times], labels: Labels | None
    ) -> list[Any]:
        """Return a list of forecasts."""
        each = zip(forms, forecasts, times, strict=True)
        return [form.restore(forecast, own, labels) for form, forecast, own in each]


@dataclass(frozen=True)
class DictOf(Container):
    """A dict of series by their names."""

    names: tuple[Hashable, ...]

    def restore(
        self, forms: list[Form], forecasts: list[NDArray], times: list[Times], labels: Labels | None
    ) -> dict[Hashable, Any]:
        """Return a dict of forecasts."""
        return dict(zip(self.names, ListOf().restore(forms, forecasts, times, labels), strict=True))


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a long frame.

    Parameters
    ----------
    series_id : str or None
        Name of each row's series; None if there is one series only.
    time : str
    target : tuple of str
    """

    series_id: str | None
    time: str
    target: tuple[str, ...]

    @classmethod
    def read(cls, series_id: str | None, time: str | None, target: str | Sequence[str] | None) -> Columns | None:
        """Return the columns that are named in the arguments of `fit`; None if there are none.

        Raises
        ------
        ValueError
            If only some are named.
        """
        if series_id is None and time is None and target is None:
            return None
        if time is None or target is None:
            raise ValueError(
                f"A long frame needs both time= and target=, the names of its columns; got time={time!r}, "
                f"target={target!r}."
            )
        return cls(series_id, time, (target,) if isinstance(target, str) else tuple(target))

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `fit` that name these columns."""
        target = self.target[0] if len(self.target) == 1 else list(self.target)
        named = {} if self.series_id is None else {"series_id": self.series_id}
        return {**named, "time": self.time, "target": target}

    @property
    def keys(self) -> list[str]:
        """Columns that say which series and which time a row belongs to."""
        return [self.time] if self.series_id is None else [self.series_id, self.time]

    def labelled(self, labels: Labels) -> list[str]:
        """Return the names of the columns of forecasts with labels."""
        return label_columns(self.target if len(self.target) > 1 else ("",), labels)


@dataclass(frozen=True)
class LongFrame(Container):
    """A long frame: one row for each series and time."""

    columns: Columns
    names: tuple[Hashable, ...]
    example: Any
    """The first rows of the frame, whose library and types the forecasts take."""

    def restore(
        self,
        forms: list[Form],  # noqa: ARG002
        forecasts: list[NDArray],
        times: list[Times],
        labels: Labels | None,
    ) -> Any:
        """Return a long frame: the names, the times, and a column for each target or label."""
        frame = nw.from_native(self.example, eager_only=True)
        backend, columns = frame.implementation, self.columns
        data = {}
        if columns.series_id is not None:
            ids = [name for name, own in zip(self.names, times, strict=True) for _ in range(len(own))]
            data[columns.series_id] = nw.new_series(
                columns.series_id, ids, frame.schema[columns.series_id], backend=backend
            )
        data[columns.time] = time_column(columns.time, times, frame)
        rows = np.concatenate([forecast.reshape(len(forecast), -1) for forecast in forecasts])
        names = columns.target if labels is None else columns.labelled(labels)
        for i, name in enumerate(names):
            data[name] = nw.new_series(name, rows[:, i].copy(), backend=backend)
        return nw.from_dict(data).to_native()


def label_columns(names: Sequence[str], labels: Labels) -> list[str]:
    """Return the names of columns of one label each; a column without a name has only that."""
    return [f"{name}_{label}" if name else str(label) for name in names for label in labels]


def time_column(name: str, times: Sequence[Times], frame: Any) -> Any:
    """Return a column of the times of several series, one after the other, with the type that it has in a frame.

    Parameters
    ----------
    name : str
    times : sequence of Times
    frame : DataFrame of narwhals

    Returns
    -------
    column : Series of narwhals
    """
    parts = [_joined_times(name, list(group), frame) for _, group in groupby(times, _is_in_utc)]
    return parts[0] if len(parts) == 1 else nw.concat([part.to_frame() for part in parts])[name]


def _is_in_utc(times: Times) -> bool:
    return isinstance(times, Stamps) and times.zone is not None and is_short(times.step)


def _joined_times(name: str, times: list[Any], frame: Any) -> Any:
    backend, dtype, first = frame.implementation, frame.schema[name], times[0]
    if isinstance(first, IntegerTimes):
        return nw.new_series(name, np.concatenate([each.ticks for each in times]), dtype, backend=backend)
    if isinstance(first, PandasTimes):
        import pandas as pd  # noqa: PLC0415  (optional)

        index = first.index.append([each.index for each in times[1:]])
        return nw.from_native(pd.Series(index, name=name), series_only=True)
    if not isinstance(first, Stamps):
        raise TypeError(f"unknown kind of times: {type(first).__name__}")
    stamps = np.concatenate([each.stamps for each in times])
    column = nw.new_series(name, stamps, nw.Datetime("us"), backend=backend)
    if first.zone is not None:
        column = column.dt.replace_time_zone("UTC" if _is_in_utc(first) else first.zone)
        column = column.dt.convert_time_zone(first.zone)
    return column.cast(dtype)


def integer_index(times: Times) -> Any:
    """Return integers as an index of pandas."""
    import pandas as pd  # noqa: PLC0415  (optional)

    if not isinstance(times, IntegerTimes):
        raise TypeError(f"unknown kind of times: {type(times).__name__}")
    return pd.RangeIndex(times.start, times.start + times.step * times.n, times.step)
