"""The state of some units, wherever its parts stand.

h is among the outputs, unless these are projections of the units' own; the rest has an array of its own.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from numbarnn.cells.form import n_memory
from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.simd import copy, load, store
from numbarnn.kernels.cpu.units import load_memory, store_units
from numbarnn.kernels.cpu.variants import by_form


@inline
def _load_with_h(cell, h, h_at, memory, memory_at, count):
    return (load(h, h_at, count), *load_memory(cell, memory, memory_at, count))


@inline
def _load_apart(cell, h, h_at, memory, memory_at, count):
    return load_memory(cell, memory, memory_at, count)


@inline
def _store_with_h(cell, h, h_at, memory, memory_at, count, state, saved):
    store(h, h_at, count, state[0])
    store_units(memory, memory_at, count, state[1:] + saved)


@inline
def _store_apart(cell, h, h_at, memory, memory_at, count, state, saved):
    store_units(memory, memory_at, count, state + saved)


@by_form(lambda form: _load_apart if form.projection else _load_with_h)
def load_state(cell, h, h_at, memory, memory_at, count):
    """Return the state of some units, or its tangent or adjoint, as the equations have it."""


@by_form(lambda form: _store_apart if form.projection else _store_with_h)
def store_state(cell, h, h_at, memory, memory_at, count, state, saved):
    """Write what `load_state` reads, and behind the memory what the step saved."""


@inline
def set_first(steps, h, memory):
    """Copy `h (B, N)` and `memory (B, n_memory, H)` to where a forward pass begins, unless they have no sequences."""
    for b in range(h.shape[0]):
        copy(steps.h, (0, b, 0), h, (b, 0), h.shape[1])
        copy(steps.record, (0, b, 0, 0), memory, (b, 0, 0), memory.shape[1] * memory.shape[2])


@inline
def get_last(steps, h, memory):
    """Copy the state after each sequence's last step to `h` and `memory`, unless they have no sequences."""
    keep = steps.record.shape[0] > 1
    for b in range(h.shape[0]):
        t = steps.lengths[b]
        copy(h, (b, 0), steps.h, (t, b, 0), h.shape[1])
        copy(memory, (b, 0, 0), steps.record, (t if keep else 0, b, 0, 0), memory.shape[1] * memory.shape[2])


def join_state(cell, sizes, state, n_sequences):
    """Return h (B, N) and the memory (B, n_memory, H) of a state, or the like; they may be views of its parts."""
    shape, dtype = (n_sequences, sizes.n_memory, sizes.n_units), cell.R.dtype
    if state is not None and state[0] is not None and state[-1] is not None:
        if sizes.n_memory == 0:
            return np.ascontiguousarray(state[0], dtype), np.empty(shape, dtype)
        if sizes.n_memory == len(state) - 1 == 1:
            return np.ascontiguousarray(state[0], dtype), np.ascontiguousarray(state[1], dtype).reshape(shape)
    h, memory = np.zeros((n_sequences, sizes.n_outputs), dtype), np.zeros(shape, dtype)
    if state is not None:
        put_state(cell, state, h, memory)
    return h, memory


def split_state(cell, h, memory):
    """Return the parts of a state, which may be views of h and of the memory."""
    n_sequences, n_parts, size = memory.shape
    if n_parts == 0:
        return (h,)
    if n_parts == cell.state_size - 1 == 1:
        return h, memory.reshape(n_sequences, size)
    return h, *[memory[:, i].copy() for i in range(_first_in_memory(type(cell)), n_parts)]


def put_state(cell, state, h, memory):
    """Write a state, or the like, into h (B, N) and the first of `memory (B, .., H)`; what is None is zero."""
    first = _first_in_memory(type(cell))
    if state is None:
        h.fill(0)
        memory[:, : first + cell.state_size - 1].fill(0)
        return
    h_given, *rest = state
    h[...] = 0 if h_given is None else h_given
    if first:
        memory[:, :first] = 0
    for i, part in enumerate(rest, first):
        memory[:, i] = 0 if part is None else part


@cache
def _first_in_memory(cell_class):
    """Return where the state's parts behind h begin in the memory: behind what is projected, if anything is."""
    return n_memory(cell_class) - (cell_class.state_size - 1)
