"""The adjoint pass over time with weights in registers, and many units spread over blocks."""

from __future__ import annotations

from numbarnn.kernels.cuda.adjoint import add_y_bar, reverse_unit
from numbarnn.kernels.cuda.compile import inline, kernel
from numbarnn.kernels.cuda.launch import PART
from numbarnn.kernels.cuda.masks import masked
from numbarnn.kernels.cuda.resident import COLUMNS, add_parts, block_of, hold, memory_of, multiply, wait_for_all
from numbarnn.kernels.cuda.scratch import longest
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.units import load_gates, store_outer


@kernel
def adjoint(cell, weights, tape, modifiers, bars, slices, arrivals):
    """Run the adjoints of all sequences back through all their steps.

    Parameters
    ----------
    cell, weights, tape, modifiers, bars
        As in `numbarnn.kernels.cuda.adjoint.adjoint`.
    slices : Slices
    arrivals : ndarray of shape (slices of the batch,) or (0,), intp
        Zeros; empty where each block has all units.
    """
    n_units = tape.record.shape[3]
    block = block_of(slices, weights.packed, weights.packed.size // n_units, n_units, tape.lengths.size)
    vectors, sums, stride = memory_of(slices, block, tape.h)
    held = cuda.local.array((COLUMNS, PART), tape.h.dtype)
    hold(held, weights.packed, n_units, block)
    last = longest(tape.lengths, block.first, slices.n_rows)
    for t in range(last - 1, -1, -1):
        for row in range(block.first_row, block.n_rows, block.row_step):
            b = block.first + row
            if t < tape.lengths[b]:
                add_y_bar(bars.h[b], bars.y, (t, b), block.unit, n_units)
                at = t, b, block.unit
                gates_bar = reverse_unit(cell, weights.units, tape, modifiers, bars, bars.h[b], at)
                if arrivals.size == 0:
                    store_outer(cell, gates_bar, vectors[row * stride : (row + 1) * stride], block.unit, n_units)
        if arrivals.size > 0:
            wait_for_all(arrivals, (last - t) * cuda.gridDim.x)
        else:
            cuda.syncthreads()
        for start in range(0, block.n_rows, slices.n_at_once):
            n_now = min(slices.n_at_once, block.n_rows - start)
            if arrivals.size > 0:
                _load_gates_bar(cell, bars.a, tape.lengths, (t, block.first + start), n_now, vectors, stride)
            # a = x_t W + (h_(t-1) * mask) R + b
            multiply(held, vectors, sums, n_now, block)
            cuda.syncthreads()
            for row in range(block.first_row, n_now, block.row_step):
                b = block.first + start + row
                if t < tape.lengths[b]:
                    own = sums[row * block.n_sums : (row + 1) * block.n_sums]
                    unit_bar = add_parts(own, block.unit - block.first_unit, block)
                    bars.h[b, block.unit] += masked(cell, modifiers.recurrent, unit_bar, (b, block.unit))
            cuda.syncthreads()


@inline
def _load_gates_bar(cell, a_bar, lengths, at, n_rows, vectors, stride):
    """Copy `a_bar` of the gates that see h, of rows from `at = (t, b)` on, to `vectors (rows, stride)`, flat."""
    t, first = at
    n_units = a_bar.shape[3]
    for row in range(n_rows):
        if t < lengths[first + row]:
            vector = vectors[row * stride : (row + 1) * stride]
            for unit in range(cuda.threadIdx.x, n_units, cuda.blockDim.x):
                store_outer(cell, load_gates(cell, a_bar, (t, first + row, 0, unit)), vector, unit, n_units)
    cuda.syncthreads()
