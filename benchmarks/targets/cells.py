"""Time of each cell relative to the LSTM, per operation of their matrix products."""

from __future__ import annotations

from collections.abc import Iterator

import numbarnn
from benchmarks.measuring.places import Place
from benchmarks.measuring.problem import draw
from benchmarks.measuring.timing import interleaved
from benchmarks.rivals import ours
from benchmarks.targets.finding import Finding
from numbarnn.cells import CELLS

PLACES = (Place(100, 32, 8, 64), Place(100, 32, 64, 128))


def findings() -> Iterator[Finding]:
    """Measure all cells in turns."""
    for place in PLACES:
        calls = {name: ours.enter(draw(cell, place), 1).forward_adjoint for name, cell in CELLS.items()}
        for call in calls.values():
            call()
        timings = interleaved(calls, seconds=2)
        lstm = timings["lstm"].best / place.flops(numbarnn.LSTM, adjoint=True)
        for name, cell in CELLS.items():
            ratio = timings[name].best / place.flops(cell, adjoint=True) / lstm
            yield Finding(f"{name} forward + adjoint, {place}", ratio, "of LSTM's", at_most=1.3)
