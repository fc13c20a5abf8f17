"""The loop over time of the tangent-linear pass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from numbarnn.cells.equations import inner_saved
from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.denormals import flush_denormals, restore_mode
from numbarnn.kernels.cpu.forward import BLOCK_ROWS
from numbarnn.kernels.cpu.masks import masked, see, seen_array
from numbarnn.kernels.cpu.modified import inner_tangent, project
from numbarnn.kernels.cpu.modified import tangent as step_tangent
from numbarnn.kernels.cpu.packing import PLAIN, pack_projection, panel_units, panel_vectors
from numbarnn.kernels.cpu.simd import lanes, load, store
from numbarnn.kernels.cpu.state import load_state, store_state
from numbarnn.kernels.cpu.tile import VECTORS, tile_add, tile_from
from numbarnn.kernels.cpu.units import (
    inner_spans,
    input_spans,
    load_gates,
    load_parameters,
    load_saved,
    outer_spans,
    panel,
)
from numbarnn.kernels.cpu.variants import by_form


class Scratch(NamedTuple):
    """Arrays of the tangent pass that nobody else sees.

    Attributes
    ----------
    a_dot : ndarray of shape (P, n_sequences, vectors * lanes)
        Tangents of the pre-activations, in panels.
    u, u_dot : ndarray of shape (1, n_sequences, H)
        The inner states, or the units' outputs that are projected, and their tangents.
    projection, projection_dot : ndarray of shape (Q, H + 1, VECTORS * lanes)
    tile : ndarray of shape (BLOCK_ROWS, VECTORS * lanes)
        Some rows of projected outputs.
    """

    a_dot: np.ndarray
    u: np.ndarray
    u_dot: np.ndarray
    projection: np.ndarray
    projection_dot: np.ndarray
    tile: np.ndarray


@inline
def tangent(weights, weights_dot, steps, modifiers, directions, first, last):
    """Run the tangents of some sequences through all their steps; see `loops.tangent`."""
    (cell, packed, _), packed_dot, (x, _, h, record) = weights, weights_dot.packed, steps
    n_rows, n_inputs, n_units, none = last - first, x.shape[2], record.shape[3], np.intp(0)
    mask, h_dot = modifiers.mask, directions.h
    a_dot = np.empty((packed.shape[0], n_rows, packed.shape[2]), x.dtype)
    u, u_dot = np.empty((1, n_rows, n_units), x.dtype), np.empty((1, n_rows, n_units), x.dtype)
    projection, projection_dot = pack_projection(cell, x), pack_projection(weights_dot.cell, x)
    tile = np.empty((BLOCK_ROWS, VECTORS * lanes(x)), x.dtype)
    scratch = Scratch(a_dot, u, u_dot, projection, projection_dot, tile)
    seen, seen_dot = seen_array(h, mask, n_rows), seen_array(h_dot, mask, n_rows)
    mode = flush_denormals()
    for t in range(x.shape[0]):
        _start(cell, packed_dot, a_dot, n_units)
        # a = x_t W + h_(t-1) R + b
        _add(cell, a_dot, x, (t, first), packed_dot, none, n_units, input_spans(cell))
        _add(cell, a_dot, directions.x, (t, first), packed, none, n_units, input_spans(cell))
        seen_at = see(seen, h, mask, t, first)
        _add(cell, a_dot, seen, seen_at, packed_dot, n_inputs, n_units, outer_spans(cell))
        seen_at = see(seen_dot, h_dot, mask, t, first)
        _add(cell, a_dot, seen_dot, seen_at, packed, n_inputs, n_units, outer_spans(cell))
        _add_inner(weights, weights_dot, steps, modifiers, directions, scratch, t, first)
        _step(weights, weights_dot, steps, modifiers, directions, a_dot, t, first)
        _project(weights, steps, modifiers, directions, scratch, t, first)
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
def _add(cell, a_dot, inputs, at, weights, first_row, n_units, spans):
    """Add the product of inputs, from row `inputs[at]` on, with rows of the weights to spans of each panel."""
    width, (t, b) = lanes(a_dot), at
    for p in range(a_dot.shape[0]):
        vectors = panel_vectors(a_dot, p, n_units, panel(cell))
        for v, size in spans:
            to, weights_at, n = (p, np.intp(0), v * width), (p, first_row, v * width), min(size, vectors - v)
            tile_add(a_dot, to, a_dot.shape[1], n, inputs, (t, b, 0), weights, weights_at, inputs.shape[2])


@inline
def _step(weights, weights_dot, steps, modifiers, directions, a_dot, t, first):
    """Step the tangents from `a_dot`."""
    (cell, _, units), units_dot, (_, lengths, h, record) = weights, weights_dot.units, steps
    _, h_dot, memory_dot = directions
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
            at = t, b, unit
            own = load_parameters(cell, units, (0, unit), count)
            own_dot = load_parameters(cell, units_dot, (0, unit), count)
            after_dot = step_tangent(
                cell, modifiers, h, record, at, count, saved, before, gates_dot, before_dot, own, own_dot
            )
            store_state(cell, h_dot, (t + 1, b, unit), memory_dot, (b, 0, unit), count, after_dot, ())


@inline
def _add_inner_product(weights, weights_dot, steps, modifiers, directions, scratch, t, first):
    (cell, packed, _), packed_dot, (x, lengths, h, record) = weights, weights_dot.packed, steps
    (_, h_dot, memory_dot), (a_dot, u, u_dot, _, _, _), mask = directions, scratch, modifiers.mask
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
            u_t_dot = inner_tangent(cell, modifiers, saved, before, gates_dot, before_dot)
            store(u_dot, (0, row, unit), count, masked(u_t_dot, mask, (b, unit), count))
    at = np.intp(0), np.intp(0)
    _add(cell, a_dot, u, at, packed_dot, x.shape[2], n_units, inner_spans(cell))
    _add(cell, a_dot, u_dot, at, packed, x.shape[2], n_units, inner_spans(cell))


@inline
def _add_nothing(weights, weights_dot, steps, modifiers, directions, scratch, t, first):
    pass


@by_form(lambda form: _add_inner_product if form.inner_gates else _add_nothing)
def _add_inner(weights, weights_dot, steps, modifiers, directions, scratch, t, first):
    """Add the tangent of the inner state's product: `a = .. + u R`."""


@inline
def _project_outputs(weights, steps, modifiers, directions, scratch, t, first):
    cell, lengths, record = weights.cell, steps.lengths, steps.record
    (_, h_dot, memory_dot), (_, u, u_dot, projection, projection_dot, tile) = directions, scratch
    n_units, n_outputs, width = record.shape[3], h_dot.shape[2], lanes(h_dot)
    for row in range(u.shape[1]):
        for unit in range(0, n_units, width):
            count = n_units - unit
            store(u, (0, row, unit), count, load(record, (t + 1, first + row, 0, unit), count))
            store(u_dot, (0, row, unit), count, load(memory_dot, (first + row, 0, unit), count))
    for q in range(projection.shape[0]):
        vectors, at, bias = panel_vectors(h_dot, q, n_outputs, PLAIN), (q, 0, 0), (q, n_units, 0)
        for row in range(0, u.shape[1], BLOCK_ROWS):
            rows, left = min(u.shape[1] - row, BLOCK_ROWS), (0, row, 0)
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
                    value = project(cell, modifiers, (t, b, column), count, before_dot, value)
                    store(h_dot, (t + 1, b, column), count, value)


@inline
def _project_nothing(weights, steps, modifiers, directions, scratch, t, first):
    pass


@by_form(lambda form: _project_outputs if form.projection else _project_nothing)
def _project(weights, steps, modifiers, directions, scratch, t, first):
    """Set the tangent of `h = m P + b_P`."""
