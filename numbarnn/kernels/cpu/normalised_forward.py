"""The loop over time of the forward pass, for cells with normalisation.

The inputs' products are taken and normalised for a block of steps at once. Each step has two sums over a row, of h R
and of c, and after each the units go on. Every part of it runs over all sequences before the next begins: so the
processor can add up one row while another waits for its root.
"""

from __future__ import annotations

import numpy as np

from numbarnn.cells.equations import output
from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.denormals import flush_denormals, restore_mode
from numbarnn.kernels.cpu.forward import BLOCK_ROWS, clear_past_ends, still_running
from numbarnn.kernels.cpu.masks import see, seen_array
from numbarnn.kernels.cpu.modified import step
from numbarnn.kernels.cpu.normalisation import place, scales_of_products, set_product
from numbarnn.kernels.cpu.rows import row_mean, row_variance, take_roots
from numbarnn.kernels.cpu.simd import lanes, load, spread, store
from numbarnn.kernels.cpu.state import load_state, store_state
from numbarnn.kernels.cpu.units import add_products, load_by_gate, load_gates, multiply, panel, store_gates


@inline
def forward(weights, steps, modifiers, first, last):
    """Run some sequences through all their steps; see `loops.forward`.

    Packed are the centred weights, and the parameters of the units are those of the normalisation, each gate's gain in
    a row for itself. What a step saves are the gates and the centred `h_(t-1) R`.
    """
    (cell, packed, _), (x, lengths, h, record), mask = weights, steps, modifiers.mask
    n_steps, n_sequences, n_inputs = x.shape
    n_outputs, n_units, span = h.shape[2], record.shape[3], packed.shape[2]
    block_rows = BLOCK_ROWS if last - first < BLOCK_ROWS else last - first
    x_rows, seen = x.reshape(n_steps * n_sequences, n_inputs), seen_array(h, mask, last - first)
    seen_rows = seen.reshape(seen.shape[0] * seen.shape[1], n_outputs)
    a = np.empty((packed.shape[0], block_rows, span), x.dtype)
    z = np.empty((packed.shape[0], last - first, span), x.dtype)
    scales, means = np.empty(block_rows, x.dtype), np.empty(last - first, x.dtype)
    mode = flush_denormals()
    clear_past_ends(lengths, h, first, last)
    t, running = np.intp(0), last - first  # a literal 0 would have every function that it is passed to compiled twice
    while t < n_steps:
        running = still_running(lengths, first, running, t)
        if running == 0:
            break
        n_rows, begin = running, t
        end = t + block_rows // n_rows
        end = end if end < n_steps else n_steps
        # The rows of a whole batch follow each other from step to step; those of a slice do so within a step.
        n_parts = 1 if n_rows == n_sequences else end - begin
        part_rows = (end - begin) * n_rows // n_parts
        for part in range(n_parts):
            row = (begin + part) * n_sequences + first
            set_product(cell, a, part * n_rows, part_rows, x_rows, row, packed, np.intp(0), n_inputs, n_units)
        _normalise_inputs(weights, a, scales, n_units, (end - begin) * n_rows)
        for t in range(begin, end):
            running = still_running(lengths, first, running, t)
            seen_t, seen_first = see(seen, h, mask, t, first)
            row = seen_t * seen.shape[1] + seen_first
            set_product(cell, z, np.intp(0), running, seen_rows, row, packed, n_inputs, n_outputs, n_units)
            scales_of_products(cell, z, n_units, running, scales)
            _step(weights, steps, modifiers, a, (t - begin) * n_rows, z, scales, running, t, first)
            _take_statistics(record, running, lengths, means, scales, t, first)
            _set_output(weights, steps, means, scales, running, t, first)
        t = end
    restore_mode(mode)


@inline
def _normalise_inputs(weights, a, scales, n_units, n_rows):
    """Turn the rows of the product x W into `gain_x LN(x W) + b`."""
    cell, packed, units = weights
    scales_of_products(cell, a, n_units, n_rows, scales)
    bias = packed.shape[1] - 1
    for row in range(n_rows):
        scale = spread(a, scales[row])
        for unit in range(0, n_units, lanes(a)):
            at = place(cell, a, row, unit)
            gain = load_by_gate(cell, units, (0, unit), n_units - unit)
            v = multiply(load_gates(cell, a, at), scale)
            store_gates(cell, a, at, add_products(load_gates(cell, packed, (at[0], bias, at[2])), v, gain))


@inline
def _step(weights, steps, modifiers, a, a_row, z, scales, running, t, first):
    """Add the normalised `h_(t-1) R` to the pre-activations, and step; o takes the place of h until h is set."""
    (cell, _, units), (_, lengths, h, record) = weights, steps
    n_units, n_gates = record.shape[3], panel(cell)[0]
    keep = record.shape[0] > 1
    before, after = (t, t + 1) if keep else (np.intp(0), np.intp(0))
    for row in range(running):
        b = first + row
        if lengths[b] <= t:
            continue
        scale = spread(z, scales[row])
        for unit in range(0, n_units, lanes(z)):
            count = n_units - unit
            at = place(cell, z, row, unit)
            centred = load_gates(cell, z, at)
            gain = load_by_gate(cell, units, (n_gates, unit), count)
            pre_activations = load_gates(cell, a, (at[0], a_row + row, at[2]))
            pre_activations = add_products(pre_activations, multiply(centred, scale), gain)
            state = load_state(cell, h, (t, b, unit), record, (before, b, 0, unit), count)
            state, saved = step(cell, modifiers, (t, b, unit), count, pre_activations, state, ())
            if keep:
                store_state(cell, h, (t + 1, b, unit), record, (after, b, 0, unit), count, state, saved + centred)
            else:
                store_state(cell, h, (t + 1, b, unit), record, (after, b, 0, unit), count, state, ())


@inline
def _take_statistics(record, running, lengths, means, scales, t, first):
    """Set means and reciprocal deviations to those of the new c."""
    n_units, after = record.shape[3], t + 1 if record.shape[0] > 1 else np.intp(0)
    for row in range(running):
        b = first + row
        if lengths[b] <= t:
            continue
        at = (after, b, np.intp(0))
        mean = row_mean(record, at, n_units)
        store(means, (row,), 1, mean)
        store(scales, (row,), 1, row_variance(record, at, n_units, mean))
    take_roots(scales, np.intp(0), running)


@inline
def _set_output(weights, steps, means, scales, running, t, first):
    """Set h from the normalised c and from o."""
    (cell, _, units), (_, lengths, h, record) = weights, steps
    n_units, n_gates = record.shape[3], panel(cell)[0]
    after = t + 1 if record.shape[0] > 1 else np.intp(0)
    for row in range(running):
        b = first + row
        if lengths[b] <= t:
            continue
        mean, scale = spread(means, means[row]), spread(scales, scales[row])
        for unit in range(0, n_units, lanes(h)):
            count = n_units - unit
            v = (load(record, (after, b, 0, unit), count) - mean) * scale
            parameters = load(units, (2 * n_gates, unit), count), load(units, (2 * n_gates + 1, unit), count)
            o = load(h, (t + 1, b, unit), count)
            store(h, (t + 1, b, unit), count, output(cell, o, v, parameters))
