"""Each cell's equations on single numbers, put together to one step of one unit, against the reference."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from numbarnn.cells import CELLS
from numbarnn.cells.form import form_of
from tests import grid, reference
from tests.cells import one_unit

# The units of cells with a projection are those of other cells.
NAMES = [name for name in grid.CELLS if not form_of(CELLS[name]).projection]
PARAMETRIZE = pytest.mark.parametrize("name", NAMES)
SEEDS = pytest.mark.parametrize("seed", range(5))


def draw(name, seed, number=float):
    """A cell of one unit and one input whose fields hold single numbers, an input, and a state; all random."""
    rng = np.random.default_rng(seed)
    form, size = form_of(CELLS[name]), CELLS[name].state_size

    def numbers(count):
        return tuple(number(drawn) for drawn in 2 * rng.standard_normal(count))

    W, R, b = (numbers(len(gates)) for gates in (form.input_gates, form.recurrent_gates, range(form.n_gates)))
    gains = [numbers(form.n_gates) for _ in form.normalisation[:2]]
    parameters = numbers(len(form.unit_parameters) + len(form.normalisation[2:]))
    return CELLS[name](W, R, b, *gains, *parameters), number(rng.standard_normal()), numbers(size)


def in_arrays(cell, x, state):
    """What the reference takes: matrices (1, G), and vectors."""
    W, R, *vectors = cell
    weights = [np.array([W]), np.array([R]), *map(np.atleast_1d, vectors)]
    return weights, np.array([x]), [np.array([part]) for part in state]


def flat(tree):
    """The numbers of a nested tuple, in order."""
    return [number for branch in tree for number in flat(branch)] if isinstance(tree, list | tuple) else [tree]


def tangent_of_the_reference(name, given, given_dot):
    (weights, x, state), (weights_dot, x_dot, state_dot) = in_arrays(*given), in_arrays(*given_dot)
    state, state_dot = ([part[None] for part in parts] for parts in (state, state_dot))
    given_dot = weights_dot, x_dot[None, None], state_dot
    _, last_dot = reference.tangent(grid.CELLS[name], weights, x[None, None], state, [1], *given_dot)
    return np.ravel(last_dot)


@PARAMETRIZE
@SEEDS
def test_step(name, seed):
    given = draw(name, seed)
    state, saved = one_unit.step(*given)
    assert len(saved) == CELLS[name].n_saved
    expected = grid.CELLS[name](*in_arrays(*given))
    assert_allclose(state, np.ravel(expected), rtol=1e-14, atol=1e-15)


@PARAMETRIZE
def test_step_on_complex_numbers(name):
    given, given_dot = draw(name, 7), draw(name, 8)

    def moved(value, dot):
        if isinstance(value, tuple):
            return tuple(map(moved, value, dot))
        return complex(value, reference.TINY * dot)

    cell, x, state = map(moved, given, given_dot)
    new, _ = one_unit.step(CELLS[name](*cell), x, state)
    expected = tangent_of_the_reference(name, given, given_dot)
    assert_allclose(np.imag(new) / reference.TINY, expected, rtol=1e-13, atol=1e-14)


@PARAMETRIZE
@SEEDS
def test_tangent(name, seed):
    given, given_dot = draw(name, seed), draw(name, seed + 100)
    state_dot = one_unit.tangent(*given, *one_unit.step(*given), *given_dot)
    assert_allclose(state_dot, tangent_of_the_reference(name, given, given_dot), rtol=1e-13, atol=1e-14)


@PARAMETRIZE
@SEEDS
def test_adjoint(name, seed):
    given, state_bar = draw(name, seed), draw(name, seed + 100)[2]
    bars = one_unit.adjoint(*given, *one_unit.step(*given), state_bar)
    expected = reference.step_adjoint(grid.CELLS[name], *in_arrays(*given), np.array(state_bar)[:, None])
    expected = np.concatenate([bar.ravel() for bar in grid.leaves(expected)])
    assert_allclose(flat(bars), expected, rtol=1e-13, atol=1e-14)


@PARAMETRIZE
def test_nothing_pulls_float32_into_float64(name):
    given = draw(name, 0, np.float32)
    new = one_unit.step(*given)
    state_dot = one_unit.tangent(*given, *new, *draw(name, 1, np.float32))
    bars = one_unit.adjoint(*given, *new, draw(name, 2, np.float32)[2])
    assert {type(number) for number in flat([*new, state_dot, *bars])} == {np.float32}
