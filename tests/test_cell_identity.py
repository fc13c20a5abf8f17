"""A cell is its class: two classes of one name never run each other's equations."""

from __future__ import annotations

import gc
import sys
from types import ModuleType

import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbarnn
from numbarnn.kernels.cpu.compile import kernel_for
from numbarnn.kernels.cpu.packing import pack_cell
from numbarnn.testing import dot_test, taylor_test

SOURCE = """
from typing import NamedTuple
import numpy as np
from numbarnn.cells.numbers import zero

class Linear(NamedTuple):
    W: np.ndarray
    R: np.ndarray
    b: np.ndarray
    n_gates = 1
    state_size = 1
    n_saved = 0

    @staticmethod
    def step(a, state):
        return ({sign}a[0],), ()

    @staticmethod
    def tangent(saved, state_before, state, a_dot, state_before_dot):
        return ({sign}a_dot[0],)

    @staticmethod
    def adjoint(saved, state_before, state, state_bar):
        return ({sign}state_bar[0],), (zero(state_bar[0]),)
"""


def define(sign, module="first"):
    """The class Linear, h = a or h = -a, as a notebook or a module defines it."""
    namespace = {"__name__": module}
    exec(SOURCE.format(sign=sign), namespace)
    return namespace["Linear"]


def redefine():
    """A class whose namesake has been used and is gone."""
    old = define("")
    numbarnn.forward(old(*WEIGHTS), X)
    del old
    gc.collect()
    return define("-")


WEIGHTS = np.ones((1, 1)), np.zeros((1, 1)), np.zeros(1)
X = np.arange(1.0, 4.0).reshape(3, 1, 1)


@numba.njit
def run_compiled(stream, x):
    total = 0.0
    for t in range(x.shape[0]):
        total += numbarnn.step(stream, x[t])[0, 0] + stream.step(x[t])[0, 0]
    return total


@pytest.fixture(scope="module")
def cells():
    """One that has been used, its redefinition, and one of that name in another module."""
    first = define("")
    numbarnn.forward(first(*WEIGHTS), X)
    return first(*WEIGHTS), define("-")(*WEIGHTS), define("-", "second")(*WEIGHTS)


OF_EACH = pytest.mark.parametrize(("i", "sign"), [(0, 1), (1, -1), (2, -1)], ids=["first", "redefined", "other"])


def test_forward(cells):
    """The other passes, which take longer to compile, are among the longer checks."""
    for cell, sign in zip(cells[:2], (1, -1), strict=True):
        assert_array_equal(numbarnn.forward(cell, X).y, sign * X)


@pytest.mark.slow
@OF_EACH
def test_all_passes(cells, i, sign):
    y, _, tape = numbarnn.forward(cells[i], X)
    assert_array_equal(y, sign * X)
    cell_bar, x_bar, _ = numbarnn.adjoint(cells[i], tape, np.ones_like(y))
    assert type(cell_bar) is type(cells[i])
    assert_array_equal(x_bar, sign * np.ones_like(X))
    assert_array_equal(cell_bar.b, [3 * sign])
    assert_array_equal(numbarnn.tangent(cells[i], tape, x_dot=X).y, sign * X)


@pytest.mark.slow
@OF_EACH
def test_streams(cells, i, sign):
    assert_array_equal([numbarnn.stream(cells[i]).step(x_t) for x_t in X], sign * X)
    assert_allclose(run_compiled(numbarnn.stream(cells[i]), X), 2 * sign * X.sum(), rtol=0, atol=0)


@pytest.mark.slow
def test_a_class_that_is_gone():
    cell = redefine()(*WEIGHTS)
    assert_array_equal(numbarnn.forward(cell, X).y, -X)
    assert dot_test(cell, X, random_state=0) < 1e-12
    assert taylor_test(cell, X, random_state=0) > 1.9


@pytest.mark.slow
def test_a_cell_with_the_name_of_one_that_ships():
    namespace = {"__name__": "third"}
    exec(SOURCE.format(sign="-").replace("Linear", "Elman"), namespace)
    assert_array_equal(numbarnn.forward(namespace["Elman"](*WEIGHTS), X).y, -X)
    assert_allclose(numbarnn.forward(numbarnn.Elman(*WEIGHTS), X).y, np.tanh(X), rtol=1e-14, atol=0)


@pytest.mark.slow
def test_a_module_that_is_reloaded():
    module = ModuleType("reloaded")
    sys.modules["reloaded"] = module
    try:
        for sign in ("", "-"):
            exec(SOURCE.format(sign=sign), vars(module))
            y = numbarnn.forward(module.Linear(*WEIGHTS), X).y
            assert_array_equal(y, float(f"{sign}1") * X)
    finally:
        del sys.modules["reloaded"]


def test_a_class_of_a_used_name_is_compiled_once(cells):
    """The dispatcher finds its kernel, and does not ask Python for the types of all arguments in every call."""
    kernel = kernel_for(cells[1], pack_cell)
    assert kernel is kernel_for(cells[1]._replace(b=np.ones(1)), pack_cell)
    assert kernel is not kernel_for(cells[2], pack_cell)
