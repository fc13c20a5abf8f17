"""The tangent-linear pass over time with weights in registers, and many units spread over blocks."""

from __future__ import annotations

from numbarnn.kernels.cuda.compile import kernel
from numbarnn.kernels.cuda.launch import PART
from numbarnn.kernels.cuda.resident import (
    COLUMNS,
    add_up,
    clear,
    hold,
    load_rows,
    multiply,
    place_of,
    unit_of,
    wait_for_all,
)
from numbarnn.kernels.cuda.room import clear_past_end, last_step
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.tangent import step_unit
from numbarnn.kernels.cuda.units import add_outer, load_gates


@kernel
def tangent(
    cell,
    weights,
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
    own_units,
    rows,
    group,
    arrivals,
):
    """Run the tangents of all sequences through all their steps.

    Parameters
    ----------
    cell, weights, units, units_dot, a_dot, lengths, h, record, mask, changes, h_dot, memory_dot
        As `numbarnn.kernels.cuda.tangent.tangent` has them.
    own_units, rows, group, arrivals
        As `numbarnn.kernels.cuda.resident_forward.forward` has them.
    """
    n_units = record.shape[3]
    first, first_unit = cuda.blockIdx.y * rows, cuda.blockIdx.x * own_units
    n_rows = min(rows, lengths.size - first)
    n_columns, n_parts = weights.size // n_units // n_units * own_units, -(-n_units // PART)
    part, pair, n_pairs = place_of(n_columns)
    unit, first_row, at_once = unit_of(first_unit, own_units, n_units)
    stride = n_parts * PART
    room = cuda.shared.array(0, h.dtype)
    vectors, sums = room[: group * stride], room[group * stride :]
    held = cuda.local.array((COLUMNS, PART), h.dtype)
    hold(held, weights, n_units, first_unit, own_units, n_columns, part, pair, n_pairs)
    clear(room)
    if arrivals.size == 0:
        load_rows(cell, mask, h_dot, 0, first, n_rows, vectors, stride)
    for t in range(last_step(lengths, first, rows)):
        for start in range(0, n_rows, group):
            n_now = min(group, n_rows - start)
            if arrivals.size > 0:
                load_rows(cell, mask, h_dot, t, first + start, n_now, vectors, stride)
            # a = x_t W + b + h_(t-1) R
            multiply(held, vectors, sums, n_now, n_parts, n_columns, part, pair, n_pairs)
            cuda.syncthreads()
            for row in range(first_row, n_now, at_once):
                b = first + start + row
                if t < lengths[b]:
                    products = sums[row * n_parts * n_columns : (row + 1) * n_parts * n_columns]
                    add_up(products, n_parts, n_columns, own_units, unit - first_unit)
                    gates_dot = load_gates(cell, a_dot, (t, b, 0, unit))
                    gates_dot = add_outer(cell, gates_dot, products, unit - first_unit, own_units)
                    seen = vectors[row * stride : (row + 1) * stride]
                    step_unit(
                        cell,
                        units,
                        units_dot,
                        gates_dot,
                        seen,
                        h,
                        record,
                        mask,
                        changes,
                        seen,
                        h_dot,
                        memory_dot,
                        t,
                        b,
                        unit,
                    )
            cuda.syncthreads()
        if arrivals.size > 0:
            wait_for_all(arrivals, (t + 1) * cuda.gridDim.x)
    if cuda.blockIdx.x == 0:
        for b in range(first, first + n_rows):
            clear_past_end(h_dot, lengths, b, cuda.threadIdx.x, cuda.blockDim.x)
