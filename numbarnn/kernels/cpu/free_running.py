"""The hook that has a decoder read its own outputs (free running), or some of them (scheduled sampling).

A forward pass over one step, of any cell and with or without attention, is run again and again in one call, with the
weights packed once. Between two steps, the hook reads out the outputs and makes the next inputs of them. The rows that
are still running stand side by side at the front of the arrays, so that rows that have ended take no more time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from numbarnn.kernels.cpu.attention import sequences_of
from numbarnn.kernels.cpu.compile import inline, kernel
from numbarnn.kernels.cpu.operands import Steps
from numbarnn.kernels.cpu.outline import keep, outlined
from numbarnn.kernels.cpu.simd import copy, lanes
from numbarnn.kernels.cpu.tile import VECTORS, tile_add, tile_from


class Readout(NamedTuple):
    """The dense layer behind the decoder.

    Attributes
    ----------
    panels : ndarray of shape (P, F + 1, span)
        Weights with the bias below, from `packed_panels`.
    z : ndarray of shape (B, K')
        Outputs of one step; are written.
    """

    panels: np.ndarray
    z: np.ndarray


class Reading(NamedTuple):
    """What the decoder reads at each step, and how its outputs become what it reads.

    Attributes
    ----------
    numbers : ndarray of shape (T + 1, B, I), or (0, 0, I)
        Numbers that are read, if there is no table.
    codes : ndarray of shape (T + 1, B), intp, or (0, 0)
        Rows of the table that are read.
    table : ndarray of shape (V, I), or (0, I)
    replaced : ndarray of shape (T + 1, B), bool
        Where the outputs of the step before replace the numbers or the code.
    uniform : ndarray of shape (T + 1, B), float64, or (0, 0)
        Numbers in [0, 1) that draw a code; without any, the code of the largest output is taken.
    n_choices : int
        How many outputs a code is chosen from, of `n_outputs`.
    n_outputs : int
        The code of the last output is the end: a row ends before it reads it.
    lengths : ndarray of shape (B,), intp
        How many steps each row may take; becomes how many it has taken.
    """

    numbers: np.ndarray
    codes: np.ndarray
    table: np.ndarray
    replaced: np.ndarray
    uniform: np.ndarray
    n_choices: int
    n_outputs: int
    lengths: np.ndarray


class Running(NamedTuple):
    """A forward pass over one step that is run again and again.

    Attributes
    ----------
    steps : Steps
        Of one step: `x (1, B, I + M)`, `h (2, B, N)`, `record (1, B, n_memory, H)`. A length is one where a row runs.
    rows : ndarray of shape (B,), intp
        The row at each place of these arrays; at first, each at its own.
    contexts : ndarray of shape (B, 1, M'), or (0, 1, M')
        Contexts of a step, if the decoder attends.
    readout : Readout
    reading : Reading
    n_own : int
        How many inputs stand before the context.
    times : ndarray of shape (n_ranges,), intp
        The step at which each range is.
    bounds : ndarray of shape (n_slices + 1,), intp
    n_ranges : int
        As in `calls.run_forward`.
    """

    steps: Steps
    rows: np.ndarray
    contexts: np.ndarray
    readout: Readout
    reading: Reading
    n_own: int
    times: np.ndarray
    bounds: np.ndarray
    n_ranges: int


@kernel
def start(running, place):
    """Set the inputs of the first step, write `running` to an address, and return the address of the hook."""
    function, _ = outlined(_go_on, running)
    for i in range(running.n_ranges):
        first, last = sequences_of(running.bounds, running.n_ranges, i)
        _move_and_read(running, np.intp(0), np.intp(0), first, last, last)
    keep(running, place)
    return function


@inline
def _go_on(running, i):
    """Take the outputs of range i at its step, and set the inputs of the next one."""
    first, last = sequences_of(running.bounds, running.n_ranges, i)
    end = first
    while end < last and running.steps.lengths[end] > 0:
        end += 1
    running.times[i] += 1
    _read_out(running, first, end)
    _feed_back(running.rows, running.reading, running.readout.z, running.n_own, running.times[i], first, end)
    _move_and_read(running, running.times[i], np.intp(1), first, end, last)


@inline
def _read_out(running, first, end):
    """Set the outputs of the step, `z = [h, c] W + b`, and put the contexts behind the next inputs."""
    (x, _, h, _), contexts, (panels, z), none = running.steps, running.contexts, running.readout, np.intp(0)
    n_outputs, n_context, rows = h.shape[2], x.shape[2] - running.n_own, end - first
    for p in range(panels.shape[0]):
        for at in range(0, panels.shape[2], VECTORS * lanes(z)):
            column = p * panels.shape[2] + at
            left = (z.shape[1] - column) // lanes(z)
            vectors, to, bias = left if left < VECTORS else VECTORS, (first, column), (p, panels.shape[1] - 1, at)
            tile_from(z, to, rows, vectors, panels, bias, h, (1, first, 0), panels, (p, 0, at), n_outputs)
            if n_context > 0:
                tile_add(z, to, rows, vectors, contexts, (first, 0, 0), panels, (p, n_outputs, at), n_context)
    if n_context > 0:
        for place in range(first, end):
            copy(x, (none, place, running.n_own), contexts, (place, none, none), n_context)


@inline
def _feed_back(rows, reading, z, n_own, t, first, end):
    """Set what step t reads of the outputs of the step before, and note which rows have ended."""
    for place in range(first, end):
        row = rows[place]
        if not reading.replaced[t, row]:
            continue
        if reading.table.shape[0] > 0:
            code = _choose(z, place, reading.uniform, reading.n_choices, t, row)
            reading.codes[t, row] = code
            if code == reading.n_outputs - 1:
                reading.lengths[row] = t
        else:
            copy(reading.numbers, (t, row, 0), z, (place, 0), n_own)


@inline
def _choose(z, place, uniform, n_choices, t, row):
    """Return the code of the largest of the first outputs, or draw it from their softmax, which is left in z."""
    best = np.intp(0)
    for k in range(1, n_choices):
        if z[place, k] > z[place, best]:
            best = k
    if uniform.shape[0] == 0:
        return best
    top = z[place, best]
    total = top - top
    for k in range(n_choices):
        z[place, k] = np.exp(z[place, k] - top)
        total += z[place, k]
    bound, below = uniform[t, row] * total, top - top
    for k in range(n_choices):
        below += z[place, k]
        if below > bound:
            return k
    return best


@inline
def _move_and_read(running, t, at, first, end, last):
    """Move the rows that have a step t to the front of a range, with their states, and set the inputs of the step.

    Their h before the step is in `h[at]`.
    """
    (x, lengths, h, record), rows, reading, n_own = running.steps, running.rows, running.reading, running.n_own
    to = first
    for place in range(first, end):
        row = rows[place]
        if reading.lengths[row] <= t:
            continue
        copy(h, (0, to, 0), h, (at, place, 0), h.shape[2])
        if to < place:
            rows[to] = row
            copy(record, (0, to, 0, 0), record, (0, place, 0, 0), record.shape[2] * record.shape[3])
            copy(x, (0, to, n_own), x, (0, place, n_own), x.shape[2] - n_own)
        if reading.table.shape[0] > 0:
            copy(x, (0, to, 0), reading.table, (reading.codes[t, row], 0), n_own)
        else:
            copy(x, (0, to, 0), reading.numbers, (t, row, 0), n_own)
        to += 1
    for place in range(to, last):
        lengths[place] = 0
