"""The loop over time of the adjoint pass (BPTT), for cells with normalisation.

As in the plain adjoint, rows gather in a block for the products that no later step waits for. The gates have
two products here, each with an adjoint of its own: that of `h_(t-1) R` is made step by step, that of `x_t W` once for
a block, for which the product is computed again, since the tape does not hold it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from numbarnn.cells.equations import output_adjoint
from numbarnn.cells.normalisation import slope
from numbarnn.cells.numbers import zero
from numbarnn.kernels.cpu.adjoint import add_to_h_bar, gather, store_x_bar
from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.denormals import flush_denormals, restore_mode
from numbarnn.kernels.cpu.gradient import add_transposed_product
from numbarnn.kernels.cpu.modified import adjoint as step_adjoint
from numbarnn.kernels.cpu.normalisation import place, set_product
from numbarnn.kernels.cpu.packing import n_panels, pack, pack_transposed
from numbarnn.kernels.cpu.rows import centred, row_mean, row_variance, take_roots
from numbarnn.kernels.cpu.simd import lanes, load, spread, store
from numbarnn.kernels.cpu.state import load_state, store_state
from numbarnn.kernels.cpu.tile import TILE_ROWS, VECTORS
from numbarnn.kernels.cpu.units import (
    add_products,
    all_spans,
    input_blocks,
    load_by_gate,
    load_gates,
    multiply,
    no_gates,
    panel,
    recurrent_blocks,
    store_gates,
    store_units,
    total,
)

PART_ROWS = 2 * TILE_ROWS


class Block(NamedTuple):
    """Rows of several steps of running sequences, gathered for the products that no later step waits for.

    Attributes
    ----------
    a_bar : ndarray of shape (P, block_rows, vectors * lanes)
        Adjoints of the pre-activations, in panels as the packed weights.
    z : ndarray of shape (P, block_rows, vectors * lanes)
        The centred `h_(t-1) R`, and in its place its adjoint.
    v_bar : ndarray of shape (block_rows, H)
        Adjoint of the normalised c.
    sums : ndarray of shape (4, block_rows)
        What must be known of whole rows.
    origins : ndarray of shape (block_rows, 2), intp
        The t and b of each row.
    """

    a_bar: np.ndarray
    z: np.ndarray
    v_bar: np.ndarray
    sums: np.ndarray
    origins: np.ndarray


@inline
def adjoint(cell, units, steps, modifiers, bars, gradients, block_rows, bounds, slices):
    """Run slices of the batch backward through all their steps; see `loops.adjoint`.

    What is added to the gradients of W and R is yet to be centred; the rows of `gradients.units` are those of the
    normalisation's parameters.
    """
    (x, _, h, record), mask, units_bar = steps, modifiers.mask, gradients.units
    n_inputs, n_outputs, n_units = x.shape[2], h.shape[2], record.shape[3]
    span = panel(cell)[2] * lanes(x)
    W, R = centred(cell.W), centred(cell.R)
    packed = np.empty((n_panels(W, n_units, panel(cell)), n_inputs, span), x.dtype)
    pack(W, n_units, panel(cell), input_blocks(cell), packed, np.intp(0))
    R = pack_transposed(R, n_units, panel(cell), recurrent_blocks(cell))
    W = pack_transposed(W[: n_inputs if bars.x.shape[0] > 0 else 0], n_units, panel(cell), input_blocks(cell))
    a_bar = np.empty((packed.shape[0], block_rows, span), x.dtype)
    z = np.empty((packed.shape[0], block_rows, span), x.dtype)  # h_(t-1) R, and in its place its adjoint
    z_x = np.empty((packed.shape[0], block_rows, span), x.dtype)  # as z, of x_t W
    v_bar = np.empty((block_rows, n_units), x.dtype)  # of the normalised c
    sums = np.empty((4, block_rows), x.dtype)
    inputs = np.empty((block_rows, n_inputs + n_outputs + 1), x.dtype)  # x_t, h_(t-1), and 1
    origins = np.empty((block_rows, 2), np.intp)  # the t and b of each row
    tile = np.empty((block_rows, VECTORS * lanes(x)), x.dtype)
    block = Block(a_bar, z, v_bar, sums, origins)
    mode = flush_denormals()
    for s in range(slices[0], slices[1]):
        first, last = bounds[s], bounds[s + 1]
        end = np.intp(0)  # a literal 0 would have every function that it is passed to compiled twice
        for t in range(x.shape[0] - 1, -1, -1):
            start = end
            end = gather(steps, mask, bars, inputs, origins, t, (first, last), start)
            _reverse_output(cell, units, units_bar, record, bars.h, block, (s, t), start, end)
            _reverse_step(cell, units, steps, modifiers, bars, block, t, start, end)
            _reverse_normalisation(cell, units, units_bar, a_bar, z, sums, s, panel(cell)[0], start, end)
            add_to_h_bar(cell, R, n_units, mask, bars.h, z, origins, tile, start, end)
            if t == 0 or end + last - first > block_rows:
                none, one = np.intp(0), np.intp(1)
                bias = n_inputs + n_outputs
                for row in range(none, end, PART_ROWS):  # few enough to stay in the first cache
                    stop = row + PART_ROWS if row + PART_ROWS < end else end
                    set_product(cell, z_x, row, stop - row, inputs, row, packed, none, n_inputs, n_units)
                    _add_up(cell, units, a_bar, z_x, sums, n_units, row, stop)
                    _reverse_normalisation(cell, units, units_bar, a_bar, z_x, sums, s, none, row, stop)
                # a = gain_x LN(x_t W) + gain_h LN(h_(t-1) R) + b
                for k, size, of_product in ((none, n_inputs, z_x), (n_inputs, n_outputs, z), (bias, one, a_bar)):
                    gradient, rows, spans = gradients.packed[s], (k, k, size), all_spans(cell)
                    add_transposed_product(gradient, rows, inputs, of_product, panel(cell), n_units, spans, end)
                if bars.x.shape[0] > 0:
                    store_x_bar(cell, W, bars.x, (none, n_inputs), z_x, origins, tile, n_units, none, end)
                end = np.intp(0)
    restore_mode(mode)


@inline
def _reverse_output(cell, units, units_bar, record, h_bar, block, at, start, end):
    """Reverse `h = output(o, v)`: the adjoint of o into the place of `h_bar`, that of v and its sums into the block.

    `at` are the slice, whose part of the parameters' adjoint is added to, and the step.
    """
    (_, _, v_bar, sums, origins), (s, t) = block, at
    n_units, width, parameters = record.shape[3], lanes(h_bar), 2 * panel(cell)[0]
    for row in range(start, end):
        c_at = t + 1, origins[row, 1], np.intp(0)
        mean = row_mean(record, c_at, n_units)
        store(sums, (0, row), 1, mean)
        store(sums, (1, row), 1, row_variance(record, c_at, n_units, mean))
    take_roots(sums[1], start, end)
    for row in range(start, end):
        b = origins[row, 1]
        mean, scale = spread(sums, sums[0, row]), spread(sums, sums[1, row])
        total_v_bar, total_vv_bar = zero(mean), zero(mean)
        for unit in range(0, n_units, width):
            count = n_units - unit
            o = load(record, (t + 1, b, 1, unit), count)
            v = (load(record, (t + 1, b, 0, unit), count) - mean) * scale
            p = load(units, (parameters, unit), count), load(units, (parameters + 1, unit), count)
            o_bar, bar, p_bar = output_adjoint(cell, o, v, load(h_bar, (b, unit), count), p)
            store(h_bar, (b, unit), count, o_bar)
            store(v_bar, (row, unit), count, bar)
            total_v_bar, total_vv_bar = total_v_bar + bar, total_vv_bar + v * bar
            for i in range(2):
                before = load(units_bar, (s, parameters + i, unit), count)
                store(units_bar, (s, parameters + i, unit), count, before + p_bar[i])
        share = spread(sums, 1 / n_units)
        store(sums, (2, row), 1, total((total_v_bar,)) * share)
        store(sums, (3, row), 1, total((total_vv_bar,)) * share)


@inline
def _reverse_step(cell, units, steps, modifiers, bars, block, t, start, end):
    """Reverse `v = LN(c)` and the step that made o and c; `a_bar` goes into the block, and the centred product into z.

    What `_reverse_normalisation` must know of whole rows is added up on the way.
    """
    (_, _, h, record), (_, h_bar, memory_bar, _), (a_bar, z, v_bar, sums, origins) = steps, bars, block
    n_units, n_gates = record.shape[3], panel(cell)[0]
    for row in range(start, end):
        b = origins[row, 1]
        mean, scale = spread(sums, sums[0, row]), spread(sums, sums[1, row])
        v_bar_mean, vv_bar_mean = spread(sums, sums[2, row]), spread(sums, sums[3, row])
        squares, products = no_gates(cell, z), no_gates(cell, z)
        for unit in range(0, n_units, lanes(z)):
            count = n_units - unit
            saved = load_by_gate(cell, record, (t + 1, b, 1, unit), count)
            before = load_state(cell, h, (t, b, unit), record, (t, b, 0, unit), count)
            c = load(record, (t + 1, b, 0, unit), count)
            o_bar, c_bar = load_state(cell, h_bar, (b, unit), memory_bar, (b, 0, unit), count)
            # v = LN(c)
            v = (c - mean) * scale
            c_bar = c_bar + slope(v, scale, load(v_bar, (row, unit), count) - v_bar_mean, vv_bar_mean)
            bar, none = (o_bar, c_bar), ()
            of_step = step_adjoint(cell, modifiers, h, record, (t, b, unit), count, saved, before, bar, none)
            gates_bar, before_bar, _ = of_step
            at = place(cell, a_bar, row, unit)
            store_gates(cell, a_bar, at, gates_bar)
            store_state(cell, h_bar, (b, unit), memory_bar, (b, 0, unit), count, before_bar, ())
            values = load_by_gate(cell, record, (t + 1, b, 1 + n_gates, unit), count)
            store_gates(cell, z, at, values)
            squares = add_products(squares, values, values)
            gain = load_by_gate(cell, units, (n_gates, unit), count)
            products = add_products(products, multiply(gates_bar, gain), values)
        _store_sums(cell, sums, row, squares, products, n_units)


@inline
def _add_up(cell, units, a_bar, z, sums, n_units, start, end):
    """Add up what `_reverse_normalisation` must know of rows of the product x W."""
    for row in range(start, end):
        squares, products = no_gates(cell, z), no_gates(cell, z)
        for unit in range(0, n_units, lanes(z)):
            at = place(cell, z, row, unit)
            values = load_gates(cell, z, at)
            squares = add_products(squares, values, values)
            gain = load_by_gate(cell, units, (0, unit), n_units - unit)
            products = add_products(products, multiply(load_gates(cell, a_bar, at), gain), values)
        _store_sums(cell, sums, row, squares, products, n_units)


@inline
def _store_sums(cell, sums, row, squares, products, n_units):
    share = spread(sums, 1 / (panel(cell)[0] * n_units))
    store(sums, (0, row), 1, total(squares) * share)
    store(sums, (1, row), 1, total(products) * share)


@inline
def _reverse_normalisation(cell, units, units_bar, a_bar, z, sums, s, first_gain, start, end):
    """Reverse `a = .. + gain LN(z)` in rows of the block: centred products z become their adjoints."""
    n_units = units.shape[1]
    take_roots(sums[0], start, end)
    for unit in range(0, n_units, lanes(z)):
        count = n_units - unit
        gain = load_by_gate(cell, units, (first_gain, unit), count)
        gain_bar = load_by_gate(cell, units_bar, (s, first_gain, unit), count)
        for row in range(start, end):
            at = place(cell, z, row, unit)
            scale = spread(sums, sums[0, row])
            vv_bar_mean = spread(sums, sums[1, row]) * scale
            gates_bar, v = load_gates(cell, a_bar, at), multiply(load_gates(cell, z, at), scale)
            # a = .. + gain * v
            gain_bar = add_products(gain_bar, gates_bar, v)
            bar = multiply(gates_bar, gain)
            # v = LN(z)
            bar = multiply(add_products(bar, v, -vv_bar_mean), scale)
            store_gates(cell, z, at, bar)
        store_units(units_bar, (s, first_gain, unit), count, gain_bar)
