"""Regular time: the steps to which the time stamps of series belong."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


class Clock(NamedTuple):
    """Times a fixed step apart, such as days, business days or the numbers 2000, 2001, ...

    Parameters
    ----------
    first : time stamp, period or int
        The time of step 0.
    step : pandas offset or int
        What leads from one step to the next.
    """

    first: Any
    step: Any

    def times(self, last: Any) -> pd.Index:
        """Return the times of all steps up to one of them."""
        import pandas as pd  # noqa: PLC0415  (optional)

        if isinstance(self.first, pd.Period):
            return pd.period_range(self.first, last, freq=self.step)
        if isinstance(self.first, pd.Timestamp):
            return pd.date_range(self.first, last, freq=self.step)
        return pd.RangeIndex(self.first, last + self.step, self.step)

    def positions(self, indexes: list[pd.Index], name: str) -> list[NDArray[np.intp]]:
        """Return the steps of the times of several indexes, each of which must increase.

        Raises
        ------
        ValueError
            If times are repeated, not sorted, or between two steps. The message calls the rows `name`.
        """
        steps = self.times(max((index[-1] for index in indexes if len(index)), default=self.first))
        return [self._positions(index, steps, name) for index in indexes]

    def _positions(self, index: pd.Index, steps: pd.Index, name: str) -> NDArray[np.intp]:
        if index.has_duplicates:
            raise ValueError(f"{name} has more than one row for {index[index.duplicated()][0]}")
        if not index.is_monotonic_increasing:
            raise ValueError(f"{name} must be in order of time; sort it, for example with y.sort_index()")
        positions = steps.get_indexer(index)
        if (positions < 0).any():
            stray = index[positions < 0][0]
            raise ValueError(f"{name} has a row for {stray}, which is no step from {self.first} on, {self.step} apart")
        return positions


def find_clock(indexes: list[pd.Index], name: str) -> Clock | None:
    """Return the clock of several indexes; None if they are no times, but labels or other numbers.

    The step is the frequency of the indexes if they have one, or what pandas infers from their union, or from a part of
    it that lacks no rows.

    Raises
    ------
    ValueError
        If there is no such step. The message calls the rows `name`.
    """
    import pandas as pd  # noqa: PLC0415  (optional)

    indexes = [index for index in indexes if len(index)] or indexes[:1]
    if len({type(index) if isinstance(index, pd.PeriodIndex) else index.dtype.kind for index in indexes}) > 1:
        raise ValueError(f"the indexes of {name} must be of one kind, got {sorted({str(i.dtype) for i in indexes})}")
    union = indexes[0].append(indexes[1:]).unique().sort_values()
    if isinstance(union, pd.PeriodIndex):
        return Clock(union[0], union.freq)
    if isinstance(union, pd.DatetimeIndex):
        frequencies = {getattr(index, "freq", None) for index in indexes}
        return Clock(
            union[0], frequencies.pop() if len(frequencies) == 1 and None not in frequencies else _infer(union)
        )
    if union.dtype.kind in "iu":
        return Clock(int(union[0]), max(1, int(np.gcd.reduce(np.diff(union.to_numpy().astype(np.int64))))))
    return None


def _infer(times: pd.DatetimeIndex) -> Any:
    """Return the frequency of sorted times, of which some may be missing."""
    import pandas as pd  # noqa: PLC0415  (optional)
    from pandas.tseries.frequencies import to_offset  # noqa: PLC0415

    if len(times) < 3:
        return to_offset(times[-1] - times[0] if len(times) == 2 else pd.Timedelta(1, "D"))
    frequency = _frequency_of_all(times)
    start = 0
    while frequency is None and start <= len(times) - 3:
        candidate = _frequency_of_all(times[start : start + 3])
        if candidate is not None and times.isin(pd.date_range(times[0], times[-1], freq=candidate)).all():
            frequency = candidate
        start += 1
    if frequency is None:
        raise ValueError(
            f"the times from {times[0]} to {times[-1]} follow no frequency; set one, for example with y.asfreq('D'), "
            "which fills missing rows with NaN"
        )
    only_weekdays = frequency == to_offset("D") and len(times) > 5 and (times.day_of_week < 5).all()
    return to_offset("B") if only_weekdays else frequency


def _frequency_of_all(times: pd.DatetimeIndex) -> Any:
    """Return the frequency of at least three times, None unless they have one and lack no row."""
    from pandas.tseries.frequencies import to_offset  # noqa: PLC0415  (optional)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas 3 says that version 4 returns an offset, which `to_offset` takes too
        return to_offset(times.inferred_freq)
