"""The loop over time of the forward pass, for cells with normalisation.

The products with the inputs are normalised before, for all steps at once. A step has a mean over `h R` and two over c,
and the units continue after each.
"""

from __future__ import annotations

from numbarnn.cells.equations import output
from numbarnn.cells.numbers import reciprocal_deviation, zero
from numbarnn.kernels.cuda.compile import inline, kernel
from numbarnn.kernels.cuda.masks import load_before, load_first, masked
from numbarnn.kernels.cuda.modified import step
from numbarnn.kernels.cuda.normalisation import output_parameters
from numbarnn.kernels.cuda.product import multiply_row
from numbarnn.kernels.cuda.rows import row_mean, row_variance
from numbarnn.kernels.cuda.scratch import clear_past_end, memory_of, normalised_vectors_of, row_of
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.state import store_state
from numbarnn.kernels.cuda.units import add, load_gates, load_products, multiply, scale


@kernel
def forward(cell, weights, staged, tape, modifiers, a, workspace):
    """Run all sequences through all their steps.

    The arguments are those of `numbarnn.kernels.cuda.forward.forward`. The weights are centred, their units are the
    parameters of the normalisation, and a is `gain_x LN(x_t W) + b`. A step saves the gates and the centred
    `h_(t-1) R`.
    """
    row = row_of(tape.lengths)
    memory, packed = memory_of(weights.packed, staged, workspace)
    vectors = normalised_vectors_of(cell, memory, tape.record.shape[3])
    z, c, parts = vectors.products, vectors.c, vectors.parts
    load_first(cell, modifiers.recurrent, tape.h, vectors.h, row)
    cuda.syncthreads()
    for t in range(row.last):
        runs = t < row.length
        if runs:
            # z = h_(t-1) R, centred
            multiply_row(vectors.h, packed, z, row)
        variance = row_variance(parts, z, zero(z[0]), row.thread, row.n_threads, runs)
        if runs:
            _step(cell, weights.units, tape, modifiers, a, vectors, variance, row, t)
        mean = row_mean(parts, c, row.thread, row.n_threads, runs)
        variance = row_variance(parts, c, mean, row.thread, row.n_threads, runs)
        if runs:
            _set_output(cell, weights.units, tape.h, modifiers, vectors, mean, variance, row, t)
        cuda.syncthreads()
    clear_past_end(tape.h, tape.lengths, row.b, row.thread, row.n_threads)


@inline
def _step(cell, units, tape, modifiers, a, vectors, variance, row, t):
    """Add the normalised `h_(t-1) R` to the pre-activations, and step; o is written to the place of h."""
    record, n_gates = tape.record, a.shape[2]
    keep = record.shape[0] > 1
    now, after = (t, t + 1) if keep else (0, 0)
    deviation = reciprocal_deviation(variance)
    for unit in range(row.thread, record.shape[3], row.n_threads):
        at = t, row.b, unit
        centred = load_products(cell, vectors.products, unit, record.shape[3])
        gain = load_gates(cell, units, (0, 0, n_gates, unit))
        # a = .. + gain_h LN(h_(t-1) R)
        gates = add(load_gates(cell, a, (t, row.b, 0, unit)), multiply(gain, scale(centred, deviation)))
        before = load_before(cell, modifiers.recurrent, vectors.h, tape.h, at, record, (now, row.b, 0, unit))
        state, saved = step(cell, modifiers, at, gates, before, ())
        if keep:
            store_state(cell, tape.h, (t + 1, row.b, unit), record, (after, row.b, 0, unit), state, saved + centred)
        else:
            store_state(cell, tape.h, (t + 1, row.b, unit), record, (after, row.b, 0, unit), state, ())
        vectors.c[unit] = state[1]


@inline
def _set_output(cell, units, h, modifiers, vectors, mean, variance, row, t):
    """Set h from the normalised c and from o."""
    deviation = reciprocal_deviation(variance)
    for unit in range(row.thread, vectors.c.size, row.n_threads):
        v = (vectors.c[unit] - mean) * deviation
        h[t + 1, row.b, unit] = output(cell, h[t + 1, row.b, unit], v, output_parameters(units, unit))
        vectors.h[unit] = masked(cell, modifiers.recurrent, h[t + 1, row.b, unit], (row.b, unit))
