"""The loop over time of the adjoint pass, backpropagation through time: one launch for all steps.

At each step only `a_bar` and `h_bar = a_bar R^T` are taken; the gradients of the weights are products over all steps.
"""

from __future__ import annotations

from numbarnn.cells.equations import inner_saved
from numbarnn.kernels.cuda.compile import by_form, inline, kernel
from numbarnn.kernels.cuda.masks import masked
from numbarnn.kernels.cuda.modified import adjoint as step_adjoint
from numbarnn.kernels.cuda.modified import inner_adjoint, project_adjoint
from numbarnn.kernels.cuda.product import dot
from numbarnn.kernels.cuda.room import copy_row, copy_to_end, last_step, length_of, room_bounds, weights_bounds
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
def adjoint(
    cell,
    weights,
    staged,
    units,
    lengths,
    h,
    record,
    mask,
    changes,
    y_bar,
    h_bar,
    memory_bar,
    a_bar,
    outputs_bar,
    units_bar,
    workspace,
):
    """Run the adjoints of all sequences back through all their steps.

    Parameters
    ----------
    cell : NamedTuple
        Names the equations by its type.
    weights : ndarray of shape (K,)
        From `pack_transposed`.
    staged, units, lengths, h, record, mask, changes, workspace
        As the forward pass took and left them.
    y_bar : ndarray of shape (T, B, N) or (0, B, N)
        Adjoint of the outputs; without steps it is zero.
    h_bar : ndarray of shape (B, N)
        Adjoint of the final h, turned into that of the initial one.
    memory_bar : ndarray of shape (1, B, n_memory, H)
        The same of the rest of the state.
    a_bar : ndarray of shape (T, B, n_gates, H)
        Becomes the adjoint of the pre-activations, up to the sequences' ends.
    outputs_bar : ndarray of shape (T, B, N) or (0, B, N)
        If the outputs are projections, becomes their adjoint, up to the sequences' ends.
    units_bar : ndarray of shape (1, B, n_unit_parameters, H)
        Each sequence's part of the adjoint of the units' parameters is added to it.
    """
    n_units, n_outputs = record.shape[3], h.shape[2]
    thread, n_threads, row, rows = cuda.threadIdx.x, cuda.blockDim.x, cuda.threadIdx.y, cuda.blockDim.y
    first = cuda.blockIdx.x * rows
    b = first + row
    room = workspace[cuda.blockIdx.x] if workspace.shape[0] > 0 else cuda.shared.array(0, h.dtype)
    if staged:
        copy_to_end(weights, room, row * n_threads + thread, rows * n_threads)
        weights = room[room.size - weights.size :]
    R_end, inner_end = weights_bounds(cell, n_outputs, n_units)
    R, R_inner, P = weights[:R_end], weights[R_end:inner_end], weights[inner_end:]
    ends = room_bounds(cell, n_outputs, n_units)
    own = room[row * ends[3] : (row + 1) * ends[3]]
    bar, factors, inner_factors = own[: ends[0]], own[ends[0] : ends[1]], own[ends[1] : ends[2]]
    length, last = length_of(lengths, b), last_step(lengths, first, rows)
    copy_row(h_bar, b, bar, thread, n_threads)
    cuda.syncthreads()
    for t in range(last - 1, -1, -1):
        runs = t < length
        if runs:
            add_y_bar(bar, y_bar, t, b, thread, n_threads)
        _reverse_projection(cell, P, changes, bar, memory_bar, outputs_bar, t, b, thread, n_threads, runs)
        if runs:
            _step(
                cell,
                units,
                h,
                record,
                changes,
                bar,
                memory_bar,
                a_bar,
                units_bar,
                factors,
                inner_factors,
                t,
                b,
                thread,
                n_threads,
            )
        cuda.syncthreads()
        _reverse_inner(
            cell,
            R_inner,
            h,
            record,
            mask,
            changes,
            bar,
            memory_bar,
            a_bar,
            factors,
            inner_factors,
            t,
            b,
            thread,
            n_threads,
            runs,
        )
        if runs:
            add_to_h_bar(cell, R, mask, bar, factors, b, thread, n_threads)
        cuda.syncthreads()
    if length > 0:
        for j in range(thread, n_outputs, n_threads):
            h_bar[b, j] = bar[j]


@inline
def add_y_bar(bar, y_bar, t, b, thread, n_threads):
    """Add the adjoint of the outputs to that of h."""
    if y_bar.shape[0] > 0:
        # y_t = h_t
        for j in range(thread, bar.size, n_threads):
            bar[j] += y_bar[t, b, j]


@inline
def add_to_h_bar(cell, R, mask, bar, factors, b, thread, n_threads):
    """Reverse `a = x_t W + (h_(t-1) * mask) R + b` by h: add `a_bar R^T * mask`."""
    for j in range(thread, bar.size, n_threads):
        bar[j] += masked(cell, mask, dot(factors, R, j, bar.size), (b, j))


@inline
def _step(
    cell, units, h, record, changes, bar, memory_bar, a_bar, units_bar, factors, inner_factors, t, b, thread, n_threads
):
    """Reverse step t: `a_bar`, and the part of the state's adjoint that passes `a` by in place."""
    n_units = record.shape[3]
    for unit in range(thread, n_units, n_threads):
        gates_bar = step_unit(cell, units, h, record, changes, bar, memory_bar, a_bar, units_bar, t, b, unit)
        store_outer(cell, gates_bar, factors, unit, n_units)
        store_inner(cell, gates_bar, inner_factors, unit, n_units)


@inline
def step_unit(cell, units, h, record, changes, bar, memory_bar, a_bar, units_bar, t, b, unit):
    """Reverse step t of one unit, and return its `a_bar`."""
    now, own = (t, b, 0, unit), (0, b, 0, unit)
    saved = load_saved(cell, record, (t + 1, b, memory_bar.shape[2], unit))
    before = load_state(cell, h, (t, b, unit), record, now)
    state_bar = load_state(cell, bar, unit, memory_bar, own)
    p = load_parameters(cell, units, (0, 0, 0, unit))
    bars = step_adjoint(cell, changes, h, record, (t, b, unit), saved, before, state_bar, p)
    gates_bar, before_bar, parameters_bar = bars
    store_units(a_bar, now, gates_bar)
    store_state(cell, bar, unit, memory_bar, own, before_bar, ())
    store_units(units_bar, own, add(load_parameters(cell, units_bar, own), parameters_bar))
    return gates_bar


def _reverse_product(
    cell,
    R_inner,
    h,
    record,
    mask,
    changes,
    bar,
    memory_bar,
    a_bar,
    factors,
    inner_factors,
    t,
    b,
    thread,
    n_threads,
    runs,
):
    """Reverse `a = .. + u R` of the inner gates by the inner state u, and u by what it is made of."""
    n_units, n_memory = record.shape[3], memory_bar.shape[2]
    if runs:
        for unit in range(thread, n_units, n_threads):
            now, own = (t, b, 0, unit), (0, b, 0, unit)
            saved = load_saved(cell, record, (t + 1, b, n_memory, unit))
            before = load_state(cell, h, (t, b, unit), record, now)
            # a = .. + (u * mask) R
            u_bar = masked(cell, mask, dot(inner_factors, R_inner, unit, n_units), (b, unit))
            gates_bar, before_bar = inner_adjoint(cell, changes, saved, before, u_bar)
            gates_bar = add(load_gates(cell, a_bar, now), gates_bar)
            store_units(a_bar, now, gates_bar)
            store_outer(cell, gates_bar, factors, unit, n_units)
            state_bar = add(load_state(cell, bar, unit, memory_bar, own), before_bar)
            store_state(cell, bar, unit, memory_bar, own, state_bar, ())
    cuda.syncthreads()


def _reverse_nothing(
    cell,
    R_inner,
    h,
    record,
    mask,
    changes,
    bar,
    memory_bar,
    a_bar,
    factors,
    inner_factors,
    t,
    b,
    thread,
    n_threads,
    runs,
):
    pass


def _reverse_outputs(cell, P, changes, bar, memory_bar, outputs_bar, t, b, thread, n_threads, runs):
    """Reverse `h = m P + b_P` by m: `m_bar = h_bar P^T`; `h_bar` is kept for the gradient, and goes no further back."""
    n_outputs, n_units = bar.size, memory_bar.shape[3]
    if runs:
        for j in range(thread, n_outputs, n_threads):
            bar[j], outputs_bar[t, b, j] = project_adjoint(cell, changes, (t, b, j), bar[j])
    cuda.syncthreads()
    if runs:
        for unit in range(thread, n_units, n_threads):
            memory_bar[0, b, 0, unit] = dot(outputs_bar[t, b], P, unit, n_units)


def _reverse_no_outputs(cell, P, changes, bar, memory_bar, outputs_bar, t, b, thread, n_threads, runs):
    pass


@kernel
def inner_states(cell, lengths, h, record, mask, n_memory, u):
    """Set `u (T, B, H)` to the inner states of all steps up to the sequences' ends, as R sees them."""
    n_sequences, n_units = u.shape[1:]
    for k in range(cuda.grid(1), u.size, cuda.gridsize(1)):
        t, b, unit = k // (n_sequences * n_units), k // n_units % n_sequences, k % n_units
        if t < lengths[b]:
            saved = load_saved(cell, record, (t + 1, b, n_memory, unit))
            before = load_state(cell, h, (t, b, unit), record, (t, b, 0, unit))
            u[t, b, unit] = masked(cell, mask, inner_saved(cell, saved, before), (b, unit))


_reverse_inner = by_form(lambda form: form.inner_gates, _reverse_product, _reverse_nothing)
_reverse_projection = by_form(lambda form: form.projection, _reverse_outputs, _reverse_no_outputs)
