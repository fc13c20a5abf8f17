"""The forward and the tangent pass over time with weights in registers, and many units spread over blocks.

Both run the same loop: they differ in the arrays that they load and in the step of a unit.
"""

from __future__ import annotations

from numbarnn.kernels.cuda import forward as plain_forward
from numbarnn.kernels.cuda import tangent as plain_tangent
from numbarnn.kernels.cuda.compile import inline, kernel
from numbarnn.kernels.cuda.launch import PART
from numbarnn.kernels.cuda.resident import (
    COLUMNS,
    add_up,
    block_of,
    clear_past_ends,
    hold,
    load_rows,
    memory_of,
    multiply,
    wait_for_all,
)
from numbarnn.kernels.cuda.scratch import longest
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.units import add_outer, load_gates


def _through_time(arrays_of, step_unit):
    """Return the loop that runs all sequences through all their steps.

    Its parameters `cell`, `weights`, `tape` and `modifiers` are those of `numbarnn.kernels.cuda.forward.forward`. The
    `operand` is `a` of the forward pass or `dots` of the tangent pass, `slices` is a `launch.Slices`. `arrivals`, of
    shape (slices of the batch,), are zeros. They have the shape (0,) where each block has all units: then blocks do not
    wait for each other, and all sequences of a block fit into its shared memory.

    Parameters
    ----------
    arrays_of : function of the tape and the operand
        Returns the array of h, or of its tangent, and that of the pre-activations.
    step_unit : function
        Steps one unit.
    """

    def loop(cell, weights, tape, modifiers, operand, slices, arrivals):
        n_units = tape.record.shape[3]
        h, a = arrays_of(tape, operand)
        block = block_of(slices, weights.packed, n_units, n_units, tape.lengths.size)
        vectors, sums, stride = memory_of(slices, block, h)
        held = cuda.local.array((COLUMNS, PART), h.dtype)
        hold(held, weights.packed, n_units, block)
        if arrivals.size == 0:
            load_rows(cell, modifiers.recurrent, h, (0, block.first), block.n_rows, vectors, stride)
        for t in range(longest(tape.lengths, block.first, slices.n_rows)):
            for start in range(0, block.n_rows, slices.n_at_once):
                n_now = min(slices.n_at_once, block.n_rows - start)
                if arrivals.size > 0:
                    load_rows(cell, modifiers.recurrent, h, (t, block.first + start), n_now, vectors, stride)
                # a = x_t W + b + h_(t-1) R
                multiply(held, vectors, sums, n_now, block)
                cuda.syncthreads()
                for row in range(block.first_row, n_now, block.row_step):
                    b = block.first + start + row
                    if t < tape.lengths[b]:
                        products = sums[row * block.n_sums : (row + 1) * block.n_sums]
                        add_up(products, block)
                        gates = load_gates(cell, a, (t, b, 0, block.unit))
                        gates = add_outer(cell, gates, products, block.unit - block.first_unit, block.own_units)
                        vector = vectors[row * stride : (row + 1) * stride]
                        step_unit(cell, weights.units, tape, modifiers, operand, gates, vector, (t, b, block.unit))
                cuda.syncthreads()
            if arrivals.size > 0:
                wait_for_all(arrivals, (t + 1) * cuda.gridDim.x)
        clear_past_ends(h, tape.lengths, block)

    return loop


@inline
def _forward_arrays(tape, a):
    return tape.h, a


@inline
def _tangent_arrays(tape, dots):
    return dots.h, dots.a


@inline
def _forward_step(cell, units, tape, modifiers, a, gates, vector, at):
    plain_forward.step_unit(cell, units, tape, modifiers, gates, vector, vector, at)


@inline
def _tangent_step(cell, units, tape, modifiers, dots, gates_dot, vector, at):
    plain_tangent.step_unit(cell, units, tape, modifiers, dots, gates_dot, vector, vector, at)


forward = kernel(_through_time(_forward_arrays, _forward_step))
tangent = kernel(_through_time(_tangent_arrays, _tangent_step))
