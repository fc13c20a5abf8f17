"""The forms in which series are passed in, and the way back to them for forecasts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
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

        index = times.index if isinstance(times, PandasTimes) else _integer_index(times)
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
        names = [""] if self.columns is None else [f"{column} " for column in self.columns]
        columns = [f"{name}{label}" for name in names for label in labels]
        return pl.DataFrame(dict(zip(columns, forecast.reshape(len(forecast), -1).T.copy(), strict=True)))


class Container(ABC):
    """How the series of a panel are held together."""

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

    @property
    def keys(self) -> list[str]:
        """Columns that say which series and which time a row belongs to."""
        return [self.time] if self.series_id is None else [self.series_id, self.time]


@dataclass(frozen=True)
class LongFrame(Container):
    """A long frame: one row for each series and time."""

    columns: Columns
    ids: tuple[Hashable, ...]
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
        parts = []
        for name, forecast, own in zip(self.ids, forecasts, times, strict=True):
            data = {}
            if columns.series_id is not None:
                dtype = frame.schema[columns.series_id]
                data[columns.series_id] = nw.new_series(columns.series_id, [name] * len(own), dtype, backend=backend)
            data[columns.time] = _time_column(columns.time, own, frame)
            names = _target_names(columns.target, labels)
            rows = forecast.reshape(len(forecast), -1)
            for i, target in enumerate(names):
                data[target] = nw.new_series(target, rows[:, i].copy(), backend=backend)
            parts.append(nw.from_dict(data))
        return nw.maybe_reset_index(nw.concat(parts)).to_native()


def _target_names(target: tuple[str, ...], labels: Labels | None) -> list[str]:
    if labels is None:
        return list(target)
    if len(target) == 1:
        return [str(label) for label in labels]
    return [f"{name} {label}" for name in target for label in labels]


def _time_column(name: str, times: Times, frame: Any) -> Any:
    backend, dtype = frame.implementation, frame.schema[name]
    if isinstance(times, IntegerTimes):
        return nw.new_series(name, times.ticks, backend=backend)
    if isinstance(times, PandasTimes):
        import pandas as pd  # noqa: PLC0415  (optional)

        return nw.from_native(pd.Series(times.index, name=name), series_only=True)
    if not isinstance(times, Stamps):
        raise TypeError(f"unknown kind of times: {type(times).__name__}")
    in_utc = times.zone is not None and is_short(times.step)
    column = nw.new_series(name, times.stamps, nw.Datetime("us"), backend=backend)
    if times.zone is not None:
        column = column.dt.replace_time_zone("UTC" if in_utc else times.zone).dt.convert_time_zone(times.zone)
    return column.cast(dtype)


def _integer_index(times: Times) -> Any:
    import pandas as pd  # noqa: PLC0415  (optional)

    if not isinstance(times, IntegerTimes):
        raise TypeError(f"unknown kind of times: {type(times).__name__}")
    return pd.RangeIndex(times.start, times.start + times.step * times.n, times.step)
