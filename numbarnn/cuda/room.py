"""What a block keeps beside itself while it runs through time: a room for each row, and the weights.

In shared memory where it fits, else in the device's.
"""

from __future__ import annotations

from numbarnn.cells.form import form_of
from numbarnn.cuda.compile import by_cell, inline


def row_size(cell, n_outputs, n_units):
    """Return how many numbers a row's room holds."""
    form = form_of(type(cell))
    n_products = len(form.outer_gates) + len(form.inner_gates)
    return n_outputs + (n_products + bool(form.inner_gates or form.projection)) * n_units


@inline
def share(cell, weights, staged, room, n_outputs, n_units, row, rows, thread, n_threads):
    """Share a block's room out.

    Returns R of the gates that see h, that of the inner gates and P, each flat and, if they are to be `staged`, copied
    to the end of the room; and the row's own vectors: h (N,), the products with it, those with the inner state, and that
    state or m (H,).
    """
    if staged:
        weights = _copy(weights, room, row * n_threads + thread, rows * n_threads)
    n_outer, n_inner = _n_products(cell)
    R_inner = n_outputs * n_outer * n_units
    P = R_inner + n_units * n_inner * n_units
    size = n_outputs + (n_outer + n_inner + _n_within_step(cell)) * n_units
    own = room[row * size : (row + 1) * size]
    inner = n_outputs + n_outer * n_units
    u = inner + n_inner * n_units
    shared = weights[:R_inner], weights[R_inner:P], weights[P:]
    return shared, (own[:n_outputs], own[n_outputs:inner], own[inner:u], own[u:])


@inline
def last_step(lengths, first, rows):
    """Return how many steps the longest of a block's sequences has."""
    last = 0
    for b in range(first, min(first + rows, lengths.size)):
        last = max(last, lengths[b])
    return last


@inline
def _copy(source, room, thread, n_threads):
    """Copy a flat array to the end of a room, a thread for each entry; return it there."""
    first = room.size - source.size
    for k in range(thread, source.size, n_threads):
        room[first + k] = source[k]
    return room[first:]


def _constant(*numbers):
    if len(numbers) == 1:
        return lambda cell: numbers[0]
    return lambda cell: numbers


_n_products = by_cell(lambda c: _constant(len(form_of(c).outer_gates), len(form_of(c).inner_gates)))
_n_within_step = by_cell(lambda c: _constant(int(bool(form_of(c).inner_gates or form_of(c).projection))))
