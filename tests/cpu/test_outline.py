"""Operands that are kept in memory serve calls after the function that left them there has returned."""

from __future__ import annotations

import numba
import numpy as np
from numba.core import types

from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.outline import call, keep, n_bytes, outlined


@inline
def add(operands, i):
    a, (b, factor) = operands
    a[0] += factor * b[1] + i


@numba.njit
def leave(operands, place):
    function, _ = outlined(add, operands)
    keep(operands, place)
    return function


@numba.njit
def leave_only(operands, place):
    keep(operands, place)


@numba.njit
def run(function, operands, i):
    call(function, operands.ctypes.data, i)


def test_calls_by_kept_operands():
    a, b = np.zeros(1), np.array([0.0, 3.0])
    operands = a, (b, 2)
    kept = np.empty(n_bytes(numba.typeof(operands)), np.uint8)
    function = leave(operands, kept.ctypes.data)
    for i in range(3):
        run(function, kept, i)
    assert a[0] == 21


def test_kept_arrays_count_no_references():
    operands = (np.zeros(1),), 2
    kept = np.full(n_bytes(numba.typeof(operands)), 255, np.uint8)
    leave_only(operands, kept.ctypes.data)
    assert not kept[:16].any()  # an array begins with what counts its references, and with its owner


def test_size_in_memory():
    assert n_bytes(types.UniTuple(types.int64, 3)) == 24
