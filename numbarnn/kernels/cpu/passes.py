"""The three passes over a batch: arrays in, arrays out, on as many threads as asked for.

What comes in has been checked: contiguous, writable arrays of one float type, lengths within the steps.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from numbarnn.cells.form import form_of, n_units
from numbarnn.kernels.cpu import checkpoints
from numbarnn.kernels.cpu.calls import run_adjoint, run_forward, run_tangent
from numbarnn.kernels.cpu.checkpoints import Checkpoints
from numbarnn.kernels.cpu.compile import kernel_for
from numbarnn.kernels.cpu.masks import modifiers_of, of_steps
from numbarnn.kernels.cpu.operands import Directions, Steps, Weights
from numbarnn.kernels.cpu.packing import pack_cell, sizes_of
from numbarnn.kernels.cpu.state import put_state, take_state
from numbarnn.kernels.cpu.team import NOBODY, board_with
from numbarnn.kernels.cpu.threads import n_ranges, slice_bounds
from numbarnn.kernels.cpu.tile import prepare
from numbarnn.kernels.finite import NotFiniteError
from numbarnn.kernels.masks import n_recorded
from numbarnn.kernels.tape import Tape

# Rows of the adjoint's block: many enough for a long product, few enough that their `a_bar` of one panel stays in L1.
BLOCK_ROWS = 96


def forward(cell, x, state, lengths, settings):
    """Return outputs, final state and tape (None if not kept); a state of None is zero, lengths of None are all T.

    Where a whole tape takes more than `settings.tape_bytes`, checkpoints are left instead. Without `outputs`, None is
    returned for them, and they are held for all steps at once only if the tape is.
    """
    dtype = cell.R.dtype
    prepare(dtype)
    keep_tape, masks = settings.keep_tape, settings.masks
    n_steps, n_sequences, _ = x.shape
    sizes, weights = sizes_of(cell), unpacked(cell)
    plan = checkpoints.plan_for(cell, x, keep_tape, settings.tape_bytes, settings.outputs, masks)
    if plan is not None:
        return checkpoints.forward(weights, x, state, lengths, plan, settings, _team(cell, x, settings.n_threads, 1))
    n_state, size = sizes.n_memory, sizes.n_units
    h = np.empty((n_steps + 1, n_sequences, cell.R.shape[0]), dtype)
    shape = (n_steps + 1, n_sequences, n_recorded(cell, masks), size) if keep_tape else (1, n_sequences, n_state, size)
    record = np.empty(shape, dtype)
    put_state(cell, state, h[0], record[0])
    ends = all_ends(n_sequences, n_steps) if lengths is None else lengths
    kernel = kernel_for(cell, run_forward)
    operands = *weights, x, ends, h, record, n_state, *modifiers_of(masks, settings.preactivation_clip)
    if not kernel(*operands, *_team(cell, x, settings.n_threads, 1), True, settings.check):
        raise NotFiniteError
    if lengths is None:
        final = take_state(cell, h[-1].copy(), record[-1])
    else:
        at_ends = lengths, np.arange(n_sequences)
        final = take_state(cell, h[at_ends], record[at_ends] if keep_tape else record[0])
    tape = Tape(x, ends, h, record, type(cell), masks, settings.preactivation_clip) if keep_tape else None
    return h[1:] if settings.outputs else None, final, tape


def adjoint(cell, tape, y_bar, state_bar, inputs, n_threads, check=False):
    """Return the adjoints of the weights, as a cell, of the inputs (None unless asked for) and of the initial state."""
    dtype = cell.R.dtype
    prepare(dtype)
    n_steps, n_sequences, n_inputs = tape.x.shape
    if y_bar is None:
        y_bar = np.empty((0, n_sequences, cell.R.shape[0]), dtype)
    h_bar, memory_bar = _state_arrays(cell, n_sequences)
    put_state(cell, state_bar, h_bar, memory_bar)
    x_bar = np.zeros((n_steps if inputs else 0, n_sequences, n_inputs), dtype)
    bounds, sizes, units = slice_bounds(n_sequences), sizes_of(cell), unit_parameters(cell)
    n_slices = bounds.size - 1
    block_rows = max(BLOCK_ROWS, -(-n_sequences // n_slices))
    gradients = np.zeros((n_slices, *sizes.packed), dtype)
    units_bar, projection_bar = _zeros((n_slices, *units.shape), dtype), _zeros((n_slices, *sizes.projection), dtype)
    cell_bar = type(cell)._make([np.empty(field.shape, dtype) for field in cell])
    modifiers, kernel = modifiers_of(tape.masks, tape.preactivation_clip), kernel_for(cell, run_adjoint)
    sums = gradients, units_bar, projection_bar, cell_bar, block_rows
    whole = cell, units, *tape.arrays, *modifiers, y_bar, h_bar, memory_bar, x_bar, *sums
    team = _team(cell, tape.x, n_threads, 2)  # last, since helpers do not wait for long
    if isinstance(tape, Tape):
        finite = kernel(*whole, *team, check, True)
    elif finite := kernel(*whole, bounds, 0, NOBODY, check, False):
        for start, stop, steps in checkpoints.backward_segments(unpacked(cell), tape, team):
            bars = y_bar[start:stop], h_bar, memory_bar, x_bar[start:stop]
            kernel(cell, units, *steps, *_modifiers(tape, start, stop), *bars, *sums, *team, False, False)
        kernel(*whole, bounds, 0, NOBODY, False, True)
    if not finite:
        raise NotFiniteError
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
    weights = packed(cell), packed(cell_dot)
    kernel = kernel_for(cell, run_tangent)
    team = _team(cell, tape.x, n_threads, 2)
    segments = [(0, n_steps, Steps(*tape.arrays))]
    if isinstance(tape, Checkpoints):
        segments = checkpoints.forward_segments(unpacked(cell), tape, team)
    for start, stop, steps in segments:
        directions = Directions(x_dot[start:stop], h_dot[start : stop + 1], memory_dot)
        kernel(*weights, steps, _modifiers(tape, start, stop), directions, *team)
    last_h_dot = h_dot[tape.lengths, np.arange(n_sequences)]
    return h_dot[1:], take_state(cell, last_h_dot, memory_dot)


def all_ends(n_sequences, n_steps):
    """Return the lengths of sequences that are all as long as the batch."""
    ends = np.empty(n_sequences, np.intp)
    ends.fill(n_steps)
    return ends


def _team(cell, x, n_threads, n_products):
    """Return the slices' bounds, in how many ranges they are run, and the board on which helpers find them.

    A pass takes so many products with each weight.
    """
    if n_threads == 1:
        return alone(x.shape[1])
    bounds = slice_bounds(x.shape[1])
    # Multiply-adds; a gate's nonlinearity counts for some thirty.
    work = n_products * x.shape[0] * x.shape[1] * cell.b.size * (cell.W.shape[0] + cell.R.shape[0] + 32)
    ranges = n_ranges(bounds.size - 1, n_threads, work)
    return bounds, ranges, board_with(ranges - 1)


def alone(n_sequences):
    """Return what `run_forward` and the others take instead of a team, to run all slices in one range."""
    return slice_bounds(n_sequences), 1, NOBODY


def unpacked(cell):
    """Return a cell's weights with a buffer into which `run_forward` packs them."""
    return Weights(cell, np.empty(sizes_of(cell).buffer, cell.R.dtype), unit_parameters(cell))


def packed(cell):
    """Return a cell's weights in the order in which the loops over time read them."""
    cell, buffer, units = unpacked(cell)
    return Weights(cell, kernel_for(cell, pack_cell)(cell, buffer), units)


def unit_parameters(cell):
    """Return the parameters of the units as one array (n, H), one row for each gate of those that each gate has."""
    names = form_of(type(cell)).by_unit
    if not names:
        return _empty((0, n_units(cell)), cell.R.dtype)
    return np.concatenate([getattr(cell, name) for name in names]).reshape(-1, n_units(cell))


def _zeros(shape, dtype):
    """Return an array of zeros, always the same one where it is empty."""
    return np.zeros(shape, dtype) if 0 not in shape else _empty(shape, dtype)


@lru_cache(256)
def _empty(shape, dtype):
    return np.empty(shape, dtype)


def _modifiers(tape, start, stop):
    """Return what modifies the steps of a segment."""
    masks = tape.masks if isinstance(tape, Tape) else of_steps(tape.masks, slice(start, stop))
    return modifiers_of(masks, tape.preactivation_clip)


def _state_arrays(cell, n_sequences):
    """Return arrays for h and for the rest of a state, or of its tangent or adjoint."""
    sizes, dtype = sizes_of(cell), cell.R.dtype
    h = np.zeros((n_sequences, cell.R.shape[0]), dtype)
    return h, np.zeros((n_sequences, sizes.n_memory, sizes.n_units), dtype)
