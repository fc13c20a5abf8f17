"""Cells with any number of gates, for tests of what the kernels do with gates beyond one tile.

With `g_k = tanh(a_k)`, `h = g_0 h_before + g_1 g_2 + g_2 g_3 + ...`; where the outputs are projected, `g_0 g_1` is the
first term, and where there are inner gates, the inner state is `u = g_0 h_before`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from numbarnn.cells import numbers
from numbarnn.cells.form import form_of


class Base(NamedTuple):
    """The arrays of a cell without more parameters."""

    W: np.ndarray
    R: np.ndarray
    b: np.ndarray


class Projected(NamedTuple):
    """The arrays of a cell with a projection."""

    W: np.ndarray
    R: np.ndarray
    b: np.ndarray
    P: np.ndarray


def cell_class(n_gates: int, **form: Any) -> Any:
    """Return a class of cell with so many gates, and `input_gates` and so on as given."""
    gates = range(n_gates)
    inner, projected = form.get("inner_gates", ()), "projection" in form
    each = {name: ", ".join(f"{name}{k}" for k in gates) for name in ("g", "a", "a_dot")}
    factors = "g1" if projected else "before[0]"
    terms = [f"g0 * {factors}", *(f"g{k} * g{k + 1}" for k in range(1, n_gates - 1))]
    dots = [f"d0 * {factors} + g0 * {'d1' if projected else 'before_dot[0]'}"]
    dots += [f"d{k} * g{k + 1} + g{k} * d{k + 1}" for k in range(1, n_gates - 1)]
    bars: dict[int, list[str]] = {k: [] for k in gates}
    for k in range(1, n_gates - 1):
        bars[k].append(f"bar[0] * g{k + 1}")
        bars[k + 1].append(f"bar[0] * g{k}")
    if projected:
        bars[1].append("bar[0] * g0")
    bars[0].append(f"bar[0] * {factors}")
    slopes = [f"(({' + '.join(bars[k])}) * tanh_slope(g{k}))" for k in gates]
    before_bar = "zero(bar[0])" if projected else "bar[0] * g0"
    source = f"""
def step(a, before):
    {each["a"]}, = a
    {"; ".join(f"g{k} = {'a0' if inner and k == 0 else f'tanh(a{k})'}" for k in gates)}
    return ({" + ".join(terms)},), ({each["g"]},)

def tangent(saved, before, state, a_dot, before_dot):
    {each["g"]}, = saved
    {"; ".join(f"d{k} = tanh_slope(g{k}) * a_dot[{k}]" for k in gates)}
    return ({" + ".join(dots)},)

def adjoint(saved, before, state, bar):
    {each["g"]}, = saved
    return ({", ".join(slopes)},), ({before_bar},)

def inner(a, before):
    g0 = tanh(a[0])
    return g0 * before[0], (g0, {", ".join(f"a[{k}]" for k in gates if k)})

def inner_saved(saved, before):
    return saved[0] * before[0]

def inner_tangent(saved, before, a_dot, before_dot):
    return tanh_slope(saved[0]) * a_dot[0] * before[0] + saved[0] * before_dot[0]

def inner_adjoint(saved, before, u_bar):
    none = zero(u_bar)
    return (u_bar * before[0] * tanh_slope(saved[0]), {", ".join("none" for k in gates if k)}), (u_bar * saved[0],)
"""
    methods: dict[str, Any] = {}
    exec(source, {"tanh": numbers.tanh, "tanh_slope": numbers.tanh_slope, "zero": numbers.zero}, methods)
    names = [name for name in methods if inner or not name.startswith("inner")]
    given = {"n_gates": n_gates, "state_size": 1, "n_saved": n_gates, **form}
    kind = type(f"Gates{n_gates}", (Projected if projected else Base,), given | {"__slots__": ()})
    for name in names:
        setattr(kind, name, staticmethod(methods[name]))
    return kind


def draw(kind: Any, n_inputs: int, n_units: int, n_outputs: int | None = None) -> Any:
    """Return a cell of the class with random weights, in float64."""
    rng = np.random.default_rng(0)
    shapes = form_of(kind).shapes(n_inputs, n_outputs or n_units, n_units)
    return kind(*(rng.standard_normal(shapes[field]) / np.sqrt(shapes[field][0]) for field in kind._fields))


def outputs(cell: Any, x: np.ndarray) -> np.ndarray:
    """Return the outputs from a zero state, by a loop that anyone can read."""
    form, n_units = form_of(type(cell)), cell.b.size // cell.n_gates

    def cut(matrix, gates):
        return {g: matrix[..., i * n_units : (i + 1) * n_units] for i, g in enumerate(gates)}

    W, R, b = cut(cell.W, form.input_gates), cut(cell.R, form.recurrent_gates), cut(cell.b, range(form.n_gates))
    h = np.zeros((x.shape[1], len(cell.R)))
    m, y = np.zeros((x.shape[1], n_units)), []
    for x_t in x:
        a = [np.broadcast_to(b[g], m.shape) + 0 for g in range(form.n_gates)]
        for g in range(form.n_gates):
            a[g] += x_t @ W[g] if g in W else 0
            a[g] += h @ R[g] if g in form.outer_gates else 0
        if form.inner_gates:
            u, a = cell.inner(tuple(a), (m,))
            a = [a_g + u @ R[g] if g in form.inner_gates else a_g for g, a_g in enumerate(a)]
        (m,), _ = cell.step(tuple(a), (m,))
        h = m @ cell.P if form.projection else m
        y.append(h)
    return np.array(y)
