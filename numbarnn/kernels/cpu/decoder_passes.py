"""The three passes of a decoder with attention: arrays in, arrays out, on as many threads as asked for.

What comes in has been checked: contiguous, writable arrays of one float type, lengths within the steps.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from numbarnn.cells.form import form_of, n_units
from numbarnn.kernels.cpu.attention import Queries, QueryBars
from numbarnn.kernels.cpu.attention_passes import TANH_WORK, empty_bars
from numbarnn.kernels.cpu.compile import kernel_for
from numbarnn.kernels.cpu.decoder import (
    Attending,
    AttendingBars,
    Backward,
    Draws,
    run_decoder,
    run_decoder_adjoint,
    run_decoder_tangent,
)
from numbarnn.kernels.cpu.hook import NO_HOOK
from numbarnn.kernels.cpu.memory import (
    Projections,
    by_sequence,
    by_step,
    memory_adjoint,
    memory_tangent,
    n_padded,
    transposed_product,
)
from numbarnn.kernels.cpu.operands import Bars, Directions, Gradients, Modifiers, Steps
from numbarnn.kernels.cpu.packing import sizes_of
from numbarnn.kernels.cpu.passes import BLOCK_ROWS, packed, unit_parameters, unpacked
from numbarnn.kernels.cpu.state import put_state, split_state
from numbarnn.kernels.cpu.team import NOBODY, board_with
from numbarnn.kernels.cpu.threads import MOST_SLICES, n_ranges
from numbarnn.kernels.cpu.tile import prepare

ROWS = 16  # of a slice; all weights are read for each step of a slice, so that smaller ones take a third more time


class DecoderTape(NamedTuple):
    """What the tangent and the adjoint pass of a decoder need.

    Attributes
    ----------
    steps : Steps
        The inputs are those of the sequences and the contexts of the steps before.
    modifiers : Modifiers
    projections : Projections
        Of the attention.
    attending : Attending
    n_own : int
        How many inputs stand before the context.
    """

    steps: Steps
    modifiers: Modifiers
    projections: Projections
    attending: Attending
    n_own: int


def forward(cell, projections, memory, rows, x, state, lengths, mask, clip, uniform, keep_tape, n_threads):
    """Return outputs `[h, c]` `(T, B, N + M)`, final state, weights `(T, B, S)` of the attention, and tape.

    `rows` says which sequence of the memory each sequence attends to; None is its own. The state is that of the cell,
    and behind it the context. `uniform (T, B)` are the draws of hard attention; with None, attention is soft.
    """
    prepare(x.dtype)
    (n_steps, n_sequences, n_own), dtype, sizes = x.shape, x.dtype, sizes_of(cell)
    *cell_state, context = state
    n_context, n_outputs = context.shape[1], len(cell.R)
    inputs = np.zeros((n_steps, n_sequences, n_own + n_context), dtype)
    inputs[..., :n_own] = x
    inputs[:1, :, n_own:] = context
    h = np.empty((n_steps + 1, n_sequences, n_outputs), dtype)
    kept = sizes.n_memory + cell.n_saved
    shape = (n_steps + 1, n_sequences, kept) if keep_tape else (1, n_sequences, sizes.n_memory)
    record = np.empty((*shape, sizes.n_units), dtype)
    put_state(cell, cell_state, h[0], record[0])
    rows = np.arange(n_sequences) if rows is None else rows
    attending = attending_of(projections, memory, rows, n_steps, n_outputs)
    if uniform is not None:
        chosen = np.full((n_sequences, n_steps), -1, np.intp)
        attending = attending._replace(draws=Draws(np.ascontiguousarray(uniform.T), chosen))
    steps, modifiers = Steps(inputs, lengths, h, record), Modifiers(mask, None, clip)
    team = decoder_team(cell, (n_steps, n_sequences), memory, n_threads, 1)
    kernel_for(cell, run_decoder)(*unpacked(cell, sizes), steps, modifiers, attending, n_own, *team, NO_HOOK)
    every = np.arange(n_sequences)
    last = record[lengths, every] if keep_tape else record[0]
    final = split_state(cell, h[lengths, every], last[:, : sizes.n_memory])
    contexts = by_step(attending.of.contexts, n_context)
    final_context = np.where(lengths[:, np.newaxis] > 0, contexts[lengths - 1, every], context) if n_steps else context
    tape = DecoderTape(steps, modifiers, projections, attending, n_own) if keep_tape else None
    y = np.concatenate((h[1:], contexts), axis=-1)
    return y, (*final, final_context), attending.of.weights.swapaxes(0, 1), tape


def tangent(cell, tape, cell_dot, projections_dot, memory_dot, x_dot, state_dot, n_threads):
    """Return the tangents of the outputs and of the final state; directions of None are zero."""
    steps, modifiers, projections, attending, n_own = tape
    (n_steps, n_sequences, n_inputs), dtype, sizes = steps.x.shape, steps.x.dtype, sizes_of(cell)
    n_context, n_outputs = n_inputs - n_own, len(cell.R)
    *cell_state_dot, context_dot = (None,) * (cell.state_size + 1) if state_dot is None else state_dot
    inputs_dot = np.zeros_like(steps.x)
    if x_dot is not None:
        inputs_dot[..., :n_own] = x_dot
    context_dot = np.zeros((n_sequences, n_context), dtype) if context_dot is None else context_dot
    inputs_dot[:1, :, n_own:] = context_dot
    h_dot = np.zeros((n_steps + 1, n_sequences, n_outputs), dtype)
    units_dot = np.zeros((n_sequences, sizes.n_memory, sizes.n_units), dtype)
    put_state(cell, cell_state_dot, h_dot[0], units_dot)
    cell_dot = type(cell)(*map(np.zeros_like, cell)) if cell_dot is None else cell_dot
    if projections_dot is None:
        projections_dot = Projections(*(None if part is None else np.zeros_like(part) for part in projections))
    moved = memory_tangent(projections, attending.memory, projections_dot, memory_dot)
    moved = attending_of(projections_dot, moved, attending.rows, n_steps, n_outputs)
    team = decoder_team(cell, (n_steps, n_sequences), attending.memory, n_threads, 2)
    weights, directions = (packed(cell), packed(cell_dot)), Directions(inputs_dot, h_dot, units_dot)
    kernel_for(cell, run_decoder_tangent)(*weights, steps, modifiers, directions, attending, moved, n_own, *team)
    lengths, every = steps.lengths, np.arange(n_sequences)
    final = split_state(cell, h_dot[lengths, every], units_dot)
    contexts_dot = by_step(moved.of.contexts, n_context)
    if n_steps:
        context_dot = np.where(lengths[:, np.newaxis] > 0, contexts_dot[lengths - 1, every], context_dot)
    return np.concatenate((h_dot[1:], contexts_dot), axis=-1), (*final, context_dot)


def adjoint(cell, tape, y_bar, weights_bar, state_bar, inputs, n_threads):
    """Return the adjoints of cell, projections, memory, inputs (None unless asked for) and initial state.

    Those of the outputs, of the attention's weights `(T, B, S)` and of the final state may be None, which is zero.
    """
    steps, modifiers, projections, attending, n_own = tape
    (n_steps, n_sequences, n_inputs), dtype, sizes = steps.x.shape, steps.x.dtype, sizes_of(cell)
    n_context, n_outputs, of = n_inputs - n_own, len(cell.R), attending.of
    *cell_state_bar, context_bar = (None,) * (cell.state_size + 1) if state_bar is None else state_bar
    if y_bar is None:
        y_bar = np.zeros((n_steps, n_sequences, n_outputs + n_context), dtype)
    h_bar = np.zeros((n_sequences, n_outputs), dtype)
    units_bar = np.zeros((n_sequences, sizes.n_memory, sizes.n_units), dtype)
    put_state(cell, cell_state_bar, h_bar, units_bar)
    context_bar = np.zeros((n_sequences, n_context), dtype) if context_bar is None else context_bar.copy()
    bars = Bars(np.ascontiguousarray(y_bar[..., :n_outputs]), h_bar, units_bar, np.zeros_like(steps.x))
    scores_bar = np.zeros_like(of.weights)
    if weights_bar is not None:
        scores_bar[...] = weights_bar.swapaxes(0, 1)
    of_bar = QueryBars(np.zeros_like(of.queries), scores_bar, by_sequence(y_bar[..., n_outputs:]))
    transposed = None if projections.query is None else _with_zeros(projections.query.T, of.queries.shape[2])
    memory_bar = empty_bars(attending.memory)
    bounds, units = decoder_slices(n_sequences), unit_parameters(cell, sizes)
    n_slices = bounds.size - 1
    gradients = Gradients(
        *(np.zeros((n_slices, *shape), dtype) for shape in (sizes.packed, units.shape, sizes.projection))
    )
    cell_bar = type(cell)._make([np.empty(field.shape, dtype) for field in cell])
    attending_bar = AttendingBars(memory_bar, of_bar, context_bar, transposed)
    block_rows = max(BLOCK_ROWS, -(-n_sequences // n_slices))
    work = Backward(units, steps, modifiers, bars, gradients, attending, attending_bar, n_own, inputs, block_rows)
    team = decoder_team(cell, (n_steps, n_sequences), attending.memory, n_threads, 2)
    kernel_for(cell, run_decoder_adjoint)(cell, work, cell_bar, *team)
    rows = iter(sum(gradients.units[1:], start=gradients.units[0]))
    for name in form_of(type(cell)).by_unit:
        for part in getattr(cell_bar, name).reshape(-1, n_units(cell)):
            np.copyto(part, next(rows))
    key_bar, v_bar, values_bar = memory_adjoint(projections, attending.memory, memory_bar)
    query_bar = None
    if projections.query is not None:
        # q_t = h_t W
        n_query, size = projections.query.shape
        query_bar = transposed_product(by_sequence(steps.h[1:]), of_bar.queries)[:n_query, :size]
    x_bar = np.ascontiguousarray(bars.x[..., :n_own]) if inputs else None
    first_bar = (*split_state(cell, h_bar, units_bar), context_bar)
    return cell_bar, Projections(query_bar, key_bar, v_bar), by_step(values_bar, n_context), x_bar, first_bar


def attending_of(projections, memory, rows, n_steps, n_outputs):
    """Return what a decoder attends to, with arrays for what comes of it."""
    n_sequences, dtype = len(rows), memory.values.dtype
    n_rows, n_keys = memory.keys.shape[1:]
    shapes = n_keys, n_rows, memory.values.shape[2]
    of = Queries(*(np.zeros((n_sequences, n_steps, size), dtype) for size in shapes))
    projection = None if projections.query is None else _with_zeros(projections.query, n_outputs)
    return Attending(memory, rows, of, projection, np.zeros((1, max(shapes[0], shapes[2])), dtype), None)


def _with_zeros(matrix, depth):
    """Return a matrix `(N, A)` with zeros below and behind it, `(depth + 1, A')`."""
    n_rows, n_columns = matrix.shape
    panel = np.zeros((depth + 1, n_padded(n_columns, matrix.dtype)), matrix.dtype)
    panel[:n_rows, :n_columns] = matrix
    return panel


@cache
def decoder_slices(n_sequences):
    """Return where the slices of a batch begin, and the last one's end; they depend on the batch alone."""
    n_slices = min(MOST_SLICES, max(n_sequences // ROWS, 2 if n_sequences >= ROWS // 2 else 1))
    return np.arange(n_slices + 1) * n_sequences // n_slices


def decoder_team(cell, rows, memory, n_threads, n_products):
    """Return the slices' bounds, in how many ranges they are run, and the board on which helpers find them.

    `rows` is a pair (T, B); without attention, the memory is None.
    """
    n_steps, n_sequences = rows
    bounds = decoder_slices(n_sequences)
    if n_threads == 1:
        return bounds, 1, NOBODY
    of_attention = 0
    if memory is not None:
        n_rows, n_keys = memory.keys.shape[1:]
        of_attention = n_rows * (n_keys * (2 if memory.v is None else TANH_WORK) + memory.values.shape[2])
    of_cell = cell.b.size * (cell.W.shape[0] + cell.R.shape[0] + 32)
    ranges = n_ranges(bounds.size - 1, n_threads, n_products * n_steps * n_sequences * (of_cell + of_attention))
    return bounds, ranges, board_with(ranges - 1)
