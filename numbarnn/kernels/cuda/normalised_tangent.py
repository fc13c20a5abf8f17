"""The loop over time of the tangent-linear pass, for cells with normalisation."""

from __future__ import annotations

from numbarnn.cells.equations import output_tangent
from numbarnn.cells.normalisation import slope
from numbarnn.kernels.cuda.compile import inline, kernel
from numbarnn.kernels.cuda.masks import load_before, masked, see_first
from numbarnn.kernels.cuda.modified import tangent as step_tangent
from numbarnn.kernels.cuda.normalisation import normalised_c, output_parameters
from numbarnn.kernels.cuda.product import multiply_row
from numbarnn.kernels.cuda.room import clear_past_end, copy_to_end, last_step, length_of, normalised_room_bounds
from numbarnn.kernels.cuda.rows import row_mean, row_means
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.state import load_state, store_state
from numbarnn.kernels.cuda.units import add, add_outer, load_gates, multiply, scale, total


@kernel
def tangent(
    cell,
    weights,
    staged,
    units,
    units_dot,
    a_dot,
    lengths,
    h,
    record,
    mask,
    changes,
    h_dot,
    memory_dot,
    z_dot,
    statistics,
    workspace,
):
    """Run the tangents of all sequences through all their steps.

    The arguments are those of `numbarnn.kernels.cuda.tangent.tangent`, and two more; the weights are centred, and `units
    (1, 1, .., H)` and their tangents are those of the parameters of the normalisation.

    Parameters
    ----------
    z_dot : ndarray of shape (T, B, n_gates, H)
        The tangent of the centred `h_(t-1) R` but for what comes from that of h.
    statistics : ndarray of shape (3, T, B)
        From `numbarnn.kernels.cuda.normalisation.statistics`.
    """
    n_units = record.shape[3]
    thread, n_threads, row, rows = cuda.threadIdx.x, cuda.blockDim.x, cuda.threadIdx.y, cuda.blockDim.y
    first = cuda.blockIdx.x * rows
    b = first + row
    room = workspace[cuda.blockIdx.x] if workspace.shape[0] > 0 else cuda.shared.array(0, h.dtype)
    if staged:
        copy_to_end(weights, room, row * n_threads + thread, rows * n_threads)
        weights = room[room.size - weights.size :]
    ends = normalised_room_bounds(cell, n_units)
    own = room[row * ends[5] : (row + 1) * ends[5]]
    seen_dot, products = own[: ends[0]], own[ends[0] : ends[1]]
    c_dot, terms = own[ends[1] : ends[2]], own[ends[2] : ends[3]]
    parts, others = own[ends[3] : ends[4]], own[ends[4] : ends[5]]
    length, last = length_of(lengths, b), last_step(lengths, first, rows)
    see_first(cell, mask, h_dot, b, seen_dot, thread, n_threads)
    cuda.syncthreads()
    for t in range(last):
        runs = t < length
        if runs:
            # z = h_(t-1) R, centred
            multiply_row(seen_dot, weights, products, thread, n_threads)
        cuda.syncthreads()
        if runs:
            _multiply(cell, products, z_dot, record, terms, t, b, thread, n_threads)
        product_mean = row_mean(parts, terms, thread, n_threads, runs)
        if runs:
            _step(
                cell,
                units,
                units_dot,
                a_dot,
                products,
                z_dot,
                product_mean,
                statistics,
                h,
                record,
                mask,
                changes,
                seen_dot,
                h_dot,
                memory_dot,
                c_dot,
                terms,
                t,
                b,
                thread,
                n_threads,
            )
        c_dot_mean, vc_dot_mean = row_means(parts, others, c_dot, terms, thread, n_threads, runs)
        if runs:
            _set_output(
                cell,
                units,
                units_dot,
                record,
                statistics,
                mask,
                seen_dot,
                h_dot,
                c_dot,
                c_dot_mean,
                vc_dot_mean,
                t,
                b,
                thread,
                n_threads,
            )
        cuda.syncthreads()
    clear_past_end(h_dot, lengths, b, thread, n_threads)


@inline
def _multiply(cell, products, z_dot, record, terms, t, b, thread, n_threads):
    """Set the terms of each unit to its part of the product of z, `h_(t-1) R`, with its tangent."""
    n_units, n_gates = record.shape[3], z_dot.shape[2]
    for unit in range(thread, n_units, n_threads):
        z = load_gates(cell, record, (t + 1, b, 1 + n_gates, unit))
        gates_dot = add_outer(cell, load_gates(cell, z_dot, (t, b, 0, unit)), products, unit, n_units)
        terms[unit] = total(multiply(z, gates_dot))


@inline
def _step(
    cell,
    units,
    units_dot,
    a_dot,
    products,
    z_dot,
    product_mean,
    statistics,
    h,
    record,
    mask,
    changes,
    seen_dot,
    h_dot,
    memory_dot,
    c_dot,
    terms,
    t,
    b,
    thread,
    n_threads,
):
    """Add the tangent of `gain_h LN(h_(t-1) R)`, and step; that of o stands where `h_dot` is to stand."""
    n_units, n_gates = record.shape[3], a_dot.shape[2]
    deviation = statistics[2, t, b]
    vz_dot_mean = product_mean * deviation / type(deviation)(n_gates)
    for unit in range(thread, n_units, n_threads):
        now, own = (t, b, 0, unit), (0, b, 0, unit)
        v = scale(load_gates(cell, record, (t + 1, b, 1 + n_gates, unit)), deviation)
        v_dot = add_outer(cell, load_gates(cell, z_dot, now), products, unit, n_units)
        v_dot = scale(add(v_dot, scale(v, -vz_dot_mean)), deviation)
        gain = load_gates(cell, units, (0, 0, n_gates, unit))
        gain_dot = load_gates(cell, units_dot, (0, 0, n_gates, unit))
        gates_dot = add(load_gates(cell, a_dot, now), add(multiply(gain, v_dot), multiply(gain_dot, v)))
        saved = load_gates(cell, record, (t + 1, b, 1, unit))
        before = load_state(cell, h, (t, b, unit), record, now)
        before_dot = load_before(cell, mask, seen_dot, h_dot, (t, b, unit), memory_dot, own)
        at = t, b, unit
        after_dot = step_tangent(cell, changes, h, record, at, saved, before, gates_dot, before_dot, (), ())
        store_state(cell, h_dot, (t + 1, b, unit), memory_dot, own, after_dot, ())
        c_dot[unit] = after_dot[1]
        terms[unit] = normalised_c(record, statistics, t, b, unit) * after_dot[1]


@inline
def _set_output(
    cell,
    units,
    units_dot,
    record,
    statistics,
    mask,
    seen_dot,
    h_dot,
    c_dot,
    c_dot_mean,
    vc_dot_mean,
    t,
    b,
    thread,
    n_threads,
):
    """Set the tangent of h from those of c and of o."""
    for unit in range(thread, record.shape[3], n_threads):
        # v = LN(c)
        v = normalised_c(record, statistics, t, b, unit)
        v_dot = slope(v, statistics[1, t, b], c_dot[unit] - c_dot_mean, vc_dot_mean)
        p, p_dot = output_parameters(units, unit), output_parameters(units_dot, unit)
        o, o_dot = record[t + 1, b, 1, unit], h_dot[t + 1, b, unit]
        h_dot[t + 1, b, unit] = output_tangent(cell, o, v, o_dot, v_dot, p, p_dot)
        seen_dot[unit] = masked(cell, mask, h_dot[t + 1, b, unit], (b, unit))
