"""Checks that need a GPU: tensors of PyTorch, arrays of CuPy, and cuBLAS itself."""

from __future__ import annotations

import os

import numpy as np
import pytest

import numbarnn
from tests import grid
from tests.cuda.device import assert_three_passes, down, each, needs_device
from tests.grid import assert_same_bits

pytestmark = [
    *needs_device,
    pytest.mark.skipif(os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0"), reason="needs a GPU"),
]

lstm = grid.over(cells=["lstm"], specs=["small"], dtypes=["float32"])


def three_passes(case, to):
    y, state, tape = numbarnn.forward(*(each(to, np.ndarray, tree) for tree in (case.cell, case.x, case.state)))
    cell = each(to, np.ndarray, case.cell)
    bars = numbarnn.adjoint(cell, tape, *(each(to, np.ndarray, tree) for tree in (case.y_bar, case.state_bar)))
    return y, state, bars


def expected(case):
    from numba import cuda

    return down(three_passes(case, cuda.to_device))


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs a build of PyTorch for CUDA")
    return torch


@lstm
def test_tensors_in_and_out(case, torch):
    results = three_passes(case, lambda array: torch.tensor(array, device="cuda"))
    assert_same_bits(down(results), expected(case))
    y = torch.as_tensor(results[0], device="cuda")
    assert y.data_ptr() == results[0].__cuda_array_interface__["data"][0]
    assert_same_bits((y.cpu().numpy(),), down(results[:1]))


@lstm
def test_tensors_that_another_stream_still_computes(case, torch):
    def there(tree):
        return each(lambda array: torch.tensor(array, device="cuda"), np.ndarray, tree)

    cell, state, x = map(there, (case.cell, case.state, case.x))
    zeros = torch.zeros(4096, 4096, device="cuda")
    torch.cuda.synchronize()
    with torch.cuda.stream(torch.cuda.Stream()):
        late = zeros
        for _ in range(20):
            late = late @ zeros
        y = numbarnn.forward(cell, x + late[0, 0], state).y
    assert_same_bits(down((y,)), expected(case)[:1])


@lstm
def test_arrays_of_cupy(case):
    cupy = pytest.importorskip("cupy")
    results = three_passes(case, cupy.asarray)
    assert_same_bits(down(results), expected(case))
    assert cupy.asarray(results[0]).data.ptr == results[0].__cuda_array_interface__["data"][0]


@grid.over(cells=["gru", "projected_lstm"], specs=["equal_lengths", "small"])
def test_cublas(case, monkeypatch):
    pytest.importorskip("nvmath.bindings.cublas")
    from numbarnn.kernels.cuda import library

    monkeypatch.setattr(library, "CHOICE", "cublas")
    assert_three_passes(case)
