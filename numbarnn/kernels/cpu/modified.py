"""A step that is not quite the cell's own: some of the state stays as it was (zoneout), or pre-activations are clipped.

A kernel takes `changes`: None, and it compiles the plain step alone into itself, or what changes it, `(zoneout, clip)`.
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
from numbarnn.kernels.cpu.simd import address, emit_load, vector_of
from numbarnn.kernels.cpu.state import load_state
from numbarnn.kernels.cpu.units import load_recorded


def by_changes(plain, changed):
    """Return a function that is `plain` where there are no changes, and `changed` where there are."""

    def function(cell, changes, *args):
        return (plain if changes is None else changed)(cell, changes, *args)

    @overload(function, strict=False, jit_options={"error_model": "numpy", "no_cfunc_wrapper": True})
    def implement(cell, changes, *args):
        return plain if isinstance(changes, types.NoneType) else changed

    return function


def _plain_step(cell, changes, at, count, a, before, p):
    return equations.step(cell, a, before, p)


def _changed_step(cell, changes, at, count, a, before, p):
    candidate, saved = plain(equations.step(cell, inputs(a, changes[1]), before, p))
    z = load_zoneout(cell, changes, at, count)
    return mix(z, before, candidate), saved + candidate_to_record(z, candidate)


def _plain_tangent(cell, changes, h, record, at, count, saved, before, a_dot, before_dot, p, p_dot):
    after = load_after(cell, h, record, at, count)
    return equations.tangent(cell, saved, before, after, a_dot, before_dot, p, p_dot)


def _changed_tangent(cell, changes, h, record, at, count, saved, before, a_dot, before_dot, p, p_dot):
    candidate = load_candidate(cell, changes, h, record, at, count)
    z = load_zoneout(cell, changes, at, count)
    saved, candidate = outputs(saved, changes[1]), outputs(candidate, changes[1])
    candidate_dot = plain(equations.tangent(cell, saved, before, candidate, a_dot, before_dot, p, p_dot))
    return mix(z, before_dot, candidate_dot)


def _plain_adjoint(cell, changes, h, record, at, count, saved, before, bar, p):
    after = load_after(cell, h, record, at, count)
    return equations.adjoint(cell, saved, before, after, bar, p)


def _changed_adjoint(cell, changes, h, record, at, count, saved, before, bar, p):
    candidate = load_candidate(cell, changes, h, record, at, count)
    z = load_zoneout(cell, changes, at, count)
    # state = z * before + (1 - z) * candidate
    candidate_bar = from_candidate(z, bar)
    saved, candidate = outputs(saved, changes[1]), outputs(candidate, changes[1])
    a_bar, before_bar, p_bar = plain(equations.adjoint(cell, saved, before, candidate, candidate_bar, p))
    return a_bar, add_from_before(z, bar, before_bar), p_bar


def _plain_inner(cell, changes, a, before):
    return equations.inner(cell, a, before)


def _changed_inner(cell, changes, a, before):
    return plain(equations.inner(cell, inputs(a, changes[1]), before))


def _plain_inner_tangent(cell, changes, saved, before, a_dot, before_dot):
    return equations.inner_tangent(cell, saved, before, a_dot, before_dot)


def _changed_inner_tangent(cell, changes, saved, before, a_dot, before_dot):
    return plain((equations.inner_tangent(cell, outputs(saved, changes[1]), before, a_dot, before_dot),))[0]


def _plain_inner_adjoint(cell, changes, saved, before, u_bar):
    return equations.inner_adjoint(cell, saved, before, u_bar)


def _changed_inner_adjoint(cell, changes, saved, before, u_bar):
    return plain(equations.inner_adjoint(cell, outputs(saved, changes[1]), before, u_bar))


def _project(cell, changes, at, count, before, candidate):
    return candidate


def _project_changed(cell, changes, at, count, before, candidate):
    return mix(load_zoneout_of_h(changes, at, count), (before,), (candidate,))[0]


def _project_adjoint(cell, changes, at, count, bar):
    return zero(bar), bar


def _project_changed_adjoint(cell, changes, at, count, bar):
    z = load_zoneout_of_h(changes, at, count)
    # h = z * before + (1 - z) * candidate
    return add_from_before(z, (bar,), (zero(bar),))[0], from_candidate(z, (bar,))[0]


# Of the units at `at = (t, b, unit)`: (cell, changes, at, count, a, before, p), the state after the step and what to
# record; (cell, changes, h, record, at, count, saved, before, a_dot, before_dot, p, p_dot), its tangent; and (cell,
# changes, h, record, at, count, saved, before, bar, p), the adjoints of `a`, of the state before, and of p.
step = by_changes(_plain_step, _changed_step)
tangent = by_changes(_plain_tangent, _changed_tangent)
adjoint = by_changes(_plain_adjoint, _changed_adjoint)

# The equations of an inner state, as in `numbarnn.cells.equations`.
inner = by_changes(_plain_inner, _changed_inner)
inner_tangent = by_changes(_plain_inner_tangent, _changed_inner_tangent)
inner_adjoint = by_changes(_plain_inner_adjoint, _changed_inner_adjoint)

# Of projected outputs: (cell, changes, at, count, before, candidate), the outputs, or in the same way their tangent;
# and (cell, changes, at, count, bar), the adjoints of those before and of the candidate.
project = by_changes(_project, _project_changed)
project_adjoint = by_changes(_project_adjoint, _project_changed_adjoint)


@inline
def load_after(cell, h, record, at, count):
    """Return the state after the step of the units at `at = (t, b, unit)`."""
    t, b, unit = at
    return load_state(cell, h, (t + 1, b, unit), record, (t + 1, b, 0, unit), count)


def load_candidate(cell, changes, h, record, at, count):
    """Return what the cell's own step returned, before any of it was mixed with the state before."""
    (t, b, unit), (zoneout, _) = at, changes
    if zoneout is None:
        return load_after(cell, h, record, at, count)
    return load_recorded(cell, record, (t + 1, b, record.shape[2] - cell.state_size, unit), count)


def load_zoneout(cell, changes, at, count):
    """Return how much of each part of some units' state stays as it is; an empty tuple without zoneout.

    What a cell projects to its outputs is no part of the state, and does not stay.
    """
    zoneout, _ = changes
    if zoneout is None:
        return ()
    projected = 1 if form_of(type(cell)).projection else 0
    return (0,) * projected + tuple(_fraction(z, at) for z in zoneout[projected:])


def load_zoneout_of_h(changes, at, count):
    """As `load_zoneout`, of the outputs alone, from output `at[2]` on."""
    zoneout, _ = changes
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


@overload(load_candidate, strict=False)
def _load_candidate(cell, changes, h, record, at, count):
    if isinstance(changes.types[0], types.NoneType):
        return lambda cell, changes, h, record, at, count: load_after(cell, h, record, at, count)
    n_parts = cell.instance_class.state_size
    return lambda cell, changes, h, record, at, count: load_recorded(
        cell, record, (at[0] + 1, at[1], record.shape[2] - n_parts, at[2]), count
    )


@overload(candidate_to_record)
def _candidate_to_record(z, candidate):
    return (lambda z, candidate: candidate) if len(z) else (lambda z, candidate: ())


def _vectors(zoneout, most=None):
    """Return the type of the vectors that are loaded from a tuple of arrays, from the tuple's type."""
    if isinstance(zoneout, types.NoneType):
        return types.Tuple(())
    return types.UniTuple(vector_of(zoneout.dtype.dtype), most or len(zoneout))


def _emit_fractions(context, builder, signature, changes, at, count):
    """Emit the loads of a vector of each array at `at = (t, b, unit)`, where t or b is 0 if there is one for all."""
    changes_type = signature.args[-3]
    arrays, array_type = cgutils.unpack_tuple(builder, builder.extract_value(changes, 0)), changes_type.types[0].dtype
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
    return lambda cell, changes, at, count: _vectors(changes.types[0])


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
    return lambda changes, at, count: _vectors(changes.types[0], 1)


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
