"""One step of a layer of one unit on single numbers, put together from a cell's equations as the loops over time do."""

from __future__ import annotations

from functools import reduce
from operator import add

from numbarnn.cells import equations
from numbarnn.cells.form import form_of
from numbarnn.cells.normalisation import slope
from numbarnn.cells.numbers import reciprocal_deviation, zero


def gates_of(cell):
    """The pre-activations of W's columns, and R's columns with theirs: of h, and of the inner state."""
    form = form_of(type(cell))
    recurrent = list(enumerate(form.recurrent_gates))
    outer = [(column, g) for column, g in recurrent if g not in form.inner_gates]
    return list(enumerate(form.input_gates)), outer, [(column, g) for column, g in recurrent if g in form.inner_gates]


def step(cell, x, before):
    """Return the new state and what the step saved."""
    if form_of(type(cell)).normalisation:
        return normalised_step(cell, x, before)
    W, R, b, *p = cell
    inputs, outer, inner = gates_of(cell)
    a = list(b)
    for column, g in inputs:
        a[g] += x * W[column]
    for column, g in outer:
        a[g] += before[0] * R[column]
    if inner:
        u, a = equations.inner(cell, tuple(a), before)
        a = list(a)
        for column, g in inner:
            a[g] += u * R[column]
    return equations.step(cell, tuple(a), before, tuple(p))


def tangent(cell, x, before, state, saved, cell_dot, x_dot, before_dot):
    """Return the tangent of the new state."""
    if form_of(type(cell)).normalisation:
        return normalised_tangent(cell, x, before, state, saved, cell_dot, x_dot, before_dot)
    W, R, _, *p = cell
    W_dot, R_dot, b_dot, *p_dot = cell_dot
    inputs, outer, inner = gates_of(cell)
    a_dot = list(b_dot)
    for column, g in inputs:
        a_dot[g] += x_dot * W[column] + x * W_dot[column]
    for column, g in outer:
        a_dot[g] += before_dot[0] * R[column] + before[0] * R_dot[column]
    if inner:
        u = equations.inner_saved(cell, saved, before)
        u_dot = equations.inner_tangent(cell, saved, before, tuple(a_dot), before_dot)
        for column, g in inner:
            a_dot[g] += u_dot * R[column] + u * R_dot[column]
    return equations.tangent(cell, saved, before, state, tuple(a_dot), before_dot, tuple(p), tuple(p_dot))


def adjoint(cell, x, before, state, saved, state_bar):
    """Return the bars of the cell's weights, of x, and of the state before."""
    if form_of(type(cell)).normalisation:
        return normalised_adjoint(cell, x, before, state, saved, state_bar)
    W, R, _, *p = cell
    inputs, outer, inner = gates_of(cell)
    W_bar, R_bar = [zero(w) for w in W], [zero(w) for w in R]
    a_bar, before_bar, p_bar = equations.adjoint(cell, saved, before, state, state_bar, tuple(p))
    a_bar, before_bar = list(a_bar), list(before_bar)
    if inner:
        u, u_bar = equations.inner_saved(cell, saved, before), zero(x)
        for column, g in inner:
            u_bar += a_bar[g] * R[column]
            R_bar[column] += u * a_bar[g]
        more_a_bar, more_before_bar = equations.inner_adjoint(cell, saved, before, u_bar)
        a_bar = [bar + more for bar, more in zip(a_bar, more_a_bar, strict=True)]
        before_bar = [bar + more for bar, more in zip(before_bar, more_before_bar, strict=True)]
    for column, g in outer:
        before_bar[0] += a_bar[g] * R[column]
        R_bar[column] += before[0] * a_bar[g]
    x_bar = zero(x)
    for column, g in inputs:
        x_bar += a_bar[g] * W[column]
        W_bar[column] += x * a_bar[g]
    return type(cell)(W_bar, R_bar, a_bar, *p_bar), x_bar, tuple(before_bar)


def normalised_step(cell, x, before):
    W, R, b, gain_x, gain_h, *p = cell
    z_x, z_h = product(x, centred(W)), product(before[0], centred(R))
    a = [
        total(parts) for parts in zip(b, scaled(gain_x, normalised(z_x)), scaled(gain_h, normalised(z_h)), strict=True)
    ]
    (o, c), saved = equations.step(cell, tuple(a), before, ())
    (v,) = normalised(centred([c]))
    return (equations.output(cell, o, v, tuple(p)), c), (*saved, *z_h)


def normalised_tangent(cell, x, before, state, saved, cell_dot, x_dot, before_dot):
    W, R, _, gain_x, gain_h, *p = cell
    W_dot, R_dot, b_dot, gain_x_dot, gain_h_dot, *p_dot = cell_dot
    parts = [b_dot]
    for u, u_dot, M, M_dot, gain, gain_dot in (
        (x, x_dot, W, W_dot, gain_x, gain_x_dot),
        (before[0], before_dot[0], R, R_dot, gain_h, gain_h_dot),
    ):
        z = product(u, centred(M))
        z_dot = added(product(u_dot, centred(M)), product(u, centred(M_dot)))
        parts += [scaled(gain_dot, normalised(z)), scaled(gain, along(z, z_dot))]
    a_dot = tuple(total(numbers) for numbers in zip(*parts, strict=True))
    o_dot, c_dot = equations.tangent(cell, saved[:4], before, state, a_dot, before_dot, (), ())
    (v,), (v_dot,) = normalised(centred([state[1]])), along(centred([state[1]]), centred([c_dot]))
    return equations.output_tangent(cell, saved[0], v, o_dot, v_dot, tuple(p), tuple(p_dot)), c_dot


def normalised_adjoint(cell, x, before, state, saved, state_bar):
    W, R, _, gain_x, gain_h, *p = cell
    h_bar, c_bar = state_bar
    (v,) = normalised(centred([state[1]]))
    o_bar, v_bar, p_bar = equations.output_adjoint(cell, saved[0], v, h_bar, tuple(p))
    c_bar += along(centred([state[1]]), centred([v_bar]))[0]
    a_bar, (_, c_before_bar), _ = equations.adjoint(cell, saved[:4], before, state, (o_bar, c_bar), ())
    bars = []
    for u, M, gain in ((x, W, gain_x), (before[0], R, gain_h)):
        z = product(u, centred(M))
        z_bar = along(z, scaled(gain, a_bar))
        gain_bar = scaled(a_bar, normalised(z))
        bars.append((centred(product(u, z_bar)), gain_bar, total(scaled(z_bar, centred(M)))))
    (W_bar, gain_x_bar, x_bar), (R_bar, gain_h_bar, h_before_bar) = bars
    return type(cell)(W_bar, R_bar, a_bar, gain_x_bar, gain_h_bar, *p_bar), x_bar, (h_before_bar, c_before_bar)


def product(u, M):
    return [u * number for number in M]


def scaled(gain, values):
    return [g * value for g, value in zip(gain, values, strict=True)]


def added(values, others):
    return [a + b for a, b in zip(values, others, strict=True)]


def total(values):
    """The sum, not begun with a zero that is an integer: to NumPy 1 that and a float32 are a float64."""
    return reduce(add, values)


def mean(values):
    return total(values) * type(values[0])(1 / len(values))


def centred(values):
    return [value - mean(values) for value in values]


def normalised(z):
    """What a centred row becomes."""
    return product(reciprocal_deviation(mean(scaled(z, z))), z)


def along(z, moved):
    """The derivative of `normalised` along a row: its tangent, and its adjoint."""
    v, scale = normalised(z), reciprocal_deviation(mean(scaled(z, z)))
    return [slope(a, scale, u, mean(scaled(v, moved))) for a, u in zip(v, moved, strict=True)]
