"""The state of some units, wherever its parts stand.

h is among the outputs, unless these are projections of the units' own; the rest has an array of its own.
"""

from __future__ import annotations

from functools import cache

from numbarnn.cells.form import n_memory
from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.simd import load, store
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


def take_state(cell, h, memory):
    """Return the state that `put_state` would write, h itself and copies of the rest."""
    first = _first_in_memory(type(cell))
    return h, *[memory[:, i].copy() for i in range(first, first + cell.state_size - 1)]


@cache
def _first_in_memory(cell_class):
    """Return where the state's parts behind h begin in the memory: behind what is projected, if anything is."""
    return n_memory(cell_class) - (cell_class.state_size - 1)
