"""Matrix product of the register tile."""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cpu.compile import kernel
from numbarnn.kernels.cpu.packing import ONE_BLOCK, PLAIN, n_panels, pack, panel_vectors
from numbarnn.kernels.cpu.simd import lanes, load, store
from numbarnn.kernels.cpu.tile import VECTORS, prepare, tile_from

BLOCK_ROWS = 48  # of the result, whose panel stays in the first cache


def product(a, b, bias=None):
    """Return `a @ b + bias` for `a (M, K)`, `b (K, N)` and `bias (N,)` of one float type, strided as they may be.

    Unlike a BLAS product's, each row's bits depend on that row of `a` alone, whatever the other rows and their number.
    """
    prepare(b.dtype)
    bias = np.zeros(b.shape[1], b.dtype) if bias is None else bias
    out = np.empty((a.shape[0], b.shape[1]), b.dtype)
    _product(np.ascontiguousarray(a), np.ascontiguousarray(b), np.ascontiguousarray(bias), out)
    return out


@kernel
def _product(a, b, bias, out):
    rows, (depth, columns) = a.shape[0], b.shape
    width = lanes(a)
    span = VECTORS * width
    panels = np.empty((n_panels(b, columns, PLAIN), depth + 1, span), b.dtype)
    pack(b, columns, PLAIN, ONE_BLOCK, panels, np.intp(0))
    pack(bias.reshape(1, columns), columns, PLAIN, ONE_BLOCK, panels, depth)
    tile = np.empty((BLOCK_ROWS, span), a.dtype)
    for p in range(panels.shape[0]):
        vectors = panel_vectors(b, p, columns, PLAIN)
        for first in range(0, rows, BLOCK_ROWS):
            n = min(BLOCK_ROWS, rows - first)
            tile_from(tile, (0, 0), n, vectors, panels, (p, depth, 0), a, (first, 0), panels, (p, 0, 0), depth)
            for r in range(n):
                for v in range(vectors):
                    column = p * span + v * width
                    store(out, (first + r, column), columns - column, load(tile, (r, v * width), width))
