"""The loop over time of the forward pass.

The inputs' part of the pre-activations, which waits for no step, is one product over a block of steps that stays in the
cache: for few sequences its tiles are full where those of the recurrent part hold a row or two.
"""

from __future__ import annotations

import numpy as np

from numbarnn.cells.form import form_of
from numbarnn.cells.numbers import zero
from numbarnn.kernels.cpu.compile import by_cell, by_form, inline, kernel
from numbarnn.kernels.cpu.denormals import flush_denormals, restore_mode
from numbarnn.kernels.cpu.masks import masked, room_to_see, see
from numbarnn.kernels.cpu.modified import inner, project, step
from numbarnn.kernels.cpu.packing import PLAIN, pack_projection, panel_units, panel_vectors
from numbarnn.kernels.cpu.simd import lanes, load, store
from numbarnn.kernels.cpu.state import load_state, store_state
from numbarnn.kernels.cpu.tile import TILE_ROWS, VECTORS, n_tiles, split, tile_add, tile_from
from numbarnn.kernels.cpu.units import (
    inner_span,
    input_span,
    load_gates,
    load_parameters,
    outer_span,
    panel,
    store_gates,
)

BLOCK_ROWS = 48


@kernel
def forward(cell, packed, units, x, lengths, h, record, mask, changes, first, last):
    """Run the sequences first .. last - 1 through all their steps.

    Parameters
    ----------
    cell : NamedTuple
        Names the equations by its type.
    packed : ndarray of shape (P, I + N + 1, VECTORS * lanes)
        The weights from `pack_cell`, which whoever steps through a stream packs once.
    units : ndarray of shape (n_unit_parameters, H)
        The parameters of the units.
    x : ndarray of shape (T, B, I)
    lengths : ndarray of shape (B,), intp
    h : ndarray of shape (T + 1, B, N)
        `h[0]` is the initial h; `h[t + 1]` becomes the output of step t, zero past a sequence's end.
    record : ndarray of shape (T + 1, B, n_memory + n_saved, H) or (1, B, n_memory, H)
        `record[0]` begins with the rest of the initial state. At t becomes the rest of the state before step t, then
        what step t - 1 saved. With one time, the state is updated in place and nothing is saved. With zoneout there
        are `state_size` more, for the state as it would be without.
    mask : ndarray of shape (B, N) or None
        Multiplies what the recurrent weights see.
    changes : tuple or None
        `(zoneout, clip)`, None where there is none: an array (T or 1, B or 1, H) for each part of the state, which
        says how much of it stays; the bound of what activations are taken of.
    first, last : int
        The slice of the batch.
    """
    n_inputs, n_outputs, n_units = x.shape[2], h.shape[2], cell.b.size // panel(cell)[0]
    begin_outer, n_outer = outer_span(cell)
    block_rows = BLOCK_ROWS if last - first < BLOCK_ROWS else last - first
    a = np.empty((packed.shape[0], block_rows, VECTORS * lanes(x)), x.dtype)
    u = np.empty((_rows_within_step(cell, last - first), n_units), x.dtype)
    seen = room_to_see(h, mask, last - first)
    projection = pack_projection(cell, x)
    mode = flush_denormals()
    clear_past_ends(lengths, h, first, last)
    t, running = np.intp(0), last - first  # a literal 0 would have every function that it is passed to compiled twice
    while t < x.shape[0]:
        while running > 0 and lengths[first + running - 1] <= t:
            running -= 1
        if running == 0:
            break
        n_rows, begin = running, t
        end = t + block_rows // n_rows
        end = end if end < x.shape[0] else x.shape[0]
        _multiply_inputs(cell, a, x, packed, n_units, begin, end, first, n_rows)
        for t in range(begin, end):
            while running > 0 and lengths[first + running - 1] <= t:
                running -= 1
            a_row = (t - begin) * n_rows
            tiles = n_tiles(running)
            seen_t, seen_first = see(seen, h, mask, t, first)
            for k in range(packed.shape[0]):
                # There and back: the panels of the step before that are still in the cache come first.
                p = k if t % 2 == 0 else packed.shape[0] - 1 - k
                vectors = panel_vectors(x, p, n_units, panel(cell))
                n = n_outer if n_outer < vectors else vectors
                for i in range(tiles):
                    row = split(running, i, tiles)
                    rows = split(running, i + 1, tiles) - row
                    # a = x_t W + b + h_(t-1) R
                    at, weights = (p, a_row + row, begin_outer * lanes(x)), (p, n_inputs, begin_outer * lanes(x))
                    tile_add(a, at, rows, n, seen, (seen_t, seen_first + row, 0), packed, weights, n_outputs)
                    _after_h(
                        cell, units, a, p, a_row, row, rows, vectors, lengths, h, record, u, mask, changes, t, first
                    )
            _after_all_h(
                cell, packed, projection, units, a, a_row, running, lengths, h, record, u, mask, changes, t, first
            )
        t = end
    restore_mode(mode)


@inline
def clear_past_ends(lengths, h, first, last):
    """Set the outputs past the sequences' ends to zero, before a tile with other sequences reads what stands there."""
    n_outputs, width = h.shape[2], lanes(h)
    for b in range(first, last):
        for t in range(lengths[b], h.shape[0] - 1):
            for j in range(0, n_outputs, width):
                store(h, (t + 1, b, j), n_outputs - j, zero(load(h, (t + 1, b, j), n_outputs - j)))


@inline
def _multiply_inputs(cell, a, x, packed, n_units, begin, end, first, n_rows):
    """Set `a = x_t W + b` for `n_rows` sequences over the steps begin .. end - 1, in tiles that reach across steps."""
    n_inputs, width = x.shape[2], lanes(x)
    begin_input, n_input = input_span(cell)
    # The rows of a whole batch follow each other from step to step; those of a slice do so within a step.
    n_parts = 1 if n_rows == x.shape[1] else end - begin
    part_rows = (end - begin) * n_rows // n_parts
    tiles = n_tiles(part_rows)
    for p in range(packed.shape[0]):
        vectors = panel_vectors(x, p, n_units, panel(cell))
        n = n_input if n_input < vectors else vectors
        bias = (p, packed.shape[1] - 1, begin_input * width)
        for part in range(n_parts):
            for i in range(tiles):
                row = split(part_rows, i, tiles)
                rows = split(part_rows, i + 1, tiles) - row
                t, b = begin + part + row // x.shape[1], first + row % x.shape[1]
                at, weights = (p, part * n_rows + row, begin_input * width), (p, 0, begin_input * width)
                tile_from(a, at, rows, n, packed, bias, x, (t, b, 0), packed, weights, n_inputs)
        for v in range(begin_input + n, vectors):  # the gates behind those that see the inputs
            start = load(packed, (p, packed.shape[1] - 1, v * width), width)
            for row in range((end - begin) * n_rows):
                store(a, (p, row, v * width), width, start)


@inline
def _step(cell, units, a, p, a_row, row, rows, vectors, lengths, h, record, u, mask, changes, t, first):
    """Step the units of panel p, for `rows` sequences from `first + row` on, from their pre-activations."""
    n_units, width = record.shape[3], lanes(h)
    n_gates = panel(cell)[0]
    keep = record.shape[0] > 1
    for r in range(row, row + rows):
        b = first + r
        if lengths[b] <= t:
            continue
        for block in range(vectors // n_gates):
            unit = p * panel_units(h, panel(cell)) + block * width
            count = n_units - unit
            pre_activations = load_gates(cell, a, (p, a_row + r, block * n_gates * width))
            before = load_state(cell, h, (t, b, unit), record, (t if keep else 0, b, 0, unit), count)
            parameters = load_parameters(cell, units, (0, unit), count)
            state, saved = step(cell, changes, (t, b, unit), count, pre_activations, before, parameters)
            if keep:
                store_state(cell, h, (t + 1, b, unit), record, (t + 1, b, 0, unit), count, state, saved)
            else:
                store_state(cell, h, (t + 1, b, unit), record, (0, b, 0, unit), count, state, ())
            _keep_for_projection(cell, u, (r, unit), count, state)


@inline
def _inner(cell, units, a, p, a_row, row, rows, vectors, lengths, h, record, u, mask, changes, t, first):
    """Take the inner state of the units of panel p from their pre-activations, as `_step` takes the state."""
    n_units, width = record.shape[3], lanes(h)
    keep = record.shape[0] > 1
    for r in range(row, row + rows):
        b = first + r
        if lengths[b] <= t:
            continue
        unit = p * width
        count = n_units - unit
        before = load_state(cell, h, (t, b, unit), record, (t if keep else 0, b, 0, unit), count)
        at = (p, a_row + r, 0)
        value, gates = inner(cell, changes, load_gates(cell, a, at), before)
        store(u, (r, unit), count, masked(value, mask, (b, unit), count))
        store_gates(cell, a, at, gates)


@inline
def _add_inner(cell, packed, projection, units, a, a_row, running, lengths, h, record, u, mask, changes, t, first):
    """Add the inner state's product to the pre-activations, and step."""
    n_units, width = record.shape[3], lanes(h)
    n_inputs = packed.shape[1] - h.shape[2] - 1
    begin_inner, n_inner = inner_span(cell)
    tiles = n_tiles(running)
    for p in range(packed.shape[0]):
        for i in range(tiles):
            row = split(running, i, tiles)
            rows = split(running, i + 1, tiles) - row
            at, weights = (p, a_row + row, begin_inner * width), (p, n_inputs, begin_inner * width)
            tile_add(a, at, rows, n_inner, u, (row, 0), packed, weights, n_units)
            _step(cell, units, a, p, a_row, row, rows, panel(cell)[0], lengths, h, record, u, mask, changes, t, first)


@inline
def _project(cell, packed, projection, units, a, a_row, running, lengths, h, record, u, mask, changes, t, first):
    """Set `h = m P + b_P` of the units' outputs m, which stand in u."""
    n_units, n_outputs, width = u.shape[1], h.shape[2], lanes(h)
    tile = np.empty((TILE_ROWS, VECTORS * width), h.dtype)
    tiles = n_tiles(running)
    for q in range(projection.shape[0]):
        vectors = panel_vectors(h, q, n_outputs, PLAIN)
        for i in range(tiles):
            row = split(running, i, tiles)
            rows = split(running, i + 1, tiles) - row
            bias = (q, n_units, 0)
            tile_from(tile, (0, 0), rows, vectors, projection, bias, u, (row, 0), projection, (q, 0, 0), n_units)
            for r in range(rows):
                b = first + row + r
                if lengths[b] <= t:
                    continue
                for v in range(vectors):
                    column = (q * VECTORS + v) * width
                    count = n_outputs - column
                    value = load(tile, (r, v * width), width)
                    value = project(cell, changes, (t, b, column), count, load(h, (t, b, column), count), value)
                    store(h, (t + 1, b, column), count, value)


@inline
def _nothing(cell, packed, projection, units, a, a_row, running, lengths, h, record, u, mask, changes, t, first):
    pass


@inline
def _keep(cell, u, at, count, state):
    store(u, at, count, state[0])


@inline
def _keep_nothing(cell, u, at, count, state):
    pass


@inline
def _all_rows(cell, n_rows):
    return n_rows


@inline
def _no_rows(cell, n_rows):
    return np.intp(0)


def _choose_after_all_h(cell_class):
    form = form_of(cell_class)
    return _add_inner if form.inner_gates else _project if form.projection else _nothing


_after_h = by_form(lambda form: form.inner_gates, _inner, _step)
_after_all_h = by_cell(_choose_after_all_h)
_keep_for_projection = by_form(lambda form: form.projection, _keep, _keep_nothing)
_rows_within_step = by_form(lambda form: form.inner_gates or form.projection, _all_rows, _no_rows)
