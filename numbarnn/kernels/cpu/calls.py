"""The kernels that Python calls for a pass over a batch.

Those of the forward and the adjoint pass also check the numbers, and pack the weights or unpack the gradients. They
take arrays one by one, since Numba reads an array in 0.1 us but needs 2 us more for each NamedTuple of arrays.
"""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cpu import loops
from numbarnn.kernels.cpu.compile import inline, kernel
from numbarnn.kernels.cpu.finite import finite, valid_finite
from numbarnn.kernels.cpu.hook import goes_on
from numbarnn.kernels.cpu.operands import Bars, Gradients, Modifiers, Steps, Weights
from numbarnn.kernels.cpu.packing import aligned, pack_weights, unpack_weights
from numbarnn.kernels.cpu.state import get_last, set_first
from numbarnn.kernels.cpu.team import in_ranges
from numbarnn.kernels.cpu.variants import by_form, by_inputs


@kernel
def run_forward(
    cell,
    buffer,
    units,
    x,
    lengths,
    h,
    record,
    first_h,
    first_memory,
    last_h,
    last_memory,
    mask,
    zoneout,
    clip,
    bounds,
    n_ranges,
    board,
    hook,
    prepare,
    check,
):
    """Run a batch forward; return whether all numbers were finite, if that is to be checked.

    Parameters
    ----------
    cell : NamedTuple
    buffer : ndarray of shape (n,)
        For the packed weights, see `aligned`.
    units, x, lengths, h, record, mask, zoneout, clip : ndarray, floating or None
        The fields of Weights, Steps and Modifiers.
    first_h, first_memory : ndarray
        The state to begin with, see `set_first`.
    last_h, last_memory : ndarray
        Receive the state after the last steps, see `get_last`.
    bounds : ndarray of shape (n_slices + 1,), intp
        The slices' first sequences, and the last one's end.
    n_ranges : int
        How many ranges of slices to run side by side; with 0, none is run.
    board : ndarray
        Where helpers look for ranges, see `team`.
    hook : ndarray of shape (2,), int64
        What changes the arrays for another pass over each range, see `hook`.
    prepare : bool
        Whether to pack the weights; otherwise an earlier call has.
    check : bool
        Whether to look for numbers that are not finite in the weights and in what is read. If there are any, the
        results are of no use.
    """
    packed = aligned(cell, buffer)
    if prepare:
        pack_weights(cell, packed)
    weights, steps = Weights(cell, packed, units), Steps(x, lengths, h, record)
    set_first(steps, first_h, first_memory)
    faults = _no_faults(n_ranges + 1)
    if check:
        faults[n_ranges, 0] = not (_weights_finite(cell, units) and finite(first_h) and finite(first_memory))
        if n_ranges == 0:
            faults[0, 0] |= not _valid_inputs_finite(x, lengths, bounds[0], bounds[-1])
    operands = weights, steps, Modifiers(mask, zoneout, clip), check, (bounds, n_ranges, faults), hook
    in_ranges(_forward, operands, n_ranges, board)
    get_last(steps, last_h, last_memory)
    return _are_none(faults)


@inline
def _forward(operands, i):
    """Run range i."""
    weights, steps, modifiers, check, (bounds, n_ranges, faults), hook = operands
    slices = _range(bounds, n_ranges, i)
    first, last = bounds[slices[0]], bounds[slices[1]]
    if check:
        faults[i, 0] = not _valid_inputs_finite(steps.x, steps.lengths, first, last)
    while True:
        loops.forward(weights, steps, modifiers, first, last)
        if not goes_on(hook, steps.lengths, first, last, i):
            break


@inline
def _no_faults(n):
    """Return an array to note faults in."""
    faults = np.empty((n, 1), np.intp)
    for i in range(n):
        faults[i, 0] = 0
    return faults


@inline
def _are_none(faults):
    n = np.intp(0)
    for i in range(faults.shape[0]):
        n += faults[i, 0]
    return n == 0


@inline
def _range(bounds, n_ranges, i):
    """Return the first slice of range i and its end."""
    n_slices = bounds.size - 1
    return n_slices * i // n_ranges, n_slices * (i + 1) // n_ranges


@kernel
def run_adjoint(
    cell,
    units,
    x,
    lengths,
    h,
    record,
    mask,
    zoneout,
    clip,
    y_bar,
    h_bar,
    memory_bar,
    x_bar,
    packed_bar,
    units_bar,
    projection_bar,
    cell_bar,
    block_rows,
    bounds,
    n_ranges,
    board,
    check,
    finish,
):
    """Run a batch backward; return whether all numbers were finite, if that is to be checked.

    Parameters
    ----------
    cell : NamedTuple
    units : ndarray of shape (n_unit_parameters, H)
    x, lengths, h, record, mask, zoneout, clip, y_bar, h_bar, memory_bar, x_bar : ndarray, floating or None
        The fields of Steps, Modifiers and Bars.
    packed_bar, units_bar, projection_bar : ndarray
        The fields of Gradients.
    cell_bar : NamedTuple
        Receives the gradients of the weights if `finish` is true.
    block_rows : int
        See `loops.adjoint`.
    bounds, n_ranges, board
        As in `run_forward`.
    check : bool
        Whether to look for numbers that are not finite in the weights and in the adjoints given. If there are any, the
        results are of no use.
    finish : bool
        Whether this is the last call for the batch: the slices' gradients are then summed and unpacked.
    """
    steps, bars = Steps(x, lengths, h, record), Bars(y_bar, h_bar, memory_bar, x_bar)
    gradients, modifiers = Gradients(packed_bar, units_bar, projection_bar), Modifiers(mask, zoneout, clip)
    faults = _no_faults(n_ranges + 1)
    if check:
        faults[n_ranges, 0] = not (_weights_finite(cell, units) and finite(h_bar) and finite(memory_bar))
        if n_ranges == 0:
            faults[0, 0] |= not valid_finite(y_bar, lengths, bounds[0], bounds[-1])
    operands = cell, units, steps, modifiers, bars, gradients, block_rows, check, (bounds, n_ranges, faults)
    in_ranges(_adjoint, operands, n_ranges, board)
    if finish:
        unpack_weights(packed_bar, projection_bar, cell_bar)
    return _are_none(faults)


@inline
def _adjoint(operands, i):
    """Run range i."""
    cell, units, steps, modifiers, bars, gradients, block_rows, check, (bounds, n_ranges, faults) = operands
    slices = _range(bounds, n_ranges, i)
    if check:
        faults[i, 0] = not valid_finite(bars.y, steps.lengths, bounds[slices[0]], bounds[slices[1]])
    loops.adjoint(cell, units, steps, modifiers, bars, gradients, block_rows, bounds, slices)


@kernel
def run_tangent(weights, weights_dot, steps, modifiers, directions, bounds, n_ranges, board):
    """Run the tangents of a batch; the arguments are those of `loops.tangent` and `run_forward`."""
    in_ranges(_tangent, (weights, weights_dot, steps, modifiers, directions, bounds, n_ranges), n_ranges, board)


@inline
def _tangent(operands, i):
    """Run range i."""
    weights, weights_dot, steps, modifiers, directions, bounds, n_ranges = operands
    first, last = _range(bounds, n_ranges, i)
    loops.tangent(weights, weights_dot, steps, modifiers, directions, bounds[first], bounds[last])


@inline
def _codes_finite(x, lengths, first, last):
    return True


@by_inputs(valid_finite, _codes_finite)
def _valid_inputs_finite(x, lengths, first, last):
    """Return whether the inputs of some sequences are finite, as codes always are."""


@inline
def _plain_finite(cell, units):
    return finite(cell.W) and finite(cell.R) and finite(cell.b) and finite(units)


@inline
def _with_projection_finite(cell, units):
    return _plain_finite(cell, units) and finite(cell.P)


@inline
def _with_projection_bias_finite(cell, units):
    return _plain_finite(cell, units) and finite(cell.P) and finite(cell.b_P)


@by_form(lambda form: (_plain_finite, _with_projection_finite, _with_projection_bias_finite)[len(form.projection)])
def _weights_finite(cell, units):
    """Return whether the weights are finite."""
