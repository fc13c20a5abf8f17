"""Matrix product of the register tile."""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cpu.compile import kernel
from numbarnn.kernels.cpu.simd import lanes
from numbarnn.kernels.cpu.tile import VECTORS, prepare, tile_from

PANEL_BYTES = 1 << 15  # a larger matrix is cut into panels of columns, of which more stays in the first cache


def product(a, b, bias=None):
    """Return `a @ b + bias` for `a (M, K)`, `b (K, N)` and `bias (N,)` of one float type, strided as they may be.

    Unlike a BLAS product's, each row's bits depend on that row of `a` alone, whatever the other rows and their number.
    """
    prepare(b.dtype)
    n_columns = b.shape[1]
    out = np.empty((len(a), n_columns + -n_columns % lanes(b)), b.dtype)
    multiply(np.ascontiguousarray(a), packed_panels(b, bias), out)
    return out if out.shape[1] == n_columns else np.ascontiguousarray(out[:, :n_columns])


def packed_panels(b, bias=None):
    """Return `b (K, N)` in panels of columns `(P, K + 1, span)`, filled up with zeros, and the bias as the last row."""
    n_padded = b.shape[1] + -b.shape[1] % lanes(b)
    return in_panels(b, bias, n_padded if b.nbytes <= PANEL_BYTES else min(n_padded, VECTORS * lanes(b)))


def in_panels(b, bias, span):
    """Return panels `(P, K + 1, span)` of the columns of `b (K, N)`, each with its part of the bias, or zero, below."""
    depth, n_columns = b.shape
    panels = np.zeros((-(-n_columns // (span or 1)), depth + 1, span), b.dtype)
    for p in range(len(panels)):
        first, last = p * span, min(p * span + span, n_columns)
        panels[p, :depth, : last - first] = b[:, first:last]
        if bias is not None:
            panels[p, depth, : last - first] = bias[first:last]
    return panels


# What NumPy does as well, packing for one, stays out of the kernel: a first fit would wait longer for it.
@kernel
def multiply(a, panels, out):
    """Set `out (M, N)`, N whole vectors, to `a (M, K)` times what panels `(P, K + 1, span)` hold, plus their last row.

    The columns of the result are those of the panels, one after the other.
    """
    n_rows, depth = a.shape
    for p in range(panels.shape[0]):
        for at in range(0, panels.shape[2], VECTORS * lanes(a)):
            column = p * panels.shape[2] + at
            left = (out.shape[1] - column) // lanes(a)
            vectors = left if left < VECTORS else VECTORS
            tile_from(out, (0, column), n_rows, vectors, panels, (p, depth, at), a, (0, 0), panels, (p, 0, at), depth)
