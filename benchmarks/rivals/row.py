"""One line of the CSV."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.measuring.places import Place

OURS = "numbarnn"
OURS_ONE_THREAD = "numbarnn, 1 thread"
ROOFLINE = "register tile"
GATES = "gates"

PASSES = {False: "forward", True: "forward + adjoint"}


class Row(NamedTuple):
    """Time of one library for one shape."""

    threads: int
    cell: str
    passes: str
    T: int
    B: int
    I: int
    H: int
    contender: str
    best_us: float
    median_us: float
    cores: float  # processor seconds per second
    gflops: float  # by the best time

    @property
    def place(self) -> Place:
        """The shape that was timed."""
        return Place(self.T, self.B, self.I, self.H)

    @property
    def kind(self) -> str:
        """The cell and the passes."""
        return f"{self.cell} {self.passes}"

    @property
    def heat(self) -> tuple:
        """What the rows of one comparison have in common."""
        return self[: self._fields.index("contender")]


def in_words(n_threads: int) -> str:
    """Return "1 thread" or "2 threads"."""
    return f"{n_threads} thread{'s' * (n_threads > 1)}"
