"""A step that is not quite the cell's own: some of the state stays as it was (zoneout), or pre-activations are clipped.

A kernel takes `changes`: `()`, and it compiles the plain step alone into itself, or `(zoneout, clip)`, each of which
may be `()`, too: a tuple of arrays, one for each part of the state, and of one number.
"""

from __future__ import annotations

from functools import cache

from numbarnn.cells import equations
from numbarnn.cells.form import form_of
from numbarnn.cells.numbers import zero
from numbarnn.kernels.cuda.bounded import inputs, outputs, plain
from numbarnn.kernels.cuda.compile import by_cell, by_given, inline
from numbarnn.kernels.cuda.state import load_state
from numbarnn.kernels.cuda.units import add, load_recorded, multiply, take_part


def _plain_step(cell, changes, at, a, before, p):
    return equations.step(cell, a, before, p)


def _changed_step(cell, changes, at, a, before, p):
    zoneout, clip = changes
    candidate, saved = plain(equations.step(cell, inputs(cell, clip, a), before, p))
    return _mix(cell, zoneout, at, before, candidate), saved + _to_record(cell, zoneout, candidate)


def _plain_tangent(cell, changes, h, record, at, saved, before, a_dot, before_dot, p, p_dot):
    after = _load_after(cell, (), h, record, at)
    return equations.tangent(cell, saved, before, after, a_dot, before_dot, p, p_dot)


def _changed_tangent(cell, changes, h, record, at, saved, before, a_dot, before_dot, p, p_dot):
    zoneout, clip = changes
    candidate = outputs(cell, clip, _load_candidate(cell, zoneout, h, record, at))
    saved = outputs(cell, clip, saved)
    candidate_dot = plain(equations.tangent(cell, saved, before, candidate, a_dot, before_dot, p, p_dot))
    return _mix(cell, zoneout, at, before_dot, candidate_dot)


def _plain_adjoint(cell, changes, h, record, at, saved, before, bar, p):
    after = _load_after(cell, (), h, record, at)
    return equations.adjoint(cell, saved, before, after, bar, p)


def _changed_adjoint(cell, changes, h, record, at, saved, before, bar, p):
    zoneout, clip = changes
    candidate = outputs(cell, clip, _load_candidate(cell, zoneout, h, record, at))
    saved = outputs(cell, clip, saved)
    # state = z * before + (1 - z) * candidate
    candidate_bar = _from_candidate(cell, zoneout, at, bar)
    a_bar, before_bar, p_bar = plain(equations.adjoint(cell, saved, before, candidate, candidate_bar, p))
    return a_bar, _add_from_before(cell, zoneout, at, bar, before_bar), p_bar


def _plain_inner(cell, changes, a, before):
    return equations.inner(cell, a, before)


def _changed_inner(cell, changes, a, before):
    return plain(equations.inner(cell, inputs(cell, changes[1], a), before))


def _plain_inner_tangent(cell, changes, saved, before, a_dot, before_dot):
    return equations.inner_tangent(cell, saved, before, a_dot, before_dot)


def _changed_inner_tangent(cell, changes, saved, before, a_dot, before_dot):
    saved = outputs(cell, changes[1], saved)
    return plain((equations.inner_tangent(cell, saved, before, a_dot, before_dot),))[0]


def _plain_inner_adjoint(cell, changes, saved, before, u_bar):
    return equations.inner_adjoint(cell, saved, before, u_bar)


def _changed_inner_adjoint(cell, changes, saved, before, u_bar):
    return plain(equations.inner_adjoint(cell, outputs(cell, changes[1], saved), before, u_bar))


@inline
def _load_after(cell, zoneout, h, record, at):
    t, b, unit = at
    return load_state(cell, h, (t + 1, b, unit), record, (t + 1, b, 0, unit))


@inline
def _load_recorded(cell, zoneout, h, record, at):
    t, b, unit = at
    return load_recorded(cell, record, (t + 1, b, record.shape[2] - len(zoneout), unit))


# (cell, zoneout, h, record, at): what the cell's own step returned, before any of it was mixed with the state before.
_load_candidate = by_given(_load_after, _load_recorded)

# (cell, zoneout, candidate): what the other passes cannot get from the states.
_to_record = by_given(lambda cell, zoneout, candidate: (), lambda cell, zoneout, candidate: candidate)


@inline
def _fraction(z, at):
    """Return what stays of one unit; along an axis of one element all have it in common."""
    t, b, unit = at
    return z[min(t, z.shape[0] - 1), min(b, z.shape[1] - 1), min(unit, z.shape[2] - 1)]


@cache
def _fractions(size):
    if size == 0:
        return lambda zoneout, at: ()
    rest = inline(_fractions(size - 1))
    return lambda zoneout, at: (_fraction(zoneout[0], at),) + rest(zoneout[1:], at)


def _of_units(cell_class):
    """Return the function that gives what stays of each part of a unit's state.

    What a cell projects to its outputs is no part of the state, and does not stay.
    """
    projected = bool(form_of(cell_class).projection)
    of_parts = inline(_fractions(cell_class.state_size - projected))
    if projected:
        return lambda cell, zoneout, at: (zero(_fraction(zoneout[0], at)),) + of_parts(zoneout[1:], at)
    return lambda cell, zoneout, at: of_parts(zoneout, at)


def _of_outputs(cell, zoneout, at):
    return (_fraction(zoneout[0], at),)


_kept_of_units = by_cell(_of_units)
_kept_of_outputs = by_cell(lambda cell_class: _of_outputs)


def _mixing(kept):
    """Return a mixed state, of the one before and the candidate, and in its adjoint the two's parts.

    They are functions of what `kept` says that stays of each number.
    """

    def mix(cell, zoneout, at, before, candidate):
        z = kept(cell, zoneout, at)
        return add(multiply(z, before), take_part(candidate, z))

    def from_candidate(cell, zoneout, at, bar):
        return take_part(bar, kept(cell, zoneout, at))

    def add_from_before(cell, zoneout, at, bar, before_bar):
        return add(before_bar, multiply(kept(cell, zoneout, at), bar))

    return (
        by_given(lambda cell, zoneout, at, before, candidate: candidate, mix),
        by_given(lambda cell, zoneout, at, bar: bar, from_candidate),
        by_given(lambda cell, zoneout, at, bar, before_bar: before_bar, add_from_before),
    )


_mix, _from_candidate, _add_from_before = _mixing(_kept_of_units)
_mix_outputs, _from_projected, _add_from_outputs_before = _mixing(_kept_of_outputs)


def _project(cell, changes, at, before, candidate):
    return candidate


def _project_changed(cell, changes, at, before, candidate):
    return _mix_outputs(cell, changes[0], at, (before,), (candidate,))[0]


def _project_adjoint(cell, changes, at, bar):
    return zero(bar), bar


def _project_changed_adjoint(cell, changes, at, bar):
    # h = z * before + (1 - z) * candidate
    before_bar = _add_from_outputs_before(cell, changes[0], at, (bar,), (zero(bar),))[0]
    return before_bar, _from_projected(cell, changes[0], at, (bar,))[0]


# Of the unit at `at = (t, b, unit)`: (cell, changes, at, a, before, p), the state after the step and what to record;
# (cell, changes, h, record, at, saved, before, a_dot, before_dot, p, p_dot), its tangent; and (cell, changes, h,
# record, at, saved, before, bar, p), the adjoints of `a`, of the state before, and of p.
step = by_given(_plain_step, _changed_step)
tangent = by_given(_plain_tangent, _changed_tangent)
adjoint = by_given(_plain_adjoint, _changed_adjoint)

# The equations of an inner state, as in `numbarnn.cells.equations`.
inner = by_given(_plain_inner, _changed_inner)
inner_tangent = by_given(_plain_inner_tangent, _changed_inner_tangent)
inner_adjoint = by_given(_plain_inner_adjoint, _changed_inner_adjoint)

# Of a projected output: (cell, changes, at, before, candidate), the output, or in the same way its tangent; and (cell,
# changes, at, bar), the adjoints of the one before and of the candidate.
project = by_given(_project, _project_changed)
project_adjoint = by_given(_project_adjoint, _project_changed_adjoint)
