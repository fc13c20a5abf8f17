"""The state of a unit, in the arrays that hold its parts.

h is kept among the outputs, unless these are projections of the units' outputs; the other parts have an array of their
own, the memory.
"""

from __future__ import annotations

from numbarnn.cells.form import n_memory
from numbarnn.kernels.cuda.compile import by_form, kernel
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.shim import cuda, empty
from numbarnn.kernels.cuda.units import load_memory, store_units


def _load_with_h(cell, h, h_at, memory, memory_at):
    return (h[h_at],) + load_memory(cell, memory, memory_at)


def _load_without_h(cell, h, h_at, memory, memory_at):
    return load_memory(cell, memory, memory_at)


def _store_with_h(cell, h, h_at, memory, memory_at, state, saved):
    h[h_at] = state[0]
    store_units(memory, memory_at, state[1:] + saved)


def _store_without_h(cell, h, h_at, memory, memory_at, state, saved):
    store_units(memory, memory_at, state + saved)


@by_form(lambda form: form.projection, _load_without_h, _load_with_h)
def load_state(cell, h, h_at, memory, memory_at):
    """Return the state of a unit, or its tangent or adjoint, as the equations take it."""


@by_form(lambda form: form.projection, _store_without_h, _store_with_h)
def store_state(cell, h, h_at, memory, memory_at, state, saved):
    """Write the state of a unit, or its tangent or adjoint, followed by the numbers that the step saved."""


def put_state(cell, state, h, memory):
    """Write a state, or its tangent or adjoint, into zeros: h (B, N) and the first rows of `memory (B, .., H)`.

    Parts that are None stay zero.
    """
    first_part, *rest = state or (None,) * cell.state_size
    if first_part is not None:
        _put(h.reshape(h.shape[0], 1, h.shape[1]), 0, first_part)
    for i, part in enumerate(rest, _first_in_memory(cell)):
        if part is not None:
            _put(memory, i, part)


def take_state(cell, h, memory, lengths):
    """Return copies of the parts of the state at times `lengths` of `h (times, B, N)` and `memory (times, B, .., H)`.

    An array with one time only is read there.
    """
    first = _first_in_memory(cell)
    parts = (_take(memory, i, lengths) for i in range(first, first + cell.state_size - 1))
    return _take(h.reshape(*h.shape[:2], 1, h.shape[2]), 0, lengths), *parts


def _first_in_memory(cell):
    """Return the row of the memory where the parts of the state after h begin: 1 if the units' outputs are row 0."""
    return n_memory(type(cell)) - (cell.state_size - 1)


def _put(values, i, part):
    if part.size:
        _put_part[over(part.size)](values, i, part)


def _take(values, i, lengths):
    part = empty((values.shape[1], values.shape[3]), values.dtype)
    if part.size:
        _take_part[over(part.size)](values, i, lengths, part)
    return part


@kernel
def _put_part(values, i, part):
    for k in range(cuda.grid(1), part.size, cuda.gridsize(1)):
        b, unit = k // part.shape[1], k % part.shape[1]
        values[b, i, unit] = part[b, unit]


@kernel
def _take_part(values, i, lengths, part):
    for k in range(cuda.grid(1), part.size, cuda.gridsize(1)):
        b, unit = k // part.shape[1], k % part.shape[1]
        t = lengths[b] if values.shape[0] > 1 else 0
        part[b, unit] = values[t, b, i, unit]
