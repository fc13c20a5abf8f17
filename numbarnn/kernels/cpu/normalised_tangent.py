"""The loop over time of the tangent-linear pass, for cells with normalisation."""

from __future__ import annotations

import numpy as np

from numbarnn.cells.equations import output_tangent
from numbarnn.cells.normalisation import slope
from numbarnn.cells.numbers import reciprocal_deviation, zero
from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.denormals import flush_denormals, restore_mode
from numbarnn.kernels.cpu.masks import see, seen_array
from numbarnn.kernels.cpu.modified import tangent as step_tangent
from numbarnn.kernels.cpu.normalisation import add_product, place, set_product
from numbarnn.kernels.cpu.rows import row_mean, row_variance
from numbarnn.kernels.cpu.simd import lanes, load, spread, store
from numbarnn.kernels.cpu.state import load_state, store_state
from numbarnn.kernels.cpu.units import (
    add_products,
    load_by_gate,
    load_gates,
    multiply,
    no_gates,
    panel,
    store_gates,
    total,
)


@inline
def tangent(weights, weights_dot, steps, modifiers, directions, first, last):
    """Run the tangents of some sequences through all their steps; see `loops.tangent`.

    Packed are the centred weights and their tangents, and the parameters of the units are those of the normalisation.
    """
    (cell, packed, _), packed_dot, (x, lengths, h, record) = weights, weights_dot.packed, steps
    x_dot, h_dot, _ = directions
    mask, (n_steps, n_sequences, n_inputs) = modifiers.mask, x.shape
    n_outputs, n_units = h.shape[2], record.shape[3]
    n_rows, n_gates, none = last - first, panel(cell)[0], np.intp(0)
    x_rows, x_dot_rows = x.reshape(n_steps * n_sequences, n_inputs), x_dot.reshape(n_steps * n_sequences, n_inputs)
    seen, seen_dot = seen_array(h, mask, n_rows), seen_array(h_dot, mask, n_rows)
    seen_rows = seen.reshape(seen.shape[0] * seen.shape[1], n_outputs)
    seen_dot_rows = seen_dot.reshape(seen_dot.shape[0] * seen_dot.shape[1], n_outputs)
    shape = packed.shape[0], n_rows, packed.shape[2]
    z, z_dot, a_dot = np.empty(shape, x.dtype), np.empty(shape, x.dtype), np.empty(shape, x.dtype)
    mode = flush_denormals()
    for t in range(n_steps):
        row = t * n_sequences + first
        _start(cell, packed_dot, a_dot, n_units)
        # a = gain_x LN(x_t W) + gain_h LN(h_(t-1) R) + b
        set_product(cell, z, none, n_rows, x_rows, row, packed, none, n_inputs, n_units)
        set_product(cell, z_dot, none, n_rows, x_dot_rows, row, packed, none, n_inputs, n_units)
        add_product(cell, z_dot, n_rows, x_rows, row, packed_dot, none, n_inputs, n_units)
        _add_normalised(weights, weights_dot, z, z_dot, a_dot, none, lengths, t, first)
        _load_product(cell, z, lengths, record, t, first)
        seen_t, seen_first = see(seen_dot, h_dot, mask, t, first)
        row = seen_t * seen_dot.shape[1] + seen_first
        set_product(cell, z_dot, none, n_rows, seen_dot_rows, row, packed, n_inputs, n_outputs, n_units)
        see(seen, h, mask, t, first)
        add_product(cell, z_dot, n_rows, seen_rows, row, packed_dot, n_inputs, n_outputs, n_units)
        _add_normalised(weights, weights_dot, z, z_dot, a_dot, n_gates, lengths, t, first)
        _step(weights, steps, modifiers, directions, a_dot, t, first)
        _set_output(weights, weights_dot, steps, directions, t, first, last)
    restore_mode(mode)


@inline
def _start(cell, packed_dot, a_dot, n_units):
    """Set `a_dot = b_dot`."""
    bias = packed_dot.shape[1] - 1
    for row in range(a_dot.shape[1]):
        for unit in range(0, n_units, lanes(a_dot)):
            at = place(cell, a_dot, row, unit)
            store_gates(cell, a_dot, at, load_gates(cell, packed_dot, (at[0], bias, at[2])))


@inline
def _load_product(cell, z, lengths, record, t, first):
    """Set z to the centred `h_(t-1) R`, which the tape has."""
    n_units = record.shape[3]
    for row in range(z.shape[1]):
        if lengths[first + row] <= t:
            continue
        for unit in range(0, n_units, lanes(z)):
            values = load_by_gate(cell, record, (t + 1, first + row, 1 + panel(cell)[0], unit), n_units - unit)
            store_gates(cell, z, place(cell, z, row, unit), values)


@inline
def _add_normalised(weights, weights_dot, z, z_dot, a_dot, first_gain, lengths, t, first):
    """Add the tangent of `gain LN(z)` to `a_dot`."""
    cell, units, units_dot = weights.cell, weights.units, weights_dot.units
    n_units, width = units.shape[1], lanes(z)
    share = spread(z, 1 / (panel(cell)[0] * n_units))
    for row in range(z.shape[1]):
        if lengths[first + row] <= t:
            continue
        squares, products = no_gates(cell, z), no_gates(cell, z)
        for unit in range(0, n_units, width):
            at = place(cell, z, row, unit)
            values = load_gates(cell, z, at)
            squares = add_products(squares, values, values)
            products = add_products(products, values, load_gates(cell, z_dot, at))
        scale = reciprocal_deviation(total(squares) * share)
        vz_dot_mean = total(products) * share * scale
        for unit in range(0, n_units, width):
            at, count = place(cell, z, row, unit), n_units - unit
            v = multiply(load_gates(cell, z, at), scale)
            v_dot = multiply(add_products(load_gates(cell, z_dot, at), v, -vz_dot_mean), scale)
            moved = add_products(
                load_gates(cell, a_dot, at), v_dot, load_by_gate(cell, units, (first_gain, unit), count)
            )
            moved = add_products(moved, v, load_by_gate(cell, units_dot, (first_gain, unit), count))
            store_gates(cell, a_dot, at, moved)


@inline
def _step(weights, steps, modifiers, directions, a_dot, t, first):
    """Step the tangents from `a_dot`; that of o takes the place of `h_dot` until that is set."""
    cell, (_, lengths, h, record), (_, h_dot, memory_dot) = weights.cell, steps, directions
    n_units = record.shape[3]
    for row in range(a_dot.shape[1]):
        b = first + row
        if lengths[b] <= t:
            continue
        for unit in range(0, n_units, lanes(a_dot)):
            count = n_units - unit
            saved = load_by_gate(cell, record, (t + 1, b, 1, unit), count)
            before = load_state(cell, h, (t, b, unit), record, (t, b, 0, unit), count)
            before_dot = load_state(cell, h_dot, (t, b, unit), memory_dot, (b, 0, unit), count)
            gates_dot = load_gates(cell, a_dot, place(cell, a_dot, row, unit))
            at = t, b, unit
            p = ()
            after_dot = step_tangent(cell, modifiers, h, record, at, count, saved, before, gates_dot, before_dot, p, p)
            store_state(cell, h_dot, (t + 1, b, unit), memory_dot, (b, 0, unit), count, after_dot, ())


@inline
def _set_output(weights, weights_dot, steps, directions, t, first, last):
    """Set the tangent of h from those of c and of o."""
    (cell, _, units), units_dot = weights, weights_dot.units
    (_, lengths, _, record), (_, h_dot, memory_dot) = steps, directions
    n_units, width, parameters = record.shape[3], lanes(h_dot), 2 * panel(cell)[0]
    share = spread(h_dot, 1 / n_units)
    rows_dot = memory_dot.reshape(1, memory_dot.shape[0], memory_dot.shape[1], n_units)
    for b in range(first, last):
        if lengths[b] <= t:
            continue
        at, at_dot = (t + 1, b, np.intp(0)), (np.intp(0), b, np.intp(0))
        mean = row_mean(record, at, n_units)
        scale = reciprocal_deviation(row_variance(record, at, n_units, mean))
        c_dot_mean = row_mean(rows_dot, at_dot, n_units)
        products = zero(mean)
        for unit in range(0, n_units, width):
            count = n_units - unit
            v = (load(record, (t + 1, b, 0, unit), count) - mean) * scale
            products = products + v * load(memory_dot, (b, 0, unit), count)
        vc_dot_mean = total((products,)) * share
        for unit in range(0, n_units, width):
            count = n_units - unit
            # v = LN(c)
            v = (load(record, (t + 1, b, 0, unit), count) - mean) * scale
            v_dot = slope(v, scale, load(memory_dot, (b, 0, unit), count) - c_dot_mean, vc_dot_mean)
            p = load(units, (parameters, unit), count), load(units, (parameters + 1, unit), count)
            p_dot = load(units_dot, (parameters, unit), count), load(units_dot, (parameters + 1, unit), count)
            o, o_dot = load(record, (t + 1, b, 1, unit), count), load(h_dot, (t + 1, b, unit), count)
            store(h_dot, (t + 1, b, unit), count, output_tangent(cell, o, v, o_dot, v_dot, p, p_dot))
