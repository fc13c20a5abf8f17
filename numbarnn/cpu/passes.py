"""The three passes over a batch: arrays in, arrays out, on as many threads as asked for.

What comes in has been checked: contiguous, writable arrays of one float type, lengths within the steps.
"""

from __future__ import annotations

from math import prod

import numpy as np

from numbarnn.cells.form import form_of, n_memory, n_units
from numbarnn.cpu import adjoint as _adjoint
from numbarnn.cpu import checkpoints
from numbarnn.cpu import forward as _forward
from numbarnn.cpu import tangent as _tangent
from numbarnn.cpu.checkpoints import Checkpoints
from numbarnn.cpu.compile import kernel_for
from numbarnn.cpu.packing import pack_cell, packed_shape, projection_shape, unpack_cell
from numbarnn.cpu.state import put_state, take_state
from numbarnn.cpu.threads import for_slices, slice_bounds
from numbarnn.cpu.tile import prepare
from numbarnn.tape import Tape

# Rows of the adjoint's block: many enough for a long product, few enough that their `a_bar` of one panel stays in L1.
BLOCK_ROWS = 96
CACHE_LINE = 64  # bytes


def forward(cell, x, state, lengths, keep_tape, n_threads, *, tape_bytes=None, outputs=True):
    """Return outputs, final state and tape (None if not kept); a state of None is zero, lengths of None are all T.

    Where a whole tape takes more than `tape_bytes`, checkpoints are left instead. Without `outputs`, None is returned
    for them, and they are held for all steps at once only if the tape is.
    """
    prepare(x.dtype)
    n_steps, n_sequences, _ = x.shape
    plan = checkpoints.plan_for(cell, x, keep_tape, tape_bytes, outputs)
    if plan is not None:
        weights, threads = (cell, pack(cell), unit_parameters(cell)), (n_threads, _work(cell, x))
        return checkpoints.forward(*weights, x, state, lengths, plan, *threads, outputs=outputs, keep_tape=keep_tape)
    h = np.empty((n_steps + 1, n_sequences, cell.R.shape[0]), x.dtype)
    n_times, n_kept = (n_steps + 1, cell.n_saved) if keep_tape else (1, 0)
    record = np.empty((n_times, n_sequences, n_memory(type(cell)) + n_kept, n_units(cell)), x.dtype)
    put_state(cell, state, h[0], record[0])
    packed, units = pack(cell), unit_parameters(cell)
    kernel = kernel_for(cell, _forward.forward)
    ends = np.full(n_sequences, n_steps, np.intp) if lengths is None else lengths
    bounds = slice_bounds(n_sequences)

    def run(first, last):
        kernel(cell, packed, units, x, ends, h, record, bounds[first], bounds[last])

    for_slices(run, bounds.size - 1, n_threads, _work(cell, x))
    final = take_state(cell, _at_ends(h, lengths), _at_ends(record, lengths if keep_tape else None))
    return h[1:] if outputs else None, final, Tape(x, ends, h, record, type(cell)) if keep_tape else None


def adjoint(cell, tape, y_bar, state_bar, inputs, n_threads):
    """Return the adjoints of the weights, as a cell, of the inputs (None unless asked for) and of the initial state."""
    dtype = tape.x.dtype
    prepare(dtype)
    n_steps, n_sequences, n_inputs = tape.x.shape
    if y_bar is None:
        y_bar = np.empty((0, n_sequences, cell.R.shape[0]), dtype)
    h_bar, memory_bar = _room_for_state(cell, n_sequences)
    put_state(cell, state_bar, h_bar, memory_bar)
    x_bar = np.zeros((n_steps if inputs else 0, n_sequences, n_inputs), dtype)
    bounds = slice_bounds(n_sequences)
    kernel = kernel_for(cell, _adjoint.adjoint)
    block_rows = max(BLOCK_ROWS, -(-n_sequences // (bounds.size - 1)))
    units = unit_parameters(cell)
    gradients = np.zeros((bounds.size - 1, *packed_shape(cell)), dtype)
    units_bar = np.zeros((bounds.size - 1, *units.shape), dtype)
    projection_bar = np.zeros((bounds.size - 1, *projection_shape(cell)), dtype)
    segments = _segments(cell, tape, checkpoints.backward_segments)

    def run(first, last):
        weights_bar = gradients[first:last], units_bar[first:last], projection_bar[first:last]
        own = bounds[first : last + 1]
        for start, stop, arrays in segments(own[0], own[-1]):
            bars = y_bar[start:stop], h_bar, memory_bar, x_bar[start:stop]
            kernel(cell, units, *arrays, *bars, *weights_bar, own, block_rows)

    for_slices(run, bounds.size - 1, n_threads, 2 * _work(cell, tape.x))
    cell_bar = type(cell)(*map(np.empty_like, cell))
    kernel_for(cell, unpack_cell)(gradients, projection_bar, cell_bar)
    for name, parts in zip(form_of(type(cell)).unit_parameters, units_bar.swapaxes(0, 1), strict=True):
        np.copyto(getattr(cell_bar, name), sum(parts[1:], start=parts[0]))
    return cell_bar, x_bar if inputs else None, take_state(cell, h_bar, memory_bar)


def tangent(cell, tape, cell_dot, x_dot, state_dot, n_threads):
    """Return the tangents of the outputs and of the final state; directions of None are zero."""
    prepare(tape.x.dtype)
    cell_dot = type(cell)(*map(np.zeros_like, cell)) if cell_dot is None else cell_dot
    x_dot = np.zeros_like(tape.x) if x_dot is None else x_dot
    n_steps, n_sequences, _ = tape.x.shape
    _, memory_dot = _room_for_state(cell, n_sequences)
    h_dot = np.zeros((n_steps + 1, n_sequences, cell.R.shape[0]), tape.x.dtype)
    put_state(cell, state_dot, h_dot[0], memory_dot)
    weights = cell, cell_dot, pack(cell), pack(cell_dot), unit_parameters(cell), unit_parameters(cell_dot)
    kernel = kernel_for(cell, _tangent.tangent)
    bounds = slice_bounds(n_sequences)
    segments = _segments(cell, tape, checkpoints.forward_segments)

    def run(first, last):
        own = bounds[first], bounds[last]
        for start, stop, arrays in segments(*own):
            kernel(*weights, *arrays, x_dot[start:stop], h_dot[start : stop + 1], memory_dot, *own)

    for_slices(run, bounds.size - 1, n_threads, 2 * _work(cell, tape.x))
    last_h_dot = h_dot[tape.lengths, np.arange(n_sequences)]
    return h_dot[1:], take_state(cell, last_h_dot, memory_dot)


def _work(cell, x):
    """Return about how many multiply-adds a forward pass takes; a gate's nonlinearity counts for some thirty."""
    return x.shape[0] * x.shape[1] * cell.b.size * (cell.W.shape[0] + cell.R.shape[0] + 32)


def pack(cell):
    """Return a cell's weights in the order in which the kernels read them."""
    packed = _aligned(packed_shape(cell), cell.R.dtype)
    kernel_for(cell, pack_cell)(cell, packed)
    return packed


def _aligned(shape, dtype):
    """Return an empty array that begins on a cache line.

    A vector of 512 bits that crosses from one line to the next is loaded twice: a third more time for single sequences,
    whose weights are loaded for one row at a time.
    """
    size = prod(shape) * dtype.itemsize
    room = np.empty(size + CACHE_LINE, np.uint8)
    first = -room.ctypes.data % CACHE_LINE
    return room[first : first + size].view(dtype).reshape(shape)


def unit_parameters(cell):
    """Return the parameters of the units as one array (n, H)."""
    names = form_of(type(cell)).unit_parameters
    return np.array([getattr(cell, name) for name in names], cell.R.dtype).reshape(-1, n_units(cell))


def _segments(cell, tape, of_checkpoints):
    """Return a function of a range of sequences that yields the steps and the tape of each segment."""
    if isinstance(tape, Checkpoints):
        return of_checkpoints(cell, pack(cell), unit_parameters(cell), tape)
    return lambda first, last: ((0, tape.x.shape[0], tape.arrays),)


def _at_ends(values, lengths):
    """Return what `values (T + 1, B, ...)` are after each sequence's last step."""
    return values[-1].copy() if lengths is None else values[lengths, np.arange(lengths.size)]


def _room_for_state(cell, n_sequences):
    """Return arrays for h and for the rest of a state, or of its tangent or adjoint."""
    h = np.zeros((n_sequences, cell.R.shape[0]), cell.R.dtype)
    return h, np.zeros((n_sequences, n_memory(type(cell)), n_units(cell)), cell.R.dtype)
