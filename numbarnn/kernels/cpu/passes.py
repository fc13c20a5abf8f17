"""The three passes over a batch: arrays in, arrays out, on as many threads as asked for.

What comes in has been checked: contiguous, writable arrays of one float type, lengths within the steps.
"""

from __future__ import annotations

from math import prod

import numpy as np

from numbarnn.cells.form import form_of, n_memory, n_units
from numbarnn.kernels.cpu import checkpoints
from numbarnn.kernels.cpu.checkpoints import Checkpoints
from numbarnn.kernels.cpu.compile import kernel_for
from numbarnn.kernels.cpu.loops import loops_of
from numbarnn.kernels.cpu.masks import modifiers_of, of_steps
from numbarnn.kernels.cpu.operands import Bars, Directions, Gradients, Steps, Weights
from numbarnn.kernels.cpu.packing import CACHE_LINE, pack_cell, packed_shape, projection_shape, unpack_cell
from numbarnn.kernels.cpu.state import put_state, take_state
from numbarnn.kernels.cpu.threads import for_slices, slice_bounds
from numbarnn.kernels.cpu.tile import prepare
from numbarnn.kernels.masks import n_recorded
from numbarnn.kernels.tape import Tape

# Rows of the adjoint's block: many enough for a long product, few enough that their `a_bar` of one panel stays in L1.
BLOCK_ROWS = 96


def forward(cell, x, state, lengths, settings):
    """Return outputs, final state and tape (None if not kept); a state of None is zero, lengths of None are all T.

    Where a whole tape takes more than `settings.tape_bytes`, checkpoints are left instead. Without `outputs`, None is
    returned for them, and they are held for all steps at once only if the tape is.
    """
    keep_tape, n_threads, tape_bytes, outputs, masks, preactivation_clip = settings
    prepare(x.dtype)
    n_steps, n_sequences, _ = x.shape
    plan = checkpoints.plan_for(cell, x, keep_tape, tape_bytes, outputs, masks)
    if plan is not None:
        return checkpoints.forward(weights_of(cell), x, state, lengths, plan, settings, _work(cell, x))
    h = np.empty((n_steps + 1, n_sequences, cell.R.shape[0]), x.dtype)
    n_times, n_kept = (n_steps + 1, n_recorded(cell, masks)) if keep_tape else (1, n_memory(type(cell)))
    record = np.empty((n_times, n_sequences, n_kept, n_units(cell)), x.dtype)
    put_state(cell, state, h[0], record[0])
    kernel = kernel_for(cell, loops_of(type(cell)).forward)
    ends = all_ends(n_sequences, n_steps) if lengths is None else lengths
    operands = weights_of(cell), Steps(x, ends, h, record), modifiers_of(masks, preactivation_clip)
    bounds = slice_bounds(n_sequences)

    def run(first, last):
        kernel(*operands, bounds[first], bounds[last])

    for_slices(run, bounds.size - 1, n_threads, _work(cell, x))
    memory = record[:, :, : n_memory(type(cell))]
    final = take_state(cell, _at_ends(h, lengths), _at_ends(memory, lengths if keep_tape else None))
    return (
        h[1:] if outputs else None,
        final,
        Tape(x, ends, h, record, type(cell), masks, preactivation_clip) if keep_tape else None,
    )


def adjoint(cell, tape, y_bar, state_bar, inputs, n_threads):
    """Return the adjoints of the weights, as a cell, of the inputs (None unless asked for) and of the initial state."""
    dtype = tape.x.dtype
    prepare(dtype)
    n_steps, n_sequences, n_inputs = tape.x.shape
    if y_bar is None:
        y_bar = np.empty((0, n_sequences, cell.R.shape[0]), dtype)
    h_bar, memory_bar = _state_arrays(cell, n_sequences)
    put_state(cell, state_bar, h_bar, memory_bar)
    x_bar = np.zeros((n_steps if inputs else 0, n_sequences, n_inputs), dtype)
    bounds = slice_bounds(n_sequences)
    kernel = kernel_for(cell, loops_of(type(cell)).adjoint)
    block_rows = max(BLOCK_ROWS, -(-n_sequences // (bounds.size - 1)))
    units = unit_parameters(cell)
    gradients = np.zeros((bounds.size - 1, *packed_shape(cell)), dtype)
    units_bar = np.zeros((bounds.size - 1, *units.shape), dtype)
    projection_bar = np.zeros((bounds.size - 1, *projection_shape(cell)), dtype)
    segments = _segments(cell, tape, checkpoints.backward_segments)

    def run(first, last):
        weights_bar = Gradients(gradients[first:last], units_bar[first:last], projection_bar[first:last])
        own = bounds[first : last + 1]
        for start, stop, steps in segments(own[0], own[-1]):
            bars = Bars(y_bar[start:stop], h_bar, memory_bar, x_bar[start:stop])
            kernel(cell, units, steps, _modifiers(tape, start, stop), bars, weights_bar, own, block_rows)

    for_slices(run, bounds.size - 1, n_threads, 2 * _work(cell, tape.x))
    cell_bar = type(cell)(*map(np.empty_like, cell))
    kernel_for(cell, unpack_cell)(gradients, projection_bar, cell_bar)
    if units.size:
        rows = iter(sum(units_bar[1:], start=units_bar[0]))
        for name in form_of(type(cell)).by_unit:
            for part in getattr(cell_bar, name).reshape(-1, n_units(cell)):
                np.copyto(part, next(rows))
    return cell_bar, x_bar if inputs else None, take_state(cell, h_bar, memory_bar)


def tangent(cell, tape, cell_dot, x_dot, state_dot, n_threads):
    """Return the tangents of the outputs and of the final state; directions of None are zero."""
    prepare(tape.x.dtype)
    cell_dot = type(cell)(*map(np.zeros_like, cell)) if cell_dot is None else cell_dot
    x_dot = np.zeros_like(tape.x) if x_dot is None else x_dot
    n_steps, n_sequences, _ = tape.x.shape
    _, memory_dot = _state_arrays(cell, n_sequences)
    h_dot = np.zeros((n_steps + 1, n_sequences, cell.R.shape[0]), tape.x.dtype)
    put_state(cell, state_dot, h_dot[0], memory_dot)
    weights = weights_of(cell), weights_of(cell_dot)
    kernel = kernel_for(cell, loops_of(type(cell)).tangent)
    bounds = slice_bounds(n_sequences)
    segments = _segments(cell, tape, checkpoints.forward_segments)

    def run(first, last):
        own = bounds[first], bounds[last]
        for start, stop, steps in segments(*own):
            directions = Directions(x_dot[start:stop], h_dot[start : stop + 1], memory_dot)
            kernel(*weights, steps, _modifiers(tape, start, stop), directions, *own)

    for_slices(run, bounds.size - 1, n_threads, 2 * _work(cell, tape.x))
    last_h_dot = h_dot[tape.lengths, np.arange(n_sequences)]
    return h_dot[1:], take_state(cell, last_h_dot, memory_dot)


def all_ends(n_sequences, n_steps):
    """Return the lengths of sequences that are all as long as the batch."""
    ends = np.empty(n_sequences, np.intp)
    ends.fill(n_steps)
    return ends


def _work(cell, x):
    """Return about how many multiply-adds a forward pass takes; a gate's nonlinearity counts for some thirty."""
    return x.shape[0] * x.shape[1] * cell.b.size * (cell.W.shape[0] + cell.R.shape[0] + 32)


def weights_of(cell):
    """Return a cell's weights as the kernels take them."""
    return Weights(cell, pack(cell), unit_parameters(cell))


def pack(cell):
    """Return a cell's weights in the order in which the kernels read them."""
    shape = packed_shape(cell)
    size = prod(shape)
    buffer = np.empty(size + CACHE_LINE // cell.R.itemsize, cell.R.dtype)
    first = kernel_for(cell, pack_cell)(cell, buffer, shape)
    return buffer[first : first + size].reshape(shape)


def unit_parameters(cell):
    """Return the parameters of the units as one array (n, H), one row for each gate of those that each gate has."""
    names = form_of(type(cell)).by_unit
    if not names:
        return np.empty((0, n_units(cell)), cell.R.dtype)
    return np.concatenate([getattr(cell, name) for name in names]).reshape(-1, n_units(cell))


def _segments(cell, tape, of_checkpoints):
    """Return a function of a range of sequences that yields the first step, the end and the Steps of each segment."""
    if isinstance(tape, Checkpoints):
        return of_checkpoints(weights_of(cell), tape)
    return lambda first, last: ((0, tape.x.shape[0], Steps(*tape.arrays)),)


def _modifiers(tape, start, stop):
    """Return what modifies the steps of a segment."""
    masks = tape.masks if isinstance(tape, Tape) else of_steps(tape.masks, slice(start, stop))
    return modifiers_of(masks, tape.preactivation_clip)


def _at_ends(values, lengths):
    """Return what `values (T + 1, B, ...)` are after each sequence's last step."""
    return values[-1].copy() if lengths is None else values[lengths, np.arange(lengths.size)]


def _state_arrays(cell, n_sequences):
    """Return arrays for h and for the rest of a state, or of its tangent or adjoint."""
    h = np.zeros((n_sequences, cell.R.shape[0]), cell.R.dtype)
    return h, np.zeros((n_sequences, n_memory(type(cell)), n_units(cell)), cell.R.dtype)
