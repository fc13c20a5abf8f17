"""Cells defined by users on the device: any number of gates, and classes of one name."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose

import numbarnn
from numbarnn.cells.numbers import sigmoid, sigmoid_slope, tanh, tanh_slope
from tests.cuda.device import down, needs_device, up

T, B, I, H = 4, 3, 2, 5
LENGTHS = np.array([4, 1, 3])


class FiveGates(NamedTuple):
    """An LSTM with a second output gate: `h_t = o tanh(c_t) + e c_(t-1)`."""

    W: Any
    R: Any
    b: Any

    n_gates = 5  # i f g o e
    state_size = 2
    n_saved = 5

    @classmethod
    def init(cls, n_inputs, n_units, dtype="float32", random_state=None):
        rng = np.random.default_rng(random_state)
        n_recurrent = len(getattr(cls, "recurrent_gates", range(5)))
        shapes = (n_inputs, 5 * n_units), (n_units, n_recurrent * n_units), (5 * n_units,)
        return cls(*(rng.normal(size=shape).astype(dtype) for shape in shapes))

    @staticmethod
    def step(a, state):
        i, f, g, o, e = sigmoid(a[0]), sigmoid(a[1]), tanh(a[2]), sigmoid(a[3]), tanh(a[4])
        c = f * state[1] + i * g
        return (o * tanh(c) + e * state[1], c), (i, f, g, o, e)

    @staticmethod
    def tangent(saved, state_before, state, a_dot, state_before_dot):
        i, f, g, o, e = saved
        i_dot, f_dot, o_dot = sigmoid_slope(i) * a_dot[0], sigmoid_slope(f) * a_dot[1], sigmoid_slope(o) * a_dot[3]
        g_dot, e_dot = tanh_slope(g) * a_dot[2], tanh_slope(e) * a_dot[4]
        c_before, c_before_dot, s = state_before[1], state_before_dot[1], tanh(state[1])
        c_dot = f_dot * c_before + f * c_before_dot + i_dot * g + i * g_dot
        h_dot = o_dot * s + o * tanh_slope(s) * c_dot + e_dot * c_before + e * c_before_dot
        return h_dot, c_dot

    @staticmethod
    def adjoint(saved, state_before, state, state_bar):
        i, f, g, o, e = saved
        h_bar, c_bar = state_bar
        c_before, s = state_before[1], tanh(state[1])
        # h = o * tanh(c) + e * c_before
        c_bar = c_bar + h_bar * o * tanh_slope(s)
        # c = f * c_before + i * g
        a_bar = (
            c_bar * g * sigmoid_slope(i),
            c_bar * c_before * sigmoid_slope(f),
            c_bar * i * tanh_slope(g),
            h_bar * s * sigmoid_slope(o),
            h_bar * c_before * tanh_slope(e),
        )
        zero = h_bar - h_bar
        return a_bar, (zero, c_bar * f + h_bar * e)


class FourOfThemRecurrent(FiveGates):
    """The same, where the gate g gets no part of h."""

    recurrent_gates = 0, 1, 3, 4


def naive_forward(cell, x, state, lengths):
    """Return the outputs and the final state by a plain loop; also of complex numbers."""

    def logistic(a):
        return 1 / (1 + np.exp(-a))

    size, (h, c) = cell.b.size // 5, (part.astype(cell.W.dtype) for part in state)
    y = np.zeros((*x.shape[:2], size), cell.W.dtype)
    gates = getattr(type(cell), "recurrent_gates", range(5))
    for b, n_steps in enumerate(lengths):
        for t in range(n_steps):
            a = (x[t, b] @ cell.W + cell.b).reshape(5, size)
            a[list(gates)] += (h[b] @ cell.R).reshape(-1, size)
            i, f, o, g, e = logistic(a[0]), logistic(a[1]), logistic(a[3]), np.tanh(a[2]), np.tanh(a[4])
            before = c[b].copy()
            c[b] = f * before + i * g
            h[b] = y[t, b] = o * np.tanh(c[b]) + e * before
    return y, (h, c)


def inner(left, right):
    return sum(np.sum(a * b) for a, b in zip(left, right, strict=True))


ARRANGEMENTS = {
    "shared memory": {},
    "registers": {"RESIDENT_THREADS": 1000, "units_of_block": lambda *_: 2, "n_multiprocessors": lambda: 6},
}


@pytest.mark.cuda
@needs_device[1]
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize("kind", [FiveGates, FourOfThemRecurrent])
def test_five_gates(kind, arrangement, monkeypatch):
    """Values by a plain loop, the tangent by a complex step through it, the adjoint by the dot test."""
    from numbarnn.kernels.cuda import compile as compiling
    from numbarnn.kernels.cuda import launch

    for name, value in ARRANGEMENTS[arrangement].items():
        monkeypatch.setattr(launch, name, value)
    monkeypatch.setattr(compiling, "n_resident", lambda *_: 1000)
    rng = np.random.default_rng(1)
    cell, cell_dot = (kind.init(I, H, "float64", seed) for seed in (0, 1))
    x, x_dot = rng.normal(size=(2, T, B, I))
    state, state_dot, state_bar = (tuple(rng.normal(size=(2, B, H))) for _ in range(3))
    y_bar = rng.normal(size=(T, B, H))

    y, final, tape = numbarnn.forward(up(cell), up(x), up(state), LENGTHS)
    expected_y, expected_final = naive_forward(cell, x, state, LENGTHS)
    for ours, expected in zip(down((y, *final)), (expected_y, *expected_final), strict=True):
        assert_allclose(ours, expected, rtol=1e-12, atol=1e-14)

    y_dot, final_dot = down(numbarnn.tangent(up(cell), tape, up(cell_dot), up(x_dot), up(state_dot)))
    moved = [
        [value + 1e-30j * dot for value, dot in zip(values, dots, strict=True)]
        for values, dots in ((cell, cell_dot), ((x,), (x_dot,)), (state, state_dot))
    ]
    expected_y, expected_final = naive_forward(kind(*moved[0]), moved[1][0], moved[2], LENGTHS)
    for ours, expected in zip((y_dot, *final_dot), (expected_y, *expected_final), strict=True):
        assert_allclose(ours, expected.imag / 1e-30, rtol=1e-12, atol=1e-14)

    cell_bar, x_bar, first_bar = down(numbarnn.adjoint(up(cell), tape, up(y_bar), up(state_bar)))
    valid = np.arange(T)[:, None, None] < LENGTHS[:, None]
    left = inner((y_bar * valid, *state_bar), (y_dot, *final_dot))
    right = inner((*cell_bar, x_bar, *first_bar), (*cell_dot, x_dot, *state_dot))
    assert_allclose(left, right, rtol=1e-12, atol=0)


def redefined(factor):
    """Return a class named `Redefined`, as a notebook does that runs a cell again; `h = factor * a`."""

    class Redefined(NamedTuple):
        W: Any
        R: Any
        b: Any

        n_gates = 1
        state_size = 1
        n_saved = 0

        @staticmethod
        def step(a, state):
            return ((a[0] + a[0] if factor == 2 else a[0]),), ()

        @staticmethod
        def tangent(saved, state_before, state, a_dot, state_before_dot):
            return ((a_dot[0] + a_dot[0] if factor == 2 else a_dot[0]),)

        @staticmethod
        def adjoint(saved, state_before, state, state_bar):
            h_bar = state_bar[0]
            return ((h_bar + h_bar if factor == 2 else h_bar),), (h_bar - h_bar,)

    return Redefined


@pytest.mark.cuda
@needs_device[1]
def test_classes_of_one_name():
    """The equations are those of the class object, and each class has kernels of its own: Numba compares names."""
    from numbarnn.kernels.cuda.compile import kernel_for
    from numbarnn.kernels.cuda.forward import forward

    cells = [redefined(factor)(None, None, None) for factor in (1, 2)]
    assert kernel_for(cells[0], forward) is kernel_for(cells[0], forward)
    assert kernel_for(cells[0], forward) is not kernel_for(cells[1], forward)
    weights, x = (np.full((1, 1), 0.5), np.full((1, 1), 0.25), np.zeros(1)), np.ones((2, 1, 1))
    for factor in (1, 2, 1):
        cell = up(redefined(factor)(*weights))
        y, _, tape = numbarnn.forward(cell, up(x))
        first = factor * 0.5
        assert_allclose(down((y,))[0].ravel(), [first, factor * (0.5 + 0.25 * first)], rtol=1e-15, atol=0)
        bars = down(numbarnn.adjoint(cell, tape, up(np.ones((2, 1, 1)))))
        assert_allclose(bars.x.ravel(), [factor * 0.5 * (1 + factor * 0.25), factor * 0.5], rtol=1e-15, atol=0)
