"""What a block keeps beside itself while it runs through time: a room for each row, and the weights.

In shared memory where it fits, else in the device's.
"""

from __future__ import annotations

from numbarnn.cells.form import form_of
from numbarnn.kernels.cuda.compile import by_cell, by_form, inline
from numbarnn.kernels.cuda.rows import PARTS


def row_size(cell, n_outputs, n_units):
    """Return how many numbers a row's room holds."""
    form = form_of(type(cell))
    n_products = len(form.outer_gates) + len(form.inner_gates)
    return n_outputs + (n_products + bool(form.inner_gates or form.projection)) * n_units


@inline
def room_bounds(cell, n_outputs, n_units):
    """Return where in a row's room each vector ends: h (N,), the products with it, those with u, and u or m (H,)."""
    n_outer, n_inner = _n_products(cell)
    products = n_outputs + n_outer * n_units
    inner_products = products + n_inner * n_units
    return n_outputs, products, inner_products, inner_products + _n_within_step(cell) * n_units


@inline
def normalised_row_size(cell, n_outputs, n_units):
    """As `row_size`, of a cell with normalisation."""
    return normalised_room_bounds(cell, n_units)[5]


@inline
def normalised_room_bounds(cell, n_units):
    """As `room_bounds`, of a cell with normalisation: h (H,), the products with it, two vectors (H,), two of parts."""
    products = n_units + _n_products(cell)[0] * n_units
    units = products + 2 * n_units
    return n_units, products, products + n_units, units, units + PARTS, units + 2 * PARTS


@inline
def weights_bounds(cell, n_outputs, n_units):
    """Return where among the weights R of the gates that see h ends, and where that of the inner gates, before P."""
    n_outer, n_inner = _n_products(cell)
    outer = n_outputs * n_outer * n_units
    return outer, outer + n_units * n_inner * n_units


@inline
def last_step(lengths, first, rows):
    """Return how many steps the longest of a block's sequences has."""
    last = 0
    for b in range(first, min(first + rows, lengths.size)):
        last = max(last, lengths[b])
    return last


@inline
def length_of(lengths, b):
    """Return how many steps a row runs: none if there is no sequence left for it."""
    return lengths[b] if b < lengths.size else 0


@inline
def copy_row(source, b, vector, thread, n_threads):
    """Copy row b of a matrix, if it has one, to a vector."""
    if b < source.shape[0]:
        for k in range(thread, vector.size, n_threads):
            vector[k] = source[b, k]


@inline
def clear_past_end(h, lengths, b, thread, n_threads):
    """Set the outputs `h[1:]` past a sequence's end to zero."""
    if b < lengths.size:
        for t in range(lengths[b], h.shape[0] - 1):
            for j in range(thread, h.shape[2], n_threads):
                h[t + 1, b, j] = 0


@inline
def copy_to_end(source, room, thread, n_threads):
    """Copy a flat array to the end of a room, a thread for each entry."""
    first = room.size - source.size
    for k in range(thread, source.size, n_threads):
        room[first + k] = source[k]


def _constant(numbers):
    return lambda cell: numbers


_n_products = by_cell(lambda c: _constant((len(form_of(c).outer_gates), len(form_of(c).inner_gates))))
_n_within_step = by_form(lambda form: form.inner_gates or form.projection, _constant(1), _constant(0))
