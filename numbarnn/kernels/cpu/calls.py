"""The kernels that Python calls for a pass over a batch: one call checks the numbers, packs the weights and runs.

Their arguments are flat, since Numba takes 0.1 us to read an array, but 2 us more for each NamedTuple of arrays.
"""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cpu import loops
from numbarnn.kernels.cpu.compile import inline, kernel
from numbarnn.kernels.cpu.finite import finite, valid_finite
from numbarnn.kernels.cpu.operands import Bars, Gradients, Modifiers, Steps, Weights
from numbarnn.kernels.cpu.packing import aligned, pack_weights, unpack_weights
from numbarnn.kernels.cpu.simd import all_zero, lanes, load
from numbarnn.kernels.cpu.team import in_ranges
from numbarnn.kernels.cpu.variants import by_form


@kernel
def run_forward(
    cell, buffer, units, x, lengths, h, record, n_memory, mask, zoneout, clip, bounds, n_ranges, board, prepare, check
):
    """Run a batch forward; return whether all numbers were finite, if that is to be checked.

    Parameters
    ----------
    cell : NamedTuple
    buffer : ndarray of shape (n,)
        For the packed weights, see `aligned`.
    units, x, lengths, h, record, mask, zoneout, clip : ndarray, floating or None
        The fields of Weights, Steps and Modifiers.
    n_memory : int
        How many numbers of a unit in `record[0]` are its initial state.
    bounds : ndarray of shape (n_slices + 1,), intp
        The slices' first sequences, and the last one's end.
    n_ranges : int
        How many ranges of slices to run side by side; with 0, none is run.
    board : ndarray
        Where helpers look for ranges, see `team`.
    prepare : bool
        Whether to pack the weights; otherwise an earlier call has.
    check : bool
        Whether to look for numbers that are not finite in the weights and in what is read. If there are any, nothing is
        run.
    """
    packed = aligned(cell, buffer)
    if prepare:
        pack_weights(cell, packed)
    if check and not (
        _weights_finite(cell, units) and valid_finite(x, lengths) and finite(h[:1]) and _memory_finite(record, n_memory)
    ):
        return False
    weights, steps = Weights(cell, packed, units), Steps(x, lengths, h, record)
    in_ranges(_forward, (weights, steps, Modifiers(mask, zoneout, clip), bounds, n_ranges), n_ranges, board)
    return True


@inline
def _forward(operands, i):
    """Run range i."""
    weights, steps, modifiers, bounds, n_ranges = operands
    first, last = _range(bounds, n_ranges, i)
    loops.forward(weights, steps, modifiers, bounds[first], bounds[last])


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
        Becomes the adjoint of the cell, with `finish`.
    block_rows : int
        As the loop over time takes it.
    bounds, n_ranges, board
        As in `run_forward`.
    check : bool
        Whether to look for numbers that are not finite in the weights and in the adjoints given. If there are any,
        nothing is run.
    finish : bool
        Whether the gradients are to be added up, since no more will be added to them.
    """
    if check and not (
        _weights_finite(cell, units) and valid_finite(y_bar, lengths) and finite(h_bar) and finite(memory_bar)
    ):
        return False
    steps, bars = Steps(x, lengths, h, record), Bars(y_bar, h_bar, memory_bar, x_bar)
    gradients, modifiers = Gradients(packed_bar, units_bar, projection_bar), Modifiers(mask, zoneout, clip)
    operands = cell, units, steps, modifiers, bars, gradients, block_rows, bounds, n_ranges
    in_ranges(_adjoint, operands, n_ranges, board)
    if finish:
        unpack_weights(packed_bar, projection_bar, cell_bar)
    return True


@inline
def _adjoint(operands, i):
    """Run range i."""
    cell, units, steps, modifiers, bars, gradients, block_rows, bounds, n_ranges = operands
    slices = _range(bounds, n_ranges, i)
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
def _memory_finite(record, n_memory):
    """Return whether the initial state apart from h is finite."""
    n_units = record.shape[3]
    for b in range(record.shape[1]):
        for m in range(n_memory):
            for unit in range(0, n_units, lanes(record)):
                values = load(record, (np.intp(0), b, m, unit), n_units - unit)
                if not all_zero(values - values):
                    return False
    return True


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
