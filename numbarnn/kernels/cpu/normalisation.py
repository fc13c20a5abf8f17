"""What the loops over time of cells with normalisation share: products of centred weights in panels, and their scale.

See `numbarnn.cells.normalisation`. Sums over a row run over the units in their order, gate beside gate, and over the
lanes last; so a row's bits depend on nothing but the row.
"""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.packing import panel_units, panel_vectors
from numbarnn.kernels.cpu.rows import take_roots
from numbarnn.kernels.cpu.simd import lanes, spread, store
from numbarnn.kernels.cpu.tile import VECTORS, n_tiles, split, tile_add, tile_from
from numbarnn.kernels.cpu.units import add_products, load_gates, no_gates, panel, total


@inline
def place(cell, panels, row, unit):
    """Return where in panels the gates of the units of a vector stand."""
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
    nothing = np.zeros((1, VECTORS * lanes(z)), z.dtype)
    tiles = n_tiles(n_rows)
    for p in range(z.shape[0]):
        vectors = panel_vectors(z, p, n_units, panel(cell))
        for i in range(tiles):
            part = split(n_rows, i, tiles)
            rows = split(n_rows, i + 1, tiles) - part
            at, a_at, w_at = (p, z_row + part, 0), (row + part, 0), (p, first, 0)
            tile_from(z, at, rows, vectors, nothing, (0, 0), inputs, a_at, weights, w_at, depth)


@inline
def add_product(cell, z, n_rows, inputs, row, weights, first, depth, n_units):
    """Add the product that `set_product` would set to the first rows of z."""
    tiles = n_tiles(n_rows)
    for p in range(z.shape[0]):
        vectors = panel_vectors(z, p, n_units, panel(cell))
        for i in range(tiles):
            part = split(n_rows, i, tiles)
            rows = split(n_rows, i + 1, tiles) - part
            tile_add(z, (p, part, 0), rows, vectors, inputs, (row + part, 0), weights, (p, first, 0), depth)
