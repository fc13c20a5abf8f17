"""Speed in float64 relative to float32."""

from __future__ import annotations

from collections.abc import Iterator

import numbarnn
from benchmarks.measuring.places import Place
from benchmarks.measuring.problem import draw
from benchmarks.measuring.timing import interleaved
from benchmarks.rivals import ours
from benchmarks.targets.finding import Finding

PLACES = (Place(100, 32, 8, 64), Place(100, 32, 64, 128))


def findings() -> Iterator[Finding]:
    """Measure both types in turns."""
    for cell in (numbarnn.LSTM, numbarnn.Elman):
        for place in PLACES:
            calls = {dtype: ours.enter(draw(cell, place, dtype), 1).forward_adjoint for dtype in ("float32", "float64")}
            for call in calls.values():
                call()
            timings = interleaved(calls, seconds=1)
            speed = timings["float32"].best / timings["float64"].best
            what = f"{cell.__name__} forward + adjoint, {place}, float64's speed"
            yield Finding(what, speed, "of float32's", at_least=0.45)
