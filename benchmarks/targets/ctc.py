"""CTC losses and gradient, float32, the best times of turns: PyTorch's over numbarnn's."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.ctc import SHAPES, THREADS, compared
from benchmarks.targets.finding import Finding


def findings() -> Iterator[Finding]:
    """Yield the times and the ratio for each shape and number of threads."""
    for name, shape in SHAPES.items():
        for n_threads in THREADS:
            timings = compared(shape, n_threads, seconds=1.0)
            place = f"(T, B, C) = {name}, {n_threads} thread{'s' if n_threads > 1 else ''}"
            ours, theirs = timings["numbarnn"].best, timings["PyTorch"].best
            yield Finding(f"{place}: numbarnn", 1e3 * ours, "ms")
            yield Finding(f"{place}: PyTorch", 1e3 * theirs, "ms")
            yield Finding(f"{place}: ratio", theirs / ours, "times", at_least=1.5)
