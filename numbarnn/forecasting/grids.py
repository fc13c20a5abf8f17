"""The grids of times on which the rows of series lie: one for all series of a panel where they have one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from numbarnn.forecasting.times import (
    IntegerTimes,
    PandasTimes,
    Times,
    is_short,
    pandas_kind,
    pandas_ticks,
    read_integers,
    read_pandas_index,
    read_stamps,
)

Positions = NDArray[np.intp]


class Grid(NamedTuple):
    """The times of the steps of a series, and which of them its rows are.

    Attributes
    ----------
    times : Times
    slots : ndarray of shape (number of rows,), or None
        The step of each row; None if there is a row for each step.
    """

    times: Times
    slots: Positions | None

    @property
    def rows(self) -> Positions:
        """The step of each row."""
        return np.arange(len(self.times)) if self.slots is None else self.slots


def positions_grid(n: int) -> Grid:
    """Return the grid of n rows without times: their positions."""
    return Grid(IntegerTimes(0, 1, n), None)


def has_times(index: Any) -> bool:
    """Return whether an index of pandas holds dates, periods, time differences or integers, not labels."""
    pd = sys.modules["pandas"]
    dated = isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex, pd.TimedeltaIndex))
    return dated or index.nlevels > 1 or pd.api.types.is_integer_dtype(index.dtype)


def read_stamped(stamps: Any, name: str) -> Grid:
    """Return the grid of the times of one series.

    Parameters
    ----------
    stamps : Index of pandas, or Series of narwhals
        The time of each row.
    name : str
        Name of the series in messages.

    Raises
    ------
    ValueError
        If the times are not sorted, repeated, or not on a regular grid.
    """
    if not isinstance(stamps, nw.Series):
        return Grid(*read_pandas_index(stamps, name=name))
    if stamps.is_duplicated().any():
        again = stamps.filter(stamps.is_duplicated())[0]
        raise ValueError(f"{name} holds the time {again} more than once; aggregate its rows first.")
    if stamps.dtype.is_integer():
        return Grid(*read_integers(stamps.to_numpy().astype(np.int64), name=name))
    zone = getattr(stamps.dtype, "time_zone", None)
    return Grid(*read_stamps(_local(stamps), name=name, zone=zone, utc=None if zone is None else _utc(stamps)))


def read_grids(stamps: Sequence[Any], names: Sequence[str]) -> tuple[list[Grid], Times | None]:
    """Return the grids of several series, and that of all their times together.

    A series is on the grid of all of them, unless its own times are regular with a longer step. So the frequency of a
    series with many missing rows, or with only one or two, is that of the others.

    Parameters
    ----------
    stamps : sequence of Index of pandas or Series of narwhals
        The times of the rows of each series.
    names : sequence of str
        Names of the series in messages.

    Returns
    -------
    grids : list of Grid
    clock : Times or None
        The steps from the first time of all series to the last; None if they are on no common grid.

    Raises
    ------
    ValueError
        If the times of one series are not sorted, repeated, or not on a regular grid.
    """
    if len(stamps) == 1:
        grid = read_stamped(stamps[0], names[0])
        return [grid], grid.times
    common = _read_together(stamps)
    if common is None:
        return [read_stamped(each, name) for each, name in zip(stamps, names, strict=True)], None
    clock, steps = common
    grids = []
    for each, own, name in zip(stamps, steps, names, strict=True):
        if len(own) and _is_on(clock, each, own):
            times = clock.take(int(own[0]), int(own[-1]) + 1)
            grids.append(Grid(times, None if len(times) == len(own) else own - own[0]))
        else:
            grids.append(read_stamped(each, name))
    return grids, clock


def locate_stamps(clock: Times, stamps: Any, *, name: str) -> Positions:
    """Return at which step of a grid each time is, -1 where it is not on the grid.

    Raises
    ------
    ValueError
        If the times are of another kind, or do not increase.
    """
    if kind_of(stamps) != clock.kind:
        raise ValueError(f"{name} must have times of the kind of y, {clock.kind}, got {kind_of(stamps)}.")
    ticks = ticks_of(stamps, clock)
    backwards = np.flatnonzero(np.diff(ticks) <= 0)
    if len(backwards):
        raise ValueError(
            f"The times of {name} must increase, without repetitions, but {stamps[int(backwards[0]) + 1]} comes after "
            f"{stamps[int(backwards[0])]}."
        )
    found = np.minimum(np.searchsorted(clock.ticks, ticks), len(clock) - 1)
    return np.where(clock.ticks[found] == ticks, found, -1)


def kind_of(stamps: Any) -> str:
    """Return the kind of the times of rows, as `Times.kind` has it."""
    if not isinstance(stamps, nw.Series):
        return "integers" if stamps.dtype.kind in "iu" else pandas_kind(stamps)
    zone = getattr(stamps.dtype, "time_zone", None)
    return "integers" if stamps.dtype.is_integer() else "dates" if zone is None else f"dates in {zone}"


def ticks_of(stamps: Any, clock: Times | None = None) -> NDArray[np.int64]:
    """Return the times of rows as integers: those of a grid, or such as can be sorted."""
    if not isinstance(stamps, nw.Series):
        return stamps.to_numpy().astype(np.int64) if stamps.dtype.kind in "iu" else pandas_ticks(stamps)
    if stamps.dtype.is_integer():
        return stamps.to_numpy().astype(np.int64)
    on_local_clock = clock is not None and not is_short(getattr(clock, "step", None))
    return (_local(stamps) if on_local_clock else _utc(stamps)).astype("datetime64[us]").astype(np.int64)


def _read_together(stamps: Sequence[Any]) -> tuple[Times, list[Positions]] | None:
    """Return the grid of the times of several series, and the steps of the rows of each; None if there is none."""
    if len({kind_of(each) for each in stamps}) > 1:
        return None
    ticks = np.concatenate([ticks_of(each) for each in stamps])
    distinct, first, inverse = np.unique(ticks, return_index=True, return_inverse=True)
    gaps = np.diff(distinct)
    if not len(distinct) or (len(gaps) and distinct[-1] - distinct[0] > gaps.min() * (4.0 * len(ticks) + 1000)):
        return None
    try:
        grid = _with_common_frequency(stamps) or read_stamped(_joined(stamps)[first], "y")
    except ValueError:
        return None
    steps = grid.rows[inverse]
    return grid.times, np.split(steps, np.cumsum([len(each) for each in stamps])[:-1])


def _with_common_frequency(stamps: Sequence[Any]) -> Grid | None:
    """Return the grid of indexes that all say the same frequency, where it holds the times of all of them."""
    frequencies = {getattr(each, "freq", None) for each in stamps}
    if len(frequencies) > 1 or None in frequencies or not hasattr(stamps[0], "as_unit"):
        return None
    (freq,), pd = frequencies, sys.modules["pandas"]
    index = stamps[0].append(list(stamps[1:])).unique().sort_values()
    make = pd.timedelta_range if isinstance(index, pd.TimedeltaIndex) else pd.date_range
    full = make(index[0], index[-1], freq=freq).as_unit(index.unit).rename(index.name)
    slots = full.get_indexer(index)
    return None if (slots < 0).any() else Grid(PandasTimes(full, freq), slots)


def _joined(stamps: Sequence[Any]) -> Any:
    if not isinstance(stamps[0], nw.Series):
        return stamps[0].append(list(stamps[1:]))
    name = stamps[0].name
    return nw.concat([each.to_frame() for each in stamps])[name]


def _is_on(clock: Times, stamps: Any, steps: Positions) -> bool:
    """Return whether the steps of a series are those of the common grid, not regular with a longer one."""
    between = np.diff(steps)
    if (between <= 0).any() or getattr(stamps, "freq", None) not in (None, getattr(clock, "freq", None)):
        return False
    longer = int(np.gcd.reduce(between)) if len(between) >= 3 else 1
    return longer == 1 or 2 * len(steps) < (steps[-1] - steps[0]) // longer + 1


def _local(stamps: nw.Series) -> NDArray[np.datetime64]:
    zone = getattr(stamps.dtype, "time_zone", None)
    dates = stamps.cast(nw.Datetime("us", zone))
    return (dates if zone is None else dates.dt.replace_time_zone(None)).to_numpy()


def _utc(stamps: nw.Series) -> NDArray[np.datetime64]:
    zone = getattr(stamps.dtype, "time_zone", None)
    dates = stamps.cast(nw.Datetime("us", zone))
    return (dates if zone is None else dates.dt.convert_time_zone("UTC").dt.replace_time_zone(None)).to_numpy()
