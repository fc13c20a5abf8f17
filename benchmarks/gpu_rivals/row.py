"""One line of the CSV."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.measuring.places import Place
from benchmarks.rivals.row import OURS

CUDNN = "cuDNN"
TF32 = "cuDNN, TF32"
CONTENDERS = (OURS, CUDNN, TF32)


class Row(NamedTuple):
    """One contender's time at one place, and how far its results are from those in float64."""

    lengths: str
    cell: str
    passes: str
    T: int
    B: int
    I: int
    H: int
    contender: str
    error: float  # the largest difference in an array, as a part of the array's largest number
    best_us: float
    median_us: float
    cores: float  # processor seconds per second
    gflops: float  # by the best time

    @property
    def place(self) -> Place:
        """The shape that was timed."""
        return Place(self.T, self.B, self.I, self.H)


def ratio(rows: list[Row]) -> float | None:
    """Return cuDNN's time over ours, without TF32, at one place; None where one of the two was not timed."""
    times = {row.contender: row.best_us for row in rows}
    return times[CUDNN] / times[OURS] if {CUDNN, OURS} <= times.keys() else None
