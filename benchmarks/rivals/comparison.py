"""The rows of one shape, compared."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from benchmarks.rivals.row import GATES, OURS, OURS_ONE_THREAD, ROOFLINE, Row


class Comparison:
    """The rows of all contenders for one shape."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = {row.contender: row for row in rows}
        self.ours = self.rows[OURS]
        self.rivals = {
            name: row for name, row in self.rows.items() if name not in {OURS, OURS_ONE_THREAD, ROOFLINE, GATES}
        }

    @property
    def ratio(self) -> float | None:
        """Best time of the other libraries over that of numbarnn; None if there are none."""
        times = [row.best_us for row in self.rivals.values()]
        return min(times) / self.ours.best_us if times else None

    @property
    def fraction(self) -> float:
        """Speed relative to that of the register tile on the same number of threads."""
        return self.ours.gflops / self.rows[ROOFLINE].gflops

    @property
    def bound(self) -> float | None:
        """The least time, with products at the speed of the tile and gates without waiting for memory, over the time.

        None for cells whose gates are not timed.
        """
        gates = self.rows.get(GATES)
        return self.fraction + gates.best_us / self.ours.best_us if gates else None

    @property
    def gain(self) -> float | None:
        """Time on one thread over the time; None if there is one thread."""
        one = self.rows.get(OURS_ONE_THREAD)
        return one.best_us / self.ours.best_us if one else None


def comparisons(rows: Iterable[Row]) -> list[Comparison]:
    """Group consecutive rows by shape."""
    return [Comparison(group) for _, group in groupby(rows, key=lambda row: row.heat)]
