"""The loop over time of the adjoint pass (BPTT), for cells with normalisation.

As in `numbarnn.cpu.adjoint`, rows gather in a block for the products that no later step waits for. The gates have
two products here, each with an adjoint of its own: that of `h_(t-1) R` is made step by step, that of `x_t W` once for
a block, for which the product is computed again, since the tape does not hold it.
"""

from __future__ import annotations

import numpy as np

from numbarnn.cells.equations import adjoint as step_adjoint
from numbarnn.cells.equations import output_adjoint
from numbarnn.cells.normalisation import slope
from numbarnn.cells.numbers import reciprocal_deviation, zero
from numbarnn.cpu.adjoint import add_to_h_bar, add_transposed_product, gather, store_x_bar
from numbarnn.cpu.compile import inline, kernel
from numbarnn.cpu.denormals import flush_denormals, restore_mode
from numbarnn.cpu.normalisation import place, set_product
from numbarnn.cpu.packing import n_panels, pack, pack_transposed
from numbarnn.cpu.rows import centred, row_mean, row_scale
from numbarnn.cpu.simd import lanes, load, spread, store
from numbarnn.cpu.tile import TILE_ROWS, VECTORS
from numbarnn.cpu.units import (
    add,
    add_products,
    input_blocks,
    load_by_gate,
    load_gates,
    load_memory,
    multiply,
    panel,
    recurrent_blocks,
    store_gates,
    store_units,
    total,
)


@kernel
def adjoint(
    cell,
    units,
    x,
    lengths,
    h,
    record,
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

    The arguments are those of `numbarnn.cpu.adjoint.adjoint`. What is added to the gradients of W and R is yet to be
    centred; the rows of `units_bar` are those of the normalisation's parameters.
    """
    (n_inputs, n_outputs), n_units, span = (x.shape[2], h.shape[2]), record.shape[3], VECTORS * lanes(x)
    W, R = centred(cell.W), centred(cell.R)
    packed = np.empty((n_panels(W, n_units, panel(cell)), n_inputs, span), x.dtype)
    pack(W, n_units, panel(cell), input_blocks(cell), packed, np.intp(0))
    R = pack_transposed(R, n_units, panel(cell), recurrent_blocks(cell))
    W = pack_transposed(W[: n_inputs if x_bar.shape[0] > 0 else 0], n_units, panel(cell), input_blocks(cell))
    a_bar = np.empty((packed.shape[0], block_rows, span), x.dtype)
    z = np.empty((packed.shape[0], block_rows, span), x.dtype)  # h_(t-1) R, and in its place its adjoint
    z_x = np.empty((packed.shape[0], block_rows, span), x.dtype)  # as z, of x_t W
    v_bar = np.empty((block_rows, n_units), x.dtype)  # of the normalised c
    sums = np.empty((4, block_rows), x.dtype)
    inputs = np.empty((block_rows, n_inputs + n_outputs + 1), x.dtype)  # x_t, h_(t-1), and 1
    origins = np.empty((block_rows, 2), np.intp)  # the t and b of each row
    tile = np.empty((TILE_ROWS, span), x.dtype)
    mode = flush_denormals()
    for s in range(bounds.size - 1):
        first, last = bounds[s], bounds[s + 1]
        end = np.intp(0)  # a literal 0 would have every function that it is passed to compiled twice
        for t in range(x.shape[0] - 1, -1, -1):
            start = end
            end = gather(inputs, origins, x, lengths, h, y_bar, h_bar, t, first, last, start)
            _reverse_output(cell, units, units_bar, record, h_bar, a_bar, v_bar, sums, origins, s, t, start, end)
            _reverse_step(cell, record, memory_bar, a_bar, z, v_bar, sums, origins, t, start, end)
            _reverse_normalisation(cell, units, units_bar, a_bar, z, sums, s, panel(cell)[0], start, end)
            add_to_h_bar(cell, R, n_units, h_bar, z, origins, tile, start, end)
            if t == 0 or end + last - first > block_rows:
                none, every, one = np.intp(0), np.intp(VECTORS), np.intp(1)
                bias = n_inputs + n_outputs
                set_product(cell, z_x, none, end, inputs, none, packed, none, n_inputs, n_units)
                _reverse_normalisation(cell, units, units_bar, a_bar, z_x, sums, s, none, none, end)
                # a = gain_x LN(x_t W) + gain_h LN(h_(t-1) R) + b
                for k, size, bars in ((none, n_inputs, z_x), (n_inputs, n_outputs, z), (bias, one, a_bar)):
                    add_transposed_product(
                        gradients[s], k, inputs, k, size, bars, panel(cell), n_units, none, every, end
                    )
                if x_bar.shape[0] > 0:
                    store_x_bar(cell, W, x_bar, z_x, origins, tile, n_units, end)
                end = np.intp(0)
    restore_mode(mode)


@inline
def _reverse_output(cell, units, units_bar, record, h_bar, a_bar, v_bar, sums, origins, s, t, start, end):
    """Reverse `h = output(v)`: the output gate's part of `a_bar` into the block, `v_bar` and its sums aside."""
    n_units, width, parameters = record.shape[3], lanes(h_bar), 2 * panel(cell)[0]
    for row in range(start, end):
        at = t + 1, origins[row, 1], np.intp(0)
        mean = row_mean(record, at, n_units)
        store(sums, (0, row), 1, mean)
        store(sums, (1, row), 1, row_scale(record, at, n_units, mean))
    for row in range(start, end):
        b = origins[row, 1]
        mean, scale = spread(sums, sums[0, row]), spread(sums, sums[1, row])
        total_v_bar, total_vv_bar = zero(mean), zero(mean)
        for unit in range(0, n_units, width):
            count = n_units - unit
            gates = load_by_gate(cell, record, (t + 1, b, 1, unit), count)
            v = (load(record, (t + 1, b, 0, unit), count) - mean) * scale
            p = load(units, (parameters, unit), count), load(units, (parameters + 1, unit), count)
            bar = load(h_bar, (b, unit), count)
            gates_bar, bar, p_bar = output_adjoint(cell, gates, v, bar, p)
            store_gates(cell, a_bar, place(cell, a_bar, row, unit), gates_bar)
            store(v_bar, (row, unit), count, bar)
            store(h_bar, (b, unit), count, zero(bar))
            total_v_bar, total_vv_bar = total_v_bar + bar, total_vv_bar + v * bar
            for i in range(2):
                before = load(units_bar, (s, parameters + i, unit), count)
                store(units_bar, (s, parameters + i, unit), count, before + p_bar[i])
        share = spread(sums, 1 / n_units)
        store(sums, (2, row), 1, total((total_v_bar,)) * share)
        store(sums, (3, row), 1, total((total_vv_bar,)) * share)


@inline
def _reverse_step(cell, record, memory_bar, a_bar, z, v_bar, sums, origins, t, start, end):
    """Reverse `v = LN(c)` and the step that made c: the other gates' `a_bar`; put the centred product into z."""
    n_units, n_gates = record.shape[3], panel(cell)[0]
    for row in range(start, end):
        b = origins[row, 1]
        mean, scale = spread(sums, sums[0, row]), spread(sums, sums[1, row])
        v_bar_mean, vv_bar_mean = spread(sums, sums[2, row]), spread(sums, sums[3, row])
        for unit in range(0, n_units, lanes(z)):
            count = n_units - unit
            gates = load_by_gate(cell, record, (t + 1, b, 1, unit), count)
            before = load_memory(cell, record, (t, b, 0, unit), count)
            after = load_memory(cell, record, (t + 1, b, 0, unit), count)
            (c_bar,) = load_memory(cell, memory_bar, (b, 0, unit), count)
            # v = LN(c)
            v = (after[0] - mean) * scale
            c_bar = c_bar + slope(v, scale, load(v_bar, (row, unit), count) - v_bar_mean, vv_bar_mean)
            gates_bar, before_bar, _ = step_adjoint(cell, gates, before, after, (c_bar,), ())
            at = place(cell, a_bar, row, unit)
            store_gates(cell, a_bar, at, add(load_gates(cell, a_bar, at), gates_bar))
            store_units(memory_bar, (b, 0, unit), count, before_bar)
            store_gates(cell, z, at, load_by_gate(cell, record, (t + 1, b, 1 + n_gates, unit), count))


@inline
def _reverse_normalisation(cell, units, units_bar, a_bar, z, sums, s, first_gain, start, end):
    """Reverse `a = .. + gain LN(z)` in rows of the block: centred products z become their adjoints."""
    n_units, width = units.shape[1], lanes(z)
    share = spread(z, 1 / (panel(cell)[0] * n_units))
    for row in range(start, end):
        at = place(cell, z, row, np.intp(0))
        values = load_gates(cell, z, at)
        squares = multiply(values, values)
        gain = load_by_gate(cell, units, (first_gain, 0), n_units)
        products = multiply(multiply(load_gates(cell, a_bar, at), gain), values)
        for unit in range(width, n_units, width):
            at = place(cell, z, row, unit)
            values = load_gates(cell, z, at)
            squares = add_products(squares, values, values)
            gain = load_by_gate(cell, units, (first_gain, unit), n_units - unit)
            products = add_products(products, multiply(load_gates(cell, a_bar, at), gain), values)
        scale = reciprocal_deviation(total(squares) * share)
        store(sums, (0, row), 1, scale)
        store(sums, (1, row), 1, total(products) * share * scale)
    for unit in range(0, n_units, width):
        count = n_units - unit
        gain = load_by_gate(cell, units, (first_gain, unit), count)
        gain_bar = load_by_gate(cell, units_bar, (s, first_gain, unit), count)
        for row in range(start, end):
            at = place(cell, z, row, unit)
            scale, vv_bar_mean = spread(sums, sums[0, row]), spread(sums, sums[1, row])
            gates_bar, v = load_gates(cell, a_bar, at), multiply(load_gates(cell, z, at), scale)
            # a = .. + gain * v
            gain_bar = add_products(gain_bar, gates_bar, v)
            bar = multiply(gates_bar, gain)
            # v = LN(z)
            bar = multiply(add_products(bar, v, -vv_bar_mean), scale)
            store_gates(cell, z, at, bar)
        store_units(units_bar, (s, first_gain, unit), count, gain_bar)
