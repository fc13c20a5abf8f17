"""Weights in the order in which the register tile reads them, and gradients back in their own.

The columns of a matrix of G gates by H units go into panels of `VECTORS` vectors: `VECTORS // G` blocks of units side
by side, each block with all its gates, so that one tile holds all that the step of its units needs. With more gates
than `VECTORS` a panel is one block of G vectors, for several tiles. The rows of W, those of R, and b come one below the
other. Columns beyond the last unit, as far as its vectors reach, and those of gates that a matrix has no part in are
zero; the last panel's other vectors are never read. A panel of blocks of one gate packs a plain matrix: `PLAIN`.

A `panel` is a tuple: the gates of a block, the blocks of a panel, and its vectors.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from numbarnn.cells.form import form_of, n_memory
from numbarnn.cells.numbers import zero
from numbarnn.kernels.cpu.compile import inline, kernel
from numbarnn.kernels.cpu.rows import centre, centred
from numbarnn.kernels.cpu.simd import lanes, load, store, store_down
from numbarnn.kernels.cpu.tile import VECTORS
from numbarnn.kernels.cpu.units import bias_blocks, input_blocks, panel, panel_of, recurrent_blocks
from numbarnn.kernels.cpu.variants import by_form

# Literals would have what they are passed to compiled once more.
PLAIN = (np.intp(1), np.intp(VECTORS), np.intp(VECTORS))
ONE_SPAN = ((np.intp(0), np.intp(VECTORS)),)
ONE_BLOCK = (np.intp(0),)
CACHE_LINE = 64  # bytes


class Sizes(NamedTuple):
    """Sizes of the arrays of a pass, apart from the numbers of steps and of sequences.

    Attributes
    ----------
    n_units, n_outputs : int
    n_memory : int
        How many numbers of a unit are the state without h; see `n_memory`.
    units : tuple of int
        Shape of the parameters of the units, from `unit_parameters`.
    packed : tuple of int
        Shape of the packed W, R and b, or of their gradient: `(P, I + N + 1, vectors * lanes)`.
    projection : tuple of int
        As `packed`, of P and its bias: `(Q, H + 1, VECTORS * lanes)`; empty without a projection.
    buffer : int
        How many numbers hold packed weights that are to be aligned, wherever their memory begins.
    """

    n_units: int
    n_outputs: int
    n_memory: int
    units: tuple[int, int]
    packed: tuple[int, int, int]
    projection: tuple[int, int, int]
    buffer: int


def sizes_of(cell):
    """Return the sizes for a cell."""
    return _sizes(type(cell), cell.W.shape[0], cell.R.shape[0], cell.b.size // cell.n_gates, cell.R.dtype)


@lru_cache(1024)
def _sizes(cell_class, n_inputs, n_outputs, n_units, dtype):
    form, (_, blocks, vectors) = form_of(cell_class), panel_of(cell_class)
    shapes = form.shapes(n_inputs, n_outputs, n_units)
    units = sum(prod(shapes[field]) for field in form.by_unit) // n_units, n_units
    packed = -(-n_units // (blocks * lanes(dtype))), n_inputs + n_outputs + 1, vectors * lanes(dtype)
    span = VECTORS * lanes(dtype)
    projection = (-(-n_outputs // span), n_units + 1, span) if form.projection else (0, 0, span)
    buffer = prod(packed) + CACHE_LINE // dtype.itemsize
    return Sizes(n_units, n_outputs, n_memory(cell_class), units, packed, projection, buffer)


@inline
def panel_units(array, panel):
    """Return how many units' columns a panel has."""
    return panel[1] * lanes(array)


@inline
def n_panels(array, n_units, panel):
    """Return how many panels the columns of `n_units` units make."""
    width = panel_units(array, panel)
    return (n_units + width - 1) // width


@inline
def panel_vectors(array, p, n_units, panel):
    """Return how many vectors of panel p are in use."""
    left = (n_units - p * panel_units(array, panel) + lanes(array) - 1) // lanes(array)
    return panel[0] * (left if left < panel[1] else panel[1])


@inline
def pack(matrix, n_units, panel, blocks, panels, first):
    """Write `matrix (K, n_blocks * H)` into rows `first ..` of `panels (P, .., vectors * lanes)`.

    `blocks` says which block of columns goes to each vector of a block of units, -1 where none does.
    """
    width = lanes(matrix)
    for p in range(panels.shape[0]):
        for v in range(panel_vectors(matrix, p, n_units, panel)):
            unit = p * panel_units(matrix, panel) + v // panel[0] * width
            block = blocks[v % panel[0]]
            column = block * n_units + unit if block >= 0 else unit
            for k in range(matrix.shape[0]):
                values = load(matrix, (k, column), n_units - unit)
                store(panels, (p, first + k, v * width), width, values if block >= 0 else zero(values))


@inline
def pack_transposed(matrix, n_units, panel, blocks):
    """Return `matrix.T` of `matrix (N, n_blocks * H)` in panels of N columns `(Q, K, VECTORS * lanes)`.

    Its rows follow the columns that `pack` makes; those beyond the last unit, and of no block, are zero, too. So are
    the columns that fill up the last vector: denormal numbers, which unused memory may hold, would be slow to multiply.
    """
    n_columns, width = matrix.shape[0], lanes(matrix)
    span, panel_depth = VECTORS * width, panel[2] * width
    depth = n_panels(matrix, n_units, panel) * panel_depth
    panels = np.empty((n_panels(matrix, n_columns, PLAIN), depth, span), matrix.dtype)
    for q in range(panels.shape[0]):
        for j in range(panel_vectors(matrix, q, n_columns, PLAIN) * width):
            n = q * span + j
            for p in range(depth // panel_depth):
                for v in range(panel_vectors(matrix, p, n_units, panel)):
                    unit = p * panel_units(matrix, panel) + v // panel[0] * width
                    block = blocks[v % panel[0]]
                    count = n_units - unit if n < n_columns and block >= 0 else np.intp(0)
                    values = load(matrix, (n, block * n_units + unit), count)
                    store_down(panels, (q, p * panel_depth + v * width, j), values)
    return panels


@inline
def unpack(panels, first, matrix, n_units, panel, blocks):
    """Set `matrix (N, n_blocks * H)` to rows `first ..` of `panels (S, P, K, vectors * lanes)`, summed over S."""
    width = lanes(matrix)
    for p in range(panels.shape[1]):
        for v in range(panel_vectors(matrix, p, n_units, panel)):
            unit = p * panel_units(matrix, panel) + v // panel[0] * width
            block = blocks[v % panel[0]]
            if block < 0:
                continue
            for k in range(matrix.shape[0]):
                total = load(panels, (0, p, first + k, v * width), width)
                for s in range(1, panels.shape[0]):
                    total = total + load(panels, (s, p, first + k, v * width), width)
                store(matrix, (k, block * n_units + unit), n_units - unit, total)


@inline
def aligned(cell, buffer):
    """Return the part of a buffer that holds a cell's packed weights `(P, I + N + 1, vectors * lanes)`.

    It begins on a cache line: a vector of 512 bits that crosses from one line to the next is loaded twice, a third more
    time for single sequences, whose weights are loaded for one row at a time.
    """
    first = -buffer.ctypes.data % CACHE_LINE // buffer.itemsize
    n_panels_of_cell = n_panels(buffer, cell.b.size // panel(cell)[0], panel(cell))
    n_rows, span = cell.W.shape[0] + cell.R.shape[0] + 1, panel(cell)[2] * lanes(buffer)
    return buffer[first : first + n_panels_of_cell * n_rows * span].reshape(n_panels_of_cell, n_rows, span)


@inline
def pack_weights(cell, packed):
    """Pack a cell's W, R and b for its steps; W and R are centred where their products are normalised."""
    n_inputs, n_outputs, size = cell.W.shape[0], cell.R.shape[0], cell.b.size // panel(cell)[0]
    pack(_multiplied(cell, cell.W), size, panel(cell), input_blocks(cell), packed, np.intp(0))
    pack(_multiplied(cell, cell.R), size, panel(cell), recurrent_blocks(cell), packed, n_inputs)
    pack(cell.b.reshape(1, -1), size, panel(cell), bias_blocks(cell), packed, n_inputs + n_outputs)


@kernel
def pack_cell(cell, buffer):
    """Return a cell's packed weights, in a buffer of `sizes_of(cell).buffer` numbers."""
    packed = aligned(cell, buffer)
    pack_weights(cell, packed)
    return packed


@inline
def unpack_weights(gradients, projection_bar, cell_bar):
    """Fill a cell's matrices and b from the slices' packed gradients `(S, P, I + N + 1, vectors * lanes)`."""
    n_inputs, n_outputs, size = cell_bar.W.shape[0], cell_bar.R.shape[0], cell_bar.b.size // panel(cell_bar)[0]
    unpack(gradients, np.intp(0), cell_bar.W, size, panel(cell_bar), input_blocks(cell_bar))
    unpack(gradients, n_inputs, cell_bar.R, size, panel(cell_bar), recurrent_blocks(cell_bar))
    b_bar = cell_bar.b.reshape(1, cell_bar.b.size)
    unpack(gradients, n_inputs + n_outputs, b_bar, size, panel(cell_bar), bias_blocks(cell_bar))
    _unpack_projection(cell_bar, projection_bar)
    _finish_gradient(cell_bar)


@inline
def _unchanged(cell, matrix):
    return matrix


@inline
def _centred(cell, matrix):
    return centred(matrix)


@by_form(lambda form: _centred if form.normalisation else _unchanged)
def _multiplied(cell, matrix):
    """Return W or R as the inputs or h are multiplied by it: centred where the product is normalised."""


@inline
def _centre_gradient(cell_bar):
    centre(cell_bar.W)
    centre(cell_bar.R)


@inline
def _keep_gradient(cell_bar):
    pass


@by_form(lambda form: _centre_gradient if form.normalisation else _keep_gradient)
def _finish_gradient(cell_bar):
    """Reverse the centring of W and R, if there was any."""


@inline
def _pack_without_bias(cell, like):
    size, n_outputs = cell.P.shape
    panels = np.zeros((n_panels(like, n_outputs, PLAIN), size + 1, VECTORS * lanes(like)), like.dtype)
    pack(cell.P, n_outputs, PLAIN, ONE_BLOCK, panels, np.intp(0))
    return panels


@inline
def _pack_with_bias(cell, like):
    panels = _pack_without_bias(cell, like)
    pack(cell.b_P.reshape(1, -1), cell.b_P.size, PLAIN, ONE_BLOCK, panels, cell.P.shape[0])
    return panels


@inline
def _pack_none(cell, like):
    return np.empty((0, 0, 0), like.dtype)


@by_form(lambda form: (_pack_none, _pack_without_bias, _pack_with_bias)[len(form.projection)])
def pack_projection(cell, like):
    """Return P, and below it its bias or zero, in panels `(Q, H + 1, VECTORS * lanes)`; empty without a projection."""


@inline
def _unpack_without_bias(cell_bar, projection_bar):
    unpack(projection_bar, np.intp(0), cell_bar.P, cell_bar.P.shape[1], PLAIN, ONE_BLOCK)


@inline
def _unpack_with_bias(cell_bar, projection_bar):
    _unpack_without_bias(cell_bar, projection_bar)
    b_bar = cell_bar.b_P.reshape(1, cell_bar.b_P.size)
    unpack(projection_bar, cell_bar.P.shape[0], b_bar, cell_bar.b_P.size, PLAIN, ONE_BLOCK)


@inline
def _unpack_none(cell_bar, projection_bar):
    pass


@by_form(lambda form: (_unpack_none, _unpack_without_bias, _unpack_with_bias)[len(form.projection)])
def _unpack_projection(cell_bar, projection_bar):
    """Set P, and its bias if there is one, of a cell's adjoint."""
