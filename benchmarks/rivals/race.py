"""Timing of all libraries over all shapes, in a process with a limited number of threads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tqdm import tqdm

import numbarnn
from benchmarks.measuring.gates import Gates, has_bound
from benchmarks.measuring.places import Place
from benchmarks.measuring.problem import draw
from benchmarks.measuring.roofline import Roofline
from benchmarks.measuring.timing import interleaved
from benchmarks.rivals import agreement, ours, table
from benchmarks.rivals.contender import enter_rivals
from benchmarks.rivals.row import GATES, OURS, OURS_ONE_THREAD, PASSES, ROOFLINE, Row


def run(cells: Sequence[str], places: Sequence[Place], n_threads: int, seconds: float) -> list[Row]:
    """Time everything in a new process: some libraries read the number of threads only once."""
    process = ProcessPoolExecutor(1, get_context("spawn"), initializer=_limit_threads, initargs=(n_threads,))
    with process:
        return process.submit(_run, cells, places, n_threads, seconds).result()


def _limit_threads(n_threads: int) -> None:
    """Set the threads of libraries that read the environment, before they are imported."""
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(n_threads)
    os.environ["NPROC"] = str(n_threads)  # the pool of XLA's CPU client
    os.environ["XLA_FLAGS"] = "" if n_threads > 1 else "--xla_cpu_multi_thread_eigen=false"
    os.environ["JAX_PLATFORMS"] = "cpu"


def _run(cells: Sequence[str], places: Sequence[Place], n_threads: int, seconds: float) -> list[Row]:
    """Measure and print shape by shape."""
    heats = [(cell, place, adjoint) for cell in cells for adjoint in (False, True) for place in places]
    rows: list[Row] = []
    table.header(n_threads)
    with tqdm(heats, unit="place", leave=False, disable=None) as progress:
        for cell, place, adjoint in progress:
            progress.set_description(f"{cell} {PASSES[adjoint]}, {place}")
            heat = _heat(cell, place, n_threads, seconds, adjoint=adjoint)
            table.line(heat)
            rows += heat
    table.summary(rows)
    return rows


def _heat(cell: str, place: Place, n_threads: int, seconds: float, *, adjoint: bool) -> list[Row]:
    """Return the rows of one shape, best and median in microseconds."""
    cell_type = getattr(numbarnn, cell)
    problem = draw(cell_type, place)
    contenders = {OURS: ours.enter(problem, n_threads)}
    if n_threads > 1:
        contenders[OURS_ONE_THREAD] = ours.enter(problem, 1)
    contenders |= enter_rivals(problem, n_threads)
    agreement.check(problem, contenders, adjoint=adjoint)

    calls = {name: entry.forward_adjoint if adjoint else entry.forward for name, entry in contenders.items()}
    work = dict.fromkeys(calls, place.flops(cell_type, adjoint=adjoint))
    calls[ROOFLINE] = roofline = Roofline(n_threads)
    work[ROOFLINE] = roofline.flops
    gates = Gates(cell_type, adjoint=adjoint) if has_bound(cell_type) else None
    if gates is not None:
        calls[GATES], work[GATES] = gates, 0
    timings = interleaved({name: call for name, call in calls.items() if call is not None}, seconds)
    if gates is not None:
        timings[GATES] = timings[GATES].times(gates.share(place) / n_threads)
    return [
        Row(n_threads, cell, PASSES[adjoint], *place, name, *timing.figures(work[name]))
        for name, timing in timings.items()
    ]
