"""The loop over time of the forward pass: one launch for all steps.

A block has a slice of the batch, and each of its sequences a row of threads. Blocks never wait for each other.
"""

from __future__ import annotations

from numbarnn.cells.form import form_of
from numbarnn.kernels.cuda.compile import by_cell, by_form, inline, kernel
from numbarnn.kernels.cuda.masks import load_before, load_first, masked
from numbarnn.kernels.cuda.modified import inner, project, step
from numbarnn.kernels.cuda.product import dot, multiply_row
from numbarnn.kernels.cuda.scratch import clear_past_end, matrices_of, memory_of, row_of, vectors_of
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.state import store_state
from numbarnn.kernels.cuda.units import add_inner, add_outer, load_gates, load_parameters, store_units


@kernel
def forward(cell, weights, staged, tape, modifiers, a, workspace):
    """Run all sequences through all their steps.

    Parameters
    ----------
    cell : NamedTuple
        Selects the equations by its type.
    weights : Weights
    staged : bool
        Whether a block copies the packed weights to its memory.
    tape : TapeArrays
        `h[0]` is the initial h; `h[t + 1]`, before zero or the bias of the projection, becomes the output of step t,
        zero past the end of a sequence. The first row of the record holds the rest of the initial state.
    modifiers : Modifiers
    a : ndarray of shape (T, B, n_gates, H)
        `x_t W + b`; a step adds its other terms.
    workspace : ndarray of shape (blocks, size) or (0, 0)
        The memory of each block where shared memory is too small.
    """
    n_outputs, n_units = tape.h.shape[2], tape.record.shape[3]
    row = row_of(tape.lengths)
    memory, packed = memory_of(weights.packed, staged, workspace)
    matrices, vectors = matrices_of(cell, packed, n_outputs, n_units), vectors_of(cell, memory, n_outputs, n_units)
    load_first(cell, modifiers.recurrent, tape.h, vectors.h, row)
    cuda.syncthreads()
    for t in range(row.last):
        runs = t < row.length
        if runs:
            # a = x_t W + b + h_(t-1) R
            multiply_row(vectors.h, matrices.R, vectors.products, row)
        cuda.syncthreads()
        if runs:
            _after_products(cell, weights.units, tape, modifiers, a, vectors, row, t)
        cuda.syncthreads()
        _after_units(cell, matrices, weights.units, tape, modifiers, a, vectors, row, t, runs)
    clear_past_end(tape.h, tape.lengths, row.b, row.thread, row.n_threads)


def _step(cell, units, tape, modifiers, a, vectors, row, t):
    """Step the units of a row."""
    n_units = tape.record.shape[3]
    for unit in range(row.thread, n_units, row.n_threads):
        at = t, row.b, unit
        gates = add_outer(cell, load_gates(cell, a, (t, row.b, 0, unit)), vectors.products, unit, n_units)
        step_unit(cell, units, tape, modifiers, gates, vectors.h, vectors.inner, at)


def _set_inner(cell, units, tape, modifiers, a, vectors, row, t):
    """Set the inner state of the units of a row, from their pre-activations."""
    n_units = tape.record.shape[3]
    now = t if tape.record.shape[0] > 1 else 0
    for unit in range(row.thread, n_units, row.n_threads):
        at, gates_at = (t, row.b, unit), (t, row.b, 0, unit)
        gates = add_outer(cell, load_gates(cell, a, gates_at), vectors.products, unit, n_units)
        memory_at = now, row.b, 0, unit
        before = load_before(cell, modifiers.recurrent, vectors.h, tape.h, at, tape.record, memory_at)
        value, gates = inner(cell, modifiers.clip, gates, before)
        vectors.inner[unit] = masked(cell, modifiers.recurrent, value, (row.b, unit))
        store_units(a, gates_at, gates)


@inline
def step_unit(cell, units, tape, modifiers, gates, h, inner_state, at):
    """Step one unit from its pre-activations; `h` is the vector that enters the product with R."""
    t, b, unit = at
    keep = tape.record.shape[0] > 1
    now = t if keep else 0
    before = load_before(cell, modifiers.recurrent, h, tape.h, at, tape.record, (now, b, 0, unit))
    p = load_parameters(cell, units, (0, 0, 0, unit))
    state, saved = step(cell, modifiers, at, gates, before, p)
    if keep:
        store_state(cell, tape.h, (t + 1, b, unit), tape.record, (t + 1, b, 0, unit), state, saved)
    else:
        store_state(cell, tape.h, (t + 1, b, unit), tape.record, (0, b, 0, unit), state, ())
    keep_for_products(cell, modifiers.recurrent, h, inner_state, (b, unit), state)


def _step_with_inner(cell, matrices, units, tape, modifiers, a, vectors, row, t, runs):
    """Add the product of the inner state to the pre-activations, and step."""
    n_units = tape.record.shape[3]
    if runs:
        # a = .. + u R
        multiply_row(vectors.inner, matrices.inner, vectors.inner_products, row)
    cuda.syncthreads()
    if runs:
        for unit in range(row.thread, n_units, row.n_threads):
            at = t, row.b, unit
            gates = add_inner(cell, load_gates(cell, a, (t, row.b, 0, unit)), vectors.inner_products, unit, n_units)
            step_unit(cell, units, tape, modifiers, gates, vectors.h, vectors.inner, at)
    cuda.syncthreads()


def _project(cell, matrices, units, tape, modifiers, a, vectors, row, t, runs):
    """Set `h = m P + b_P` from the units' outputs m."""
    h = tape.h
    if runs:
        for j in range(row.thread, vectors.h.size, row.n_threads):
            at = t, row.b, j
            h[t + 1, row.b, j] += dot(vectors.inner, matrices.P, j, vectors.h.size)
            h[t + 1, row.b, j] = project(cell, modifiers.zoneout, at, h[t, row.b, j], h[t + 1, row.b, j])
            vectors.h[j] = masked(cell, modifiers.recurrent, h[t + 1, row.b, j], (row.b, j))
    cuda.syncthreads()


def _do_nothing(cell, matrices, units, tape, modifiers, a, vectors, row, t, runs):
    pass


def _keep_h(cell, recurrent, h, inner_state, at, state):
    h[at[1]] = masked(cell, recurrent, state[0], at)


def _keep_m(cell, recurrent, h, inner_state, at, state):
    inner_state[at[1]] = state[0]


def _second_half(cell_class):
    """Return the function for the rest of a step, after the products with h and the first loop over units."""
    form = form_of(cell_class)
    return _step_with_inner if form.inner_gates else _project if form.projection else _do_nothing


@by_form(lambda form: form.inner_gates, _set_inner, _step)
def _after_products(cell, units, tape, modifiers, a, vectors, row, t):
    """Step the units of a row, or set their inner state if the cell has one."""


@by_cell(_second_half)
def _after_units(cell, matrices, units, tape, modifiers, a, vectors, row, t, runs):
    """Complete the step of a cell with an inner state or with a projection."""


@by_form(lambda form: form.projection, _keep_m, _keep_h)
def keep_for_products(cell, recurrent, h, inner_state, at, state):
    """Keep the part of a unit's new state, or of its tangent, that enters the next product; `at` is `(b, unit)`."""
