"""Products of centred weights in panels, and their scale, for the loops over time of cells with normalisation.

See `numbarnn.cells.normalisation`. Sums over a row run over the units in their order, gate after gate, and over the
lanes last; so a row's bits depend on nothing but the row.
"""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.packing import panel_units, panel_vectors
from numbarnn.kernels.cpu.rows import take_roots
from numbarnn.kernels.cpu.simd import lanes, spread, store
from numbarnn.kernels.cpu.tile import VECTORS, tile_add, tile_from
from numbarnn.kernels.cpu.units import add_products, all_spans, load_gates, no_gates, panel, total


@inline
def place(cell, panels, row, unit):
    """Return where in panels the gates of the units of a vector are."""
    p = unit // panel_units(panels, panel(cell))
    return p, row, (unit - p * panel_units(panels, panel(cell))) * panel(cell)[0]


@inline
def scales_of_products(cell, z, n_units, n_rows, scales):
    """Set `scales` to the reciprocal deviations of the first rows of a centred product."""
    share = spread(z, 1 / (panel(cell)[0] * n_units))
    for row in range(n_rows):
        squares = no_gates(cell, z)
        for unit in range(0, n_units, lanes(z)):
            values = load_gates(cell, z, place(cell, z, row, unit))
            squares = add_products(squares, values, values)
        store(scales, (row,), 1, total(squares) * share)
    take_roots(scales, np.intp(0), n_rows)


@inline
def set_product(cell, z, z_row, n_rows, inputs, row, weights, first, depth, n_units):
    """Set `n_rows` rows of z, in panels, to rows of `inputs (.., depth)` times rows `first ..` of packed weights."""
    nothing, width = np.zeros((1, VECTORS * lanes(z)), z.dtype), lanes(z)
    for p in range(z.shape[0]):
        vectors = panel_vectors(z, p, n_units, panel(cell))
        for v, size in all_spans(cell):
            at, w_at, n = (p, z_row, v * width), (p, first, v * width), min(size, vectors - v)
            tile_from(z, at, n_rows, n, nothing, (0, 0), inputs, (row, 0), weights, w_at, depth)


@inline
def add_product(cell, z, n_rows, inputs, row, weights, first, depth, n_units):
    """Add the product that `set_product` would set to the first rows of z."""
    width = lanes(z)
    for p in range(z.shape[0]):
        vectors = panel_vectors(z, p, n_units, panel(cell))
        for v, size in all_spans(cell):
            at, w_at, n = (p, 0, v * width), (p, first, v * width), min(size, vectors - v)
            tile_add(z, at, n_rows, n, inputs, (row, 0), weights, w_at, depth)
