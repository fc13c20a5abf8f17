"""The equations of a cell by its type, as the loops over time call them, in Python and inside kernels.

Nothing is registered: a kernel that gets a cell (see `numbarnn.cells.protocol.Cell`) compiles the methods of its class
into itself.

The equations of a cell without unit parameters take none. Cells with inner gates (`numbarnn.cells.form`) have four more
equations: `inner` returns the inner state, `inner_saved` computes it again from what `step` saved, `inner_tangent` and
`inner_adjoint` differentiate it. Cells with normalisation have three more: `output` computes h from the normalised c of
`step`, and `output_tangent` and `output_adjoint` differentiate it.
"""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from types import CodeType, FunctionType

from numba.core import types
from numba.extending import overload, register_jitable

from numbarnn.cells.form import form_of


def step(cell, a, state, p):
    """Return the next state and the numbers to save, from pre-activations `a` and the state before."""
    return type(cell).step(a, state, *_given(cell, p))


def tangent(cell, saved, state_before, state, a_dot, state_before_dot, p, p_dot):
    """Return the tangent of the state that `step` returned."""
    units = _given(cell, p, p_dot)
    return type(cell).tangent(saved, state_before, state, a_dot, state_before_dot, *units)


def adjoint(cell, saved, state_before, state, state_bar, p):
    """Return the adjoints of the pre-activations, of the state before, and of the unit parameters."""
    bars = type(cell).adjoint(saved, state_before, state, state_bar, *_given(cell, p))
    return bars if form_of(type(cell)).unit_parameters else (*bars, ())


def inner(cell, a, state):
    """Return the inner state, and the `a` that `step` gets once the inner state's product has been added."""
    return type(cell).inner(a, state)


def inner_saved(cell, saved, state_before):
    """Return the inner state from what `step` saved."""
    return type(cell).inner_saved(saved, state_before)


def inner_tangent(cell, saved, state_before, a_dot, state_before_dot):
    """Return the tangent of the inner state."""
    return type(cell).inner_tangent(saved, state_before, a_dot, state_before_dot)


def inner_adjoint(cell, saved, state_before, u_bar):
    """Return the parts of the adjoints of the pre-activations and of the state before that the inner state adds."""
    return type(cell).inner_adjoint(saved, state_before, u_bar)


def output(cell, o, v, p):
    """Return h of a cell with normalisation, from o, the first part that `step` returned, and the normalised c."""
    return type(cell).output(o, v, p)


def output_tangent(cell, o, v, o_dot, v_dot, p, p_dot):
    """Return the tangent of h."""
    return type(cell).output_tangent(o, v, o_dot, v_dot, p, p_dot)


def output_adjoint(cell, o, v, h_bar, p):
    """Return the adjoints of o, of the normalised c, and of `p`."""
    return type(cell).output_adjoint(o, v, h_bar, p)


def _given(cell, *units):
    return units if form_of(type(cell)).unit_parameters else ()


@lru_cache(256)
def code_of(cell_class):
    """Return a digest of the compiled Python code of a class's own methods.

    Numba's cache on disk does not notice a change of a class in another file than the cached function's.
    """
    declared = form_of(cell_class), cell_class.state_size, cell_class.n_saved
    digest = hashlib.sha256(repr(declared).encode())
    for owner in cell_class.__mro__:
        for name, member in sorted(vars(owner).items()):
            function = getattr(member, "__func__", member)
            if isinstance(function, FunctionType) and owner is not tuple:
                digest.update(f"{name} {_described(function.__code__)}".encode())
    return digest.hexdigest()


def _described(code):
    constants = [_described(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


@cache
def _equation(cell_class, name):
    return register_jitable(getattr(cell_class, name))


@overload(step, target="generic")
def _step(cell, a, state, p):
    if not isinstance(cell, types.BaseNamedTuple):
        return None
    equation = _equation(cell.instance_class, "step")
    if form_of(cell.instance_class).unit_parameters:
        return lambda cell, a, state, p: equation(a, state, p)
    return lambda cell, a, state, p: equation(a, state)


@overload(tangent, target="generic")
def _tangent(cell, saved, state_before, state, a_dot, state_before_dot, p, p_dot):
    if not isinstance(cell, types.BaseNamedTuple):
        return None
    equation = _equation(cell.instance_class, "tangent")
    if form_of(cell.instance_class).unit_parameters:
        return lambda cell, saved, state_before, state, a_dot, state_before_dot, p, p_dot: equation(
            saved, state_before, state, a_dot, state_before_dot, p, p_dot
        )
    return lambda cell, saved, state_before, state, a_dot, state_before_dot, p, p_dot: equation(
        saved, state_before, state, a_dot, state_before_dot
    )


@overload(adjoint, target="generic")
def _adjoint(cell, saved, state_before, state, state_bar, p):
    if not isinstance(cell, types.BaseNamedTuple):
        return None
    equation = _equation(cell.instance_class, "adjoint")
    if form_of(cell.instance_class).unit_parameters:
        return lambda cell, saved, state_before, state, state_bar, p: equation(saved, state_before, state, state_bar, p)

    def without_units(cell, saved, state_before, state, state_bar, p):
        a_bar, state_before_bar = equation(saved, state_before, state, state_bar)
        return a_bar, state_before_bar, ()

    return without_units


def _define(function) -> None:
    @overload(function, target="generic", strict=False)
    def implement(cell, *args):
        if not isinstance(cell, types.BaseNamedTuple):
            return None
        equation = _equation(cell.instance_class, function.__name__)
        return lambda cell, *args: equation(*args)


for _function in (inner, inner_saved, inner_tangent, inner_adjoint, output, output_tangent, output_adjoint):
    _define(_function)
