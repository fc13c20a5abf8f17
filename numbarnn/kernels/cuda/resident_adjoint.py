"""The adjoint pass over time with weights in registers, and many units spread over blocks."""

from __future__ import annotations

from numbarnn.kernels.cuda.adjoint import add_y_bar, step_unit
from numbarnn.kernels.cuda.compile import inline, kernel
from numbarnn.kernels.cuda.launch import PART
from numbarnn.kernels.cuda.masks import masked
from numbarnn.kernels.cuda.resident import COLUMNS, add_parts, clear, hold, multiply, place_of, unit_of, wait_for_all
from numbarnn.kernels.cuda.room import last_step
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.units import load_gates, store_outer


@kernel
def adjoint(
    cell,
    weights,
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
    own_units,
    rows,
    group,
    arrivals,
):
    """Run the adjoints of all sequences back through all their steps.

    Parameters
    ----------
    cell, weights, units, lengths, h, record, mask, changes, y_bar, h_bar, memory_bar, a_bar, outputs_bar, units_bar
        As `numbarnn.kernels.cuda.adjoint.adjoint` has them.
    own_units, rows, group, arrivals
        As `numbarnn.kernels.cuda.resident_forward.forward` has them.
    """
    n_units = record.shape[3]
    first, first_unit = cuda.blockIdx.y * rows, cuda.blockIdx.x * own_units
    n_rows = min(rows, lengths.size - first)
    n_parts = -(-(weights.size // n_units) // PART)
    part, pair, n_pairs = place_of(own_units)
    unit, first_row, at_once = unit_of(first_unit, own_units, n_units)
    stride = n_parts * PART
    room = cuda.shared.array(0, h.dtype)
    factors, sums = room[: group * stride], room[group * stride :]
    held = cuda.local.array((COLUMNS, PART), h.dtype)
    hold(held, weights, n_units, first_unit, own_units, own_units, part, pair, n_pairs)
    clear(room)
    last = last_step(lengths, first, rows)
    for t in range(last - 1, -1, -1):
        for row in range(first_row, n_rows, at_once):
            b = first + row
            if t < lengths[b]:
                add_y_bar(h_bar[b], y_bar, t, b, unit, n_units)
                gates_bar = step_unit(
                    cell, units, h, record, changes, h_bar[b], memory_bar, a_bar, units_bar, t, b, unit
                )
                if arrivals.size == 0:
                    store_outer(cell, gates_bar, factors[row * stride : (row + 1) * stride], unit, n_units)
        if arrivals.size > 0:
            wait_for_all(arrivals, (last - t) * cuda.gridDim.x)
        else:
            cuda.syncthreads()
        for start in range(0, n_rows, group):
            n_now = min(group, n_rows - start)
            if arrivals.size > 0:
                _load_factors(cell, a_bar, lengths, t, first + start, n_now, factors, stride)
            # a = x_t W + (h_(t-1) * mask) R + b
            multiply(held, factors, sums, n_now, n_parts, own_units, part, pair, n_pairs)
            cuda.syncthreads()
            for row in range(first_row, n_now, at_once):
                b = first + start + row
                if t < lengths[b]:
                    own = sums[row * n_parts * own_units : (row + 1) * n_parts * own_units]
                    own_bar = add_parts(own, n_parts, own_units, unit - first_unit)
                    h_bar[b, unit] += masked(cell, mask, own_bar, (b, unit))
            cuda.syncthreads()


@inline
def _load_factors(cell, a_bar, lengths, t, first, n_rows, factors, stride):
    """Copy `a_bar[t]` of the gates that see h, of sequences from the given one on, to `factors (rows, stride)`."""
    n_units = a_bar.shape[3]
    for row in range(n_rows):
        if t < lengths[first + row]:
            own = factors[row * stride : (row + 1) * stride]
            for unit in range(cuda.threadIdx.x, n_units, cuda.blockDim.x):
                store_outer(cell, load_gates(cell, a_bar, (t, first + row, 0, unit)), own, unit, n_units)
    cuda.syncthreads()
