"""The three passes over a batch: arrays in, arrays out, on as many threads as asked for.

What comes in has been checked: contiguous, writable arrays of one float type, lengths within the steps.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from numbarnn.cells.form import form_of
from numbarnn.kernels.cpu import checkpoints
from numbarnn.kernels.cpu.calls import run_adjoint, run_forward, run_tangent
from numbarnn.kernels.cpu.checkpoints import Checkpoints
from numbarnn.kernels.cpu.compile import entry_for, kernel_for
from numbarnn.kernels.cpu.hook import NO_HOOK
from numbarnn.kernels.cpu.masks import modifiers_of, of_steps
from numbarnn.kernels.cpu.operands import Directions, Steps, Weights
from numbarnn.kernels.cpu.packing import pack_cell, sizes_of
from numbarnn.kernels.cpu.state import join_state, split_state
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
    keep_tape, n_threads, tape_bytes, outputs, masks, clip, check = settings
    (n_steps, n_sequences, _), dtype, sizes = x.shape, cell.R.dtype, sizes_of(cell)
    prepare(dtype)
    weights = unpacked(cell, sizes)
    plan = checkpoints.plan_for(cell, x, keep_tape, tape_bytes, outputs, masks)
    if plan is not None:
        return checkpoints.forward(weights, x, state, lengths, plan, settings, _team(cell, x, n_threads, 1))
    h = np.empty((n_steps + 1, n_sequences, sizes.n_outputs), dtype)
    n_times, n_kept = (n_steps + 1, n_recorded(cell, masks)) if keep_tape else (1, sizes.n_memory)
    record = np.empty((n_times, n_sequences, n_kept, sizes.n_units), dtype)
    if lengths is None:
        lengths = np.empty(n_sequences, np.intp)
        lengths.fill(n_steps)
    last_h = np.empty((n_sequences, sizes.n_outputs), dtype)
    last_memory = np.empty((n_sequences, sizes.n_memory, sizes.n_units), dtype)
    kernel, modifiers = _modified(cell, run_forward, masks, clip, check)
    states = *join_state(cell, sizes, state, n_sequences), last_h, last_memory
    team = _team(cell, x, n_threads, 1)  # last, since helpers do not wait for long
    if not kernel(*weights, x, lengths, h, record, *states, *modifiers, *team, NO_HOOK, True, check):
        raise NotFiniteError
    tape = Tape(x, lengths, h, record, type(cell), masks, clip) if keep_tape else None
    return h[1:] if outputs else None, split_state(cell, last_h, last_memory), tape


def adjoint(cell, tape, y_bar, state_bar, inputs, n_threads, check=False):
    """Return the adjoints of the weights, as a cell, of the inputs (None unless asked for) and of the initial state."""
    arrays, sizes = tape.arrays, sizes_of(cell)
    x = arrays[0]
    (n_steps, n_sequences, n_inputs), dtype = x.shape, cell.R.dtype
    prepare(dtype)
    if y_bar is None:
        y_bar = np.empty((0, n_sequences, sizes.n_outputs), dtype)
    h_bar, memory_bar = join_state(cell, sizes, state_bar, n_sequences)
    if state_bar is not None:
        h_bar, memory_bar = h_bar.copy(), memory_bar.copy()  # as they are turned into those of the initial state
    x_bar = np.zeros((n_steps if inputs else 0, n_sequences, n_inputs), dtype)
    bounds, units = slice_bounds(n_sequences), unit_parameters(cell, sizes)
    n_slices = bounds.size - 1
    block_rows = max(BLOCK_ROWS, -(-n_sequences // n_slices))
    gradients = np.zeros((n_slices, *sizes.packed), dtype)
    units_bar, projection_bar = _zeros((n_slices, *sizes.units), dtype), _zeros((n_slices, *sizes.projection), dtype)
    cell_bar = type(cell)._make([np.empty(field.shape, dtype) for field in cell])
    kernel, modifiers = _modified(cell, run_adjoint, tape.masks, tape.preactivation_clip, check)
    sums = gradients, units_bar, projection_bar, cell_bar, block_rows
    whole = cell, units, *arrays, *modifiers, y_bar, h_bar, memory_bar, x_bar, *sums
    team = _team(cell, x, n_threads, 2)
    if isinstance(tape, Tape):
        finite = kernel(*whole, *team, check, True)
    elif finite := kernel(*whole, bounds, 0, NOBODY, check, False):
        for start, stop, steps in checkpoints.backward_segments(unpacked(cell, sizes), tape, team):
            bars = y_bar[start:stop], h_bar, memory_bar, x_bar[start:stop]
            kernel(cell, units, *steps, *_modifiers(tape, start, stop), *bars, *sums, *team, False, False)
        kernel(*whole, bounds, 0, NOBODY, False, True)
    if not finite:
        raise NotFiniteError
    if units.size:
        rows = iter(sum(units_bar[1:], start=units_bar[0]))
        for name in form_of(type(cell)).by_unit:
            for part in getattr(cell_bar, name).reshape(-1, sizes.n_units):
                np.copyto(part, next(rows))
    return cell_bar, x_bar if inputs else None, split_state(cell, h_bar, memory_bar)


def tangent(cell, tape, cell_dot, x_dot, state_dot, n_threads):
    """Return the tangents of the outputs and of the final state; directions of None are zero."""
    prepare(tape.x.dtype)
    cell_dot = type(cell)(*map(np.zeros_like, cell)) if cell_dot is None else cell_dot
    x_dot = np.zeros_like(tape.x) if x_dot is None else x_dot
    n_steps, n_sequences, _ = tape.x.shape
    h_dot = np.zeros((n_steps + 1, n_sequences, cell.R.shape[0]), tape.x.dtype)
    h_dot[0], memory_dot = join_state(cell, sizes_of(cell), state_dot, n_sequences)
    memory_dot = memory_dot.copy()
    weights = packed(cell), packed(cell_dot)
    kernel = kernel_for(cell, run_tangent)
    team = _team(cell, tape.x, n_threads, 2)
    segments = [(0, n_steps, Steps(*tape.arrays))]
    if isinstance(tape, Checkpoints):
        segments = checkpoints.forward_segments(unpacked(cell, sizes_of(cell)), tape, team)
    for start, stop, steps in segments:
        directions = Directions(x_dot[start:stop], h_dot[start : stop + 1], memory_dot)
        kernel(*weights, steps, _modifiers(tape, start, stop), directions, *team)
    last_h_dot = h_dot[tape.lengths, np.arange(n_sequences)]
    return h_dot[1:], split_state(cell, last_h_dot, memory_dot)


def _team(cell, x, n_threads, n_products):
    """Return the slices' bounds, in how many ranges they are run, and the board on which helpers find them.

    A pass takes so many products with each weight.
    """
    bounds = slice_bounds(x.shape[1])
    if n_threads == 1:
        return bounds, 1, NOBODY
    # Multiply-adds; a gate's nonlinearity counts for some thirty.
    n_rows = cell.W.shape[0] + cell.R.shape[0]
    work = n_products * x.shape[0] * x.shape[1] * cell.b.size * (n_rows + 32)
    ranges = n_ranges(bounds.size - 1, n_threads, work)
    return bounds, ranges, board_with(ranges - 1, cell.b.size * n_rows)


def alone(n_sequences):
    """Return what `run_forward` and the others take instead of a team, to run all slices in one range."""
    return slice_bounds(n_sequences), 1, NOBODY


def unpacked(cell, sizes):
    """Return a cell's weights with a buffer into which `run_forward` packs them."""
    return Weights(cell, np.empty(sizes.buffer, cell.R.dtype), unit_parameters(cell, sizes))


def packed(cell):
    """Return a cell's weights in the order in which the loops over time read them."""
    cell, buffer, units = unpacked(cell, sizes_of(cell))
    return Weights(cell, kernel_for(cell, pack_cell)(cell, buffer), units)


def unit_parameters(cell, sizes):
    """Return the parameters of the units as one array (n, H), one row for each gate of those that each gate has."""
    if sizes.units[0] == 0:
        return _empty(sizes.units, cell.R.dtype)
    return np.concatenate([getattr(cell, name) for name in form_of(type(cell)).by_unit]).reshape(sizes.units)


def _zeros(shape, dtype):
    """Return an array of zeros, always the same one where it is empty."""
    return np.zeros(shape, dtype) if 0 not in shape else _empty(shape, dtype)


@lru_cache(256)
def _empty(shape, dtype):
    return np.empty(shape, dtype)


def _modified(cell, kernel, masks, clip, checked):
    """Return a kernel and what modifies the recurrence of the cell in the form in which it takes it.

    With `checked` arrays and no modifiers, the types of the kernel's arguments are taken for granted.
    """
    if checked and masks is None and clip is None:
        return entry_for(cell, kernel), (None, None, None)
    return kernel_for(cell, kernel), modifiers_of(masks, clip)


def _modifiers(tape, start, stop):
    """Return what modifies the steps of a segment."""
    masks = tape.masks if isinstance(tape, Tape) else of_steps(tape.masks, slice(start, stop))
    return modifiers_of(masks, tape.preactivation_clip)
