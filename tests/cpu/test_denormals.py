"""Kernels take denormal numbers for zero, and leave the thread as they found it."""

from __future__ import annotations

import platform

import numpy as np
import pytest

import numbarnn
from tests.grid import leaves

CELL = numbarnn.LSTM.init(2, 16, random_state=0)
X = np.ones((2000, 3, 2), np.float32)


def test_python_keeps_its_denormals():
    run = numbarnn.forward(CELL, X[:3])
    numbarnn.adjoint(CELL, run.tape, run.y)
    numbarnn.tangent(CELL, run.tape, x_dot=X[:3])
    assert np.all(np.full(16, 1e-40, np.float32) * np.float32(0.5) > 0)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="only there they are taken for zero")
def test_a_gradient_that_fades_ends_in_zeros():
    run = numbarnn.forward(CELL, X)
    bars = numbarnn.adjoint(CELL, run.tape, state_bar=run.state)
    for bar in leaves((*bars.cell, bars.x, *bars.state)):
        magnitude = np.abs(bar)
        assert not np.any((magnitude > 0) & (magnitude < np.finfo(np.float32).tiny))
    assert np.any(bars.x[0] == 0)
    assert np.any(bars.x[-1] != 0)
