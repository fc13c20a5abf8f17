"""One sequence, step by step or in one call."""

from __future__ import annotations

from functools import lru_cache

import numbarnn
from benchmarks.measuring.calls import prepared
from benchmarks.measuring.cells import NAMES, find
from benchmarks.measuring.places import Place
from benchmarks.measuring.problem import draw
from benchmarks.measuring.timing import SAMPLES

repeat = SAMPLES


class Streaming:
    """One sequence, 8 inputs, 64 units, float32."""

    params = (NAMES,)
    param_names = ("cell",)

    def setup(self, cell):
        """Compile."""
        self.stream = _stream(cell)
        self.calls = prepared(cell, Place(1000, 1, 8, 64))

    def time_step(self, *_):
        """One step from Python, with the state carried on."""
        self.stream.step()

    def time_thousand_steps(self, *_):
        """Run a thousand steps in one call."""
        self.calls.forward()

    time_step.pretty_name = "One step from Python"
    time_thousand_steps.pretty_name = "1000 steps in one call"


class _Stream:
    def __init__(self, cell):
        self.cell, self.x, self.state, *_ = draw(find(cell), Place(1, 1, 8, 64))

    def step(self):
        _, self.state, _ = numbarnn.forward(self.cell, self.x, self.state, keep_tape=False)


@lru_cache(maxsize=1)
def _stream(cell):
    stream = _Stream(cell)
    stream.step()
    return stream
