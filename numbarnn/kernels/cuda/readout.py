"""The dense readout ``z = features W + b`` of the last state (B, F), or of every step (T, B, F).

Steps past a sequence's length, zero in `running (T * B,)`, have the output zero and are not read. Of last states
(`running` of None) all rows count.
"""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cuda.compile import kernel
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.packing import fill, matrix, pack_blocks, steps_running, zeros_like
from numbarnn.kernels.cuda.product import add_product, parts_size, set_product_over_rows
from numbarnn.kernels.cuda.shim import cuda, empty


def past_ends(n_steps, lengths):
    """Return which steps are within their sequences."""
    return steps_running(lengths, n_steps)


def forward(readout, features, running):
    """Return z (B, K) or (T, B, K)."""
    rows, running = _rows(features, running)
    z = empty((rows.shape[0], readout.b.size), features.dtype)
    _start(z, readout.b, running)
    _add(z, rows, readout.W, running)
    return _shaped(z, features)


def tangent(readout, features, readout_dot, features_dot, running):
    """Return z_dot for tangents of the readout (None: zero) and of the features."""
    rows_dot, running = _rows(features_dot, running)
    z_dot = empty((rows_dot.shape[0], readout.b.size), features.dtype)
    _start(z_dot, zeros_like(readout.b) if readout_dot is None else readout_dot.b, running)
    _add(z_dot, rows_dot, readout.W, running)
    if readout_dot is not None:
        _add(z_dot, _rows(features, running)[0], readout_dot.W, running)
    return _shaped(z_dot, features)


def adjoint(readout, features, z_bar, running):
    """Return the readout's adjoint and features_bar."""
    (n_features, n_outputs), dtype = readout.W.shape, features.dtype
    rows, running = _rows(features, running)
    rows_bar, depth, at = matrix(z_bar, n_outputs), rows.shape[0], (0, 0)
    # z = features W + b
    W_bar, b_bar, ones = (empty(shape, dtype) for shape in (readout.W.shape, readout.b.shape, (depth, 1)))
    room = empty((max(1, parts_size(n_features * n_outputs, depth)),), dtype)
    fill(ones, 1)
    for bar, factor in ((W_bar, rows), (matrix(b_bar, n_outputs), ones)):
        shape = factor.shape[1], n_outputs, depth
        set_product_over_rows(bar, 0, factor, at, rows_bar, at, shape, running, room)
    transposed = empty((n_outputs, n_features), dtype)
    pack_blocks(readout.W, n_outputs, [0], transposed.reshape(transposed.size), 0, transposed=True)
    features_bar = zeros_like(features)
    _add(matrix(features_bar, n_features), rows_bar, transposed, running)
    return type(readout)(W_bar, b_bar), features_bar


def _rows(x, running):
    """Return x as rows, and which of them count."""
    rows = matrix(x, x.shape[x.ndim - 1])
    if running is None:
        running = empty((rows.shape[0],), np.int8)
        fill(running, 1)
    return rows, running


def _shaped(z, features):
    return z.reshape(*features.shape[: features.ndim - 1], z.shape[1])


def _add(out, rows, weights, running):
    add_product(out, (0, 0), rows, (0, 0), weights, (0, 0), (out.shape[0], *reversed(weights.shape)), running)


def _start(z, b, running):
    if z.size:
        _start_rows[over(z.size)](z, b, running)


@kernel
def _start_rows(z, b, running):
    """Set the rows that count to b, the others to zero."""
    for k in range(cuda.grid(1), z.size, cuda.gridsize(1)):
        row, column = k // z.shape[1], k % z.shape[1]
        if running[row] != 0:
            z[row, column] = b[column]
        else:
            z[row, column] = 0
