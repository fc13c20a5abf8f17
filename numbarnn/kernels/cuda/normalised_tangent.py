"""The loop over time of the tangent-linear pass, for cells with normalisation."""

from __future__ import annotations

from numbarnn.cells.equations import output_tangent
from numbarnn.cells.normalisation import slope
from numbarnn.kernels.cuda.compile import inline, kernel
from numbarnn.kernels.cuda.masks import load_before, load_first, masked
from numbarnn.kernels.cuda.modified import tangent as step_tangent
from numbarnn.kernels.cuda.normalisation import normalised_c, output_parameters
from numbarnn.kernels.cuda.product import multiply_row
from numbarnn.kernels.cuda.rows import row_mean, row_means
from numbarnn.kernels.cuda.scratch import clear_past_end, memory_of, normalised_vectors_of, row_of
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.state import load_state, store_state
from numbarnn.kernels.cuda.units import add, add_outer, load_gates, multiply, scale, total


@kernel
def tangent(cell, weights, staged, tape, modifiers, dots, workspace):
    """Run the tangents of all sequences through all their steps.

    The arguments are those of `numbarnn.kernels.cuda.tangent.tangent`, but the tape is a `NormalisedTape` and the
    tangents are `NormalisedDots`. The weights are centred, their units are the parameters of the normalisation.
    """
    row = row_of(tape.lengths)
    memory, packed = memory_of(weights.packed, staged, workspace)
    vectors = normalised_vectors_of(cell, memory, tape.record.shape[3])
    load_first(cell, modifiers.recurrent, dots.h, vectors.h, row)
    cuda.syncthreads()
    for t in range(row.last):
        runs = t < row.length
        if runs:
            # z = h_(t-1) R, centred
            multiply_row(vectors.h, packed, vectors.products, row)
        cuda.syncthreads()
        if runs:
            _set_terms(cell, tape, dots.z, vectors, row, t)
        product_mean = row_mean(vectors.parts, vectors.terms, row.thread, row.n_threads, runs)
        if runs:
            _step(cell, weights.units, tape, modifiers, dots, vectors, product_mean, row, t)
        means = row_means(vectors.parts, vectors.other_parts, vectors.c, vectors.terms, row.thread, row.n_threads, runs)
        if runs:
            _set_output(cell, weights.units, tape, modifiers, dots, vectors, means, row, t)
        cuda.syncthreads()
    clear_past_end(dots.h, tape.lengths, row.b, row.thread, row.n_threads)


@inline
def _set_terms(cell, tape, z_dot, vectors, row, t):
    """Set the terms of each unit to its part of the product of z, `h_(t-1) R`, with its tangent."""
    n_units, n_gates = tape.record.shape[3], z_dot.shape[2]
    for unit in range(row.thread, n_units, row.n_threads):
        z = load_gates(cell, tape.record, (t + 1, row.b, 1 + n_gates, unit))
        gates_dot = add_outer(cell, load_gates(cell, z_dot, (t, row.b, 0, unit)), vectors.products, unit, n_units)
        vectors.terms[unit] = total(multiply(z, gates_dot))


@inline
def _step(cell, units, tape, modifiers, dots, vectors, product_mean, row, t):
    """Add the tangent of `gain_h LN(h_(t-1) R)`, and step; that of o is written to the place of that of h."""
    n_units, n_gates = tape.record.shape[3], dots.a.shape[2]
    deviation = tape.statistics[2, t, row.b]
    vz_dot_mean = product_mean * deviation / type(deviation)(n_gates)
    for unit in range(row.thread, n_units, row.n_threads):
        at, now, own = (t, row.b, unit), (t, row.b, 0, unit), (0, row.b, 0, unit)
        v = scale(load_gates(cell, tape.record, (t + 1, row.b, 1 + n_gates, unit)), deviation)
        v_dot = add_outer(cell, load_gates(cell, dots.z, now), vectors.products, unit, n_units)
        v_dot = scale(add(v_dot, scale(v, -vz_dot_mean)), deviation)
        gain = load_gates(cell, units, (0, 0, n_gates, unit))
        gain_dot = load_gates(cell, dots.units, (0, 0, n_gates, unit))
        # a = .. + gain_h v
        gates_dot = add(load_gates(cell, dots.a, now), add(multiply(gain, v_dot), multiply(gain_dot, v)))
        saved = load_gates(cell, tape.record, (t + 1, row.b, 1, unit))
        before = load_state(cell, tape.h, at, tape.record, now)
        before_dot = load_before(cell, modifiers.recurrent, vectors.h, dots.h, at, dots.memory, own)
        after_dot = step_tangent(cell, modifiers, tape, at, gates_dot, before_dot, saved, before, (), ())
        store_state(cell, dots.h, (t + 1, row.b, unit), dots.memory, own, after_dot, ())
        vectors.c[unit] = after_dot[1]
        vectors.terms[unit] = normalised_c(tape.record, tape.statistics, at) * after_dot[1]


@inline
def _set_output(cell, units, tape, modifiers, dots, vectors, means, row, t):
    """Set the tangent of h from those of c and of o."""
    c_dot_mean, vc_dot_mean = means
    for unit in range(row.thread, tape.record.shape[3], row.n_threads):
        at = t, row.b, unit
        # v = LN(c)
        v = normalised_c(tape.record, tape.statistics, at)
        v_dot = slope(v, tape.statistics[1, t, row.b], vectors.c[unit] - c_dot_mean, vc_dot_mean)
        p, p_dot = output_parameters(units, unit), output_parameters(dots.units, unit)
        o, o_dot = tape.record[t + 1, row.b, 1, unit], dots.h[t + 1, row.b, unit]
        dots.h[t + 1, row.b, unit] = output_tangent(cell, o, v, o_dot, v_dot, p, p_dot)
        vectors.h[unit] = masked(cell, modifiers.recurrent, dots.h[t + 1, row.b, unit], (row.b, unit))
