"""The loop over time of the tangent-linear pass: one launch for all steps."""

from __future__ import annotations

from numbarnn.kernels.cuda.compile import by_form, inline, kernel
from numbarnn.kernels.cuda.forward import keep_for_products
from numbarnn.kernels.cuda.masks import load_before, load_first, masked
from numbarnn.kernels.cuda.modified import inner_tangent, project
from numbarnn.kernels.cuda.modified import tangent as step_tangent
from numbarnn.kernels.cuda.product import dot, multiply_row
from numbarnn.kernels.cuda.scratch import clear_past_end, matrices_of, memory_of, row_of, vectors_of
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.state import load_state, store_state
from numbarnn.kernels.cuda.units import add_inner, add_outer, load_gates, load_parameters, load_saved


@kernel
def tangent(cell, weights, staged, tape, modifiers, dots, workspace):
    """Run the tangents of all sequences through all their steps.

    Parameters
    ----------
    cell, weights, staged, tape, modifiers, workspace
        As the forward pass took and left them.
    dots : Dots
    """
    n_outputs, n_units = tape.h.shape[2], tape.record.shape[3]
    row = row_of(tape.lengths)
    memory, packed = memory_of(weights.packed, staged, workspace)
    matrices, vectors = matrices_of(cell, packed, n_outputs, n_units), vectors_of(cell, memory, n_outputs, n_units)
    load_first(cell, modifiers.recurrent, dots.h, vectors.h, row)
    cuda.syncthreads()
    for t in range(row.last):
        runs = t < row.length
        if runs:
            # a = x_t W + b + h_(t-1) R
            multiply_row(vectors.h, matrices.R, vectors.products, row)
        cuda.syncthreads()
        _add_inner(cell, matrices.inner, tape, modifiers, dots, vectors, row, t, runs)
        if runs:
            _step(cell, weights.units, tape, modifiers, dots, vectors, row, t)
        cuda.syncthreads()
        _project(cell, matrices.P, modifiers, dots, vectors, row, t, runs)
    clear_past_end(dots.h, tape.lengths, row.b, row.thread, row.n_threads)


@inline
def _step(cell, units, tape, modifiers, dots, vectors, row, t):
    """Step the tangents of the units of a row."""
    n_units = tape.record.shape[3]
    for unit in range(row.thread, n_units, row.n_threads):
        gates_dot = add_outer(cell, load_gates(cell, dots.a, (t, row.b, 0, unit)), vectors.products, unit, n_units)
        gates_dot = add_inner(cell, gates_dot, vectors.inner_products, unit, n_units)
        at = t, row.b, unit
        step_unit(cell, units, tape, modifiers, dots, gates_dot, vectors.h, vectors.inner, at)


@inline
def step_unit(cell, units, tape, modifiers, dots, gates_dot, h, inner_state, at):
    """Step the tangent of one unit; `h` is the tangent of the vector that enters the product with R."""
    t, b, unit = at
    own = 0, b, 0, unit
    saved = load_saved(cell, tape.record, (t + 1, b, dots.memory.shape[2], unit))
    before = load_state(cell, tape.h, at, tape.record, (t, b, 0, unit))
    before_dot = load_before(cell, modifiers.recurrent, h, dots.h, at, dots.memory, own)
    p, p_dot = load_parameters(cell, units, (0, 0, 0, unit)), load_parameters(cell, dots.units, (0, 0, 0, unit))
    after_dot = step_tangent(cell, modifiers, tape, at, gates_dot, before_dot, saved, before, p, p_dot)
    store_state(cell, dots.h, (t + 1, b, unit), dots.memory, own, after_dot, ())
    keep_for_products(cell, modifiers.recurrent, h, inner_state, (b, unit), after_dot)


def _add_inner_product(cell, R, tape, modifiers, dots, vectors, row, t, runs):
    """Take the tangent of the inner state, and its product."""
    n_units, n_memory = tape.record.shape[3], dots.memory.shape[2]
    if runs:
        for unit in range(row.thread, n_units, row.n_threads):
            at, now, own = (t, row.b, unit), (t, row.b, 0, unit), (0, row.b, 0, unit)
            gates_dot = add_outer(cell, load_gates(cell, dots.a, now), vectors.products, unit, n_units)
            saved = load_saved(cell, tape.record, (t + 1, row.b, n_memory, unit))
            before = load_state(cell, tape.h, at, tape.record, now)
            before_dot = load_before(cell, modifiers.recurrent, vectors.h, dots.h, at, dots.memory, own)
            value_dot = inner_tangent(cell, modifiers.clip, saved, before, gates_dot, before_dot)
            vectors.inner[unit] = masked(cell, modifiers.recurrent, value_dot, (row.b, unit))
    cuda.syncthreads()
    if runs:
        # a = .. + u R
        multiply_row(vectors.inner, R, vectors.inner_products, row)
    cuda.syncthreads()


def _add_nothing(cell, R, tape, modifiers, dots, vectors, row, t, runs):
    pass


def _project_outputs(cell, P, modifiers, dots, vectors, row, t, runs):
    """Add `m_dot P` to the tangent of `h = m P + b_P`."""
    h_dot = dots.h
    if runs:
        for j in range(row.thread, vectors.h.size, row.n_threads):
            at = t, row.b, j
            h_dot[t + 1, row.b, j] += dot(vectors.inner, P, j, vectors.h.size)
            h_dot[t + 1, row.b, j] = project(cell, modifiers.zoneout, at, h_dot[t, row.b, j], h_dot[t + 1, row.b, j])
            vectors.h[j] = masked(cell, modifiers.recurrent, h_dot[t + 1, row.b, j], (row.b, j))
    cuda.syncthreads()


def _project_nothing(cell, P, modifiers, dots, vectors, row, t, runs):
    pass


@by_form(lambda form: form.inner_gates, _add_inner_product, _add_nothing)
def _add_inner(cell, R, tape, modifiers, dots, vectors, row, t, runs):
    """Set the products of the tangent of the inner state, if the cell has one."""


@by_form(lambda form: form.projection, _project_outputs, _project_nothing)
def _project(cell, P, modifiers, dots, vectors, row, t, runs):
    """Set the tangent of the projected outputs, if the cell has a projection."""
