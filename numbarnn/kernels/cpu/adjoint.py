"""The loop over time of the adjoint pass (BPTT).

Backward in time, each step turns the state's adjoint into the pre-activations' adjoint `a_bar`, and that into `h_bar
= a_bar R^T`. The other products, which no later step waits for, are taken over a block of steps at once: the rows of
`a_bar` gather in a buffer that stays in the cache, beside the rows `(x_t, h_(t-1), 1)` that met the weights in the
forward pass, until it is full. Only rows of running sequences enter it, so that ragged batches cost no more than
their steps.
"""

from __future__ import annotations

import numpy as np

from numbarnn.cells.equations import inner_saved
from numbarnn.cells.numbers import zero
from numbarnn.kernels.cpu.compile import by_form, inline, kernel
from numbarnn.kernels.cpu.denormals import flush_denormals, restore_mode
from numbarnn.kernels.cpu.gradient import add_to_gradient, add_to_projection_bar
from numbarnn.kernels.cpu.masks import masked
from numbarnn.kernels.cpu.modified import adjoint as step_adjoint
from numbarnn.kernels.cpu.modified import inner_adjoint, project_adjoint
from numbarnn.kernels.cpu.packing import ONE_BLOCK, PLAIN, pack_transposed, panel_units, panel_vectors
from numbarnn.kernels.cpu.simd import lanes, load, store
from numbarnn.kernels.cpu.state import load_state, store_state
from numbarnn.kernels.cpu.tile import TILE_ROWS, VECTORS, n_tiles, split, tile_add
from numbarnn.kernels.cpu.units import (
    add,
    inner_span,
    input_blocks,
    input_span,
    load_gates,
    load_parameters,
    load_saved,
    outer_span,
    panel,
    recurrent_blocks,
    store_gates,
    store_units,
)


@kernel
def adjoint(
    cell,
    units,
    x,
    lengths,
    h,
    record,
    mask,
    changes,
    y_bar,
    h_bar,
    memory_bar,
    x_bar,
    gradients,
    units_bar,
    projection_bar,
    bounds,
    block_rows,
):
    """Run slices of the batch backward through all their steps.

    Parameters
    ----------
    cell : NamedTuple
        The weights; its type names the equations.
    units : ndarray of shape (n_unit_parameters, H)
    x, lengths, h, record, mask, changes : ndarray, tuple or None
        As the forward pass took and left them.
    y_bar : ndarray of shape (T, B, N) or (0, B, N)
        Adjoint of the outputs; without times it is zero.
    h_bar : ndarray of shape (B, N)
        Adjoint of the final h, turned into that of the initial one in place.
    memory_bar : ndarray of shape (B, n_memory, H)
        As `h_bar`, of the rest of the state.
    x_bar : ndarray of shape (T, B, I) or (0, B, I)
        Becomes the adjoint of the inputs, unless it has no times; past a sequence's end it stays as it is.
    gradients : ndarray of shape (n_slices, P, I + N + 1, VECTORS * lanes)
        To these the slices' parts of the weights' adjoint are added, for `unpack_cell`.
    units_bar : ndarray of shape (n_slices, n_unit_parameters, H)
        To these the slices' parts of the unit parameters' adjoint are added.
    projection_bar : ndarray of shape (n_slices, Q, H + 1, VECTORS * lanes)
        To these the slices' parts of the projection's adjoint are added; empty where there is none.
    bounds : ndarray of shape (n_slices + 1,), intp
        The slices' first sequences, and the last one's end.
    block_rows : int
        How many rows a block gathers; at least the sequences of the largest slice.
    """
    n_units, width = record.shape[3], VECTORS * lanes(x)
    R = pack_transposed(cell.R, n_units, panel(cell), recurrent_blocks(cell))
    W = cell.W[: cell.W.shape[0] if x_bar.shape[0] > 0 else 0]
    W = pack_transposed(W, n_units, panel(cell), input_blocks(cell))
    P = _transposed_projection(cell, x)
    a_bar = np.empty((R.shape[1] // width, block_rows, width), x.dtype)  # in panels as the packed weights
    outputs_bar = np.empty((P.shape[1] // width, block_rows, width), x.dtype)
    # x_t, h_(t-1), the bias's 1, and the inner state or what is projected
    inputs = np.empty((block_rows, x.shape[2] + h.shape[2] + 1 + _within_step(cell, n_units)), x.dtype)
    origins = np.empty((block_rows, 2), np.intp)  # the t and b of each row
    tile = np.empty((TILE_ROWS, width), x.dtype)
    mode = flush_denormals()
    for s in range(bounds.size - 1):
        first, last = bounds[s], bounds[s + 1]
        end = np.intp(0)  # a literal 0 would have every function that it is passed to compiled twice
        for t in range(x.shape[0] - 1, -1, -1):
            start = end
            end = gather(inputs, origins, x, lengths, h, mask, y_bar, h_bar, t, first, last, start)
            _reverse_projection(
                cell, P, record, changes, h_bar, memory_bar, outputs_bar, inputs, origins, tile, t, start, end
            )
            _step(cell, units, units_bar, h, record, changes, h_bar, memory_bar, a_bar, origins, s, t, start, end)
            _reverse_inner(
                cell, R, h, record, mask, changes, h_bar, memory_bar, a_bar, inputs, origins, tile, t, start, end
            )
            add_to_h_bar(cell, R, n_units, mask, h_bar, a_bar, origins, tile, start, end)
            if t == 0 or end + last - first > block_rows:
                add_to_gradient(cell, gradients[s], inputs, a_bar, x.shape[2], h.shape[2], n_units, end)
                add_to_projection_bar(cell, projection_bar[s], inputs, outputs_bar, h.shape[2], n_units, end)
                if x_bar.shape[0] > 0:
                    store_x_bar(cell, W, x_bar, a_bar, origins, tile, n_units, end)
                end = np.intp(0)
    restore_mode(mode)


@inline
def gather(inputs, origins, x, lengths, h, mask, y_bar, h_bar, t, first, last, row):
    """Append the sequences that run at step t to the block, add their `y_bar`; return the block's new end."""
    n_inputs, n_outputs, width = x.shape[2], h.shape[2], lanes(h)
    for b in range(first, last):
        if lengths[b] <= t:
            continue
        origins[row, 0] = t
        origins[row, 1] = b
        for i in range(0, n_inputs, width):
            store(inputs, (row, i), n_inputs - i, load(x, (t, b, i), n_inputs - i))
        for j in range(0, n_outputs, width):
            seen = masked(load(h, (t, b, j), n_outputs - j), mask, (b, j), n_outputs - j)
            store(inputs, (row, n_inputs + j), n_outputs - j, seen)
        inputs[row, n_inputs + n_outputs] = 1
        if y_bar.shape[0] > 0:
            # y_t = h_t
            for j in range(0, n_outputs, width):
                total = load(h_bar, (b, j), n_outputs - j) + load(y_bar, (t, b, j), n_outputs - j)
                store(h_bar, (b, j), n_outputs - j, total)
        row += 1
    return row


@inline
def _step(cell, units, units_bar, h, record, changes, h_bar, memory_bar, a_bar, origins, s, t, start, end):
    """Reverse step t: `a_bar` into the block, the part of the state's adjoint that passes `a` by in place."""
    n_units, width, n_memory = record.shape[3], lanes(h), memory_bar.shape[1]
    n_gates = panel(cell)[0]
    for row in range(start, end):
        b = origins[row, 1]
        for unit in range(0, n_units, width):
            count = n_units - unit
            saved = load_saved(cell, record, (t + 1, b, n_memory, unit), count)
            before = load_state(cell, h, (t, b, unit), record, (t, b, 0, unit), count)
            bar = load_state(cell, h_bar, (b, unit), memory_bar, (b, 0, unit), count)
            parameters = load_parameters(cell, units, (0, unit), count)
            bars = step_adjoint(cell, changes, h, record, (t, b, unit), count, saved, before, bar, parameters)
            gates_bar, before_bar, parameters_bar = bars
            p = unit // panel_units(h, panel(cell))
            column = (unit - p * panel_units(h, panel(cell))) * n_gates
            store_gates(cell, a_bar, (p, row, column), gates_bar)
            store_state(cell, h_bar, (b, unit), memory_bar, (b, 0, unit), count, before_bar, ())
            total = load_parameters(cell, units_bar, (s, 0, unit), count)
            store_units(units_bar, (s, 0, unit), count, add(total, parameters_bar))


@inline
def _reverse_product(cell, R, h, record, mask, changes, h_bar, memory_bar, a_bar, inputs, origins, tile, t, start, end):
    """Reverse `a = .. + u R` of the inner gates by the inner state u, and u by what it is made of."""
    n_units, width, n_memory = record.shape[3], lanes(R), memory_bar.shape[1]
    first_inner = inputs.shape[1] - n_units
    begin_inner, n_inner = inner_span(cell)
    tiles = n_tiles(end - start)
    for q in range(R.shape[0]):
        vectors = panel_vectors(R, q, n_units, PLAIN)
        for i in range(tiles):
            first = start + split(end - start, i, tiles)
            rows = start + split(end - start, i + 1, tiles) - first
            _multiply(tile, rows, vectors, a_bar, first, R, q, n_units, panel(cell), begin_inner, n_inner)
            for row in range(first, first + rows):
                b = origins[row, 1]
                for v in range(vectors):
                    p = q * VECTORS + v
                    unit = p * width
                    count = n_units - unit
                    saved = load_saved(cell, record, (t + 1, b, n_memory, unit), count)
                    before = load_state(cell, h, (t, b, unit), record, (t, b, 0, unit), count)
                    u_bar = load(tile, (row - first, v * width), count)  # beyond it the tile holds anything
                    # a = .. + (u * mask) R
                    u_bar = masked(u_bar, mask, (b, unit), count)
                    u = masked(inner_saved(cell, saved, before), mask, (b, unit), count)
                    gates_bar, before_bar = inner_adjoint(cell, changes, saved, before, u_bar)
                    store(inputs, (row, first_inner + unit), count, u)
                    at = (p, row, 0)
                    store_gates(cell, a_bar, at, add(load_gates(cell, a_bar, at), gates_bar))
                    total = add(load_state(cell, h_bar, (b, unit), memory_bar, (b, 0, unit), count), before_bar)
                    store_state(cell, h_bar, (b, unit), memory_bar, (b, 0, unit), count, total, ())


@inline
def _reverse_nothing(cell, R, h, record, mask, changes, h_bar, memory_bar, a_bar, inputs, origins, tile, t, start, end):
    pass


@inline
def _reverse_outputs(cell, P, record, changes, h_bar, memory_bar, outputs_bar, inputs, origins, tile, t, start, end):
    """Reverse `h = m P + b_P` by m: `m_bar = h_bar P^T`; `h_bar` goes into the block, and no further back."""
    n_outputs, n_units, width = h_bar.shape[1], record.shape[3], lanes(P)
    first_m = inputs.shape[1] - n_units
    for row in range(start, end):
        b = origins[row, 1]
        for j in range(0, n_outputs, width):
            q = j // (VECTORS * width)
            bar = load(h_bar, (b, j), n_outputs - j)
            before_bar, projected_bar = project_adjoint(cell, changes, (t, b, j), n_outputs - j, bar)
            store(outputs_bar, (q, row, j - q * VECTORS * width), width, projected_bar)
            store(h_bar, (b, j), n_outputs - j, before_bar)
        for unit in range(0, n_units, width):
            count = n_units - unit
            store(inputs, (row, first_m + unit), count, load(record, (t + 1, b, 0, unit), count))
    tiles = n_tiles(end - start)
    for q in range(P.shape[0]):
        vectors = panel_vectors(P, q, n_units, PLAIN)
        for i in range(tiles):
            row = start + split(end - start, i, tiles)
            rows = start + split(end - start, i + 1, tiles) - row
            every = np.intp(VECTORS)
            _multiply(tile, rows, vectors, outputs_bar, row, P, q, n_outputs, PLAIN, np.intp(0), every)
            for r in range(rows):
                b = origins[row + r, 1]
                for v in range(vectors):
                    unit = (q * VECTORS + v) * width
                    store(memory_bar, (b, 0, unit), n_units - unit, load(tile, (r, v * width), width))


@inline
def _reverse_no_outputs(cell, P, record, changes, h_bar, memory_bar, outputs_bar, inputs, origins, tile, t, start, end):
    pass


@inline
def add_to_h_bar(cell, R, n_units, mask, h_bar, a_bar, origins, tile, start, end):
    """Reverse `a = x_t W + (h_(t-1) * mask) R + b` by h: add `a_bar R^T * mask` of the rows of one step."""
    n_outputs, width = h_bar.shape[1], lanes(R)
    begin_outer, n_outer = outer_span(cell)
    tiles = n_tiles(end - start)
    for q in range(R.shape[0]):
        vectors = panel_vectors(R, q, n_outputs, PLAIN)
        for i in range(tiles):
            row = start + split(end - start, i, tiles)
            rows = start + split(end - start, i + 1, tiles) - row
            _multiply(tile, rows, vectors, a_bar, row, R, q, n_units, panel(cell), begin_outer, n_outer)
            for r in range(rows):
                b = origins[row + r, 1]
                for v in range(vectors):
                    j = q * VECTORS * width + v * width
                    through_R = masked(load(tile, (r, v * width), width), mask, (b, j), n_outputs - j)
                    total = load(h_bar, (b, j), n_outputs - j) + through_R
                    store(h_bar, (b, j), n_outputs - j, total)


@inline
def store_x_bar(cell, W, x_bar, a_bar, origins, tile, n_units, end):
    """Reverse `a = x_t W + h_(t-1) R + b` by x: `x_t_bar = a_bar W^T` for all rows of the block."""
    n_inputs, width = x_bar.shape[2], lanes(W)
    begin_input, n_input = input_span(cell)
    tiles = n_tiles(end)
    for q in range(W.shape[0]):
        vectors = panel_vectors(W, q, n_inputs, PLAIN)
        for i in range(tiles):
            row = split(end, i, tiles)
            rows = split(end, i + 1, tiles) - row
            _multiply(tile, rows, vectors, a_bar, row, W, q, n_units, panel(cell), begin_input, n_input)
            for r in range(rows):
                t, b = origins[row + r, 0], origins[row + r, 1]
                for v in range(vectors):
                    column = q * VECTORS * width + v * width
                    store(x_bar, (t, b, column), n_inputs - column, load(tile, (r, v * width), width))


@inline
def _multiply(tile, rows, vectors, a_bar, row, weights, q, n_units, panel, begin, n):
    """Set the tile to `a_bar`, from `row` on, times panel q of transposed weights.

    Of each panel of `a_bar`, with the gates of `n_units` units, the n vectors from `begin` on count.
    """
    width = lanes(weights)
    for r in range(rows):
        for v in range(vectors):
            store(tile, (r, v * width), width, zero(load(tile, (r, v * width), width)))
    for p in range(a_bar.shape[0]):
        used = panel_vectors(weights, p, n_units, panel)
        depth = (n if n < used else used) * width
        at = (q, (p * VECTORS + begin) * width, 0)
        tile_add(tile, (0, 0), rows, vectors, a_bar, (p, row, begin * width), weights, at, depth)


@inline
def _transposed(cell, like):
    return pack_transposed(cell.P, cell.P.shape[1], PLAIN, ONE_BLOCK)


@inline
def _no_projection(cell, like):
    return np.empty((0, 0, 0), like.dtype)


@inline
def _units(cell, n_units):
    return n_units


@inline
def _no_units(cell, n_units):
    return np.intp(0)


_reverse_inner = by_form(lambda form: form.inner_gates, _reverse_product, _reverse_nothing)
_reverse_projection = by_form(lambda form: form.projection, _reverse_outputs, _reverse_no_outputs)
_transposed_projection = by_form(lambda form: form.projection, _transposed, _no_projection)
_within_step = by_form(lambda form: form.projection or form.inner_gates, _units, _no_units)
