"""Products by cuBLAS, replaced by a fake that multiplies the matrices at the addresses that it gets."""

from __future__ import annotations

import ctypes
import os
import sys
from enum import IntEnum

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from numpy.testing import assert_allclose

import numbarnn
from tests import grid
from tests.cuda.device import assert_three_passes, needs_device, up
from tests.cuda.test_product import SIZES

pytestmark = [
    *needs_device,
    pytest.mark.skipif(
        os.environ.get("NUMBA_ENABLE_CUDASIM", "0") in ("", "0"), reason="pretends that NumPy's memory is a GPU's"
    ),
]


class Cublas:
    """The part of nvmath.bindings.cublas that `numbarnn.kernels.cuda.library` uses."""

    Operation = IntEnum("Operation", {"N": 0, "T": 1})
    Math = IntEnum("Math", {"DEFAULT_MATH": 0, "TF32_TENSOR_OP_MATH": 3})

    def __init__(self):
        self.modes, self.streams, self.n_products = [], [], 0

    def create(self):
        return 7

    def set_math_mode(self, handle, mode):
        assert handle == 7
        self.modes.append(mode)

    def set_stream(self, handle, stream):
        assert handle == 7
        self.streams.append(stream)

    def sgemm_64(self, *arguments):
        self.gemm(np.dtype("float32"), *arguments)

    def dgemm_64(self, *arguments):
        self.gemm(np.dtype("float64"), *arguments)

    def gemm(self, dtype, handle, of_a, of_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        def matrix(at, rows, columns, step):
            """Return the matrix whose columns begin `step` numbers apart."""
            assert step >= rows
            size = ((columns - 1) * step + rows) * dtype.itemsize
            flat = np.frombuffer((ctypes.c_char * size).from_address(at), dtype)
            return as_strided(flat, (rows, columns), (dtype.itemsize, step * dtype.itemsize), writeable=True)

        assert handle == 7
        self.n_products += 1
        alpha, beta = (matrix(factor, 1, 1, 1)[0, 0] for factor in (alpha, beta))
        A = matrix(a, k, m, lda).T if of_a else matrix(a, m, k, lda)
        B = matrix(b, n, k, ldb).T if of_b else matrix(b, k, n, ldb)
        C = matrix(c, m, n, ldc)
        C[:] = alpha * (A @ B) + (beta * C if beta else 0)


@pytest.fixture
def cublas(monkeypatch):
    from numbarnn.kernels.cuda import library

    fake = Cublas()
    library._handle.cache_clear()
    monkeypatch.setattr(library, "CHOICE", "cublas")
    monkeypatch.setattr(library, "_cublas", lambda: fake)
    yield fake
    library._handle.cache_clear()


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products(size, dtype, cublas):
    from numbarnn.kernels.cuda.packing import valid_mask
    from numbarnn.kernels.cuda.product import add_product, set_product_over_rows

    rows, columns, depth = size
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.normal(size=shape).astype(dtype)

    def all_of(rows):
        return valid_mask(up(np.array([rows], np.intp)), rows)

    atol = 1e-5 if dtype == "float32" else 1e-13
    out, a, b = draw(rows + 2, columns + 3), draw(rows + 1, depth + 2), draw(depth + 3, columns + 1)
    expected = out.copy()
    expected[2:, 3:] += a[1:, 2:] @ b[3:, 1:]
    result = up(out)
    add_product(result, (2, 3), up(a), (1, 2), up(b), (3, 1), size, all_of(rows))
    assert_allclose(result.copy_to_host(), expected, rtol=0, atol=atol)

    out, a = np.full((rows, columns + 3), np.nan, dtype), draw(depth + 1, rows + 2)
    expected = out.copy()
    expected[:, 2:-1] = a[1:, 2:].T @ b[3:, 1:]
    result = up(out)
    set_product_over_rows(result, 2, up(a), (1, 2), up(b), (3, 1), size, all_of(depth), None)
    assert_allclose(result.copy_to_host(), expected, rtol=0, atol=atol)
    assert cublas.n_products == 2


@pytest.mark.parametrize("spec", ["tiny", "tiny and ragged"])
@pytest.mark.parametrize("name", ["gru", "gru_reset_before", "projected_lstm"])
def test_three_passes(name, spec, cublas, monkeypatch):
    monkeypatch.setitem(grid.SPECS, spec, grid.Spec(3, 4, 2, 3, ragged="ragged" in spec))
    case = grid.Case(name, spec, "float64")
    assert_three_passes(case)
    assert (cublas.n_products > 0) == (spec == "tiny")


@pytest.mark.parametrize(("choice", "mode"), [("cublas", "DEFAULT_MATH"), ("cublas-tf32", "TF32_TENSOR_OP_MATH")])
def test_one_handle_in_the_selected_mode(cublas, choice, mode, monkeypatch):
    from numbarnn.kernels.cuda import library

    monkeypatch.setattr(library, "CHOICE", choice)
    cell, x = up(numbarnn.Elman.init(2, 3, random_state=0)), up(np.ones((2, 2, 2), np.float32))
    for _ in range(2):
        numbarnn.forward(cell, x)
    assert cublas.n_products == 2
    assert cublas.modes == [cublas.Math[mode]]
    assert cublas.streams == [1]


def test_cublas_is_not_the_default(cublas, monkeypatch):
    from numbarnn.kernels.cuda import library

    monkeypatch.setattr(library, "CHOICE", "own")
    numbarnn.forward(up(numbarnn.Elman.init(2, 3)), up(np.ones((2, 2, 2), np.float32)))
    assert cublas.n_products == 0


def test_without_the_library(monkeypatch):
    from numbarnn.kernels.cuda import library

    monkeypatch.setattr(library, "CHOICE", "cublas")
    monkeypatch.setitem(sys.modules, "nvmath.bindings", None)
    with pytest.raises(ImportError, match=r"NUMBARNN_CUDA_PRODUCTS=cublas needs nvmath-python"):
        numbarnn.forward(up(numbarnn.Elman.init(2, 3)), up(np.ones((2, 2, 2), np.float32)))
