"""A hundred thousand steps within 64 MB of tape: growth of the process, and time relative to a whole tape."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numbarnn
from benchmarks.measuring.places import Place
from benchmarks.measuring.problem import Problem, draw
from benchmarks.measuring.timing import interleaved
from benchmarks.targets.finding import Finding
from benchmarks.targets.memory import PROCESS, n_bytes, peak

PLACE = Place(100_000, 8, 1, 64)
TAPE_MB = 64
WHOLE, CHECKPOINTS = "whole tape", f"checkpoint_memory_mb={TAPE_MB}"


def findings() -> Iterator[Finding]:
    """Measure memory in new processes, then time in turns."""
    for name, checkpoint_memory_mb, at_most in ((WHOLE, None, None), (CHECKPOINTS, TAPE_MB, TAPE_MB)):
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            grown = process.submit(_measure, checkpoint_memory_mb).result()
        yield Finding(f"LSTM, {PLACE}, {name}, peak over inputs and outputs", grown / 1e6, "MB", at_most)
    problem = draw(numbarnn.LSTM, PLACE)
    calls = {
        WHOLE: lambda: _forward_adjoint(problem, None),
        CHECKPOINTS: lambda: _forward_adjoint(problem, TAPE_MB),
    }
    for call in calls.values():
        call()
    timings = interleaved(calls, seconds=1)
    for name, timing in timings.items():
        yield Finding(f"LSTM, {PLACE}, {name}, forward + adjoint", timing.best, "s")
    ratio = timings[CHECKPOINTS].best / timings[WHOLE].best
    yield Finding(f"LSTM, {PLACE}, {CHECKPOINTS} over {WHOLE}", ratio, "", at_most=1.6)


def _measure(checkpoint_memory_mb: float | None) -> int:
    """Return the bytes by which the process grew, without outputs and gradients."""
    _forward_adjoint(draw(numbarnn.LSTM, PLACE._replace(T=50)), 0.1)  # compiles, in segments too
    problem = draw(numbarnn.LSTM, PLACE)
    (PROCESS / "clear_refs").write_text("5")  # proc(5): sets the peak to what is in use now
    before = peak()
    outputs = _forward_adjoint(problem, checkpoint_memory_mb)
    return peak() - before - outputs


def _forward_adjoint(problem: Problem, checkpoint_memory_mb: float | None) -> int:
    """Run once and return the bytes of all results."""
    cell, x, state, y_bar, state_bar = problem
    y, final, tape = numbarnn.forward(cell, x, state, checkpoint_memory_mb=checkpoint_memory_mb, n_jobs=1)
    cell_bar, x_bar, state_0_bar = numbarnn.adjoint(cell, tape, y_bar, state_bar, n_jobs=1)
    return n_bytes((y, *final, *cell_bar, x_bar, *state_0_bar))
