"""The dense layer ``z = features W + b`` of vectors (B, F), or of every time step (T, B, F).

Steps past the end of a sequence, where the mask `valid (T * B,)` is zero, are not read, and their outputs are zero. A
mask of None means that all rows are valid.
"""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cuda.compile import kernel
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.packing import fill, matrix, pack_blocks, valid_mask, zeros_like
from numbarnn.kernels.cuda.product import add_product, parts_size, set_product_over_rows
from numbarnn.kernels.cuda.shim import cuda, empty


def step_mask(n_steps, lengths):
    """Return the mask of the steps within their sequences, None if all are."""
    return None if lengths is None else valid_mask(lengths, n_steps)


def dense_forward(dense, features, valid, n_threads=1):
    """Return z (B, K) or (T, B, K)."""
    rows, valid = _rows(features, valid)
    z = empty((rows.shape[0], dense.b.size), features.dtype)
    _start(z, dense.b, valid)
    _add(z, rows, dense.W, valid)
    return _shaped(z, features)


def dense_tangent(dense, features, dense_dot, features_dot, valid):
    """Return z_dot for tangents of the weights and of the features; None is zero."""
    rows, valid = _rows(features, valid)
    z_dot = empty((rows.shape[0], dense.b.size), features.dtype)
    _start(z_dot, zeros_like(dense.b) if dense_dot is None else dense_dot.b, valid)
    if features_dot is not None:
        _add(z_dot, _rows(features_dot, valid)[0], dense.W, valid)
    if dense_dot is not None:
        _add(z_dot, rows, dense_dot.W, valid)
    return _shaped(z_dot, features)


def dense_adjoint(dense, features, z_bar, valid, n_threads=1):
    """Return the adjoint of the weights and features_bar."""
    (n_features, n_outputs), dtype = dense.W.shape, features.dtype
    rows, valid = _rows(features, valid)
    rows_bar, depth, at = matrix(z_bar, n_outputs), rows.shape[0], (0, 0)
    # z = features W + b
    W_bar, b_bar, ones = (empty(shape, dtype) for shape in (dense.W.shape, dense.b.shape, (depth, 1)))
    parts = empty((max(1, parts_size(n_features * n_outputs, depth)),), dtype)
    fill(ones, 1)
    for bar, factor in ((W_bar, rows), (matrix(b_bar, n_outputs), ones)):
        shape = factor.shape[1], n_outputs, depth
        set_product_over_rows(bar, 0, factor, at, rows_bar, at, shape, valid, parts)
    transposed = empty((n_outputs, n_features), dtype)
    pack_blocks(dense.W, n_outputs, [0], transposed.reshape(transposed.size), 0, transposed=True)
    features_bar = zeros_like(features)
    _add(matrix(features_bar, n_features), rows_bar, transposed, valid)
    return type(dense)(W_bar, b_bar), features_bar


def _rows(x, valid):
    """Return x as rows, and the mask of the valid ones."""
    rows = matrix(x, x.shape[x.ndim - 1])
    if valid is None:
        valid = empty((rows.shape[0],), np.int8)
        fill(valid, 1)
    return rows, valid


def _shaped(z, features):
    return z.reshape(*features.shape[: features.ndim - 1], z.shape[1])


def _add(out, rows, weights, valid):
    add_product(out, (0, 0), rows, (0, 0), weights, (0, 0), (out.shape[0], *reversed(weights.shape)), valid)


def _start(z, b, valid):
    if z.size:
        _start_rows[over(z.size)](z, b, valid)


@kernel
def _start_rows(z, b, valid):
    """Set the valid rows to b, the others to zero."""
    for k in range(cuda.grid(1), z.size, cuda.gridsize(1)):
        row, column = k // z.shape[1], k % z.shape[1]
        if valid[row] != 0:
            z[row, column] = b[column]
        else:
            z[row, column] = 0
