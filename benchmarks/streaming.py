"""One sequence, step by step or in one call; a cell, and a network with a readout."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

import numbarnn
from benchmarks.measuring.calls import prepared
from benchmarks.measuring.cells import NAMES, find
from benchmarks.measuring.places import Place
from benchmarks.measuring.problem import draw
from benchmarks.measuring.timing import SAMPLES
from numbarnn.layers import Dense, Model, Recurrent, Stack

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


class StreamOfNetwork:
    """One sequence, 8 inputs, a layer of 64 units and one output, float32."""

    params = (NAMES,)
    param_names = ("cell",)

    def setup(self, cell):
        """Compile."""
        self.stream, self.x_t = _network(cell)

    def time_step(self, *_):
        """One step of all layers from Python."""
        self.stream.step(self.x_t)

    time_step.pretty_name = "One step of a network from Python"


@lru_cache(maxsize=1)
def _network(cell):
    if not hasattr(Model, "stream"):
        raise NotImplementedError("no streams of networks at this commit")
    model = Model(Stack((("layer", Recurrent(find(cell), 8, 64)), ("readout", Dense(64, 1)))))
    stream, x_t = model.stream(model.init(random_state=0)), np.ones((1, 8), np.float32)
    stream.step(x_t)
    return stream, x_t


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
