"""The reference is checked by what its derivatives do not use: the whole forward pass, moved entry by entry."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import numbarnn
from tests import grid, reference

LENGTHS = [5, 0, 3]
CELLS = pytest.mark.parametrize("name", grid.CELLS)


def draw(name, seed):
    """Random weights, x and state of a small layer: T = 5, B = 3, I = 2, H = 4."""
    rng = np.random.default_rng(seed)
    like = numbarnn.cells.CELLS[name].init(2, 4)
    weights = tuple(rng.standard_normal(array.shape) for array in like)
    return weights, rng.standard_normal((5, 3, 2)), tuple(rng.standard_normal((3, 4)) for _ in range(like.state_size))


@CELLS
def test_tangent_by_central_differences(name):
    """The complex step holds only for an analytic forward pass; real numbers ask nothing of it."""
    given, given_dot, move = draw(name, 1), draw(name, 2), 1e-5

    def at(distance):
        weights, x, state = given
        weights_dot, x_dot, state_dot = given_dot
        moved = [w + distance * w_dot for w, w_dot in zip(weights, weights_dot, strict=True)]
        moved_state = [part + distance * part_dot for part, part_dot in zip(state, state_dot, strict=True)]
        y, last = reference.forward(grid.CELLS[name], moved, x + distance * x_dot, moved_state, LENGTHS)
        return [y, *last]

    y_dot, last_dot = reference.tangent(grid.CELLS[name], *given, LENGTHS, *given_dot)
    for dot, ahead, behind in zip([y_dot, *last_dot], at(move), at(-move), strict=True):
        assert_allclose(dot, (ahead - behind) / (2 * move), rtol=1e-6, atol=1e-6)


@CELLS
def test_adjoint_is_the_gradient_entry_by_entry(name):
    weights, x, state = draw(name, 3)
    _, y_bar, last_bar = draw(name, 4)
    y_bar = np.random.default_rng(5).standard_normal((5, 3, 4))
    bars = reference.adjoint(grid.CELLS[name], weights, x, state, LENGTHS, y_bar, last_bar)
    given = [*weights, x, *state]
    for which, bar in enumerate(grid.leaves(bars)):
        expected = np.empty(bar.shape)
        for entry in np.ndindex(bar.shape):
            moved = [array.astype(complex) for array in given]
            moved[which][entry] += 1j * reference.TINY
            *moved_weights, moved_x = moved[: len(weights) + 1]
            y, last = reference.forward(grid.CELLS[name], moved_weights, moved_x, moved[len(weights) + 1 :], LENGTHS)
            loss = np.sum(y_bar * y.imag) + sum(np.sum(b * a.imag) for a, b in zip(last, last_bar, strict=True))
            expected[entry] = loss / reference.TINY
        assert_allclose(bar, expected, rtol=1e-12, atol=1e-14)


def test_a_state_of_parts_of_different_widths():
    """As an LSTM with a projection has it, whose output is narrower than its cell."""

    def step(weights, x, state):
        W, R, P = weights
        r, c = state
        c = c + np.tanh(x @ W + r @ R)
        return np.tanh(c) @ P, c

    rng = np.random.default_rng(0)
    weights = tuple(rng.standard_normal(shape) for shape in [(2, 4), (3, 4), (4, 3)])
    x, state = rng.standard_normal(2), (rng.standard_normal(3), rng.standard_normal(4))
    state_bar = rng.standard_normal(3), rng.standard_normal(4)
    given = [*weights, x, *state]
    for which, bar in enumerate(grid.leaves(reference.step_adjoint(step, weights, x, state, state_bar))):
        expected = np.empty(bar.shape)
        for entry in np.ndindex(bar.shape):
            moved = [array.astype(complex) for array in given]
            moved[which][entry] += 1j * reference.TINY
            r, c = step(moved[:3], moved[3], moved[4:])
            expected[entry] = (r.imag @ state_bar[0] + c.imag @ state_bar[1]) / reference.TINY
        assert_allclose(bar, expected, rtol=1e-13, atol=1e-15)


def test_memory_cell_by_hand():
    """With all its gates wide open, an LSTM unit adds tanh(x) to its cell at each step."""
    wide_open = 40.0
    weights = np.array([[0, 0, 1.0, 0]]), np.zeros((1, 4)), np.array([wide_open, wide_open, 0, wide_open])
    state = np.array([[0.0]]), np.array([[4.2]])
    y, (h, c) = reference.forward(reference.lstm, weights, np.ones((3, 1, 1)), state, [3])
    assert_allclose(c, 4.2 + 3 * np.tanh(1.0), rtol=1e-14, atol=0)
    assert_allclose(h, np.tanh(c), rtol=1e-14, atol=0)
    assert_allclose(y[-1], h, rtol=0, atol=0)
