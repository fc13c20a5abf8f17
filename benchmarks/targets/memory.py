"""Peak memory of forward + adjoint, relative to the size of the tape, the inputs and the outputs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import numbarnn
from benchmarks.measuring.places import Place
from benchmarks.measuring.problem import Problem, draw
from benchmarks.targets.finding import Finding

PLACES = (Place(4096, 32, 8, 64), Place(1000, 64, 128, 256))
PROCESS = Path("/proc/self")  # where Linux shows and resets the peak of a process


def findings() -> Iterator[Finding]:
    """Measure each shape in a new process."""
    for cell in ("LSTM", "Elman"):
        for place in PLACES:
            with ProcessPoolExecutor(1, get_context("spawn")) as process:
                grown, tape, outputs = process.submit(_measure, cell, place).result()
            yield Finding(f"{cell}, {place}, tape", tape / 2**20, "MiB")
            yield Finding(
                f"{cell}, {place}, peak over inputs and outputs",
                (grown - outputs) / tape,
                "tapes",
                at_most=1.25,
            )


def _measure(cell: str, place: Place) -> tuple[int, int, int]:
    """Return the bytes by which the process grew (and of x, in the tape), of the tape, of the outputs."""
    cell_type = getattr(numbarnn, cell)
    _forward_adjoint(draw(cell_type, Place(2, place.B, place.I, place.H)))
    problem = draw(cell_type, place)
    (PROCESS / "clear_refs").write_text("5")  # proc(5): sets the peak to what is in use now
    before = peak()
    tape, outputs = _forward_adjoint(problem)
    return peak() - before + problem.x.nbytes, tape, outputs


def _forward_adjoint(problem: Problem) -> tuple[int, int]:
    """Run once and return the bytes of the tape, and of the outputs that are not in it."""
    cell, x, state, y_bar, state_bar = problem
    _, final, tape = numbarnn.forward(cell, x, state, n_jobs=1)
    cell_bar, x_bar, state_0_bar = numbarnn.adjoint(cell, tape, y_bar, state_bar, n_jobs=1)
    return n_bytes(tape), n_bytes((*final, *cell_bar, x_bar, *state_0_bar))


def n_bytes(values: Iterable) -> int:
    """Return the bytes of the arrays among the values."""
    return sum(value.nbytes for value in values if isinstance(value, np.ndarray))


def peak() -> int:
    """Return the peak number of bytes of the process."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", (PROCESS / "status").read_text())[1])
