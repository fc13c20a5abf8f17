"""The loop over time of the adjoint pass (BPTT).

Backward in time, each step turns the state's adjoint into the pre-activations' adjoint `a_bar`, and that into `h_bar
= a_bar R^T`. The other products, which no later step waits for, are taken over a block of steps at once: the rows of
`a_bar` gather in a buffer that stays in the cache, next to the rows `(x_t, h_(t-1), 1)` that met the weights in the
forward pass, until it is full. Only rows of running sequences enter it, so that ragged batches cost no more than
their steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from numbarnn.cells.equations import inner_saved
from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.denormals import flush_denormals, restore_mode
from numbarnn.kernels.cpu.gradient import add_to_gradient, add_to_projection_bar
from numbarnn.kernels.cpu.masks import masked
from numbarnn.kernels.cpu.modified import adjoint as step_adjoint
from numbarnn.kernels.cpu.modified import inner_adjoint, project_adjoint
from numbarnn.kernels.cpu.packing import ONE_BLOCK, ONE_SPAN, PLAIN, pack_transposed, panel_units, panel_vectors
from numbarnn.kernels.cpu.simd import lanes, load, prefetch, store
from numbarnn.kernels.cpu.state import load_state, store_state
from numbarnn.kernels.cpu.tile import VECTORS, tile_over_panels
from numbarnn.kernels.cpu.units import (
    add,
    inner_spans,
    input_blocks,
    input_spans,
    load_gates,
    load_parameters,
    load_saved,
    outer_spans,
    panel,
    recurrent_blocks,
    store_gates,
    store_units,
)
from numbarnn.kernels.cpu.variants import by_form


class Transposed(NamedTuple):
    """Matrices by which adjoints are multiplied, from `pack_transposed`.

    Attributes
    ----------
    W, R, P : ndarray of shape (Q, depth, VECTORS * lanes)
        Empty where there is none, or no adjoint of the inputs is wanted.
    """

    W: np.ndarray
    R: np.ndarray
    P: np.ndarray


class Block(NamedTuple):
    """Rows of several steps of running sequences, gathered for the products that no later step waits for.

    Attributes
    ----------
    a_bar : ndarray of shape (P, block_rows, vectors * lanes)
        Adjoints of the pre-activations, in panels as the packed weights.
    outputs_bar : ndarray of shape (Q, block_rows, VECTORS * lanes)
        Adjoints of projected outputs.
    inputs : ndarray of shape (block_rows, I + N + 1) or (block_rows, I + N + 1 + H)
        x_t, h_(t-1), the bias's 1, and the inner state or what is projected.
    origins : ndarray of shape (block_rows, 2), intp
        The t and b of each row.
    tile : ndarray of shape (block_rows, VECTORS * lanes)
        Some columns of a product.
    """

    a_bar: np.ndarray
    outputs_bar: np.ndarray
    inputs: np.ndarray
    origins: np.ndarray
    tile: np.ndarray


@inline
def adjoint(cell, units, steps, modifiers, bars, gradients, block_rows, bounds, slices):
    """Run slices of the batch backward through all their steps; see `loops.adjoint`."""
    x, _, h, record = steps
    n_inputs, n_outputs, n_units = x.shape[2], h.shape[2], record.shape[3]
    width = VECTORS * lanes(x)
    W = cell.W[: n_inputs if bars.x.shape[0] > 0 else 0]
    W = pack_transposed(W, n_units, panel(cell), input_blocks(cell))
    R = pack_transposed(cell.R, n_units, panel(cell), recurrent_blocks(cell))
    matrices = Transposed(W, R, transposed_projection(cell, x))
    a_bar = np.empty((gradients.packed.shape[1], block_rows, gradients.packed.shape[3]), x.dtype)
    outputs_bar = np.empty((matrices.P.shape[1] // width, block_rows, width), x.dtype)
    inputs = np.empty((block_rows, n_inputs + n_outputs + 1 + units_within_step(cell, n_units)), x.dtype)
    origins, tile = np.empty((block_rows, 2), np.intp), np.empty((block_rows, width), x.dtype)
    block = Block(a_bar, outputs_bar, inputs, origins, tile)
    mode = flush_denormals()
    for s in range(slices[0], slices[1]):
        first, last = bounds[s], bounds[s + 1]
        end = np.intp(0)  # a literal 0 would have every function that it is passed to compiled twice
        for t in range(x.shape[0] - 1, -1, -1):
            start = end
            end = gather(steps, modifiers.mask, bars, inputs, origins, t, (first, last), start)
            reverse_projection(cell, matrices, steps, modifiers, bars, block, t, start, end)
            reverse_step(cell, units, steps, modifiers, bars, gradients.units, block, (s, t), start, end)
            reverse_inner(cell, matrices, steps, modifiers, bars, block, t, start, end)
            add_to_h_bar(cell, R, n_units, modifiers.mask, bars.h, a_bar, origins, tile, start, end)
            if t == 0 or end + last - first > block_rows:
                add_to_gradient(cell, gradients.packed[s], inputs, a_bar, n_inputs, n_outputs, n_units, end)
                add_to_projection_bar(cell, gradients.projection[s], inputs, outputs_bar, n_outputs, n_units, end)
                if bars.x.shape[0] > 0:
                    every = np.intp(0), n_inputs
                    store_x_bar(cell, W, bars.x, every, a_bar, origins, tile, n_units, np.intp(0), end)
                end = np.intp(0)
    restore_mode(mode)


@inline
def gather(steps, mask, bars, inputs, origins, t, own, row):
    """Append the sequences of a slice that run at step t to the block, add their `y_bar`; return the block's new end.

    The slice are the sequences `own[0] .. own[1] - 1`.
    """
    x, lengths, h, _ = steps
    y_bar, h_bar = bars.y, bars.h
    n_inputs, n_outputs, width = x.shape[2], h.shape[2], lanes(h)
    for b in range(own[0], own[1]):
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
def reverse_step(cell, units, steps, modifiers, bars, units_bar, block, at, start, end):
    """Reverse a step: `a_bar` into the block, the part of the state's adjoint that does not go through `a` in place.

    `at` are the slice, whose unit parameters' adjoint is added to, and the step.
    """
    (_, _, h, record), (_, h_bar, memory_bar, _), (a_bar, _, _, origins, _) = steps, bars, block
    n_units, width, n_memory, n_gates = record.shape[3], lanes(h), memory_bar.shape[1], panel(cell)[0]
    s, t = at
    for row in range(start, end):
        b = origins[row, 1]
        for unit in range(0, n_units, width):
            count = n_units - unit
            if t > 0:  # what the step before will read
                for m in range(n_memory, record.shape[2]):
                    prefetch(record, (t, b, m, unit))
                for m in range(n_memory):
                    prefetch(record, (t - 1, b, m, unit))
            saved = load_saved(cell, record, (t + 1, b, n_memory, unit), count)
            before = load_state(cell, h, (t, b, unit), record, (t, b, 0, unit), count)
            bar = load_state(cell, h_bar, (b, unit), memory_bar, (b, 0, unit), count)
            parameters = load_parameters(cell, units, (0, unit), count)
            of_step = step_adjoint(cell, modifiers, h, record, (t, b, unit), count, saved, before, bar, parameters)
            gates_bar, before_bar, parameters_bar = of_step
            p = unit // panel_units(h, panel(cell))
            column = (unit - p * panel_units(h, panel(cell))) * n_gates
            store_gates(cell, a_bar, (p, row, column), gates_bar)
            store_state(cell, h_bar, (b, unit), memory_bar, (b, 0, unit), count, before_bar, ())
            total = load_parameters(cell, units_bar, (s, 0, unit), count)
            store_units(units_bar, (s, 0, unit), count, add(total, parameters_bar))


@inline
def _reverse_product(cell, matrices, steps, modifiers, bars, block, t, start, end):
    (_, _, h, record), (_, h_bar, memory_bar, _), (a_bar, _, inputs, origins, tile) = steps, bars, block
    R, mask = matrices.R, modifiers.mask
    n_units, width, n_memory = record.shape[3], lanes(R), memory_bar.shape[1]
    first_inner = inputs.shape[1] - n_units
    for q in range(R.shape[0]):
        vectors = panel_vectors(R, q, n_units, PLAIN)
        _multiply(tile, end - start, vectors, a_bar, start, R, q, n_units, panel(cell), inner_spans(cell))
        for row in range(start, end):
            b = origins[row, 1]
            for v in range(vectors):
                p = q * VECTORS + v
                unit = p * width
                count = n_units - unit
                saved = load_saved(cell, record, (t + 1, b, n_memory, unit), count)
                before = load_state(cell, h, (t, b, unit), record, (t, b, 0, unit), count)
                u_bar = load(tile, (row - start, v * width), count)  # beyond it the tile holds anything
                # a = .. + (u * mask) R
                u_bar = masked(u_bar, mask, (b, unit), count)
                u = masked(inner_saved(cell, saved, before), mask, (b, unit), count)
                gates_bar, before_bar = inner_adjoint(cell, modifiers, saved, before, u_bar)
                store(inputs, (row, first_inner + unit), count, u)
                at = (p, row, 0)
                store_gates(cell, a_bar, at, add(load_gates(cell, a_bar, at), gates_bar))
                total = add(load_state(cell, h_bar, (b, unit), memory_bar, (b, 0, unit), count), before_bar)
                store_state(cell, h_bar, (b, unit), memory_bar, (b, 0, unit), count, total, ())


@inline
def _reverse_nothing(cell, matrices, steps, modifiers, bars, block, t, start, end):
    pass


@by_form(lambda form: _reverse_product if form.inner_gates else _reverse_nothing)
def reverse_inner(cell, matrices, steps, modifiers, bars, block, t, start, end):
    """Reverse `a = .. + u R` of the inner gates by the inner state u, and u by what it is made of."""


@inline
def _reverse_outputs(cell, matrices, steps, modifiers, bars, block, t, start, end):
    record, (_, h_bar, memory_bar, _), (_, outputs_bar, inputs, origins, tile) = steps.record, bars, block
    P = matrices.P
    n_outputs, n_units, width = h_bar.shape[1], record.shape[3], lanes(P)
    first_m = inputs.shape[1] - n_units
    for row in range(start, end):
        b = origins[row, 1]
        for j in range(0, n_outputs, width):
            q = j // (VECTORS * width)
            bar = load(h_bar, (b, j), n_outputs - j)
            before_bar, projected_bar = project_adjoint(cell, modifiers, (t, b, j), n_outputs - j, bar)
            store(outputs_bar, (q, row, j - q * VECTORS * width), width, projected_bar)
            store(h_bar, (b, j), n_outputs - j, before_bar)
        for unit in range(0, n_units, width):
            count = n_units - unit
            store(inputs, (row, first_m + unit), count, load(record, (t + 1, b, 0, unit), count))
    for q in range(P.shape[0]):
        vectors = panel_vectors(P, q, n_units, PLAIN)
        _multiply(tile, end - start, vectors, outputs_bar, start, P, q, n_outputs, PLAIN, ONE_SPAN)
        for row in range(start, end):
            b = origins[row, 1]
            for v in range(vectors):
                unit = (q * VECTORS + v) * width
                store(memory_bar, (b, 0, unit), n_units - unit, load(tile, (row - start, v * width), width))


@by_form(lambda form: _reverse_outputs if form.projection else _reverse_nothing)
def reverse_projection(cell, matrices, steps, modifiers, bars, block, t, start, end):
    """Reverse `h = m P + b_P` by m: `m_bar = h_bar P^T`; `h_bar` goes into the block, and no further back."""


@inline
def add_to_h_bar(cell, R, n_units, mask, h_bar, a_bar, origins, tile, start, end):
    """Reverse `a = x_t W + (h_(t-1) * mask) R + b` by h: add `a_bar R^T * mask` of the rows of one step."""
    n_outputs, width = h_bar.shape[1], lanes(R)
    for q in range(R.shape[0]):
        vectors = panel_vectors(R, q, n_outputs, PLAIN)
        _multiply(tile, end - start, vectors, a_bar, start, R, q, n_units, panel(cell), outer_spans(cell))
        for row in range(start, end):
            b = origins[row, 1]
            for v in range(vectors):
                j = (q * VECTORS + v) * width
                through_R = masked(load(tile, (row - start, v * width), width), mask, (b, j), n_outputs - j)
                store(h_bar, (b, j), n_outputs - j, load(h_bar, (b, j), n_outputs - j) + through_R)


@inline
def store_x_bar(cell, W, x_bar, inputs, a_bar, origins, tile, n_units, start, end):
    """Reverse `a = x_t W + h_(t-1) R + b` by x: `x_t_bar = a_bar W^T` for rows `start .. end - 1` of the block.

    W holds the weights of the inputs `inputs[0] .. inputs[1] - 1`, whose adjoints are written.
    """
    (first, stop), width = inputs, lanes(W)
    for q in range(W.shape[0]):
        vectors = panel_vectors(W, q, stop - first, PLAIN)
        _multiply(tile, end - start, vectors, a_bar, start, W, q, n_units, panel(cell), input_spans(cell))
        for row in range(start, end):
            t, b = origins[row, 0], origins[row, 1]
            for v in range(vectors):
                column = first + (q * VECTORS + v) * width
                store(x_bar, (t, b, column), stop - column, load(tile, (row - start, v * width), width))


@inline
def _multiply(tile, rows, vectors, bars, row, weights, q, n_units, panel, spans):
    """Set rows of the tile to `bars`, from `row` on, times panel q of transposed weights.

    Of each panel of bars, with the gates of `n_units` units, the spans' vectors count.
    """
    width, add = lanes(weights), np.intp(0)
    used = panel_vectors(weights, bars.shape[0] - 1, n_units, panel)  # of the last panel
    full = panel_vectors(weights, np.intp(0), n_units, panel)
    for v, size in spans:
        depth, last_depth = min(size, full - v) * width, min(size, used - v) * width
        at, w_at = (np.intp(0), row, v * width), (q, v * width, np.intp(0))
        tile_over_panels(tile, (0, 0), rows, vectors, bars, at, weights, w_at, depth, last_depth, add)
        add = np.intp(1)


@inline
def _transposed(cell, like):
    return pack_transposed(cell.P, cell.P.shape[1], PLAIN, ONE_BLOCK)


@inline
def _no_projection(cell, like):
    return np.empty((0, 0, 0), like.dtype)


@by_form(lambda form: _transposed if form.projection else _no_projection)
def transposed_projection(cell, like):
    """Return P transposed, in panels; empty without a projection."""


@inline
def _all_units(cell, n_units):
    return n_units


@inline
def _no_units(cell, n_units):
    return np.intp(0)


@by_form(lambda form: _all_units if form.projection or form.inner_gates else _no_units)
def units_within_step(cell, n_units):
    """Return how many numbers a row of the block holds of the inner state, or of what is projected."""
