"""The loop over time of the adjoint pass (BPTT), for cells with normalisation.

A step computes only `a_bar`, the adjoint of `h_(t-1) R` and that of h. The adjoint of `x_t W` and the gradients of the
weights are computed for all steps at once, after the loop.
"""

from __future__ import annotations

from numbarnn.cells.equations import output_adjoint
from numbarnn.cells.normalisation import slope
from numbarnn.kernels.cuda.adjoint import add_to_h_bar, add_y_bar, load_h_bar, store_h_bar
from numbarnn.kernels.cuda.compile import inline, kernel
from numbarnn.kernels.cuda.modified import adjoint as step_adjoint
from numbarnn.kernels.cuda.normalisation import normalised_c, output_parameters
from numbarnn.kernels.cuda.rows import row_mean, row_means
from numbarnn.kernels.cuda.scratch import memory_of, normalised_vectors_of, row_of
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.state import load_state, store_state
from numbarnn.kernels.cuda.units import add, load_gates, load_products, multiply, scale, store_outer, store_units, total


@kernel
def adjoint(cell, weights, staged, tape, modifiers, bars, workspace):
    """Run the adjoints of all sequences back through all their steps.

    The arguments are those of `numbarnn.kernels.cuda.adjoint.adjoint`, but the tape is a `NormalisedTape` and the
    adjoints are `NormalisedBars`. The weights are centred, their units are the parameters of the normalisation.
    """
    row = row_of(tape.lengths)
    memory, packed = memory_of(weights.packed, staged, workspace)
    vectors = normalised_vectors_of(cell, memory, tape.record.shape[3])
    load_h_bar(bars, vectors.h, row)
    cuda.syncthreads()
    for t in range(row.last - 1, -1, -1):
        runs = t < row.length
        if runs:
            add_y_bar(vectors.h, bars.y, (t, row.b), row.thread, row.n_threads)
            _reverse_output(cell, weights.units, tape, bars, vectors, row, t)
        means = row_means(vectors.parts, vectors.other_parts, vectors.c, vectors.terms, row.thread, row.n_threads, runs)
        if runs:
            _reverse_step(cell, weights.units, tape, modifiers, bars, vectors, means, row, t)
        product_mean = row_mean(vectors.parts, vectors.terms, row.thread, row.n_threads, runs)
        if runs:
            _reverse_normalisation(cell, tape, bars, vectors, product_mean, row, t)
        cuda.syncthreads()
        if runs:
            add_to_h_bar(cell, packed, modifiers.recurrent, vectors, row)
        cuda.syncthreads()
    store_h_bar(bars, vectors.h, row)


@inline
def _reverse_output(cell, units, tape, bars, vectors, row, t):
    """Reverse `h = output(o, v)`: replace the adjoint of h by that of o, set that of v and the terms of a mean."""
    for unit in range(row.thread, tape.record.shape[3], row.n_threads):
        v = normalised_c(tape.record, tape.statistics, (t, row.b, unit))
        p, o = output_parameters(units, unit), tape.record[t + 1, row.b, 1, unit]
        vectors.h[unit], vectors.c[unit], p_bar = output_adjoint(cell, o, v, vectors.h[unit], p)
        vectors.terms[unit] = v * vectors.c[unit]
        bars.units[0, row.b, 0, unit] += p_bar[0]
        bars.units[0, row.b, 1, unit] += p_bar[1]


@inline
def _reverse_step(cell, units, tape, modifiers, bars, vectors, means, row, t):
    """Reverse `v = LN(c)` and the step that computed o and c: set `a_bar`, and the terms of the next mean."""
    n_units, n_gates = tape.record.shape[3], bars.a.shape[2]
    v_bar_mean, vv_bar_mean = means
    for unit in range(row.thread, n_units, row.n_threads):
        at, now, own = (t, row.b, unit), (t, row.b, 0, unit), (0, row.b, 0, unit)
        saved = load_gates(cell, tape.record, (t + 1, row.b, 1, unit))
        before = load_state(cell, tape.h, at, tape.record, now)
        o_bar, c_bar = load_state(cell, vectors.h, unit, bars.memory, own)
        # v = LN(c)
        v = normalised_c(tape.record, tape.statistics, at)
        c_bar += slope(v, tape.statistics[1, t, row.b], vectors.c[unit] - v_bar_mean, vv_bar_mean)
        gates_bar, before_bar, _ = step_adjoint(cell, modifiers, tape, at, (o_bar, c_bar), saved, before, ())
        store_units(bars.a, now, gates_bar)
        store_state(cell, vectors.h, unit, bars.memory, own, before_bar, ())
        # a = .. + gain_h LN(z)
        gates_bar = multiply(gates_bar, load_gates(cell, units, (0, 0, n_gates, unit)))
        store_outer(cell, gates_bar, vectors.products, unit, n_units)
        z = load_gates(cell, tape.record, (t + 1, row.b, 1 + n_gates, unit))
        vectors.terms[unit] = total(multiply(gates_bar, z))


@inline
def _reverse_normalisation(cell, tape, bars, vectors, product_mean, row, t):
    """Reverse `LN(z)`, `z = h_(t-1) R`: replace its adjoint by that of z."""
    n_units, n_gates = tape.record.shape[3], bars.a.shape[2]
    deviation = tape.statistics[2, t, row.b]
    vv_bar_mean = product_mean * deviation / type(deviation)(n_gates)
    for unit in range(row.thread, n_units, row.n_threads):
        v = scale(load_gates(cell, tape.record, (t + 1, row.b, 1 + n_gates, unit)), deviation)
        # v = LN(z)
        gates_bar = load_products(cell, vectors.products, unit, n_units)
        gates_bar = scale(add(gates_bar, scale(v, -vv_bar_mean)), deviation)
        store_units(bars.z, (t, row.b, 0, unit), gates_bar)
        store_outer(cell, gates_bar, vectors.products, unit, n_units)
