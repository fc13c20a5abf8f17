"""Series with their covariates in the form in which they were passed in, cut by time."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from numbarnn.forecasting.forms import Columns, DictOf, LongFrame, PandasForm, PolarsForm, Single, integer_index
from numbarnn.forecasting.grids import kind_of, locate_stamps, ticks_of
from numbarnn.forecasting.panel import Panel, panel_of
from numbarnn.forecasting.rows import Rows, is_polars, read_rows
from numbarnn.forecasting.times import IntegerTimes, Times

Positions = NDArray[np.intp]
Numbers = Sequence[int] | Positions


class Located(NamedTuple):
    """Rows, and the step of each one."""

    rows: Rows
    positions: list[Positions]

    def between(self, after: Numbers, last: Numbers, members: Numbers) -> Any:
        """Return the rows of some series later than step `after` and not later than `last`, in their own form."""
        bounds = [
            np.searchsorted(self.positions[i], [a, b], side="right")
            for i, a, b in zip(members, after, last, strict=True)
        ]
        starts, stops = np.array(bounds, np.intp).reshape(-1, 2).T
        return self.rows.take(starts.tolist(), stops.tolist(), members)

    def n_between(self, after: Numbers, last: Numbers, members: Numbers) -> Positions:
        """Return how many such rows each series has."""
        return np.array(
            [
                np.subtract(*np.searchsorted(self.positions[i], [b, a], side="right"))
                for i, a, b in zip(members, after, last, strict=True)
            ]
        )


@dataclass(frozen=True)
class Observations:
    """Series and the covariates that were passed in with them, each row at its step of time.

    Parameters
    ----------
    y : Located
    known, past : Located or None
        X and past_X.
    """

    y: Located
    known: Located | None
    past: Located | None

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
        parts = {"y": self.y, "X": self.known, "past_X": self.past}
        return {name: None if part is None else part.between(after, last, members) for name, part in parts.items()}

    def known_between(self, after: Numbers, last: Numbers, members: Numbers) -> Any:
        """Return the rows of X of these steps; None if there is no X."""
        return None if self.known is None else self.known.between(after, last, members)


@dataclass(frozen=True)
class End:
    """Where series end, so that it can be told at which steps further observations are.

    Parameters
    ----------
    panel : Panel
        The last step of each series.
    clock : Times or None
        The steps up to the last one of all series; None if the series have no times, and each counts its own rows.
    last : ndarray of shape (n_series,)
        The step of the last row of each series.
    """

    panel: Panel
    clock: Times | None
    last: Positions

    def following(self, y: Any, X: Any, past_X: Any) -> Observations:
        """Return further observations.

        Raises
        ------
        TypeError, ValueError
            If they are not of the same series, not later, or not on the grid of their times.
        """
        rows = _located(y, "y", self, is_later=True)
        for i, positions in enumerate(rows.positions):
            if len(positions) and positions[0] <= self.last[i]:
                raise ValueError(
                    f"The new observations of series {self.panel.names[i]!r} must be later than those before, but "
                    f"start {self.last[i] + 1 - positions[0]} steps too early."
                )
        known = None if X is None else _located(X, "X", self, is_later=True)
        past = None if past_X is None else _located(past_X, "past_X", self, is_later=True)
        return Observations(rows, known, past)

    def after(self, new: Observations) -> End:
        """Return the end after further observations."""
        each = zip(new.y.positions, self.last, strict=True)
        return self.at(np.array([positions[-1] if len(positions) else old for positions, old in each], np.intp))

    def at(self, last: Positions) -> End:
        """Return the end after further observations up to some step of each series."""
        clock = self.clock
        if clock is not None and last.max() >= len(clock):
            clock = clock.joined(clock.after(int(last.max()) + 1 - len(clock)))
        return replace(self, panel=_ends(self.panel, clock, last), clock=clock, last=last)


@dataclass(frozen=True)
class History(Observations):
    """Observations to which a forecaster is fitted, with their values on a grid of times.

    Parameters
    ----------
    panel : Panel
    clock : Times or None
        The steps of time of all series; None if the series have no times, and each counts its own rows.
    starts : ndarray of shape (n_series,)
        The step at which each series starts.
    given_static : array-like, frame or dict
        static_X.
    """

    panel: Panel
    clock: Times | None
    starts: Positions
    given_static: Any

    @classmethod
    def read(cls, y: Any, X: Any, past_X: Any, static_X: Any, columns: Columns | None) -> History:
        """Read series and covariates.

        Parameters
        ----------
        y, X, past_X, static_X : as for `Forecaster.fit`
        columns : Columns or None

        Raises
        ------
        TypeError, ValueError
            If they have no form of the `Forecaster` protocol, or their times are on no common grid.
        """
        rows = read_rows(y, columns, name="y")
        empty = [name for name, item in zip(rows.names, rows.items, strict=True) if np.ndim(item) and not len(item)]
        if empty:
            raise ValueError(f"Each series of y must have at least one row, got none for {empty[:5]}.")
        grids, clock = rows.grids("y")
        panel = panel_of(rows, grids, name="y")
        if any(each is not None for each in rows.stamps) and clock is None:
            kinds = sorted({"positions" if each is None else kind_of(each) for each in rows.stamps})
            raise ValueError(
                f"The times of all series of y must be of one kind and on one grid, got {kinds}; set the same "
                "frequency for all, for example with y.asfreq('D'), which fills missing rows with NaN."
            )
        starts = np.zeros(len(panel), np.intp)
        if clock is not None:
            ticks = clock.ticks
            starts = np.searchsorted(ticks, [each.times.ticks[0] for each in panel.series])
            for i, (each, start) in enumerate(zip(panel.series, starts, strict=True)):
                if not np.array_equal(ticks[start : start + len(each)], each.times.ticks):
                    raise ValueError(
                        f"All series of y must have the same frequency, but {panel.labels[i]} has another one than the "
                        "others."
                    )
        before = End(panel, clock, starts - 1)
        known = None if X is None else _located(X, "X", before)
        past = None if past_X is None else _located(past_X, "past_X", before)
        located = Located(rows, [first + grid.rows for first, grid in zip(starts, grids, strict=True)])
        return cls(located, known, past, panel, clock, starts, static_X)

    @property
    def end(self) -> End:
        """Where the series end."""
        last = np.array([positions[-1] for positions in self.y.positions], np.intp)
        return End(_ends(self.panel, self.clock, last), self.clock, last)

    @property
    def names(self) -> list[Hashable]:
        """Names of the series: keys, names of pandas or polars, or positions."""
        panel = self.panel
        form = panel.series[0].form
        named = isinstance(panel.container, Single) and isinstance(form, (PandasForm, PolarsForm))
        names = [form.name] if named else panel.names  # type: ignore[attr-defined]
        return [i if name in (None, "") else name for i, name in enumerate(names)]

    @property
    def variables(self) -> list[Any]:
        """The names of the columns of a series, or their numbers."""
        columns = self.panel.series[0].columns
        return list(range(self.panel.n_variables)) if columns is None else list(columns)

    @property
    def is_polars(self) -> bool:
        """Whether the series are held by polars."""
        rows = self.y.rows
        return rows.frame.implementation.is_polars() if rows.frame is not None else any(map(is_polars, rows.items))

    def targets(self, after: Numbers, horizon: int, members: Numbers) -> list[NDArray]:
        """Return the values of the `horizon` steps after some steps, (horizon, K) for each of some series.

        They are NaN where the series has no row.
        """
        targets = np.full((len(members), horizon, self.panel.n_variables), np.nan)
        for target, i, origin in zip(targets, members, after, strict=True):
            first = int(origin) + 1 - self.starts[i]
            there = self.panel.series[i].values[max(first, 0) : first + horizon]
            target[max(-first, 0) : max(-first, 0) + len(there)] = there
        return list(targets)

    def until(self, member: int, last: int) -> NDArray:
        """Return the values of one series at all steps up to one of them, (T, K), NaN where it has no row."""
        return self.panel.series[member].values[: last + 1 - self.starts[member]]

    def static(self, members: Numbers) -> Any:
        """Return the rows of static_X of some series; None if there is none."""
        if self.given_static is None:
            return None
        names = [self.panel.names[i] for i in members]
        if isinstance(self.given_static, Mapping):
            return {name: self.given_static[name] for name in names}
        rows = np.asarray(members, np.intp)
        if not nw.dependencies.is_into_dataframe(self.given_static):
            return np.asarray(self.given_static)[rows]
        frame = nw.from_native(self.given_static, eager_only=True)
        container = self.panel.container
        key = container.columns.series_id if isinstance(container, LongFrame) else None
        index = getattr(self.given_static, "index", None)
        if key in frame.columns:
            rows = np.flatnonzero([name in set(names) for name in frame[key].to_list()])
        elif isinstance(container, (DictOf, LongFrame)) and index is not None:
            rows = np.flatnonzero([name in set(names) for name in index])
        return frame[rows].to_native()


def _located(data: Any, name: str, end: End, *, is_later: bool = False) -> Located:
    """Return rows of known series with their steps.

    With `is_later`, an index of integers that starts at 0 again counts positions: it is numbered on from the end.
    """
    panel, clock = end.panel, end.clock
    container = panel.container
    columns = container.columns if isinstance(container, LongFrame) else None
    rows = read_rows(data, columns, name=name).ordered(panel.names, name)
    if clock is None:
        return Located(rows, [np.arange(len(item)) + last + 1 for item, last in zip(rows.items, end.last, strict=True)])
    if any(each is None for each in rows.stamps):
        raise ValueError(f"y has an index of times, so {name} must have one too.")
    if is_later and isinstance(clock, IntegerTimes) and rows.frame is None:
        rows = _numbered_on(rows, clock, end.last)
    ticks = [ticks_of(each, clock) for each in rows.stamps if len(each)]
    latest = max((int(each[-1]) for each in ticks), default=0)
    reaching = clock if latest <= clock.ticks[-1] else clock.joined(clock.until(latest))
    each = zip(rows.stamps, rows.labels(name), strict=True)
    return Located(rows, [_positions(stamps, label, reaching) for stamps, label in each])


def _numbered_on(rows: Rows, clock: IntegerTimes, last: Positions) -> Rows:
    """Return rows of pandas, of which an index that starts at 0 goes on after the last step of its series."""
    items = []
    for item, stamps, step in zip(rows.items, rows.stamps, last.tolist(), strict=True):
        anew = len(stamps) > 0 and step >= 0 and stamps[0] == 0
        following = IntegerTimes(clock.start + clock.step * (step + 1), clock.step, len(item))
        items.append(item.set_axis(integer_index(following)) if anew else item)
    return replace(rows, items=tuple(items), stamps=tuple(item.index for item in items))


def _positions(stamps: Any, label: str, clock: Times) -> Positions:
    found = locate_stamps(clock, stamps, name=label)
    strays = (found < 0) & (ticks_of(stamps, clock) > clock.ticks[0])
    if strays.any():
        raise ValueError(
            f"{label} has a row for {stamps[int(strays.argmax())]}, which is no step of the times of y from "
            f"{clock.label(0)} on."
        )
    return found


def _ends(panel: Panel, clock: Times | None, last: Positions) -> Panel:
    """Return the panel of the last step of each series."""
    series = []
    for each, step in zip(panel.series, last.tolist(), strict=True):
        times = IntegerTimes(step, 1, 1) if clock is None else clock.take(step, step + 1)
        series.append(replace(each, values=each.values[-1:], times=times))
    return replace(panel, series=tuple(series))
