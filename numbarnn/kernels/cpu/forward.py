"""The loop over time of the forward pass.

Where a step has several sequences, the register tile takes `a = x_t W + h_(t-1) R + b` of one panel for all of them in
one go, and the step follows while `a` is in the first cache. Of a single sequence the inputs' part of the
pre-activations, which waits for no step, is a product over a block of steps: its tiles are full where those of the
recurrent part hold one row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from numbarnn.cells.form import Form
from numbarnn.cells.numbers import zero
from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.denormals import flush_denormals, restore_mode
from numbarnn.kernels.cpu.masks import masked, see, seen_array
from numbarnn.kernels.cpu.modified import inner, project, step
from numbarnn.kernels.cpu.packing import PLAIN, pack_projection, panel_units, panel_vectors
from numbarnn.kernels.cpu.simd import lanes, load, store
from numbarnn.kernels.cpu.state import load_state, store_state
from numbarnn.kernels.cpu.tile import VECTORS, tile_add, tile_add_pair, tile_from, tile_from_both
from numbarnn.kernels.cpu.units import (
    all_spans,
    inner_spans,
    input_spans,
    load_gates,
    load_parameters,
    outer_spans,
    panel,
    store_gates,
)
from numbarnn.kernels.cpu.variants import by_form, by_inputs

BLOCK_ROWS = 48  # rows of one panel, or steps of one sequence, whose pre-activations stay in the first cache
_FIRST_CACHE = 32 * 1024  # bytes
_LEAST_ROWS = 12  # for which all weights are read from the second cache


class Scratch(NamedTuple):
    """Arrays of the forward pass that nobody else sees.

    Attributes
    ----------
    a : ndarray of shape (P, rows, vectors * lanes)
        Pre-activations in panels.
    u : ndarray of shape (n_sequences, H)
        The inner states, or the units' outputs that are projected; without rows where a cell has neither.
    seen : ndarray of shape (T + 1, B, N) or (1, n_sequences, N)
        What the recurrent weights see: h itself, or its product with the mask.
    projection : ndarray of shape (Q, H + 1, VECTORS * lanes)
    tile : ndarray of shape (BLOCK_ROWS, VECTORS * lanes)
        Some rows of projected outputs.
    """

    a: np.ndarray
    u: np.ndarray
    seen: np.ndarray
    projection: np.ndarray
    tile: np.ndarray


@inline
def forward(weights, steps, modifiers, first, last):
    """Run some sequences through all their steps; see `loops.forward`."""
    x, lengths, h, _ = steps
    scratch = _scratch(weights, h, modifiers.mask, last - first)
    mode = flush_denormals()
    clear_past_ends(lengths, h, first, last)
    t, running = np.intp(0), last - first  # a literal 0 would have every function that it is passed to compiled twice
    while t < x.shape[0]:
        running = still_running(lengths, first, running, t)
        if running == 0:
            break
        if running == 1:
            t = _run_alone(weights, steps, modifiers, scratch, t, first)
        else:
            t = _run_together(weights, steps, modifiers, scratch, t, first, running)
    restore_mode(mode)


@inline
def _scratch(weights, h, mask, n_rows):
    """Return the arrays for a slice of `n_rows` sequences."""
    cell, packed, _ = weights
    n_held = _rows_held(weights, n_rows)
    a_rows = BLOCK_ROWS if n_held < BLOCK_ROWS else n_held
    a = np.empty((packed.shape[0], a_rows, packed.shape[2]), h.dtype)
    u = np.empty((_rows_within_step(weights, n_rows), cell.b.size // panel(cell)[0]), h.dtype)
    tile = np.empty((BLOCK_ROWS, VECTORS * lanes(h)), h.dtype)
    return Scratch(a, u, seen_array(h, mask, n_rows), pack_projection(cell, h), tile)


@inline
def clear_past_ends(lengths, h, first, last):
    """Set the outputs past the sequences' ends to zero, before a tile with other sequences reads what is there."""
    n_outputs, width = h.shape[2], lanes(h)
    for b in range(first, last):
        for t in range(lengths[b], h.shape[0] - 1):
            for j in range(0, n_outputs, width):
                store(h, (t + 1, b, j), n_outputs - j, zero(load(h, (t + 1, b, j), n_outputs - j)))


@inline
def still_running(lengths, first, running, t):
    """Return how many of `running` sequences there are up to the last one that step t is a step of."""
    while running > 0 and lengths[first + running - 1] <= t:
        running -= 1
    return running


@inline
def _run_alone(weights, steps, modifiers, scratch, begin, first):
    """Run the one sequence that is left for a block of steps from `begin` on; return the step behind them."""
    (cell, packed, _), (x, lengths, h, record), a = weights, steps, scratch.a
    end = min(begin + BLOCK_ROWS, lengths[first])
    for p in range(packed.shape[0]):
        vectors = panel_vectors(h, p, record.shape[3], panel(cell))
        _add_inputs_alone(x, weights, a, p, vectors, begin, end, first)
    for t in range(begin, end):
        seen_at = see(scratch.seen, h, modifiers.mask, t, first)
        _add_row(weights, a, t - begin, scratch.seen, seen_at, record.shape[3], t % 2)
        at, every = (np.intp(0), t - begin), (np.intp(0), packed.shape[0])
        _after_h(weights, steps, modifiers, scratch, at, every, np.intp(0), np.intp(1), t, first)
        _after_all_h(weights, steps, modifiers, scratch, t - begin, np.intp(1), t, first)
    return end


@inline
def _multiply_alone(x, weights, a, p, vectors, begin, end, first):
    (cell, packed, _), width, n_inputs = weights, lanes(a), x.shape[2]
    x_rows = x.reshape(x.shape[0], x.shape[1] * n_inputs)  # those of one sequence are a step apart
    _set_bias(cell, a, (p, np.intp(0)), packed, p, vectors, end - begin)
    for v, size in input_spans(cell):
        at, weights_at = (p, np.intp(0), v * width), (p, np.intp(0), v * width)
        x_at, n = (begin, first * n_inputs), min(size, vectors - v)
        tile_add(a, at, end - begin, n, x_rows, x_at, packed, weights_at, n_inputs)


@inline
def _look_up_alone(x, weights, a, p, vectors, begin, end, first):
    for t in range(begin, end):
        _set_looked_up(a, (p, t - begin), weights.packed, p, vectors, x[t, first, 0])


@by_inputs(_multiply_alone, _look_up_alone)
def _add_inputs_alone(x, weights, a, p, vectors, begin, end, first):
    """Set rows of panel p of `a` to `x_t W + b` of the steps `begin .. end - 1` of one sequence."""


@inline
def _set_looked_up(a, at, packed, p, vectors, code):
    """Set the row `a[at]` to row `code` of W plus the bias, in panel p."""
    for v in range(vectors):
        column, width = v * lanes(a), lanes(a)
        bias = load(packed, (p, packed.shape[1] - 1, column), width)
        store(a, (*at, column), width, bias + load(packed, (p, code, column), width))


@inline
def _add_row(weights, a, row, seen, seen_at, n_units, backwards):
    """Add `h_(t-1) R` to one row of all panels, two panels at a time.

    There and back: the panels of the step before that are still in the first cache come first.
    """
    (cell, packed, _), width, n_outputs = weights, lanes(a), seen.shape[2]
    n_inputs, n_panels = packed.shape[1] - n_outputs - 1, packed.shape[0]
    used = panel_vectors(a, n_panels - 1, n_units, panel(cell))  # of the last panel; the others are full
    full = panel_vectors(a, np.intp(0), n_units, panel(cell))
    n_pairs = (n_panels if used == full else n_panels - 1) // 2
    h_at = (*seen_at, np.intp(0))
    for v, size in outer_spans(cell):
        for k in range(n_pairs):
            p = 2 * (n_pairs - 1 - k if backwards else k)
            at, weights_at, n = (p, row, v * width), (p, n_inputs, v * width), min(size, full - v)
            tile_add_pair(a, at, n, seen, h_at, packed, weights_at, n_outputs)
        for p in range(2 * n_pairs, n_panels):
            at, weights_at = (p, row, v * width), (p, n_inputs, v * width)
            n = min(size, (full if p < n_panels - 1 else used) - v)
            tile_add(a, at, np.intp(1), n, seen, h_at, packed, weights_at, n_outputs)


@inline
def _run_together(weights, steps, modifiers, scratch, t, first, running):
    """Run several sequences from step t on until at most one of them is left; return the step behind.

    The loops over time and panels are in here since hundreds of numbers, the fields of all arrays, go into a call.
    """
    (cell, packed, _), (x, lengths, h, record) = weights, steps
    n_together = _rows_in_cache(packed, running)
    while t < x.shape[0]:
        running = still_running(lengths, first, running, t)
        if running < 2:
            break
        seen_t, seen_first = see(scratch.seen, h, modifiers.mask, t, first)
        for begin in range(0, running, n_together):
            end = min(begin + n_together, running)
            for p in range(packed.shape[0]):
                vectors = panel_vectors(h, p, record.shape[3], panel(cell))
                for row in range(begin, end, BLOCK_ROWS):
                    rows, at = min(end - row, BLOCK_ROWS), _place(weights, p, row)
                    x_at, seen_at = (t, first + row), (seen_t, seen_first + row)
                    _set_preactivations(x, weights, scratch, at, p, vectors, rows, x_at, seen_at)
                    _after_h(weights, steps, modifiers, scratch, at, (p, p + 1), row, rows, t, first)
        _after_all_h(weights, steps, modifiers, scratch, np.intp(0), running, t, first)
        t += 1
    return t


@inline
def _rows_in_cache(packed, n_rows):
    """Return how many sequences stay in the first cache with a panel, so that they run through all panels in turn.

    Where these would be too few, all sequences run through one panel before the next.
    """
    n_numbers, depth, width = _FIRST_CACHE // packed.itemsize, packed.shape[1], packed.shape[2]
    rows = (n_numbers - depth * width) // (depth + width) // _LEAST_ROWS * _LEAST_ROWS
    return rows if rows >= _LEAST_ROWS else n_rows


@inline
def _multiply_at_once(weights, scratch, x, at, p, vectors, rows, x_at, seen_at):
    (cell, packed, _), a, width = weights, scratch.a, lanes(scratch.a)
    for v, size in all_spans(cell):
        a_at, weights_at, n = (*at, v * width), (p, np.intp(0), v * width), min(size, vectors - v)
        x_place, h_place = (*x_at, np.intp(0)), (*seen_at, np.intp(0))
        tile_from_both(a, a_at, rows, n, packed, weights_at, x, x_place, scratch.seen, h_place)


@inline
def _multiply_by_spans(weights, scratch, x, at, p, vectors, rows, x_at, seen_at):
    (cell, packed, _), a, width = weights, scratch.a, lanes(scratch.a)
    n_inputs, n_outputs = x.shape[2], scratch.seen.shape[2]
    _set_bias(cell, a, at, packed, p, vectors, rows)
    for v, size in input_spans(cell):
        a_at, weights_at, n = (*at, v * width), (p, np.intp(0), v * width), min(size, vectors - v)
        tile_add(a, a_at, rows, n, x, (*x_at, np.intp(0)), packed, weights_at, n_inputs)
    for v, size in outer_spans(cell):
        a_at, weights_at, n = (*at, v * width), (p, n_inputs, v * width), min(size, vectors - v)
        tile_add(a, a_at, rows, n, scratch.seen, (*seen_at, np.intp(0)), packed, weights_at, n_outputs)


def in_one_product(form: Form) -> bool:
    """Return whether all gates see the inputs and h."""
    return form.input_gates == form.outer_gates == tuple(range(form.n_gates))


@by_form(lambda form: _multiply_at_once if in_one_product(form) else _multiply_by_spans)
def _multiply(weights, scratch, x, at, p, vectors, rows, x_at, seen_at):
    """Set rows of `a`, from `a[at]` on, to `x_t W + h_(t-1) R + b` of panel p.

    `x[x_at]` and `seen[seen_at]` are the first rows of x and h.
    """


@inline
def _multiply_both(x, weights, scratch, at, p, vectors, rows, x_at, seen_at):
    _multiply(weights, scratch, x, at, p, vectors, rows, x_at, seen_at)


@inline
def _look_up_and_multiply(x, weights, scratch, at, p, vectors, rows, x_at, seen_at):
    (cell, packed, _), a, width = weights, scratch.a, lanes(scratch.a)
    n_outputs = scratch.seen.shape[2]
    n_codes = packed.shape[1] - n_outputs - 1
    for r in range(rows):
        _set_looked_up(a, (at[0], at[1] + r), packed, p, vectors, x[x_at[0], x_at[1] + r, 0])
    for v, size in outer_spans(cell):
        a_at, weights_at, n = (*at, v * width), (p, n_codes, v * width), min(size, vectors - v)
        tile_add(a, a_at, rows, n, scratch.seen, (*seen_at, np.intp(0)), packed, weights_at, n_outputs)


@by_inputs(_multiply_both, _look_up_and_multiply)
def _set_preactivations(x, weights, scratch, at, p, vectors, rows, x_at, seen_at):
    """Do as `_multiply`, or look `x_t W` up."""


@inline
def _set_bias(cell, a, at, packed, p, vectors, rows):
    """Set rows of `a`, from `a[at]` on, to the bias of panel p."""
    nothing, width = np.intp(0), lanes(a)
    for v, size in all_spans(cell):
        n, bias = min(size, vectors - v), (p, packed.shape[1] - 1, v * width)
        tile_from(a, (*at, v * width), rows, n, packed, bias, packed, bias, packed, bias, nothing)


@inline
def _step(weights, steps, modifiers, scratch, at, panels, row, rows, t, first):
    (cell, _, units), (_, lengths, h, record), (a, u, _, _, _) = weights, steps, scratch
    n_units, width, n_gates = record.shape[3], lanes(h), panel(cell)[0]
    keep = record.shape[0] > 1
    before_t, after_t = (t, t + 1) if keep else (np.intp(0), np.intp(0))
    for r in range(rows):
        b = first + row + r
        if lengths[b] <= t:
            continue
        for p in range(panels[0], panels[1]):
            for block in range(panel_vectors(h, p, n_units, panel(cell)) // n_gates):
                unit = p * panel_units(h, panel(cell)) + block * width
                count = n_units - unit
                gates = load_gates(cell, a, (at[0] + p - panels[0], at[1] + r, block * n_gates * width))
                before = load_state(cell, h, (t, b, unit), record, (before_t, b, 0, unit), count)
                parameters = load_parameters(cell, units, (0, unit), count)
                state, saved = step(cell, modifiers, (t, b, unit), count, gates, before, parameters)
                after, place = (t + 1, b, unit), (after_t, b, 0, unit)
                if keep:
                    store_state(cell, h, after, record, place, count, state, saved)
                else:
                    store_state(cell, h, after, record, place, count, state, ())
                _keep_for_projection(cell, u, (row + r, unit), count, state)


@inline
def _take_inner(weights, steps, modifiers, scratch, at, panels, row, rows, t, first):
    (cell, _, _), (_, lengths, h, record), (a, u, _, _, _) = weights, steps, scratch
    n_units, width = record.shape[3], lanes(h)
    before_t = t if record.shape[0] > 1 else np.intp(0)
    for r in range(rows):
        b = first + row + r
        if lengths[b] <= t:
            continue
        for p in range(panels[0], panels[1]):
            unit = p * width
            count = n_units - unit
            before = load_state(cell, h, (t, b, unit), record, (before_t, b, 0, unit), count)
            a_at = (at[0] + p - panels[0], at[1] + r, 0)
            value, gates = inner(cell, modifiers, load_gates(cell, a, a_at), before)
            store(u, (row + r, unit), count, masked(value, modifiers.mask, (b, unit), count))
            store_gates(cell, a, a_at, gates)


@by_form(lambda form: _take_inner if form.inner_gates else _step)
def _after_h(weights, steps, modifiers, scratch, at, panels, row, rows, t, first):
    """Step the units of the panels `panels[0] .. panels[1] - 1` from their pre-activations, or take their inner state.

    Of the sequences from `first + row` on there are `rows`; `a[at]` is the first of their pre-activations.
    """


@inline
def _add_inner(weights, steps, modifiers, scratch, a_row, running, t, first):
    (cell, packed, _), (_, _, h, record), (a, u, _, _, _) = weights, steps, scratch
    n_inputs, n_units, width = packed.shape[1] - h.shape[2] - 1, record.shape[3], lanes(a)
    every, none = (np.intp(0), packed.shape[0]), np.intp(0)
    for p in range(packed.shape[0]):
        for v, size in inner_spans(cell):
            at, weights_at = (p, a_row, v * width), (p, n_inputs, v * width)
            tile_add(a, at, running, size, u, (none, none), packed, weights_at, n_units)
    _step(weights, steps, modifiers, scratch, (none, a_row), every, none, running, t, first)


@inline
def _project(weights, steps, modifiers, scratch, a_row, running, t, first):
    cell, (_, lengths, h, _), (_, u, _, projection, tile) = weights.cell, steps, scratch
    n_units, n_outputs, width = u.shape[1], h.shape[2], lanes(h)
    for q in range(projection.shape[0]):
        vectors = panel_vectors(h, q, n_outputs, PLAIN)
        for row in range(0, running, BLOCK_ROWS):
            rows, bias = min(running - row, BLOCK_ROWS), (q, n_units, 0)
            tile_from(tile, (0, 0), rows, vectors, projection, bias, u, (row, 0), projection, (q, 0, 0), n_units)
            for r in range(rows):
                b = first + row + r
                if lengths[b] <= t:
                    continue
                for v in range(vectors):
                    column = (q * VECTORS + v) * width
                    count = n_outputs - column
                    value = load(tile, (r, v * width), width)
                    value = project(cell, modifiers, (t, b, column), count, load(h, (t, b, column), count), value)
                    store(h, (t + 1, b, column), count, value)


@inline
def _end_step(weights, steps, modifiers, scratch, a_row, running, t, first):
    pass


@by_form(lambda form: _add_inner if form.inner_gates else _project if form.projection else _end_step)
def _after_all_h(weights, steps, modifiers, scratch, a_row, running, t, first):
    """Do what waits for all units of a step: add the inner state's product and step, or set `h = m P + b_P`.

    The pre-activations, if they are still wanted, are in the rows of all panels from `a_row` on.
    """


@inline
def _keep_output(cell, u, at, count, state):
    store(u, at, count, state[0])


@inline
def _keep_nothing(cell, u, at, count, state):
    pass


@by_form(lambda form: _keep_output if form.projection else _keep_nothing)
def _keep_for_projection(cell, u, at, count, state):
    """Write the units' outputs where the projection reads them."""


@inline
def _all_rows(weights, n_rows):
    return n_rows


@inline
def _no_rows(weights, n_rows):
    return np.intp(0)


@by_form(lambda form: _all_rows if form.inner_gates or form.projection else _no_rows)
def _rows_within_step(weights, n_rows):
    """Return of how many sequences something is kept within a step in addition to the pre-activations."""


@by_form(lambda form: _all_rows if form.inner_gates else _no_rows)
def _rows_held(weights, n_rows):
    """Return of how many sequences the pre-activations of all panels are kept until the step's end."""


@inline
def _place_held(weights, p, row):
    return p, row


@inline
def _place_reused(weights, p, row):
    return np.intp(0), np.intp(0)


@by_form(lambda form: _place_held if form.inner_gates else _place_reused)
def _place(weights, p, row):
    """Return the panel and the row of `a` for the pre-activations of panel p, from the slice's given row on."""
