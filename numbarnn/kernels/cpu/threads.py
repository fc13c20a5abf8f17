"""Slices of the batch, each run through the whole sequence by one thread.

The kernels release the GIL, so a pool of Python threads runs them side by side; unlike Numba's own parallel layers it
bears concurrent entry, nesting and forks.
"""

from __future__ import annotations

import _thread
import os
from collections.abc import Callable, Sequence
from functools import cache
from math import inf
from queue import SimpleQueue
from typing import Any

import numpy as np

MOST_SLICES = 8
ROWS = 8  # of a slice, but two slices of at least half as many rather than one
LEAST_WORK = 2e7  # multiply-adds, some 0.3 ms, from which a second thread gains more than it takes to wake it


@cache
def slice_bounds(n_sequences: int) -> np.ndarray:
    """Return where the slices of a batch begin, and the last one's end.

    They depend on the batch alone, not on the number of threads: gradients are summed slice by slice in this order.
    """
    n_slices = min(MOST_SLICES, max(n_sequences // ROWS, 2 if n_sequences >= ROWS else 1))
    return np.arange(n_slices + 1) * n_sequences // n_slices


def resolve_threads(n_jobs: int | None) -> int:
    """Return the number of threads that `n_jobs` means, in joblib's sense."""
    if n_jobs is not None and not isinstance(n_jobs, int | np.integer):
        raise TypeError(f"n_jobs must be an integer or None, got {n_jobs!r}")
    if n_jobs == 0:
        raise ValueError("n_jobs must be a number of threads, -1 for all or None, got 0")
    if n_jobs is not None and n_jobs > 0:
        return int(n_jobs)
    import joblib  # noqa: PLC0415  (a tenth of a second, which a given number of threads does not need)

    return joblib.effective_n_jobs(None) if n_jobs is None else max(1, joblib.cpu_count() + 1 + n_jobs)


def ranges_of(n_slices: int, n_threads: int, work: float = inf) -> list[tuple[int, int]]:
    """Return the ranges of slices, first and end, for up to `n_threads` threads.

    `work` is about how many multiply-adds all slices take; where they are few, one thread does them all.
    """
    n_ranges = 1 if work < LEAST_WORK else max(1, min(n_threads, n_slices))
    return [(n_slices * i // n_ranges, n_slices * (i + 1) // n_ranges) for i in range(n_ranges)]


def for_slices(function: Callable[[int, int], object], ranges: Sequence[tuple[int, int]]) -> None:
    """Call `function(first, last)` for all ranges, each on a thread of its own."""
    (first, last), *others = ranges
    if not others:
        function(first, last)
        return
    given: list[None] = []
    results: list[Exception | None] = []
    wake: SimpleQueue[None] = SimpleQueue()
    jobs = [(function, *pair, results, wake) for pair in others]
    try:
        given.extend(map(_workers(os.getpid(), len(others)).put, jobs))
        function(first, last)
    finally:
        _wait(given, results, wake)
    for error in results:
        if error is not None:
            raise error


def _wait(given: list[None], results: list[Exception | None], wake: SimpleQueue[None]) -> None:
    """Return when all jobs that were given have ended, on Ctrl-C too: none may write into arrays that were left."""
    try:
        while len(results) < len(given):
            wake.get()
    except BaseException:
        _wait(given, results, wake)
        raise


def _serve(jobs: SimpleQueue[Any]) -> None:
    while True:
        function, first, last, results, wake = jobs.get()
        error = None
        try:
            function(first, last)
        except Exception as raised:
            error = raised
        results.append(error)
        wake.put(None)
        del function, results, wake, error


@cache
def _workers(process: int, n_threads: int) -> SimpleQueue[Any]:
    """Keep the threads from call to call; a forked process, where they do not live on, gets its own.

    Ctrl-C may come between any two bytecodes, also within `threading.Condition`, on which executors and futures rest;
    it then ends in a RuntimeError or a lock that nobody releases. So the jobs pass through what C does in one go.
    """
    jobs: SimpleQueue[Any] = SimpleQueue()
    for _ in range(n_threads):
        _thread.start_new_thread(_serve, (jobs,))
    return jobs
