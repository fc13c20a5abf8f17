"""The loops over time of a decoder with attention and input feeding (Luong et al. 2015, section 3.3).

The inputs of a step are those of the sequence and the context of the step before, side by side: `x_t = [e_t, c_(t-1)]`,
`s_t = cell(x_t, s_(t-1))`, `c_t = attend(h_t)`. Each pass is one loop, which runs the passes of the cell for one step
at a time, with weights packed once. What no later step waits for, the products for gradients of the weights and for the
adjoints of the memory, is taken for many steps at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from numbarnn.kernels.cpu import loops
from numbarnn.kernels.cpu.adjoint import (
    Block,
    Transposed,
    add_to_h_bar,
    gather,
    reverse_inner,
    reverse_projection,
    reverse_step,
    store_x_bar,
    transposed_projection,
    units_within_step,
)
from numbarnn.kernels.cpu.attention import (
    Memory,
    MemoryBars,
    Queries,
    QueryBars,
    add_to_memory,
    attend,
    attend_adjoint,
    attend_tangent,
    project,
    sequences_of,
)
from numbarnn.kernels.cpu.compile import inline, kernel
from numbarnn.kernels.cpu.denormals import flush_denormals, restore_mode
from numbarnn.kernels.cpu.gradient import add_to_gradient, add_to_projection_bar
from numbarnn.kernels.cpu.hook import goes_on
from numbarnn.kernels.cpu.operands import Bars, Directions, Gradients, Modifiers, Steps, Weights
from numbarnn.kernels.cpu.packing import aligned, pack_transposed, pack_weights, unpack_weights
from numbarnn.kernels.cpu.simd import copy, lanes, load, store
from numbarnn.kernels.cpu.team import in_ranges
from numbarnn.kernels.cpu.tile import VECTORS
from numbarnn.kernels.cpu.units import input_blocks, panel, recurrent_blocks
from numbarnn.kernels.cpu.variants import by_form


class Draws(NamedTuple):
    """Draws of hard attention.

    Attributes
    ----------
    uniform : ndarray of shape (R, T)
        Numbers in [0, 1).
    chosen : ndarray of shape (R, T), intp
        The row of the memory that each of them draws, -1 where there is none; is written.
    """

    uniform: np.ndarray
    chosen: np.ndarray


class Attending(NamedTuple):
    """What a decoder attends to, and by what.

    Attributes
    ----------
    memory : Memory
    rows : ndarray of shape (R,), intp
        The sequence of the memory that each sequence of the decoder attends to.
    of : Queries
    projection : ndarray of shape (N + 1, A) or None
        Makes queries of h; None if h is the query.
    zeros : ndarray of shape (1, max(A, M))
    draws : Draws or None
        With these a context is one row of the memory, else the mean of all by their weights.
    """

    memory: Memory
    rows: np.ndarray
    of: Queries
    projection: np.ndarray | None
    zeros: np.ndarray
    draws: Draws | None


class AttendingBars(NamedTuple):
    """Adjoints of what a decoder attends to.

    Attributes
    ----------
    memory : MemoryBars
    of : QueryBars
    context : ndarray of shape (R, M)
        Adjoint of the final context, turned into that of the initial one in place.
    projection : ndarray of shape (A + 1, N) or None
        The transposed projection of the queries.
    """

    memory: MemoryBars
    of: QueryBars
    context: np.ndarray
    projection: np.ndarray | None


class Backward(NamedTuple):
    """What the adjoint pass takes, apart from the cell.

    Attributes
    ----------
    units : ndarray of shape (n_unit_parameters, H)
    steps : Steps
    modifiers : Modifiers
    bars : Bars
        Those of the inputs have all steps.
    gradients : Gradients
    attending : Attending
    attending_bar : AttendingBars
    n_own : int
        How many inputs stand before the context.
    inputs : bool
        Whether the adjoints of the inputs before the context are wanted.
    block_rows : int
        As in `loops.adjoint`.
    """

    units: np.ndarray
    steps: Steps
    modifiers: Modifiers
    bars: Bars
    gradients: Gradients
    attending: Attending
    attending_bar: AttendingBars
    n_own: int
    inputs: bool
    block_rows: int


@kernel
def run_decoder(cell, buffer, units, steps, modifiers, attending, n_own, bounds, n_ranges, board, hook):
    """Run a batch forward.

    Parameters
    ----------
    cell, buffer, units, bounds, n_ranges, board, hook
        As in `calls.run_forward`.
    steps : Steps
        `x[0]` ends with the initial contexts; at later steps the contexts are written.
    modifiers : Modifiers
        Without zoneout.
    attending : Attending
    n_own : int
        How many inputs stand before the context.
    """
    packed = aligned(cell, buffer)
    pack_weights(cell, packed)
    operands = Weights(cell, packed, units), steps, modifiers, attending, n_own, (bounds, n_ranges), hook
    in_ranges(_forward, operands, n_ranges, board)


@inline
def _forward(operands, i):
    """Run range i."""
    weights, steps, modifiers, attending, n_own, (bounds, n_ranges), hook = operands
    first, last = sequences_of(bounds, n_ranges, i)
    x, lengths, h, record = steps
    memory, rows, of, projection, zeros, draws = attending
    running = np.empty(lengths.size, np.intp)
    scratch = np.empty((last - first, of.queries.shape[2]), x.dtype)
    mode = flush_denormals()
    while True:
        for t in range(x.shape[0]):
            _note_running(running, lengths, first, last, t)
            loops.forward(weights, _steps_at(x, running, h, record, t), modifiers, first, last)
            _set_queries(projection, h, t, first, last, scratch, of.queries)
            for b in range(first, last):
                if running[b] == 0:
                    continue
                attend(memory, rows[b], zeros, of, b, t)
                _draw(draws, memory, rows[b], of, b, t)
                if t + 1 < x.shape[0]:
                    for m in range(x.shape[2] - n_own):
                        x[t + 1, b, n_own + m] = of.contexts[b, t, m]
        if not goes_on(hook, lengths, first, last, i):
            break
    restore_mode(mode)


@inline
def _draw(draws, memory, b, of, row, t):
    """Make context t of a row one row of the memory of sequence b, drawn with the weights as probabilities."""
    if draws is None:
        return
    n, weights = memory.lengths[b], of.weights
    choice, none = np.intp(-1), np.intp(0)
    total = weights[row, t, none] if n > 0 else draws.uniform[row, t]
    for j in range(1, n):
        total += weights[row, t, j]
    bound, below = draws.uniform[row, t] * total, total - total
    for j in range(n):
        if weights[row, t, j] > 0 and below <= bound:  # the last such row, however the sums are rounded
            choice = j
        below += weights[row, t, j]
    draws.chosen[row, t] = choice
    if choice >= 0:
        copy(of.contexts, (row, t, none), memory.values, (b, choice, none), memory.values.shape[2])


@inline
def _note_running(running, lengths, first, last, t):
    """Set the lengths of some sequences as those of a batch of one step, step t."""
    for b in range(first, last):
        running[b] = 1 if lengths[b] > t else 0


@inline
def _steps_at(x, running, h, record, t):
    """Return one step as a batch."""
    at = t if record.shape[0] > 1 else np.intp(0)
    return Steps(x[t : t + 1], running, h[t : t + 2], record[at : at + 2])


@inline
def _set_queries(projection, h, t, first, last, scratch, queries):
    """Set the queries of step t of some sequences: h itself, or its product with the projection."""
    if projection is None:
        for b in range(first, last):
            _set_row(queries, (b, t), h, (t + 1, b), h.shape[2])
    else:
        project(projection, h, (t + 1, first, np.intp(0)), last - first, scratch)
        for b in range(first, last):
            _set_row(queries, (b, t), scratch, (b - first,), queries.shape[2])


@kernel
def run_decoder_tangent(
    weights, weights_dot, steps, modifiers, directions, attending, moved, n_own, bounds, n_ranges, board
):
    """Run the tangents of a batch.

    Parameters
    ----------
    weights, weights_dot, steps, modifiers, directions
        As in `loops.tangent`. The contexts' places in the tangent of x are written.
    attending, moved : Attending
        What is attended to and its tangent, with a projection of zeros where no direction is given.
    n_own, bounds, n_ranges, board
        As in `run_decoder`.
    """
    operands = weights, weights_dot, steps, modifiers, directions, attending, moved, n_own, (bounds, n_ranges)
    in_ranges(_tangent, operands, n_ranges, board)


@inline
def _tangent(operands, i):
    """Run range i."""
    weights, weights_dot, steps, modifiers, directions, attending, moved, n_own, (bounds, n_ranges) = operands
    first, last = sequences_of(bounds, n_ranges, i)
    x, lengths, h, record = steps
    x_dot, h_dot, memory_dot = directions
    of, of_dot = attending.of, moved.of
    running = np.empty(lengths.size, np.intp)
    scratch = np.empty((last - first, of.queries.shape[2]), x.dtype)
    mode = flush_denormals()
    for t in range(x.shape[0]):
        _note_running(running, lengths, first, last, t)
        at_t = Directions(x_dot[t : t + 1], h_dot[t : t + 2], memory_dot)
        loops.tangent(weights, weights_dot, _steps_at(x, running, h, record, t), modifiers, at_t, first, last)
        _set_queries(attending.projection, h_dot, t, first, last, scratch, of_dot.queries)
        _add_queries(moved.projection, h, t, first, last, scratch, of_dot.queries)
        for b in range(first, last):
            if running[b] == 0:
                continue
            attend_tangent(attending.memory, moved.memory, attending.rows[b], of, of_dot, b, t)
            _move_drawn(attending.draws, moved.memory.values, attending.rows[b], of_dot.contexts, b, t)
            if t + 1 < x.shape[0]:
                for m in range(x.shape[2] - n_own):
                    x_dot[t + 1, b, n_own + m] = of_dot.contexts[b, t, m]
    restore_mode(mode)


@inline
def _move_drawn(draws, values_dot, b, contexts_dot, row, t):
    """Set the tangent of a context that is one row of the memory."""
    if draws is None:
        return
    choice, none = draws.chosen[row, t], np.intp(0)
    if choice >= 0:
        copy(contexts_dot, (row, t, none), values_dot, (b, choice, none), values_dot.shape[2])


@inline
def _add_queries(projection, h, t, first, last, scratch, queries):
    """Add the product of h with a projection to the queries of step t."""
    if projection is None:
        return
    project(projection, h, (t + 1, first, np.intp(0)), last - first, scratch)
    for b in range(first, last):
        _add_row(queries, (b, t), scratch, (b - first,), np.intp(0), queries.shape[2])


@kernel
def run_decoder_adjoint(cell, work, cell_bar, bounds, n_ranges, board):
    """Run a batch backward, and set the adjoint of the cell; `work` is a Backward, the others as in `run_adjoint`."""
    in_ranges(_adjoint, (cell, work, (bounds, n_ranges)), n_ranges, board)
    unpack_weights(work.gradients.packed, work.gradients.projection, cell_bar)


@inline
def _adjoint(operands, i):
    """Run range i."""
    cell, work, (bounds, n_ranges) = operands
    n_slices = bounds.size - 1
    mode = flush_denormals()
    _reverse(cell, work, bounds, (n_slices * i // n_ranges, n_slices * (i + 1) // n_ranges))
    restore_mode(mode)


@inline
def _reverse_in_blocks(cell, work, bounds, slices):
    units, steps, modifiers, bars, gradients, _, attending_bar, n_own, inputs, block_rows = work
    x, _, h, record = steps
    n_inputs, n_outputs, n_units = x.shape[2], h.shape[2], record.shape[3]
    width = VECTORS * lanes(x)
    W = pack_transposed(cell.W[: n_own if inputs else 0], n_units, panel(cell), input_blocks(cell))
    W_context = pack_transposed(cell.W[n_own:], n_units, panel(cell), input_blocks(cell))
    R = pack_transposed(cell.R, n_units, panel(cell), recurrent_blocks(cell))
    matrices = Transposed(W, R, transposed_projection(cell, x))
    a_bar = np.empty((gradients.packed.shape[1], block_rows, gradients.packed.shape[3]), x.dtype)
    outputs_bar = np.empty((matrices.P.shape[1] // width, block_rows, width), x.dtype)
    rows = np.empty((block_rows, n_inputs + n_outputs + 1 + units_within_step(cell, n_units)), x.dtype)
    origins, tile = np.empty((block_rows, 2), np.intp), np.empty((block_rows, width), x.dtype)
    block = Block(a_bar, outputs_bar, rows, origins, tile)
    for s in range(slices[0], slices[1]):
        own = bounds[s], bounds[s + 1]
        scratch = _scratch(attending_bar.projection, attending_bar.of.queries, own[1] - own[0])
        end = np.intp(0)  # a literal 0 would have every function that it is passed to compiled twice
        for t in range(x.shape[0] - 1, -1, -1):
            _reverse_attention(work, scratch, own, t)
            start = end
            end = gather(steps, modifiers.mask, bars, rows, origins, t, own, start)
            reverse_projection(cell, matrices, steps, modifiers, bars, block, t, start, end)
            reverse_step(cell, units, steps, modifiers, bars, gradients.units, block, (s, t), start, end)
            reverse_inner(cell, matrices, steps, modifiers, bars, block, t, start, end)
            add_to_h_bar(cell, R, n_units, modifiers.mask, bars.h, a_bar, origins, tile, start, end)
            store_x_bar(cell, W_context, bars.x, (n_own, n_inputs), a_bar, origins, tile, n_units, start, end)
            if t == 0 or end + own[1] - own[0] > block_rows:
                add_to_gradient(cell, gradients.packed[s], np.intp(0), rows, a_bar, n_inputs, n_outputs, n_units, end)
                add_to_projection_bar(cell, gradients.projection[s], rows, outputs_bar, n_outputs, n_units, end)
                store_x_bar(cell, W, bars.x, (np.intp(0), n_own), a_bar, origins, tile, n_units, np.intp(0), end)
                end = np.intp(0)
        _finish_attention(work, own)


@inline
def _reverse_step_by_step(cell, work, bounds, slices):
    units, steps, modifiers, bars, gradients, _, attending_bar, _, _, block_rows = work
    x, lengths, h, record = steps
    running = np.empty(lengths.size, np.intp)
    for s in range(slices[0], slices[1]):
        own = bounds[s], bounds[s + 1]
        scratch = _scratch(attending_bar.projection, attending_bar.of.queries, own[1] - own[0])
        for t in range(x.shape[0] - 1, -1, -1):
            _reverse_attention(work, scratch, own, t)
            _note_running(running, lengths, own[0], own[1], t)
            at_t = Bars(bars.y[t : t + 1], bars.h, bars.memory, bars.x[t : t + 1])
            of_step = _steps_at(x, running, h, record, t)
            loops.adjoint(cell, units, of_step, modifiers, at_t, gradients, block_rows, bounds, (s, s + 1))
        _finish_attention(work, own)


@by_form(lambda form: _reverse_step_by_step if form.normalisation else _reverse_in_blocks)
def _reverse(cell, work, bounds, slices):
    """Run slices of the batch backward through all their steps.

    It is the loop of `adjoint.adjoint`, with the attention and the contexts' part of the inputs reversed in each step.
    Of a cell with normalisation each step is a pass of its own.
    """


@inline
def _scratch(projection, queries, n_rows):
    """Return arrays for the adjoints of the queries of one step and for their product with the projection."""
    n_outputs = np.intp(0) if projection is None else projection.shape[1]
    return np.empty((n_rows, queries.shape[2]), queries.dtype), np.empty((n_rows, n_outputs), queries.dtype)


@inline
def _reverse_attention(work, scratch, own, t):
    """Reverse `c_t = attend(h_t)` for the sequences of a slice, after the adjoint of `x_(t+1) = [e_(t+1), c_t]`."""
    lengths, bars, attending, n_own = work.steps.lengths, work.bars, work.attending, work.n_own
    memory_bar, of_bar, context_bar, projection = work.attending_bar
    for b in range(own[0], own[1]):
        if lengths[b] <= t:
            continue
        # c_t is the final context, or x_(t+1) = [e_(t+1), c_t]
        n, none = context_bar.shape[1], np.intp(0)
        if lengths[b] == t + 1:
            _add_row(of_bar.contexts, (b, t), context_bar, (b,), none, n)
        else:
            _add_row(of_bar.contexts, (b, t), bars.x, (t + 1, b), n_own, n)
        _reverse_draw(attending.draws, memory_bar.values, of_bar.contexts, b, t)
        attend_adjoint(attending.memory, memory_bar, b, attending.zeros, attending.of, of_bar, b, t)
    _reverse_queries(projection, lengths, bars.h, of_bar.queries, scratch, own, t)


@inline
def _reverse_draw(draws, values_bar, contexts_bar, b, t):
    """Reverse `c = m_chosen`, and leave no adjoint of the context to the weights."""
    if draws is None:
        return
    choice, none = draws.chosen[b, t], np.intp(0)
    if choice >= 0:
        _add_row(values_bar, (b, choice), contexts_bar, (b, t), none, contexts_bar.shape[2])
    for m in range(contexts_bar.shape[2]):
        contexts_bar[b, t, m] = 0


@inline
def _add_row(total, at, array, array_at, first, n):
    """Add n numbers of a row of an array, from `array[array_at, first]` on, to the row `total[at]`."""
    for j in range(0, n, lanes(total)):
        count, place = n - j, (*at, j)
        store(total, place, count, load(total, place, count) + load(array, (*array_at, first + j), count))


@inline
def _set_row(total, at, array, array_at, n):
    """Set n numbers of a row to those of a row of another array."""
    for j in range(0, n, lanes(total)):
        store(total, (*at, j), n - j, load(array, (*array_at, j), n - j))


@inline
def _reverse_queries(projection, lengths, h_bar, queries_bar, scratch, own, t):
    """Reverse `q = h`, or `q = h W`, for the running sequences of a slice."""
    first, last = own
    if projection is None:
        for b in range(first, last):
            if lengths[b] > t:
                _add_row(h_bar, (b,), queries_bar, (b, t), np.intp(0), h_bar.shape[1])
    else:
        gathered, products = scratch
        for b in range(first, last):
            _set_row(gathered, (b - first,), queries_bar, (b, t), gathered.shape[1])
        project(projection, gathered, (np.intp(0), np.intp(0)), last - first, products)
        for b in range(first, last):
            if lengths[b] > t:
                _add_row(h_bar, (b,), products, (b - first,), np.intp(0), h_bar.shape[1])


@inline
def _finish_attention(work, own):
    """Add to the adjoints of the memory, and set that of the initial context, for the sequences of a slice."""
    lengths, attending, (memory_bar, of_bar, context_bar, _) = work.steps.lengths, work.attending, work.attending_bar
    for b in range(own[0], own[1]):
        add_to_memory(attending.memory, memory_bar, b, attending.of, of_bar, lengths[b])
        if lengths[b] > 0:
            # x_0 = [e_0, c]
            for m in range(context_bar.shape[1]):
                context_bar[b, m] = work.bars.x[0, b, work.n_own + m]
