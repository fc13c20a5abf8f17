"""The loop over time of the adjoint pass (BPTT), for cells with normalisation.

At each step only `a_bar`, the adjoint of `h_(t-1) R` and that of h are taken. No step waits for what belongs to
`x_t W`, nor for the gradients of the weights.
"""

from __future__ import annotations

from numbarnn.cells.equations import output_adjoint
from numbarnn.cells.normalisation import slope
from numbarnn.kernels.cuda.adjoint import add_to_h_bar, add_y_bar
from numbarnn.kernels.cuda.compile import inline, kernel
from numbarnn.kernels.cuda.modified import adjoint as step_adjoint
from numbarnn.kernels.cuda.normalisation import normalised_c, output_parameters
from numbarnn.kernels.cuda.room import copy_row, copy_to_end, last_step, length_of, normalised_room_bounds
from numbarnn.kernels.cuda.rows import row_mean, row_means
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.state import load_state, store_state
from numbarnn.kernels.cuda.units import add, load_gates, load_products, multiply, scale, store_outer, store_units, total


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
    z_bar,
    units_bar,
    statistics,
    workspace,
):
    """Run the adjoints of all sequences back through all their steps.

    The arguments are those of `numbarnn.kernels.cuda.adjoint.adjoint` without outputs_bar, and two more; the weights are
    centred, and `units (1, 1, .., H)` are the parameters of the normalisation, of which `units_bar` has the last two.

    Parameters
    ----------
    z_bar : ndarray of shape (T, B, n_gates, H)
        Becomes the adjoint of the centred `h_(t-1) R`, up to the sequences' ends.
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
    bar, factors = own[: ends[0]], own[ends[0] : ends[1]]
    v_bar, terms = own[ends[1] : ends[2]], own[ends[2] : ends[3]]
    parts, others = own[ends[3] : ends[4]], own[ends[4] : ends[5]]
    length, last = length_of(lengths, b), last_step(lengths, first, rows)
    copy_row(h_bar, b, bar, thread, n_threads)
    cuda.syncthreads()
    for t in range(last - 1, -1, -1):
        runs = t < length
        if runs:
            add_y_bar(bar, y_bar, t, b, thread, n_threads)
            _reverse_output(cell, units, units_bar, record, statistics, bar, v_bar, terms, t, b, thread, n_threads)
        v_bar_mean, vv_bar_mean = row_means(parts, others, v_bar, terms, thread, n_threads, runs)
        if runs:
            _reverse_step(
                cell,
                units,
                h,
                record,
                changes,
                statistics,
                bar,
                memory_bar,
                a_bar,
                factors,
                v_bar,
                terms,
                v_bar_mean,
                vv_bar_mean,
                t,
                b,
                thread,
                n_threads,
            )
        product_mean = row_mean(parts, terms, thread, n_threads, runs)
        if runs:
            _reverse_normalisation(
                cell, record, statistics, a_bar, z_bar, factors, product_mean, t, b, thread, n_threads
            )
        cuda.syncthreads()
        if runs:
            add_to_h_bar(cell, weights, mask, bar, factors, b, thread, n_threads)
        cuda.syncthreads()
    if length > 0:
        for unit in range(thread, n_units, n_threads):
            h_bar[b, unit] = bar[unit]


@inline
def _reverse_output(cell, units, units_bar, record, statistics, bar, v_bar, terms, t, b, thread, n_threads):
    """Reverse `h = output(o, v)`: the adjoint of o into the place of h's, that of v and the terms of a sum aside."""
    for unit in range(thread, record.shape[3], n_threads):
        v = normalised_c(record, statistics, t, b, unit)
        p = output_parameters(units, unit)
        bar[unit], v_bar[unit], p_bar = output_adjoint(cell, record[t + 1, b, 1, unit], v, bar[unit], p)
        terms[unit] = v * v_bar[unit]
        units_bar[0, b, 0, unit] += p_bar[0]
        units_bar[0, b, 1, unit] += p_bar[1]


@inline
def _reverse_step(
    cell,
    units,
    h,
    record,
    changes,
    statistics,
    bar,
    memory_bar,
    a_bar,
    factors,
    v_bar,
    terms,
    v_bar_mean,
    vv_bar_mean,
    t,
    b,
    thread,
    n_threads,
):
    """Reverse `v = LN(c)` and the step that made o and c: `a_bar`, and the terms of the next sum."""
    n_units, n_gates = record.shape[3], a_bar.shape[2]
    for unit in range(thread, n_units, n_threads):
        now, own = (t, b, 0, unit), (0, b, 0, unit)
        saved = load_gates(cell, record, (t + 1, b, 1, unit))
        before = load_state(cell, h, (t, b, unit), record, now)
        o_bar, c_bar = load_state(cell, bar, unit, memory_bar, own)
        # v = LN(c)
        v = normalised_c(record, statistics, t, b, unit)
        c_bar += slope(v, statistics[1, t, b], v_bar[unit] - v_bar_mean, vv_bar_mean)
        bars = step_adjoint(cell, changes, h, record, (t, b, unit), saved, before, (o_bar, c_bar), ())
        gates_bar, before_bar, _ = bars
        store_units(a_bar, now, gates_bar)
        store_state(cell, bar, unit, memory_bar, own, before_bar, ())
        # a = .. + gain_h LN(z)
        gates_bar = multiply(gates_bar, load_gates(cell, units, (0, 0, n_gates, unit)))
        store_outer(cell, gates_bar, factors, unit, n_units)
        terms[unit] = total(multiply(gates_bar, load_gates(cell, record, (t + 1, b, 1 + n_gates, unit))))


@inline
def _reverse_normalisation(cell, record, statistics, a_bar, z_bar, factors, product_mean, t, b, thread, n_threads):
    """Reverse `LN(z)`, `z = h_(t-1) R`, in the place of its adjoint."""
    n_units, n_gates = record.shape[3], a_bar.shape[2]
    deviation = statistics[2, t, b]
    vv_bar_mean = product_mean * deviation / type(deviation)(n_gates)
    for unit in range(thread, n_units, n_threads):
        v = scale(load_gates(cell, record, (t + 1, b, 1 + n_gates, unit)), deviation)
        # v = LN(z)
        gates_bar = load_products(cell, factors, unit, n_units)
        gates_bar = scale(add(gates_bar, scale(v, -vv_bar_mean)), deviation)
        store_units(z_bar, (t, b, 0, unit), gates_bar)
        store_outer(cell, gates_bar, factors, unit, n_units)
