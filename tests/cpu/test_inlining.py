"""Functions that become part of kernels, and the memory that they make."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from numbarnn.kernels.cpu.compile import inline, kernel


@inline
def ramp(n):
    result = np.empty(n)
    for i in range(n):
        result[i] = i
    return result


@inline
def total(pair):
    """Count no references: it makes no array, and takes one out of a tuple."""
    array, factor = pair
    result = 0.0
    for value in array:
        result += factor * value
    return result


@inline
def total_of_ramp(n, factor):
    return total((ramp(n), factor))


@kernel
def run(n, factor):
    return total_of_ramp(n, factor), ramp(n)


def test_values():
    result, array = run(4, 2.0)
    assert result == 12.0
    assert array.tolist() == [0, 1, 2, 3]
    del result
    for _ in range(100):
        run(4, 2.0)
    assert array.tolist() == [0, 1, 2, 3]


COUNT = """
import gc
from numba.core.runtime import rtsys
from tests.cpu.work import digest

def live():
    gc.collect()
    stats = rtsys.get_allocation_stats()
    return stats.alloc - stats.free, stats.mi_alloc - stats.mi_free

for i in range(20):
    digest()
    if i == 0:
        before = live()
assert before == live(), (before, live())
"""


@pytest.mark.slow
def test_no_memory_is_lost():
    subprocess.run(
        [sys.executable, "-c", COUNT],
        check=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "NUMBA_NRT_STATS": "1"},
    )
