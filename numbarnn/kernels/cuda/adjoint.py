"""The loop over time of the adjoint pass, backpropagation through time: one launch for all steps.

A step computes only `a_bar` and `h_bar = a_bar R^T`. The gradients of the weights are products over all steps.
"""

from __future__ import annotations

from numbarnn.cells.equations import inner_saved
from numbarnn.kernels.cuda.compile import by_form, inline, kernel
from numbarnn.kernels.cuda.masks import masked
from numbarnn.kernels.cuda.modified import adjoint as step_adjoint
from numbarnn.kernels.cuda.modified import inner_adjoint, project_adjoint
from numbarnn.kernels.cuda.product import dot
from numbarnn.kernels.cuda.scratch import matrices_of, memory_of, row_of, vectors_of
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.state import load_state, store_state
from numbarnn.kernels.cuda.units import (
    add,
    load_gates,
    load_parameters,
    load_saved,
    store_inner,
    store_outer,
    store_units,
)


@kernel
def adjoint(cell, weights, staged, tape, modifiers, bars, workspace):
    """Run the adjoints of all sequences back through all their steps.

    Parameters
    ----------
    cell, staged, tape, modifiers, workspace
        As the forward pass took and left them.
    weights : Weights
        Transposed.
    bars : Bars
    """
    n_outputs, n_units = tape.h.shape[2], tape.record.shape[3]
    row = row_of(tape.lengths)
    memory, packed = memory_of(weights.packed, staged, workspace)
    matrices, vectors = matrices_of(cell, packed, n_outputs, n_units), vectors_of(cell, memory, n_outputs, n_units)
    load_h_bar(bars, vectors.h, row)
    cuda.syncthreads()
    for t in range(row.last - 1, -1, -1):
        runs = t < row.length
        if runs:
            add_y_bar(vectors.h, bars.y, (t, row.b), row.thread, row.n_threads)
        _reverse_projection(cell, matrices.P, modifiers, bars, vectors, row, t, runs)
        if runs:
            _reverse_step(cell, weights.units, tape, modifiers, bars, vectors, row, t)
        cuda.syncthreads()
        _reverse_inner(cell, matrices.inner, tape, modifiers, bars, vectors, row, t, runs)
        if runs:
            add_to_h_bar(cell, matrices.R, modifiers.recurrent, vectors, row)
        cuda.syncthreads()
    store_h_bar(bars, vectors.h, row)


@inline
def load_h_bar(bars, h_bar, row):
    """Set the vector of a row to the adjoint of the final h, if the row has a sequence."""
    if row.b < bars.h.shape[0]:
        for j in range(row.thread, h_bar.size, row.n_threads):
            h_bar[j] = bars.h[row.b, j]


@inline
def store_h_bar(bars, h_bar, row):
    """Write the vector of a row to the adjoint of the initial h, if the sequence has any steps."""
    if row.length > 0:
        for j in range(row.thread, h_bar.size, row.n_threads):
            bars.h[row.b, j] = h_bar[j]


@inline
def add_y_bar(h_bar, y_bar, at, first, step):
    """Add the adjoint of the outputs at `at = (t, b)` to that of h: every `step`-th entry from the first on."""
    if y_bar.shape[0] > 0:
        # y_t = h_t
        for j in range(first, h_bar.size, step):
            h_bar[j] += y_bar[at[0], at[1], j]


@inline
def add_to_h_bar(cell, R, recurrent, vectors, row):
    """Reverse `a = x_t W + (h_(t-1) * mask) R + b` by h: add `a_bar R^T * mask`."""
    for j in range(row.thread, vectors.h.size, row.n_threads):
        vectors.h[j] += masked(cell, recurrent, dot(vectors.products, R, j, vectors.h.size), (row.b, j))


@inline
def _reverse_step(cell, units, tape, modifiers, bars, vectors, row, t):
    """Reverse step t: set `a_bar`, and replace the adjoint of the state by its terms that do not come through a."""
    n_units = tape.record.shape[3]
    for unit in range(row.thread, n_units, row.n_threads):
        gates_bar = reverse_unit(cell, units, tape, modifiers, bars, vectors.h, (t, row.b, unit))
        store_outer(cell, gates_bar, vectors.products, unit, n_units)
        store_inner(cell, gates_bar, vectors.inner_products, unit, n_units)


@inline
def reverse_unit(cell, units, tape, modifiers, bars, h_bar, at):
    """Reverse the step of one unit, and return its `a_bar`."""
    t, b, unit = at
    now, own = (t, b, 0, unit), (0, b, 0, unit)
    saved = load_saved(cell, tape.record, (t + 1, b, bars.memory.shape[2], unit))
    before = load_state(cell, tape.h, at, tape.record, now)
    state_bar = load_state(cell, h_bar, unit, bars.memory, own)
    p = load_parameters(cell, units, (0, 0, 0, unit))
    gates_bar, before_bar, p_bar = step_adjoint(cell, modifiers, tape, at, state_bar, saved, before, p)
    store_units(bars.a, now, gates_bar)
    store_state(cell, h_bar, unit, bars.memory, own, before_bar, ())
    store_units(bars.units, own, add(load_parameters(cell, bars.units, own), p_bar))
    return gates_bar


def _reverse_inner_product(cell, R, tape, modifiers, bars, vectors, row, t, runs):
    """Reverse `a = .. + u R` of the inner gates by the inner state u, and u by what it is computed from."""
    n_units, n_memory = tape.record.shape[3], bars.memory.shape[2]
    if runs:
        for unit in range(row.thread, n_units, row.n_threads):
            now, own = (t, row.b, 0, unit), (0, row.b, 0, unit)
            saved = load_saved(cell, tape.record, (t + 1, row.b, n_memory, unit))
            before = load_state(cell, tape.h, (t, row.b, unit), tape.record, now)
            # a = .. + (u * mask) R
            u_bar = dot(vectors.inner_products, R, unit, n_units)
            u_bar = masked(cell, modifiers.recurrent, u_bar, (row.b, unit))
            gates_bar, before_bar = inner_adjoint(cell, modifiers.clip, saved, before, u_bar)
            gates_bar = add(load_gates(cell, bars.a, now), gates_bar)
            store_units(bars.a, now, gates_bar)
            store_outer(cell, gates_bar, vectors.products, unit, n_units)
            state_bar = add(load_state(cell, vectors.h, unit, bars.memory, own), before_bar)
            store_state(cell, vectors.h, unit, bars.memory, own, state_bar, ())
    cuda.syncthreads()


def _reverse_no_inner_product(cell, R, tape, modifiers, bars, vectors, row, t, runs):
    pass


def _reverse_outputs(cell, P, modifiers, bars, vectors, row, t, runs):
    """Reverse `h = m P + b_P` by m: `m_bar = h_bar P^T`.

    `h_bar` is kept for the gradient of P. Only the fraction that zoneout keeps is passed to the step before.
    """
    n_outputs, n_units = vectors.h.size, bars.memory.shape[3]
    if runs:
        for j in range(row.thread, n_outputs, row.n_threads):
            before_bar, candidate_bar = project_adjoint(cell, modifiers.zoneout, (t, row.b, j), vectors.h[j])
            vectors.h[j], bars.outputs[t, row.b, j] = before_bar, candidate_bar
    cuda.syncthreads()
    if runs:
        for unit in range(row.thread, n_units, row.n_threads):
            bars.memory[0, row.b, 0, unit] = dot(bars.outputs[t, row.b], P, unit, n_units)


def _reverse_no_outputs(cell, P, modifiers, bars, vectors, row, t, runs):
    pass


@kernel
def inner_states(cell, tape, recurrent, n_memory, u):
    """Set `u (T, B, H)` to the inner states of all valid steps, as they enter the product with R."""
    n_sequences, n_units = u.shape[1:]
    for k in range(cuda.grid(1), u.size, cuda.gridsize(1)):
        t, b, unit = k // (n_sequences * n_units), k // n_units % n_sequences, k % n_units
        if t < tape.lengths[b]:
            saved = load_saved(cell, tape.record, (t + 1, b, n_memory, unit))
            before = load_state(cell, tape.h, (t, b, unit), tape.record, (t, b, 0, unit))
            u[t, b, unit] = masked(cell, recurrent, inner_saved(cell, saved, before), (b, unit))


@by_form(lambda form: form.inner_gates, _reverse_inner_product, _reverse_no_inner_product)
def _reverse_inner(cell, R, tape, modifiers, bars, vectors, row, t, runs):
    """Reverse the inner state, if the cell has one."""


@by_form(lambda form: form.projection, _reverse_outputs, _reverse_no_outputs)
def _reverse_projection(cell, P, modifiers, bars, vectors, row, t, runs):
    """Reverse the projection, if the cell has one."""
