"""The step of a cell with zoneout and a clip of the pre-activations.

Both are options in the `Modifiers` of a kernel. Where one is absent, the kernel compiles nothing of it, so that without
either a step is the plain one.
"""

from __future__ import annotations

from functools import cache

from numbarnn.cells import equations
from numbarnn.cells.form import form_of
from numbarnn.cells.numbers import zero
from numbarnn.kernels.cuda.bounded import inputs, outputs, plain
from numbarnn.kernels.cuda.compile import by_cell, by_option, inline
from numbarnn.kernels.cuda.state import load_state
from numbarnn.kernels.cuda.units import add, load_recorded, multiply, multiply_by_rest


@inline
def step(cell, modifiers, at, a, before, p):
    """Return the state of the unit at `at = (t, b, unit)` after the step, and the numbers to record."""
    bounded = inputs(cell, modifiers.clip, a)
    candidate, saved = plain(cell, modifiers.clip, equations.step(cell, bounded, before, p))
    state = mix(cell, modifiers.zoneout, at, before, candidate)
    return state, saved + _to_record(cell, modifiers.zoneout, candidate)


@inline
def tangent(cell, modifiers, tape, at, a_dot, before_dot, saved, before, p, p_dot):
    """Return the tangent of the state that `step` returned for the unit at `at`."""
    candidate = outputs(cell, modifiers.clip, _load_candidate(cell, modifiers.zoneout, tape, at))
    saved = outputs(cell, modifiers.clip, saved)
    after_dot = equations.tangent(cell, saved, before, candidate, a_dot, before_dot, p, p_dot)
    return mix(cell, modifiers.zoneout, at, before_dot, plain(cell, modifiers.clip, after_dot))


@inline
def adjoint(cell, modifiers, tape, at, state_bar, saved, before, p):
    """Return the adjoints of the unit's pre-activations, of its state before the step, and of its parameters."""
    candidate = outputs(cell, modifiers.clip, _load_candidate(cell, modifiers.zoneout, tape, at))
    saved = outputs(cell, modifiers.clip, saved)
    # state = z * before + (1 - z) * candidate
    candidate_bar = adjoint_of_candidate(cell, modifiers.zoneout, at, state_bar)
    bars = equations.adjoint(cell, saved, before, candidate, candidate_bar, p)
    a_bar, before_bar, p_bar = plain(cell, modifiers.clip, bars)
    return a_bar, add_adjoint_of_before(cell, modifiers.zoneout, at, state_bar, before_bar), p_bar


@inline
def inner(cell, clip, a, before):
    """Return the inner state, and the pre-activations, as `numbarnn.cells.equations.inner` does."""
    return plain(cell, clip, equations.inner(cell, inputs(cell, clip, a), before))


@inline
def inner_tangent(cell, clip, saved, before, a_dot, before_dot):
    """Return the tangent of the inner state."""
    return plain(cell, clip, (equations.inner_tangent(cell, outputs(cell, clip, saved), before, a_dot, before_dot),))[0]


@inline
def inner_adjoint(cell, clip, saved, before, u_bar):
    """Return the terms that the adjoint of the inner state adds to those of the pre-activations and of the state."""
    return plain(cell, clip, equations.inner_adjoint(cell, outputs(cell, clip, saved), before, u_bar))


@inline
def project(cell, zoneout, at, before, candidate):
    """Return the projected output at `at` after zoneout, from the one before; the tangents go in the same way."""
    return mix_outputs(cell, zoneout, at, (before,), (candidate,))[0]


@inline
def project_adjoint(cell, zoneout, at, bar):
    """Return the adjoints of the output before and of the candidate of `project`."""
    # h = z * before + (1 - z) * candidate
    before_bar = add_adjoint_of_outputs_before(cell, zoneout, at, (bar,), (zero(bar),))[0]
    return before_bar, adjoint_of_projected(cell, zoneout, at, (bar,))[0]


def _load_after(cell, zoneout, tape, at):
    t, b, unit = at
    return load_state(cell, tape.h, (t + 1, b, unit), tape.record, (t + 1, b, 0, unit))


def _load_recorded(cell, zoneout, tape, at):
    t, b, unit = at
    return load_recorded(cell, tape.record, (t + 1, b, tape.record.shape[2] - len(zoneout), unit))


@by_option(_load_after, _load_recorded)
def _load_candidate(cell, zoneout, tape, at):
    """Return the state that the cell's own step returned, before zoneout mixed it with the state before."""


def _record_nothing(cell, zoneout, candidate):
    return ()


def _record_candidate(cell, zoneout, candidate):
    return candidate


@by_option(_record_nothing, _record_candidate)
def _to_record(cell, zoneout, candidate):
    """Return the numbers that the derivatives cannot read from the states."""


@inline
def _fraction(z, at):
    """Return the fraction of one unit; along an axis of one element all have it in common."""
    t, b, unit = at
    return z[min(t, z.shape[0] - 1), min(b, z.shape[1] - 1), min(unit, z.shape[2] - 1)]


@cache
def _fractions(size):
    """Return the function that loads the fractions of `size` parts of a state."""
    if size == 0:
        return _no_fractions
    rest = inline(_fractions(size - 1))

    def load(cell, zoneout, at):
        return (_fraction(zoneout[0], at),) + rest(cell, zoneout[1:], at)

    return load


def _no_fractions(cell, zoneout, at):
    return ()


def _fractions_of_units(cell_class):
    """Return the function that loads the fraction of each part of a unit's state.

    The part that a cell projects to its outputs is not kept from step to step, so its fraction is zero.
    """
    if not form_of(cell_class).projection:
        return _fractions(cell_class.state_size)
    of_parts = inline(_fractions(cell_class.state_size - 1))

    def load(cell, zoneout, at):
        return (zero(_fraction(zoneout[0], at)),) + of_parts(cell, zoneout[1:], at)

    return load


@by_cell(_fractions_of_units)
def fractions_of_units(cell, zoneout, at):
    """Return the fraction of each part of a unit's state that zoneout keeps."""


@inline
def fraction_of_outputs(cell, zoneout, at):
    """Return the fraction of a projected output that zoneout keeps."""
    return (_fraction(zoneout[0], at),)


def _candidate(cell, zoneout, at, before, candidate):
    return candidate


def _bar(cell, zoneout, at, bar):
    return bar


def _before_bar(cell, zoneout, at, bar, before_bar):
    return before_bar


def _mixing(fractions):
    """Return the function that mixes two states by fractions, and those that reverse it by each of the two."""

    def mixed(cell, zoneout, at, before, candidate):
        z = fractions(cell, zoneout, at)
        return add(multiply(z, before), multiply_by_rest(candidate, z))

    def candidate_bar(cell, zoneout, at, bar):
        return multiply_by_rest(bar, fractions(cell, zoneout, at))

    def with_before_bar(cell, zoneout, at, bar, before_bar):
        return add(before_bar, multiply(fractions(cell, zoneout, at), bar))

    return mixed, candidate_bar, with_before_bar


_mix_units, _units_bar, _add_units_before_bar = _mixing(fractions_of_units)
_mix_projected, _projected_bar, _add_projected_before_bar = _mixing(fraction_of_outputs)


@by_option(_candidate, _mix_units)
def mix(cell, zoneout, at, before, candidate):
    """Return the state of a unit `z * before + (1 - z) * candidate`, or its tangent; without zoneout, the candidate."""


@by_option(_bar, _units_bar)
def adjoint_of_candidate(cell, zoneout, at, bar):
    """Return the adjoint of the candidate of `mix`, from that of the mixed state."""


@by_option(_before_bar, _add_units_before_bar)
def add_adjoint_of_before(cell, zoneout, at, bar, before_bar):
    """Return `before_bar` with the adjoint of the state before of `mix` added."""


@by_option(_candidate, _mix_projected)
def mix_outputs(cell, zoneout, at, before, candidate):
    """Return the mixed output as `mix` does, for a projected output in a tuple."""


@by_option(_bar, _projected_bar)
def adjoint_of_projected(cell, zoneout, at, bar):
    """Return the adjoint as `adjoint_of_candidate` does, for a projected output in a tuple."""


@by_option(_before_bar, _add_projected_before_bar)
def add_adjoint_of_outputs_before(cell, zoneout, at, bar, before_bar):
    """Return the sum as `add_adjoint_of_before` does, for a projected output in a tuple."""
