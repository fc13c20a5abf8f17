"""Slices of the batch, each run through the whole sequence by one thread, and how many threads there are."""

from __future__ import annotations

from functools import cache

import numpy as np

MOST_SLICES = 8
ROWS = 8  # of a slice, but two slices of at least half as many rather than one
LEAST_WORK = 3e6  # multiply-adds, some 0.1 ms, from which a second thread that is awake gains


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


def checked_threads(n_jobs: int | None) -> int | None:
    """Return what `resolve_threads` does, but None as it is: to look at joblib's settings takes 10 us."""
    return None if n_jobs is None else resolve_threads(n_jobs)


def n_ranges(n_slices: int, n_threads: int | None, work: float) -> int:
    """Return in how many ranges threads run the slices; `work` is about how many multiply-adds they take in all.

    `n_threads` is one of `checked_threads`.
    """
    if work < LEAST_WORK or n_slices <= 1:
        return 1
    return min(resolve_threads(n_threads), n_slices)
