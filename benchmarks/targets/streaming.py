"""One step at a time with the state carried on: B = 1, H = 64, a cell and a network with a readout."""

from __future__ import annotations

from collections.abc import Iterator

from numba import njit

import numbarnn
from benchmarks.measuring.places import Place
from benchmarks.measuring.problem import draw
from benchmarks.measuring.timing import interleaved
from benchmarks.targets.finding import Finding
from numbarnn.layers import Dense, Model, Recurrent, Stack

STEPS = 1000


def findings() -> Iterator[Finding]:
    """Measure a stream in compiled code, and from Python."""
    for cell in (numbarnn.LSTM, numbarnn.GRU, numbarnn.Elman):
        problem = draw(cell, Place(STEPS, 1, 8, 64))
        stream = numbarnn.stream(problem.cell, 1, problem.state)
        calls = {
            "compiled code": lambda stream=stream, x=problem.x: _in_compiled_code(stream, x),
            "Python": lambda stream=stream, x=problem.x: _in_python(stream, x),
        }
        for call in calls.values():
            call()
        for where, timing in interleaved(calls, seconds=1).items():
            bound = 5 if where == "compiled code" else None
            yield Finding(f"{cell.__name__}, a step in {where}", timing.best / STEPS * 1e6, "us", at_most=bound)
    yield from _network_findings()


def _network_findings() -> Iterator[Finding]:
    """Compare a network of one LSTM layer and one output with its cell alone."""
    problem = draw(numbarnn.LSTM, Place(STEPS, 1, 8, 64))
    model = Model(Stack((("lstm", Recurrent(numbarnn.LSTM, 8, 64)), ("readout", Dense(64, 1)))))
    network = model.stream(model.init(random_state=0))
    cell = network.streams[0]
    calls = {
        f"{name} in {where}": lambda run=run, stream=stream: run(stream, problem.x)
        for where, run in (("compiled code", _in_compiled_code), ("Python", _in_python))
        for name, stream in (("cell", cell), ("network", network))
    }
    for call in calls.values():
        call()
    steps = {name: timing.best / STEPS * 1e6 for name, timing in interleaved(calls, seconds=1).items()}
    for where, bound in (("compiled code", 3), ("Python", None)):
        more = steps[f"network in {where}"] - steps[f"cell in {where}"]
        yield Finding(f"Network of an LSTM, a step in {where}", steps[f"network in {where}"], "us")
        yield Finding(f"Network of an LSTM, more than the cell in {where}", more, "us", at_most=bound)


def _in_python(stream, x) -> None:
    for x_t in x:
        numbarnn.step(stream, x_t)


@njit
def _in_compiled_code(stream, x):
    for t in range(x.shape[0]):
        numbarnn.step(stream, x[t])
