"""The dense layer ``z = features W + b`` of the last state (B, F), or of every step (T, B, F).

Products go through `numbarnn.kernels.cpu.product`, whose rows do not depend on one another to the bit. Steps past a
sequence's length, False in the mask `valid (T, B)`, have the output zero. Large products have kernels of their own,
which run on several threads and write and read rows of K numbers as they are; a first fit of a small network does
without compiling them. A row of outputs has the same bits either way.
"""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cpu.compile import inline, kernel
from numbarnn.kernels.cpu.product import in_panels, product
from numbarnn.kernels.cpu.simd import copy, lanes, load, store
from numbarnn.kernels.cpu.team import board_with, in_ranges
from numbarnn.kernels.cpu.threads import n_ranges, slice_bounds
from numbarnn.kernels.cpu.tile import VECTORS, prepare, tile_add_transposed, tile_from

LARGE = 2**24  # multiply-adds from which compiling more is worth it
BLOCK_ROWS = 96  # rows of a block, which stay in the cache between the products of the adjoint


def step_mask(n_steps, lengths):
    """Return the mask of the steps within their sequences, None if all are."""
    if lengths is None or (lengths.size and lengths.min() >= n_steps):
        return None
    return np.arange(n_steps)[:, np.newaxis] < lengths


def dense_forward(dense, features, valid, n_threads=1):
    """Return z (B, K) or (T, B, K)."""
    rows = _rows(features)
    if _is_large(dense, rows):
        z = np.empty((len(rows), dense.b.size), rows.dtype)
        _run_forward(rows, _panels(dense.W, dense.b), z, *_team(dense, rows, n_threads, 1))
    else:
        z = product(rows, dense.W, dense.b)
    z = z.reshape(*features.shape[:-1], dense.b.size)
    if valid is not None:
        z[~valid] = 0
    return z


def dense_tangent(dense, features, dense_dot, features_dot, valid):
    """Return z_dot for tangents of the weights (None: zero) and of the features."""
    z_dot = product(_rows(features_dot), dense.W)
    if dense_dot is not None:
        z_dot += product(_rows(features), dense_dot.W, dense_dot.b)
    z_dot = z_dot.reshape(*features.shape[:-1], dense.b.size)
    if valid is not None:
        z_dot[~valid] = 0
    return z_dot


def dense_adjoint(dense, features, z_bar, valid, n_threads=1):
    """Return the adjoint of the weights and features_bar."""
    # z[~valid] = 0
    if valid is not None:
        z_bar = z_bar.copy()
        z_bar[~valid] = 0
    rows, rows_bar = _rows(features), _rows(z_bar)
    if _is_large(dense, rows):
        dense_bar, features_bar = _large_adjoint(dense, rows, rows_bar, n_threads)
    else:
        # z = features @ W + b
        W_bar = product(rows_bar.T, rows).T  # transposed twice, but only what is narrow
        dense_bar = type(dense)(W_bar, b=np.add.reduce(rows_bar))
        features_bar = product(rows_bar, dense.W.T)
    return dense_bar, features_bar.reshape(features.shape)


def _large_adjoint(dense, rows, rows_bar, n_threads):
    """Return what `dense_adjoint` does, of rows; those of a slice are summed first, so that threads change no bits."""
    (n_features, n_outputs), dtype = dense.W.shape, rows.dtype
    bounds, ranges, board = _team(dense, rows, n_threads, 2)
    n_padded = n_outputs + -n_outputs % lanes(rows)
    W_bar = np.zeros((bounds.size - 1, n_features, n_padded), dtype)
    b_bar = np.zeros((bounds.size - 1, 1, n_padded), dtype)
    features_bar = np.empty(rows.shape, dtype)
    panels = _panels(dense.W.T, None)
    _run_adjoint(rows, np.ascontiguousarray(rows_bar), panels, W_bar, b_bar, features_bar, bounds, ranges, board)
    W_bar, b_bar = np.add.reduce(W_bar), np.add.reduce(b_bar)
    return type(dense)(W_bar[:, :n_outputs], b=b_bar[0, :n_outputs]), features_bar


@kernel
def _run_forward(rows, panels, z, bounds, n_ranges, board):
    """Set z to `rows W + b`; slices of rows are run in so many ranges, which helpers find on the board."""
    in_ranges(_forward, (rows, panels, z, bounds, n_ranges), n_ranges, board)


@inline
def _forward(operands, i):
    """Run range i."""
    rows, panels, z, bounds, n_ranges = operands
    n_slices = bounds.size - 1
    tile = np.empty((BLOCK_ROWS, VECTORS * lanes(z)), z.dtype)
    last = bounds[n_slices * (i + 1) // n_ranges]
    for row in range(bounds[n_slices * i // n_ranges], last, BLOCK_ROWS):
        _set_product(z, row, min(BLOCK_ROWS, last - row), rows, row, panels, tile)


@kernel
def _run_adjoint(rows, rows_bar, panels, W_bar, b_bar, features_bar, bounds, n_ranges, board):
    """Set `features_bar` and each slice's part of W_bar `(S, F, K')` and b_bar `(S, 1, K')`."""
    in_ranges(_adjoint, (rows, rows_bar, panels, W_bar, b_bar, features_bar, bounds, n_ranges), n_ranges, board)


@inline
def _adjoint(operands, i):
    """Run range i."""
    rows, rows_bar, panels, W_bar, b_bar, features_bar, bounds, n_ranges = operands
    n_slices, (_, n_features, n_padded), n_outputs = bounds.size - 1, W_bar.shape, rows_bar.shape[1]
    none, one, width = np.intp(0), np.intp(1), lanes(rows)
    tile = np.empty((BLOCK_ROWS, VECTORS * width), rows.dtype)
    ones = np.ones((BLOCK_ROWS, 1), rows.dtype)
    bars = np.zeros((BLOCK_ROWS, n_padded), rows.dtype)  # rows of whole vectors
    for s in range(n_slices * i // n_ranges, n_slices * (i + 1) // n_ranges):
        for row in range(bounds[s], bounds[s + 1], BLOCK_ROWS):
            n_rows = min(BLOCK_ROWS, bounds[s + 1] - row)
            for r in range(n_rows):
                copy(bars, (r, 0), rows_bar, (row + r, 0), n_outputs)
            # z = features @ W + b
            _set_product(features_bar, row, n_rows, bars, none, panels, tile)
            for v in range(0, n_padded // width, VECTORS):
                n, at, bars_at = min(VECTORS, n_padded // width - v), (s, none, v * width), (none, v * width)
                tile_add_transposed(W_bar, at, n_features, n, rows, (row, none), bars, bars_at, n_rows)
                tile_add_transposed(b_bar, at, one, n, ones, (none, none), bars, bars_at, n_rows)


@inline
def _set_product(out, row, n_rows, a, a_row, panels, tile):
    """Set rows of `out`, from `row` on, to those of `a`, from `a_row` on, times what `panels` hold of `in_panels`."""
    depth, width, none = panels.shape[1] - 1, lanes(out), np.intp(0)
    for p in range(panels.shape[0]):
        left = out.shape[1] - p * panels.shape[2]
        n, bias = min(VECTORS, (left + width - 1) // width), (p, depth, none)
        if n * width <= left:
            column = out.shape[1] - left
            tile_from(out, (row, column), n_rows, n, panels, bias, a, (a_row, none), panels, (p, none, none), depth)
            continue
        # The last vector would reach into the next row.
        tile_from(tile, (none, none), n_rows, n, panels, bias, a, (a_row, none), panels, (p, none, none), depth)
        for r in range(n_rows):
            for j in range(0, n * width, width):
                store(out, (row + r, out.shape[1] - left + j), left - j, load(tile, (r, j), width))


def _is_large(dense, rows):
    return len(rows) * dense.W.size >= LARGE


def _panels(W, b):
    prepare(W.dtype)
    return in_panels(W, b, VECTORS * lanes(W))


def _team(dense, rows, n_threads, n_products):
    """Return the bounds of slices of the rows, in how many ranges they are run, and the board for helpers."""
    bounds = slice_bounds(len(rows))
    ranges = n_ranges(bounds.size - 1, n_threads, n_products * len(rows) * dense.W.size)
    return bounds, ranges, board_with(ranges - 1)


def _rows(x):
    return x.reshape(-1, x.shape[-1])
