"""One row of the CSV file."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.measuring.places import Place
from benchmarks.rivals.row import OURS

CUDNN = "cuDNN"
TF32 = "cuDNN, TF32"
CONTENDERS = (OURS, CUDNN, TF32)


class Row(NamedTuple):
    """The time of one contender in one setting, and the difference of its results from those in float64."""

    lengths: str
    cell: str
    passes: str
    T: int
    B: int
    I: int
    H: int
    contender: str
    error: float  # largest difference in an array, relative to the largest number of the array
    best_us: float
    median_us: float
    cores: float  # processor seconds per second
    gflops: float  # by the best time

    @property
    def place(self) -> Place:
        """The shape that was timed."""
        return Place(self.T, self.B, self.I, self.H)


def ratio(rows: list[Row]) -> float | None:
    """Return cuDNN's time without TF32 divided by ours in one setting; None if one of the two was not timed."""
    times = {row.contender: row.best_us for row in rows}
    return times[CUDNN] / times[OURS] if {CUDNN, OURS} <= times.keys() else None
