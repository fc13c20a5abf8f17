"""A step that is not quite the cell's own: some of the state stays as it was (zoneout), or pre-activations are clipped.

A kernel takes `Modifiers`; where they have neither zoneout nor a clip, it compiles the plain step alone into itself.
As in `numbarnn.kernels.cpu.simd`, the Python bodies are the definitions, and run when the JIT is off.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import lower_builtin, overload, type_callable

from numbarnn.cells import equations
from numbarnn.cells.form import form_of
from numbarnn.cells.numbers import zero
from numbarnn.kernels.cpu.bounded import inputs, outputs, plain
from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.inlining import INLINE
from numbarnn.kernels.cpu.simd import address, emit_load, vector_of
from numbarnn.kernels.cpu.state import load_state
from numbarnn.kernels.cpu.units import load_recorded
from numbarnn.kernels.cpu.variants import by_modifiers


def _plain_step(cell, modifiers, at, count, a, before, p):
    return equations.step(cell, a, before, p)


def _modified_step(cell, modifiers, at, count, a, before, p):
    candidate, saved = plain(equations.step(cell, inputs(a, modifiers.clip), before, p))
    z = load_zoneout(cell, modifiers, at, count)
    return mix(z, before, candidate), saved + candidate_to_record(z, candidate)


def _plain_tangent(cell, modifiers, h, record, at, count, saved, before, a_dot, before_dot, p, p_dot):
    after = load_after(cell, h, record, at, count)
    return equations.tangent(cell, saved, before, after, a_dot, before_dot, p, p_dot)


def _modified_tangent(cell, modifiers, h, record, at, count, saved, before, a_dot, before_dot, p, p_dot):
    candidate = load_candidate(cell, modifiers, h, record, at, count)
    z = load_zoneout(cell, modifiers, at, count)
    saved, candidate = outputs(saved, modifiers.clip), outputs(candidate, modifiers.clip)
    candidate_dot = plain(equations.tangent(cell, saved, before, candidate, a_dot, before_dot, p, p_dot))
    return mix(z, before_dot, candidate_dot)


def _plain_adjoint(cell, modifiers, h, record, at, count, saved, before, bar, p):
    after = load_after(cell, h, record, at, count)
    return equations.adjoint(cell, saved, before, after, bar, p)


def _modified_adjoint(cell, modifiers, h, record, at, count, saved, before, bar, p):
    candidate = load_candidate(cell, modifiers, h, record, at, count)
    z = load_zoneout(cell, modifiers, at, count)
    # state = z * before + (1 - z) * candidate
    candidate_bar = from_candidate(z, bar)
    saved, candidate = outputs(saved, modifiers.clip), outputs(candidate, modifiers.clip)
    a_bar, before_bar, p_bar = plain(equations.adjoint(cell, saved, before, candidate, candidate_bar, p))
    return a_bar, add_from_before(z, bar, before_bar), p_bar


def _plain_inner(cell, modifiers, a, before):
    return equations.inner(cell, a, before)


def _modified_inner(cell, modifiers, a, before):
    return plain(equations.inner(cell, inputs(a, modifiers.clip), before))


def _plain_inner_tangent(cell, modifiers, saved, before, a_dot, before_dot):
    return equations.inner_tangent(cell, saved, before, a_dot, before_dot)


def _modified_inner_tangent(cell, modifiers, saved, before, a_dot, before_dot):
    return plain((equations.inner_tangent(cell, outputs(saved, modifiers.clip), before, a_dot, before_dot),))[0]


def _plain_inner_adjoint(cell, modifiers, saved, before, u_bar):
    return equations.inner_adjoint(cell, saved, before, u_bar)


def _modified_inner_adjoint(cell, modifiers, saved, before, u_bar):
    return plain(equations.inner_adjoint(cell, outputs(saved, modifiers.clip), before, u_bar))


def _project(cell, modifiers, at, count, before, candidate):
    return candidate


def _project_modified(cell, modifiers, at, count, before, candidate):
    return mix(load_zoneout_of_h(modifiers, at, count), (before,), (candidate,))[0]


def _project_adjoint(cell, modifiers, at, count, bar):
    return zero(bar), bar


def _project_modified_adjoint(cell, modifiers, at, count, bar):
    z = load_zoneout_of_h(modifiers, at, count)
    # h = z * before + (1 - z) * candidate
    return add_from_before(z, (bar,), (zero(bar),))[0], from_candidate(z, (bar,))[0]


@by_modifiers(_plain_step, _modified_step)
def step(cell, modifiers, at, count, a, before, p):
    """Return the state of the units at `at = (t, b, unit)` after the step, and what to record of it."""


@by_modifiers(_plain_tangent, _modified_tangent)
def tangent(cell, modifiers, h, record, at, count, saved, before, a_dot, before_dot, p, p_dot):
    """Return the tangent of the state that `step` returned."""


@by_modifiers(_plain_adjoint, _modified_adjoint)
def adjoint(cell, modifiers, h, record, at, count, saved, before, bar, p):
    """Return the adjoints of the pre-activations, of the state before, and of the unit parameters."""


@by_modifiers(_plain_inner, _modified_inner)
def inner(cell, modifiers, a, before):
    """Return the inner state, and the pre-activations as `numbarnn.cells.equations.inner` does."""


@by_modifiers(_plain_inner_tangent, _modified_inner_tangent)
def inner_tangent(cell, modifiers, saved, before, a_dot, before_dot):
    """Return the tangent of the inner state."""


@by_modifiers(_plain_inner_adjoint, _modified_inner_adjoint)
def inner_adjoint(cell, modifiers, saved, before, u_bar):
    """Return what the inner state's adjoint adds to those of the pre-activations and of the state before."""


@by_modifiers(_project, _project_modified)
def project(cell, modifiers, at, count, before, candidate):
    """Return projected outputs, or their tangent, from those before and the candidate."""


@by_modifiers(_project_adjoint, _project_modified_adjoint)
def project_adjoint(cell, modifiers, at, count, bar):
    """Return the adjoints of the projected outputs before and of the candidate."""


@inline
def load_after(cell, h, record, at, count):
    """Return the state after the step of the units at `at = (t, b, unit)`."""
    t, b, unit = at
    return load_state(cell, h, (t + 1, b, unit), record, (t + 1, b, 0, unit), count)


def load_candidate(cell, modifiers, h, record, at, count):
    """Return what the cell's own step returned, before any of it was mixed with the state before."""
    (t, b, unit), zoneout = at, modifiers.zoneout
    if zoneout is None:
        return load_after(cell, h, record, at, count)
    return load_recorded(cell, record, (t + 1, b, record.shape[2] - cell.state_size, unit), count)


def load_zoneout(cell, modifiers, at, count):
    """Return how much of each part of some units' state stays as it is; an empty tuple without zoneout.

    What a cell projects to its outputs is no part of the state, and does not stay.
    """
    zoneout = modifiers.zoneout
    if zoneout is None:
        return ()
    projected = 1 if form_of(type(cell)).projection else 0
    return (0,) * projected + tuple(_fraction(z, at) for z in zoneout[projected:])


def load_zoneout_of_h(modifiers, at, count):
    """As `load_zoneout`, of the outputs alone, from output `at[2]` on."""
    zoneout = modifiers.zoneout
    return () if zoneout is None else (_fraction(zoneout[0], at),)


def _fraction(z, at):
    """Return what stays of one unit; along an axis of one element all have it in common."""
    *times_and_rows, unit = at
    return z[(*map(min, times_and_rows, np.subtract(z.shape[:2], 1)), unit)]


def mix(z, before, candidate):
    """Return `z * before + (1 - z) * candidate`: `before` to the bit where z is one."""
    return tuple(zi * b + (c - zi * c) for zi, b, c in zip(z, before, candidate, strict=True)) if z else candidate


def from_candidate(z, bar):
    """Return the candidate's part of a mixed state's adjoint."""
    return tuple(bi - zi * bi for zi, bi in zip(z, bar, strict=True)) if z else bar


def add_from_before(z, bar, before_bar):
    """Return `before_bar` with its part of a mixed state's adjoint added."""
    return tuple(b + zi * bi for zi, bi, b in zip(z, bar, before_bar, strict=True)) if z else before_bar


def candidate_to_record(z, candidate):
    """Return what the other passes cannot get from the states."""
    return candidate if z else ()


@overload(load_candidate, strict=False, jit_options=INLINE)
def _load_candidate(cell, modifiers, h, record, at, count):
    if isinstance(modifiers.types[1], types.NoneType):
        return lambda cell, modifiers, h, record, at, count: load_after(cell, h, record, at, count)
    n_parts = cell.instance_class.state_size
    return lambda cell, modifiers, h, record, at, count: load_recorded(
        cell, record, (at[0] + 1, at[1], record.shape[2] - n_parts, at[2]), count
    )


@overload(candidate_to_record, jit_options=INLINE)
def _candidate_to_record(z, candidate):
    return (lambda z, candidate: candidate) if len(z) else (lambda z, candidate: ())


def _vectors(zoneout, most=None):
    """Return the type of the vectors that are loaded from a tuple of arrays, from the tuple's type."""
    if isinstance(zoneout, types.NoneType):
        return types.Tuple(())
    return types.UniTuple(vector_of(zoneout.dtype.dtype), most or len(zoneout))


def _emit_fractions(context, builder, signature, modifiers, at, count):
    """Emit the loads of a vector of each array at `at = (t, b, unit)`, where t or b is 0 if there is one for all."""
    modifiers_type = signature.args[-3]
    arrays = cgutils.unpack_tuple(builder, builder.extract_value(modifiers, 1))
    array_type = modifiers_type.types[1].dtype
    *times_and_rows, unit = cgutils.unpack_tuple(builder, at)
    one, index_type = ir.IntType(64)(1), types.UniTuple(types.intp, 3)
    for array in arrays:
        sizes = cgutils.unpack_tuple(builder, context.make_array(array_type)(context, builder, array).shape)
        places = [
            builder.select(builder.icmp_signed(">", size, one), place, one.type(0))
            for size, place in zip(sizes, times_and_rows, strict=False)
        ]
        index = context.make_tuple(builder, index_type, [*places, unit])
        pointer = address(context, builder, array_type, array, index_type, index)
        yield emit_load(builder, context.get_value_type(signature.return_type.dtype), pointer, count)


@type_callable(load_zoneout)
def _type_load_zoneout(context):
    return lambda cell, modifiers, at, count: _vectors(modifiers.types[1])


@lower_builtin(load_zoneout, types.BaseNamedTuple, types.BaseTuple, types.BaseTuple, types.Integer)
def _lower_load_zoneout(context, builder, signature, args):
    vectors = []
    if len(signature.return_type):
        vectors = list(_emit_fractions(context, builder, signature, *args[1:]))
        if form_of(signature.args[0].instance_class).projection:
            vectors[0] = ir.Constant(vectors[0].type, None)
    return context.make_tuple(builder, signature.return_type, vectors)


@type_callable(load_zoneout_of_h)
def _type_load_zoneout_of_h(context):
    return lambda modifiers, at, count: _vectors(modifiers.types[1], 1)


@lower_builtin(load_zoneout_of_h, types.BaseTuple, types.BaseTuple, types.Integer)
def _lower_load_zoneout_of_h(context, builder, signature, args):
    vectors = []
    if len(signature.return_type):
        vectors = [next(_emit_fractions(context, builder, signature, *args))]
    return context.make_tuple(builder, signature.return_type, vectors)


def _define_of_parts(function, n_arguments, emit) -> None:
    """Lower a function of tuples, z first, `emit` for each part; an empty z leaves the last tuple as it is."""
    typer = (lambda z, one: one) if n_arguments == 2 else (lambda z, one, two: two)

    @type_callable(function)
    def type_function(context):
        return typer

    @lower_builtin(function, *[types.BaseTuple] * n_arguments)
    def lower_function(context, builder, signature, args):
        if len(signature.args[0]) == 0:
            return args[-1]
        parts = zip(*(cgutils.unpack_tuple(builder, arg) for arg in args), strict=True)
        return context.make_tuple(builder, signature.return_type, [emit(builder, *part) for part in parts])


def _emit_from_candidate(builder, z, bar):
    return builder.fsub(bar, builder.fmul(z, bar))


def _emit_mix(builder, z, before, candidate):
    return builder.fadd(builder.fmul(z, before), _emit_from_candidate(builder, z, candidate))


def _emit_add_from_before(builder, z, bar, before_bar):
    return builder.fadd(before_bar, builder.fmul(z, bar))


_define_of_parts(mix, 3, _emit_mix)
_define_of_parts(from_candidate, 2, _emit_from_candidate)
_define_of_parts(add_from_before, 3, _emit_add_from_before)
