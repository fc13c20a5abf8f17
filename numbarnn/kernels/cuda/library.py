"""Products of all time steps at once by cuBLAS, through NVIDIA's nvmath-python.

The environment variable `NUMBARNN_CUDA_PRODUCTS` selects them: `cublas`, or `cublas-tf32`, which allows TF32 (ten bits
of each factor). cuBLAS reads all rows, so it computes only the products of passes in which no sequence ends before T;
`product.py` computes the others. Its order of summation depends on the shapes and on the device, so it is never the
default.
"""

from __future__ import annotations

import os
from functools import cache
from threading import get_ident
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from numbarnn.kernels.cuda.dlpack import STREAM
from numbarnn.kernels.cuda.shim import address, current_device

CHOICES = ("own", "cublas", "cublas-tf32")
CHOICE = os.environ.get("NUMBARNN_CUDA_PRODUCTS", "own")
if CHOICE not in CHOICES:
    raise ValueError(f"NUMBARNN_CUDA_PRODUCTS must be one of {', '.join(CHOICES)}, got {CHOICE!r}")

# Masks without a zero, by their id, since arrays of the simulator cannot be hashed.
_whole: WeakValueDictionary[int, Any] = WeakValueDictionary()


def note(valid: Any, lengths: Any, n_steps: int) -> None:
    """Remember a mask for `takes` if cuBLAS is selected and no sequence ends early; the lengths are on the device."""
    if CHOICE != "own" and np.all(lengths.copy_to_host() == n_steps):
        _whole[id(valid)] = valid


def takes(valid: Any) -> bool:
    """Return whether cuBLAS computes a product over the rows of this mask."""
    return id(valid) in _whole


def add_product(out, out_at, a, a_at, b, b_at, size):
    """Add `a @ b` to `out`, as `numbarnn.kernels.cuda.product.add_product` does for valid rows."""
    _gemm("N", out, out_at, a, a_at, b, b_at, size, 1)


def set_product_over_rows(out, column, a, a_at, b, b_at, size):
    """Set columns of `out` to `a.T @ b`, as `numbarnn.kernels.cuda.product.set_product_over_rows` does."""
    _gemm("T", out, (0, column), a, a_at, b, b_at, size, 0)


def _gemm(operation, out, out_at, a, a_at, b, b_at, size, beta):
    """Set `out` to `op(a) @ b + beta * out`.

    BLAS stores matrices by columns, so each matrix is its transpose there: `out.T = b.T @ op(a).T + beta * out.T`.
    """
    rows, columns, depth = size
    cublas = _cublas()
    gemm = cublas.sgemm_64 if out.dtype == np.float32 else cublas.dgemm_64
    one, factor = np.array(1, out.dtype), np.array(beta, out.dtype)
    gemm(
        _handle(get_ident(), current_device()),
        cublas.Operation.N,
        cublas.Operation[operation],
        columns,
        rows,
        depth,
        one.ctypes.data,
        _address(b, b_at),
        b.shape[1],
        _address(a, a_at),
        a.shape[1],
        factor.ctypes.data,
        _address(out, out_at),
        out.shape[1],
    )


def _address(matrix, at):
    return address(matrix) + (at[0] * matrix.shape[1] + at[1]) * matrix.dtype.itemsize


@cache
def _handle(thread: int, device: int) -> int:
    """Return cuBLAS's handle for a thread and a device; two threads must not use one handle at the same time."""
    cublas = _cublas()
    handle = cublas.create()
    cublas.set_stream(handle, STREAM)
    cublas.set_math_mode(handle, cublas.Math.TF32_TENSOR_OP_MATH if "tf32" in CHOICE else cublas.Math.DEFAULT_MATH)
    return handle


def _cublas() -> Any:
    try:
        from nvmath.bindings import cublas  # noqa: PLC0415  (an extra)
    except ImportError as error:
        needed = 'nvmath-python: python -m pip install "numbarnn[cublas]"'
        raise ImportError(f"NUMBARNN_CUDA_PRODUCTS={CHOICE} needs {needed}") from error
    return cublas
