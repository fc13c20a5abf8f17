"""The loop over time of the tangent-linear pass."""

from __future__ import annotations

import numpy as np

from numbarnn.cells.equations import inner_saved
from numbarnn.kernels.cpu.compile import by_form, inline, kernel
from numbarnn.kernels.cpu.denormals import flush_denormals, restore_mode
from numbarnn.kernels.cpu.masks import masked, room_to_see, see
from numbarnn.kernels.cpu.modified import inner_tangent, project
from numbarnn.kernels.cpu.modified import tangent as step_tangent
from numbarnn.kernels.cpu.packing import PLAIN, pack_projection, panel_units, panel_vectors
from numbarnn.kernels.cpu.simd import lanes, load, store
from numbarnn.kernels.cpu.state import load_state, store_state
from numbarnn.kernels.cpu.tile import TILE_ROWS, VECTORS, n_tiles, split, tile_add, tile_from
from numbarnn.kernels.cpu.units import (
    inner_span,
    input_span,
    load_gates,
    load_parameters,
    load_saved,
    outer_span,
    panel,
)


@kernel
def tangent(
    cell,
    cell_dot,
    packed,
    packed_dot,
    units,
    units_dot,
    x,
    lengths,
    h,
    record,
    mask,
    changes,
    x_dot,
    h_dot,
    memory_dot,
    first,
    last,
):
    """Run the tangents of the sequences first .. last - 1 through all their steps.

    Parameters
    ----------
    cell, cell_dot : NamedTuple
        The weights and their tangents; the type names the equations.
    packed, packed_dot : ndarray of shape (P, I + N + 1, VECTORS * lanes)
        The weights and their tangents, from `pack_cell`.
    units, units_dot : ndarray of shape (n_unit_parameters, H)
        The parameters of the units and their tangents.
    x, lengths, h, record, mask, changes : ndarray, tuple or None
        As the forward pass took and left them.
    x_dot : ndarray of shape (T, B, I)
    h_dot : ndarray of shape (T + 1, B, N)
        `h_dot[0]` is the tangent of the initial h; `h_dot[t + 1]` becomes that of the output of step t.
    memory_dot : ndarray of shape (B, n_memory, H)
        Tangent of the rest of the initial state, turned into that of the final one.
    first, last : int
        The slice of the batch.
    """
    n_inputs, n_outputs, n_units = x.shape[2], h.shape[2], record.shape[3]
    projection, projection_dot = pack_projection(cell, x), pack_projection(cell_dot, x)
    a_dot = np.empty((packed.shape[0], last - first, VECTORS * lanes(x)), x.dtype)
    u, u_dot = np.empty((1, last - first, n_units), x.dtype), np.empty((1, last - first, n_units), x.dtype)
    seen, seen_dot = room_to_see(h, mask, last - first), room_to_see(h_dot, mask, last - first)
    mode = flush_denormals()
    for t in range(x.shape[0]):
        _start(cell, packed_dot, a_dot, n_units)
        # a = x_t W + h_(t-1) R + b
        _add(cell, a_dot, x, t, first, packed_dot, np.intp(0), n_inputs, n_units, input_span(cell))
        _add(cell, a_dot, x_dot, t, first, packed, np.intp(0), n_inputs, n_units, input_span(cell))
        seen_t, seen_first = see(seen, h, mask, t, first)
        _add(cell, a_dot, seen, seen_t, seen_first, packed_dot, n_inputs, n_outputs, n_units, outer_span(cell))
        seen_t, seen_first = see(seen_dot, h_dot, mask, t, first)
        _add(cell, a_dot, seen_dot, seen_t, seen_first, packed, n_inputs, n_outputs, n_units, outer_span(cell))
        _add_inner(
            cell, packed, packed_dot, a_dot, u, u_dot, lengths, h, record, mask, changes, h_dot, memory_dot, t, first
        )
        _step(cell, units, units_dot, a_dot, lengths, h, record, changes, h_dot, memory_dot, t, first)
        _project(cell, projection, projection_dot, u, u_dot, lengths, record, changes, h_dot, memory_dot, t, first)
    restore_mode(mode)


@inline
def _start(cell, packed_dot, a_dot, n_units):
    """Set `a_dot = b_dot`."""
    width, bias = lanes(a_dot), packed_dot.shape[1] - 1
    for p in range(a_dot.shape[0]):
        for v in range(panel_vectors(a_dot, p, n_units, panel(cell))):
            start = load(packed_dot, (p, bias, v * width), width)
            for row in range(a_dot.shape[1]):
                store(a_dot, (p, row, v * width), width, start)


@inline
def _add(cell, a_dot, inputs, t, first, weights, first_row, depth, n_units, span):
    """Add the product of `inputs[t]`, from row `first` on, with rows of the weights to a span of each panel."""
    width = lanes(a_dot)
    tiles = n_tiles(a_dot.shape[1])
    for p in range(a_dot.shape[0]):
        vectors = panel_vectors(a_dot, p, n_units, panel(cell))
        n = span[1] if span[1] < vectors else vectors
        for i in range(tiles):
            row = split(a_dot.shape[1], i, tiles)
            rows = split(a_dot.shape[1], i + 1, tiles) - row
            at, weights_at = (p, row, span[0] * width), (p, first_row, span[0] * width)
            tile_add(a_dot, at, rows, n, inputs, (t, first + row, 0), weights, weights_at, depth)


@inline
def _step(cell, units, units_dot, a_dot, lengths, h, record, changes, h_dot, memory_dot, t, first):
    """Step the tangents from `a_dot`."""
    n_units, width, n_memory = record.shape[3], lanes(h), memory_dot.shape[1]
    n_gates = panel(cell)[0]
    for row in range(a_dot.shape[1]):
        b = first + row
        if lengths[b] <= t:
            continue
        for unit in range(0, n_units, width):
            count = n_units - unit
            p = unit // panel_units(h, panel(cell))
            column = (unit - p * panel_units(h, panel(cell))) * n_gates
            gates_dot = load_gates(cell, a_dot, (p, row, column))
            saved = load_saved(cell, record, (t + 1, b, n_memory, unit), count)
            before = load_state(cell, h, (t, b, unit), record, (t, b, 0, unit), count)
            before_dot = load_state(cell, h_dot, (t, b, unit), memory_dot, (b, 0, unit), count)
            parameters = load_parameters(cell, units, (0, unit), count)
            parameters_dot = load_parameters(cell, units_dot, (0, unit), count)
            at, p, p_dot = (t, b, unit), parameters, parameters_dot
            after_dot = step_tangent(
                cell, changes, h, record, at, count, saved, before, gates_dot, before_dot, p, p_dot
            )
            store_state(cell, h_dot, (t + 1, b, unit), memory_dot, (b, 0, unit), count, after_dot, ())


@inline
def _add_inner_product(
    cell, packed, packed_dot, a_dot, u, u_dot, lengths, h, record, mask, changes, h_dot, memory_dot, t, first
):
    """Add the tangent of the inner state's product."""
    n_units, width, n_memory = record.shape[3], lanes(h), memory_dot.shape[1]
    for row in range(a_dot.shape[1]):
        b = first + row
        if lengths[b] <= t:
            continue
        for p in range(a_dot.shape[0]):
            unit = p * width
            count = n_units - unit
            saved = load_saved(cell, record, (t + 1, b, n_memory, unit), count)
            before = load_state(cell, h, (t, b, unit), record, (t, b, 0, unit), count)
            before_dot = load_state(cell, h_dot, (t, b, unit), memory_dot, (b, 0, unit), count)
            u_t = inner_saved(cell, saved, before)
            store(u, (0, row, unit), count, masked(u_t, mask, (b, unit), count))
            gates_dot = load_gates(cell, a_dot, (p, row, 0))
            u_t_dot = inner_tangent(cell, changes, saved, before, gates_dot, before_dot)
            store(u_dot, (0, row, unit), count, masked(u_t_dot, mask, (b, unit), count))
    # a = .. + u R
    n_inputs = packed.shape[1] - h.shape[2] - 1
    zero = np.intp(0)
    _add(cell, a_dot, u, zero, zero, packed_dot, n_inputs, n_units, n_units, inner_span(cell))
    _add(cell, a_dot, u_dot, zero, zero, packed, n_inputs, n_units, n_units, inner_span(cell))


@inline
def _add_nothing(
    cell, packed, packed_dot, a_dot, u, u_dot, lengths, h, record, mask, changes, h_dot, memory_dot, t, first
):
    pass


@inline
def _project_outputs(cell, projection, projection_dot, u, u_dot, lengths, record, changes, h_dot, memory_dot, t, first):
    """Set the tangent of `h = m P + b_P`."""
    n_units, n_outputs, width = record.shape[3], h_dot.shape[2], lanes(h_dot)
    for row in range(u.shape[1]):
        for unit in range(0, n_units, width):
            count = n_units - unit
            store(u, (0, row, unit), count, load(record, (t + 1, first + row, 0, unit), count))
            store(u_dot, (0, row, unit), count, load(memory_dot, (first + row, 0, unit), count))
    tile = np.empty((TILE_ROWS, VECTORS * width), h_dot.dtype)
    tiles = n_tiles(u.shape[1])
    for q in range(projection.shape[0]):
        vectors, at, bias = panel_vectors(h_dot, q, n_outputs, PLAIN), (q, 0, 0), (q, n_units, 0)
        for i in range(tiles):
            row = split(u.shape[1], i, tiles)
            rows = split(u.shape[1], i + 1, tiles) - row
            left = (0, row, 0)
            tile_from(tile, (0, 0), rows, vectors, projection_dot, bias, u, left, projection_dot, at, n_units)
            tile_add(tile, (0, 0), rows, vectors, u_dot, left, projection, at, n_units)
            for r in range(rows):
                b = first + row + r
                if lengths[b] <= t:
                    continue
                for v in range(vectors):
                    column = (q * VECTORS + v) * width
                    count = n_outputs - column
                    value = load(tile, (r, v * width), width)
                    before_dot = load(h_dot, (t, b, column), count)
                    value = project(cell, changes, (t, b, column), count, before_dot, value)
                    store(h_dot, (t + 1, b, column), count, value)


@inline
def _project_nothing(cell, projection, projection_dot, u, u_dot, lengths, record, changes, h_dot, memory_dot, t, first):
    pass


_add_inner = by_form(lambda form: form.inner_gates, _add_inner_product, _add_nothing)
_project = by_form(lambda form: form.projection, _project_outputs, _project_nothing)
