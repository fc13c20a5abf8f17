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
from numbarnn.kernels.cpu.variants import by_form


@kernel
def run_forward(cell, buffer, units, x, lengths, h, record, n_memory, mask, zoneout, clip, first, last, prepare, check):
    """Run the sequences first .. last - 1 forward; return whether all numbers were finite, if that is to be checked.

    Parameters
    ----------
    cell : NamedTuple
    buffer : ndarray of shape (n,)
        For the packed weights, see `aligned`.
    units, x, lengths, h, record, mask, zoneout, clip : ndarray, floating or None
        The fields of Weights, Steps and Modifiers.
    n_memory : int
        How many numbers of a unit in `record[0]` are its initial state.
    first, last : int
        The slice of the batch, which may be empty.
    prepare : bool
        Whether to pack the weights; otherwise an earlier call has.
    check : bool
        Whether to look for numbers that are not finite in the weights and, of all sequences, in what is read. If there
        are any, nothing is run.
    """
    packed = aligned(cell, buffer)
    if prepare:
        pack_weights(cell, packed)
    if check and not (
        _weights_finite(cell, units) and valid_finite(x, lengths) and finite(h[:1]) and _memory_finite(record, n_memory)
    ):
        return False
    if first < last:
        weights, steps = Weights(cell, packed, units), Steps(x, lengths, h, record)
        loops.forward(weights, steps, Modifiers(mask, zoneout, clip), first, last)
    return True


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
    bounds,
    block_rows,
    check,
    finish,
):
    """Run slices of the batch backward; return whether all numbers were finite, if that is to be checked.

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
    bounds : ndarray of shape (n_slices + 1,), intp
    block_rows : int
        As the loops over time take them.
    check : bool
        Whether to look for numbers that are not finite in the weights and in the adjoints given. If there are any,
        nothing is run.
    finish : bool
        Whether these are the last slices, so that the gradients can be added up.
    """
    if check and not (
        _weights_finite(cell, units) and valid_finite(y_bar, lengths) and finite(h_bar) and finite(memory_bar)
    ):
        return False
    if bounds.size > 1:
        steps, bars = Steps(x, lengths, h, record), Bars(y_bar, h_bar, memory_bar, x_bar)
        gradients = Gradients(packed_bar, units_bar, projection_bar)
        loops.adjoint(cell, units, steps, Modifiers(mask, zoneout, clip), bars, gradients, bounds, block_rows)
    if finish:
        unpack_weights(packed_bar, projection_bar, cell_bar)
    return True


@kernel
def run_tangent(weights, weights_dot, steps, modifiers, directions, first, last):
    """Run the tangents of a slice of the batch; the arguments are those of `loops.tangent`."""
    loops.tangent(weights, weights_dot, steps, modifiers, directions, first, last)


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
