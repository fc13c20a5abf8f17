"""The loop over time of the tangent-linear pass: one launch for all steps."""

from __future__ import annotations

from numbarnn.kernels.cuda.compile import by_form, inline, kernel
from numbarnn.kernels.cuda.masks import load_before, masked, see_first
from numbarnn.kernels.cuda.modified import inner_tangent, project
from numbarnn.kernels.cuda.modified import tangent as step_tangent
from numbarnn.kernels.cuda.product import dot, multiply_row
from numbarnn.kernels.cuda.room import clear_past_end, copy_to_end, last_step, length_of, room_bounds, weights_bounds
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.state import load_state, store_state
from numbarnn.kernels.cuda.units import add_inner, add_outer, load_gates, load_parameters, load_saved


@kernel
def tangent(
    cell, weights, staged, units, units_dot, a_dot, lengths, h, record, mask, changes, h_dot, memory_dot, workspace
):
    """Run the tangents of all sequences through all their steps.

    Parameters
    ----------
    cell, weights, staged, units, lengths, h, record, mask, changes, workspace
        As the forward pass took and left them.
    units_dot : ndarray of shape (1, 1, n_unit_parameters, H)
        The tangents of the units' parameters.
    a_dot : ndarray of shape (T, B, n_gates, H)
        The pre-activations' tangent but for what comes from the state's.
    h_dot : ndarray of shape (T + 1, B, N)
        `h_dot[0]` is the tangent of the initial h. `h_dot[t + 1]`, zero or a part of the projection's tangent,
        becomes that of the output of step t.
    memory_dot : ndarray of shape (1, B, n_memory, H)
        Tangent of the rest of the initial state, turned into that of the final one.
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
    seen_dot, products, inner_products, u_dot = (
        own[: ends[0]],
        own[ends[0] : ends[1]],
        own[ends[1] : ends[2]],
        own[ends[2] :],
    )
    length, last = length_of(lengths, b), last_step(lengths, first, rows)
    see_first(cell, mask, h_dot, b, seen_dot, thread, n_threads)
    cuda.syncthreads()
    for t in range(last):
        runs = t < length
        if runs:
            # a = x_t W + b + h_(t-1) R
            multiply_row(seen_dot, R, products, thread, n_threads)
        cuda.syncthreads()
        _add_inner(
            cell,
            R_inner,
            a_dot,
            products,
            inner_products,
            u_dot,
            h,
            record,
            mask,
            changes,
            seen_dot,
            h_dot,
            memory_dot,
            t,
            b,
            thread,
            n_threads,
            runs,
        )
        if runs:
            _step(
                cell,
                units,
                units_dot,
                a_dot,
                products,
                inner_products,
                u_dot,
                h,
                record,
                mask,
                changes,
                seen_dot,
                h_dot,
                memory_dot,
                t,
                b,
                thread,
                n_threads,
            )
        cuda.syncthreads()
        _project(cell, P, u_dot, mask, changes, seen_dot, h_dot, t, b, thread, n_threads, runs)
    clear_past_end(h_dot, lengths, b, thread, n_threads)


@inline
def _step(
    cell,
    units,
    units_dot,
    a_dot,
    products,
    inner_products,
    u_dot,
    h,
    record,
    mask,
    changes,
    seen_dot,
    h_dot,
    memory_dot,
    t,
    b,
    thread,
    n_threads,
):
    """Step the tangents of a row's units."""
    n_units = record.shape[3]
    for unit in range(thread, n_units, n_threads):
        gates_dot = add_outer(cell, load_gates(cell, a_dot, (t, b, 0, unit)), products, unit, n_units)
        gates_dot = add_inner(cell, gates_dot, inner_products, unit, n_units)
        step_unit(
            cell, units, units_dot, gates_dot, u_dot, h, record, mask, changes, seen_dot, h_dot, memory_dot, t, b, unit
        )


@inline
def step_unit(
    cell, units, units_dot, gates_dot, u_dot, h, record, mask, changes, seen_dot, h_dot, memory_dot, t, b, unit
):
    """Step the tangent of one unit, of whose h_dot the recurrent weights have seen `seen_dot`."""
    at, own = (t, b, unit), (0, b, 0, unit)
    saved = load_saved(cell, record, (t + 1, b, memory_dot.shape[2], unit))
    before = load_state(cell, h, at, record, (t, b, 0, unit))
    before_dot = load_before(cell, mask, seen_dot, h_dot, at, memory_dot, own)
    p, p_dot = load_parameters(cell, units, (0, 0, 0, unit)), load_parameters(cell, units_dot, (0, 0, 0, unit))
    after_dot = step_tangent(cell, changes, h, record, at, saved, before, gates_dot, before_dot, p, p_dot)
    store_state(cell, h_dot, (t + 1, b, unit), memory_dot, own, after_dot, ())
    _keep(cell, mask, seen_dot, u_dot, b, unit, after_dot)


def _add_inner_product(
    cell,
    R_inner,
    a_dot,
    products,
    inner_products,
    u_dot,
    h,
    record,
    mask,
    changes,
    seen_dot,
    h_dot,
    memory_dot,
    t,
    b,
    thread,
    n_threads,
    runs,
):
    """Take the tangent of the inner state, and its product."""
    n_units, n_memory = record.shape[3], memory_dot.shape[2]
    if runs:
        for unit in range(thread, n_units, n_threads):
            now = (t, b, 0, unit)
            gates_dot = add_outer(cell, load_gates(cell, a_dot, now), products, unit, n_units)
            saved = load_saved(cell, record, (t + 1, b, n_memory, unit))
            before = load_state(cell, h, (t, b, unit), record, now)
            own = (0, b, 0, unit)
            before_dot = load_before(cell, mask, seen_dot, h_dot, (t, b, unit), memory_dot, own)
            value_dot = inner_tangent(cell, changes, saved, before, gates_dot, before_dot)
            u_dot[unit] = masked(cell, mask, value_dot, (b, unit))
    cuda.syncthreads()
    if runs:
        # a = .. + u R
        multiply_row(u_dot, R_inner, inner_products, thread, n_threads)
    cuda.syncthreads()


def _add_nothing(
    cell,
    R_inner,
    a_dot,
    products,
    inner_products,
    u_dot,
    h,
    record,
    mask,
    changes,
    seen_dot,
    h_dot,
    memory_dot,
    t,
    b,
    thread,
    n_threads,
    runs,
):
    pass


def _project_outputs(cell, P, u_dot, mask, changes, seen_dot, h_dot, t, b, thread, n_threads, runs):
    """Add `m_dot P`, of m_dot in `u_dot`, to the tangent of `h = m P + b_P`."""
    if runs:
        for j in range(thread, seen_dot.size, n_threads):
            h_dot[t + 1, b, j] += dot(u_dot, P, j, seen_dot.size)
            h_dot[t + 1, b, j] = project(cell, changes, (t, b, j), h_dot[t, b, j], h_dot[t + 1, b, j])
            seen_dot[j] = masked(cell, mask, h_dot[t + 1, b, j], (b, j))
    cuda.syncthreads()


def _project_nothing(cell, P, u_dot, mask, changes, seen_dot, h_dot, t, b, thread, n_threads, runs):
    pass


def _keep_h(cell, mask, seen_dot, u_dot, b, unit, state_dot):
    seen_dot[unit] = masked(cell, mask, state_dot[0], (b, unit))


def _keep_m(cell, mask, seen_dot, u_dot, b, unit, state_dot):
    u_dot[unit] = state_dot[0]


_add_inner = by_form(lambda form: form.inner_gates, _add_inner_product, _add_nothing)
_project = by_form(lambda form: form.projection, _project_outputs, _project_nothing)
_keep = by_form(lambda form: form.projection, _keep_m, _keep_h)
