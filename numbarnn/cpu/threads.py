"""Slices of the batch, each run through the whole sequence by one thread.

The kernels release the GIL, so a pool of Python threads runs them side by side; unlike Numba's own parallel layers it
bears concurrent entry, nesting and forks.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from math import inf

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


def for_slices(function: Callable[[int, int], object], n_slices: int, n_threads: int, work: float = inf) -> None:
    """Call `function(first, last)` so that the ranges cover all slices, on up to `n_threads` threads.

    `work` is about how many multiply-adds all slices take; where they are few, one thread does them all.
    """
    n_ranges = min(n_threads, n_slices)
    if n_ranges <= 1 or work < LEAST_WORK:
        function(0, n_slices)
        return
    ends = [n_slices * i // n_ranges for i in range(n_ranges + 1)]
    pool = _pool(os.getpid(), n_ranges - 1)
    others = [pool.submit(function, *pair) for pair in pairwise(ends[1:])]
    try:
        function(ends[0], ends[1])
    finally:
        # Also on Ctrl-C no thread may go on writing into arrays that the caller has left.
        errors = [future.exception() for future in others]
    for error in errors:
        if error is not None:
            raise error


@cache
def _pool(process: int, n_threads: int) -> ThreadPoolExecutor:
    """Keep the threads from call to call; a forked process, where they do not live on, gets its own."""
    return ThreadPoolExecutor(n_threads, thread_name_prefix="numbarnn")
