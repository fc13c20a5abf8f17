"""Time of one step by sequence length."""

from __future__ import annotations

from collections.abc import Iterator

import numbarnn
from benchmarks.measuring.places import Place
from benchmarks.measuring.problem import draw
from benchmarks.measuring.timing import interleaved
from benchmarks.rivals import ours
from benchmarks.targets.finding import Finding

LENGTHS = (64, 256, 1024, 4096, 16384)


def findings() -> Iterator[Finding]:
    """Measure all lengths in turns."""
    for cell in (numbarnn.LSTM, numbarnn.Elman):
        entries = {T: ours.enter(draw(cell, Place(T, 8, 8, 64)), 1) for T in LENGTHS}
        for passes, calls in (
            ("forward", {str(T): entry.forward for T, entry in entries.items()}),
            ("forward + adjoint", {str(T): entry.forward_adjoint for T, entry in entries.items()}),
        ):
            for call in calls.values():
                call()
            steps = {T: timing.best / int(T) for T, timing in interleaved(calls, seconds=1).items()}
            what = f"{cell.__name__} {passes}, B=8 I=8 H=64"
            for T, seconds in steps.items():
                yield Finding(f"{what}, T={T}", seconds * 1e6, "us a step")
            yield Finding(f"{what}, slowest T over fastest", max(steps.values()) / min(steps.values()), "", at_most=1.1)
