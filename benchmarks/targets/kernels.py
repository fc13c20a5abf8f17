"""Time of a call that is spent outside kernels."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from numba.extending import is_jitted


class Split(NamedTuple):
    """Seconds of a call, and how many of them are spent outside compiled functions."""

    total: float
    outside: float


def split(call: Callable[[], object], repeats: int = 15) -> Split:
    """Return the seconds of the fastest of several calls; the caller has called it once."""
    splits = []
    for _ in range(repeats):
        with _timed_kernels() as spent:
            start = time.perf_counter()
            call()
            total = time.perf_counter() - start
        splits.append(Split(total, total - sum(spent)))
    return min(splits)


@contextmanager
def _timed_kernels() -> Iterator[list[float]]:
    """Time each compiled function that a module of numbarnn names."""
    spent: list[float] = []
    modules = [module for name, module in sys.modules.items() if name.startswith("numbarnn.")]
    kernels = [(module, name, value) for module in modules for name, value in vars(module).items() if is_jitted(value)]
    for module, name, kernel in kernels:
        setattr(module, name, _timed(kernel, spent))
    try:
        yield spent
    finally:
        for module, name, kernel in kernels:
            setattr(module, name, kernel)


def _timed(kernel: Callable, spent: list[float]) -> Callable:
    @functools.wraps(kernel)
    def call(*args):
        start = time.perf_counter()
        try:
            return kernel(*args)
        finally:
            spent.append(time.perf_counter() - start)

    return call
