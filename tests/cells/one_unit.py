"""One step of a layer of one unit on single numbers, put together from a cell's equations as the loops over time do."""

from __future__ import annotations

from numbarnn.cells import equations
from numbarnn.cells.form import form_of
from numbarnn.cells.numbers import zero


def gates_of(cell):
    """The pre-activations of W's columns, and R's columns with theirs: of h, and of the inner state."""
    form = form_of(type(cell))
    recurrent = list(enumerate(form.recurrent_gates))
    outer = [(column, g) for column, g in recurrent if g not in form.inner_gates]
    return list(enumerate(form.input_gates)), outer, [(column, g) for column, g in recurrent if g in form.inner_gates]


def step(cell, x, before):
    """Return the new state and what the step saved."""
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
