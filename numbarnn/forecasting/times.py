"""The times of the steps of a series: their regular grid, how it goes on, and what the calendar says of them."""

from __future__ import annotations

import sys
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from datetime import UTC
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

CALENDAR_FIELDS = {
    "minute": (0, 60),
    "hour": (0, 24),
    "dayofweek": (0, 7),
    "day": (1, 31),
    "dayofyear": (1, 366),
    "month": (1, 12),
    "quarter": (1, 4),
}
"""Fields of the calendar: the first value of each, and the length of its cycle."""


class Times(ABC):
    """Times of consecutive steps on a regular grid."""

    ticks: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ticks)

    def ticks_on(self, other: Times) -> NDArray[np.int64]:  # noqa: ARG002
        """Return the ticks as other times have them, which are of the same kind."""
        return self.ticks

    @property
    @abstractmethod
    def kind(self) -> str:
        """Kind of the times; only times of one kind can be compared."""

    @abstractmethod
    def label(self, i: int) -> str:
        """Return the time of one step, for messages."""

    @abstractmethod
    def after(self, n: int) -> Times:
        """Return the times of the n steps that follow."""

    @abstractmethod
    def take(self, start: int, stop: int | None = None) -> Times:
        """Return the times from one step on, before another; negative numbers count from the end."""

    def until(self, tick: int) -> Times:
        """Return the times that follow, up to the first that is not before a tick.

        Raises
        ------
        ValueError
            If it is too far away to be on the grid.
        """
        n = 16
        following = self.after(n)
        while following.ticks[-1] < tick:
            n *= 2
            if n > 1000 * (len(self) + 1000):
                raise ValueError(f"The times that follow {self.label(len(self) - 1)} end too far from it.")
            following = self.after(n)
        return following.take(0, int(np.searchsorted(following.ticks, tick)) + 1)

    def joined(self, other: Times) -> Times:
        """Return these times with others that follow, which must be of the same grid."""
        return self if not len(other) else _with_ticks(self, other)

    def calendar(self, field: str) -> NDArray[np.int64]:
        """Return a field of the calendar for each step.

        Raises
        ------
        ValueError
            If the times are no dates.
        """
        raise ValueError(
            f"calendar_features={field!r} needs a series with dates, got {self.kind}; pass a pandas Series with a "
            "DatetimeIndex, or a long frame with time=."
        )

    @property
    def is_dated(self) -> bool:
        """Whether the times are dates."""
        return False

    @property
    def days_per_step(self) -> float | None:
        """Length of a step in days, roughly; None if the times are no dates."""
        return None

    def locate(self, wanted: Times, *, name: str) -> NDArray[np.intp]:
        """Return at which step each wanted time is, -1 where it is not.

        Raises
        ------
        ValueError
            If the times are of another kind.
        """
        if self.kind != wanted.kind:
            raise ValueError(f"{name} must have times of the kind of y, {wanted.kind}, got {self.kind}.")
        ticks = wanted.ticks_on(self)
        found = np.minimum(np.searchsorted(self.ticks, ticks), len(self.ticks) - 1)
        return np.where(self.ticks[found] == ticks, found, -1) if len(self.ticks) else np.full(len(wanted), -1)


@dataclass(frozen=True, eq=False)
class IntegerTimes(Times):
    """Integers in equal steps; for a series without times, the positions of its values.

    Parameters
    ----------
    start, step, n : int
    """

    start: int
    step: int
    n: int

    @cached_property
    def ticks(self) -> NDArray[np.int64]:  # type: ignore[override]
        """The integers."""
        return self.start + self.step * np.arange(self.n)

    @property
    def kind(self) -> str:
        """Integers."""
        return "integers"

    def label(self, i: int) -> str:
        """Return the integer."""
        return str(self.ticks[i])

    def after(self, n: int) -> IntegerTimes:
        """Return the n integers that follow."""
        return IntegerTimes(self.start + self.step * self.n, self.step, n)

    def take(self, start: int, stop: int | None = None) -> IntegerTimes:
        """Return the integers from a position on, before another."""
        taken = range(self.n)[start:stop]
        return IntegerTimes(self.start + self.step * taken.start, self.step, len(taken))


@dataclass(frozen=True, eq=False)
class PandasTimes(Times):
    """Dates or periods of pandas.

    Parameters
    ----------
    index : DatetimeIndex, PeriodIndex or TimedeltaIndex
        Sorted, without duplicates and gaps.
    freq : offset of pandas, or None
        None if it cannot be told; the times cannot go on then.
    """

    index: Any
    freq: Any

    @cached_property
    def ticks(self) -> NDArray[np.int64]:  # type: ignore[override]
        """Nanoseconds since 1970 in UTC, or ordinals of periods."""
        return pandas_ticks(self.index)

    @property
    def kind(self) -> str:
        """Type of the index, and its time zone or frequency."""
        return pandas_kind(self.index)

    def label(self, i: int) -> str:
        """Return the date."""
        return str(self.index[i])

    def after(self, n: int) -> PandasTimes:
        """Return the n dates that follow.

        Raises
        ------
        ValueError
            If the frequency is not known.
        """
        import pandas as pd  # noqa: PLC0415  (optional)

        if not n:
            return PandasTimes(self.index[:0], self.freq)
        if self.freq is None:
            raise ValueError(
                f"The frequency of y cannot be told from its index {self.index!r}; set it: y.asfreq('D'), for example."
            )
        last = self.index[-1]
        if isinstance(self.index, pd.PeriodIndex):
            index = pd.period_range(last + 1, periods=n, freq=self.freq)
        elif isinstance(self.index, pd.TimedeltaIndex):
            index = pd.timedelta_range(last, periods=n + 1, freq=self.freq)[1:]
        else:
            index = pd.date_range(last, periods=n + 1, freq=self.freq)
            index = (index[1:] if index[0] == last else index[:n]).as_unit(self.index.unit)
        return PandasTimes(index.rename(self.index.name), self.freq)

    def take(self, start: int, stop: int | None = None) -> PandasTimes:
        """Return the dates from a step on, before another."""
        return PandasTimes(self.index[start:stop], self.freq)

    @property
    def is_dated(self) -> bool:
        """Whether the index holds dates or periods."""
        return hasattr(self.index, "month")

    def calendar(self, field: str) -> NDArray[np.int64]:
        """Return a field of the calendar, in the time zone of the index."""
        if not self.is_dated:
            return super().calendar(field)
        name = {"dayofweek": "day_of_week", "dayofyear": "day_of_year"}.get(field, field)
        return np.asarray(getattr(self.index, name), np.int64)

    @property
    def days_per_step(self) -> float | None:
        """Median length of a step in days."""
        if not self.is_dated or len(self.index) < 2:
            return None
        dates = self.index.to_timestamp() if hasattr(self.index, "to_timestamp") else self.index
        return float(np.median(np.diff(pandas_ticks(dates)))) / 86_400e9


@dataclass(frozen=True, eq=False)
class Stamps(Times):
    """Dates of a column of a frame, as NumPy has them.

    Parameters
    ----------
    stamps : ndarray of shape (n,), dtype datetime64[us]
        On the clock of the time zone for steps of days and more, otherwise in UTC.
    step : numpy.timedelta64 or None
        In months ("M") or microseconds; None if it cannot be told.
    zone : str or None
        The time zone, if the column has one.
    weekdays : bool
        Whether the step is a business day: days without Saturdays and Sundays.
    utc : ndarray of shape (n,), dtype datetime64[us], or None
        The dates in UTC, if there is a time zone and no step.
    """

    stamps: NDArray[np.datetime64]
    step: Any
    zone: str | None = None
    weekdays: bool = False
    utc: NDArray[np.datetime64] | None = None

    def ticks_on(self, other: Times) -> NDArray[np.int64]:
        """Return the ticks as other dates have them: a single date does not say whether its steps are short."""
        instants = self.utc if is_short(getattr(other, "step", None)) and self.utc is not None else self.stamps
        return instants.astype(np.int64)

    @cached_property
    def ticks(self) -> NDArray[np.int64]:  # type: ignore[override]
        """Microseconds since 1970."""
        return self.stamps.astype(np.int64)

    @property
    def kind(self) -> str:
        """Dates, with their time zone."""
        return "dates" if self.zone is None else f"dates in {self.zone}"

    def label(self, i: int) -> str:
        """Return the date."""
        return str(self.stamps[i])

    def after(self, n: int) -> Stamps:
        """Return the n dates that follow.

        Raises
        ------
        ValueError
            If the step is not known.
        """
        if self.step is None and n:
            raise ValueError(f"The frequency cannot be told from {len(self)} time(s); at least two are needed.")
        return replace(self, stamps=grid(self.stamps[-1], self.step, n + 1, weekdays=self.weekdays)[1:])

    def take(self, start: int, stop: int | None = None) -> Stamps:
        """Return the dates from a step on, before another."""
        return replace(self, stamps=self.stamps[start:stop], utc=None if self.utc is None else self.utc[start:stop])

    @property
    def is_dated(self) -> bool:
        """Whether the times are dates: they are."""
        return True

    @property
    def local(self) -> NDArray[np.datetime64]:
        """The dates on the clock of the time zone."""
        if self.zone is None or not is_short(self.step):
            return self.stamps
        return _to_local(self.stamps, self.zone)

    def calendar(self, field: str) -> NDArray[np.int64]:
        """Return a field of the calendar, on the clock of the time zone."""
        local = self.local
        days, months, years = (local.astype(f"datetime64[{unit}]") for unit in "DMY")
        month = months.astype(np.int64) % 12 + 1
        fields = {
            "minute": lambda: (local - local.astype("datetime64[h]")).astype("timedelta64[m]"),
            "hour": lambda: (local - days).astype("timedelta64[h]"),
            "dayofweek": lambda: (days.astype(np.int64) + 3) % 7,
            "day": lambda: (days - months.astype("datetime64[D]")).astype(np.int64) + 1,
            "dayofyear": lambda: (days - years.astype("datetime64[D]")).astype(np.int64) + 1,
            "month": lambda: month,
            "quarter": lambda: (month - 1) // 3 + 1,
        }
        return np.asarray(fields[field](), np.int64)

    @property
    def days_per_step(self) -> float | None:
        """Length of a step in days, roughly."""
        if self.step is None:
            return None
        months = self.step.dtype == np.dtype("timedelta64[M]")
        return 30.44 * int(self.step.astype(int)) if months else float(self.step / np.timedelta64(1, "D"))


def is_short(step: Any) -> bool:
    """Return whether a step is shorter than a day, so that it is counted in UTC."""
    return step is not None and step.dtype != np.dtype("timedelta64[M]") and step < np.timedelta64(1, "D")


def grid(first: Any, step: Any, n: int, *, weekdays: bool = False) -> NDArray[np.datetime64]:
    """Return n dates in equal steps; months keep their day, the last day of a month stays the last.

    With `weekdays`, the first one is none of a weekend, and the step is a day.
    """
    if weekdays:
        date = first.astype("datetime64[D]")
        return np.busday_offset(date, np.arange(n)).astype("datetime64[us]") + (first - date)
    if step.dtype != np.dtype("timedelta64[M]"):
        return first + np.arange(n) * step
    month, day = first.astype("datetime64[M]"), first.astype("datetime64[D]")
    months = month + np.arange(n) * step
    lengths = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    offset = int((day - month.astype("datetime64[D]")).astype(np.int64))
    ends = day + 1 == (month + 1).astype("datetime64[D]")
    days = lengths - 1 if ends else np.minimum(offset, lengths - 1)
    return (months.astype("datetime64[D]") + days).astype("datetime64[us]") + (first - day)


def _to_local(stamps: NDArray[np.datetime64], zone: str) -> NDArray[np.datetime64]:
    local = [each.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for each in stamps.tolist()]
    return np.array(local, "datetime64[us]")


def _with_ticks(times: Any, other: Any) -> Any:
    if isinstance(times, IntegerTimes):
        return IntegerTimes(times.start, times.step, times.n + len(other))
    if isinstance(times, PandasTimes):
        return PandasTimes(times.index.append(other.index), times.freq if times.freq is not None else other.freq)
    step = times.step if times.step is not None else other.step
    return replace(times, stamps=np.concatenate((times.stamps, other.stamps)), step=step)


def read_pandas_index(index: Any, *, name: str) -> tuple[Times, NDArray[np.intp] | None]:
    """Return the times of an index of pandas, and the steps that its rows are; None if no step is missing.

    An index of anything but dates, periods, time differences or equidistant integers counts as positions.

    Raises
    ------
    ValueError
        If the index has several levels, is not sorted, holds duplicates or missing times, or is not on a grid.
    """
    pd = sys.modules["pandas"]
    check_levels(index, name=name)
    dated = isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex, pd.TimedeltaIndex))
    if not dated and not pd.api.types.is_integer_dtype(index.dtype):
        return IntegerTimes(0, 1, len(index)), None
    if index.hasnans:
        raise ValueError(f"The index of {name} holds missing times; drop these rows.")
    if index.has_duplicates:
        again = index[index.duplicated()][0]
        raise ValueError(
            f"The index of {name} holds the time {again} more than once. Aggregate them first: "
            f"{name}.groupby(level=0).mean(). For several series, pass a long frame with series_id=, or a list."
        )
    if not index.is_monotonic_increasing:
        raise ValueError(f"The index of {name} is not sorted; pass {name}.sort_index().")
    return _pandas_dates(index, name) if dated else read_integers(np.asarray(index, np.int64), name=name)


def check_levels(index: Any, *, name: str) -> None:
    """Raise a ValueError if an index of pandas has several levels."""
    if index.nlevels > 1:
        raise ValueError(
            f"{name} has a MultiIndex of the levels {list(index.names)}. Pass it as a long frame: "
            f"fit({name}.reset_index(), series_id=..., time=..., target=...)."
        )


def read_integers(values: NDArray[np.int64], *, name: str) -> tuple[IntegerTimes, NDArray[np.intp] | None]:
    """Return the times of rising integers, and the steps that they are; None if no step is missing.

    Raises
    ------
    ValueError
        If most steps of the grid would be missing.
    """
    if len(values) < 2:
        return IntegerTimes(int(values[0]) if len(values) else 0, 1, len(values)), None
    step = int(np.gcd.reduce(np.diff(values)))
    slots = (values - values[0]) // step
    if slots[-1] >= 4 * len(values):
        raise ValueError(f"The times of {name} are not on a regular grid: from {values[0]} to {values[1]}, ...")
    times = IntegerTimes(int(values[0]), step, int(slots[-1]) + 1)
    return times, None if len(times) == len(values) else slots


def _pandas_dates(index: Any, name: str) -> tuple[Times, NDArray[np.intp] | None]:
    pd = sys.modules["pandas"]
    freq = index.freq
    if freq is None and len(index) >= 3:
        freq = _inferred(index)
    if freq is None and len(index) == 2:
        freq = index[1] - index[0]
    offset = None if freq is None else pd.tseries.frequencies.to_offset(freq)
    if offset is None and len(index) < 3:
        return PandasTimes(index, None), None
    if offset is not None and (not isinstance(index, pd.PeriodIndex) or not len(index)):
        return PandasTimes(index, offset), None
    if isinstance(index, pd.PeriodIndex):
        full = pd.period_range(index[0], index[-1], freq=index.freq)
        offset = index.freq
    else:
        full, offset = _filled(index, name)
    full = full.rename(index.name)
    return PandasTimes(full, offset), None if len(full) == len(index) else full.get_indexer(index)


def _inferred(index: Any) -> Any:
    """Return the frequency of dates as pandas infers it, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a string will become an offset: both are read alike
        return sys.modules["pandas"].infer_freq(index)


def _filled(index: Any, name: str) -> tuple[Any, Any]:
    """Return the grid of dates of which some are missing, from the frequency that most neighbours have."""
    pd = sys.modules["pandas"]
    found = (_inferred(index[i : i + 3]) for i in range(min(len(index) - 2, 1000)))
    for freq in pd.Series([each for each in found if each is not None], dtype=object).value_counts().index[:3]:
        on_weekdays = freq == "D" and len(index) > 5 and (index.day_of_week < 5).all()
        offset = pd.tseries.frequencies.to_offset("B" if on_weekdays else freq)
        full = pd.date_range(index[0], index[-1], freq=offset)
        if len(full) and (full.get_indexer(index) >= 0).all():
            return full.as_unit(index.unit), offset
    raise ValueError(
        f"The index of {name} is not on a regular grid of times: {index[0]}, {index[1]}, {index[2]}, ... "
        f"Resample it first, such as with {name}.resample('D').mean(); days without a value may be NaN."
    )


def read_stamps(
    stamps: NDArray[np.datetime64], *, name: str, zone: str | None = None, utc: NDArray[np.datetime64] | None = None
) -> tuple[Stamps, NDArray[np.intp] | None]:
    """Return the times of sorted dates, and the steps that they are; None if none is missing.

    Parameters
    ----------
    stamps : ndarray of shape (n,), dtype datetime64
        On the clock of the time zone, if there is one.
    name : str
        Name of the series in messages.
    zone : str or None, default=None
    utc : ndarray of shape (n,), dtype datetime64, or None, default=None
        The same dates in UTC, if there is a time zone.

    Raises
    ------
    ValueError
        If the dates are not on a grid of equal steps or whole months.
    """
    stamps = stamps.astype("datetime64[us]")
    if len(stamps) < 2:
        return Stamps(stamps, None, zone, utc=None if utc is None else utc.astype("datetime64[us]")), None
    for step in _candidate_steps(stamps):
        own = utc.astype("datetime64[us]") if utc is not None and is_short(step) else stamps
        weekdays = _is_business_day(step, own)
        n = int((own[-1] - own[0]) / step.astype("timedelta64[us]")) + 2 if _is_fixed(step) else _n_months(own, step)
        if n > 4 * len(own) + 4:
            continue
        full = grid(own[0], step, n, weekdays=weekdays)
        full = full[full <= own[-1]]
        slots = np.searchsorted(full, own)
        if len(full) and (full[np.minimum(slots, len(full) - 1)] == own).all():
            return Stamps(full, step, zone, weekdays), None if len(full) == len(own) else slots
    raise ValueError(
        f"The times of {name} are not on a regular grid: {stamps[0]}, {stamps[1]}, ... Resample them first; "
        "times without a value may be left out or hold NaN."
    )


def _candidate_steps(stamps: NDArray[np.datetime64]) -> list[Any]:
    steps = np.diff(stamps)
    values, counts = np.unique(steps, return_counts=True)
    fixed = [values[counts.argmax()], values.min()]
    months = np.diff(stamps.astype("datetime64[M]").astype(np.int64))
    gcd = int(np.gcd.reduce(months))
    by_month = [np.timedelta64(gcd, "M")] if gcd and values.min() >= np.timedelta64(27, "D") else []
    return by_month + [each.astype("timedelta64[us]") for each in fixed]


def _is_business_day(step: Any, stamps: NDArray[np.datetime64]) -> bool:
    """Return whether a step of a day must be a business day, as no date is one of a weekend."""
    is_day = _is_fixed(step) and step == np.timedelta64(1, "D") and len(stamps) > 5
    return is_day and bool(np.is_busday(stamps.astype("datetime64[D]")).all())


def _is_fixed(step: Any) -> bool:
    return step.dtype != np.dtype("timedelta64[M]")


def _n_months(stamps: NDArray[np.datetime64], step: Any) -> int:
    months = stamps.astype("datetime64[M]").astype(np.int64)
    return int((months[-1] - months[0]) // step.astype(int)) + 2


def pandas_ticks(index: Any) -> NDArray[np.int64]:
    """Return the times of an index of pandas as integers: nanoseconds, or ordinals of periods."""
    nanoseconds = index.as_unit("ns") if hasattr(index, "as_unit") else index
    return np.asarray(nanoseconds.asi8)


def pandas_kind(index: Any) -> str:
    """Return the type of an index of pandas, and its time zone or frequency."""
    zone = getattr(index, "tz", None)
    if zone is not None:
        return f"dates in {zone}"
    return f"periods of {index.freqstr}" if type(index).__name__ == "PeriodIndex" else type(index).__name__
