"""The check of a class of cells: each fault is named before anything is compiled."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import NamedTuple

import numba
import numpy as np
import pytest
from numba.extending import register_jitable

import numbarnn
from numbarnn.cells import CELLS, cell_class, check_cell, numbers
from numbarnn.cells.numbers import sigmoid, tanh, tanh_slope, zero


class Good(NamedTuple):
    """A cell with a state of two parts, two gates, one saved number and a parameter of its units."""

    W: np.ndarray
    R: np.ndarray
    b: np.ndarray
    p_k: np.ndarray

    n_gates = 2
    state_size = 2
    n_saved = 1

    @staticmethod
    def step(a, state, p):
        g = tanh(a[0]) * sigmoid(a[1] + p[0])
        return (g, state[1] + g), (g,)

    @staticmethod
    def tangent(saved, state_before, state, a_dot, state_before_dot, p, p_dot):
        return a_dot[0] * tanh_slope(saved[0]) + p_dot[0], state_before_dot[1]

    @staticmethod
    def adjoint(saved, state_before, state, state_bar, p):
        return (state_bar[0], state_bar[1]), (zero(state_bar[0]), state_bar[1]), (-state_bar[0] / p[0],)


def changed(**attributes):
    """The class with other attributes or methods."""
    members = {k: staticmethod(v) if callable(v) else v for k, v in attributes.items() if v is not None}
    other = type("Changed", (Good,), members)
    for name in (k for k, v in attributes.items() if v is None):
        setattr(other, name, None)
    return other


def fields(*names, **attributes):
    """A class with other fields."""
    methods = {k: v for k, v in vars(Good).items() if k in ("n_gates", "state_size", "n_saved", "step", "tangent")}
    return type("Fields", (namedtuple("Fields", names),), {**methods, "adjoint": Good.adjoint, **attributes})


def test_right_cells():
    check_cell(Good)
    for name, kind in CELLS.items():
        assert cell_class(name) is cell_class(kind) is kind


class NoTuple:
    n_gates, state_size, n_saved = 1, 1, 0
    step = tangent = adjoint = staticmethod(lambda *args: ())


FIELDS = {
    "no NamedTuple": (NoTuple, TypeError, "NoTuple is not a cell.*typing.NamedTuple"),
    "a tuple without fields": (type("Plain", (tuple,), dict(vars(NoTuple))), TypeError, "typing.NamedTuple"),
    "another name": (fields("W", "R", "bias", "p_k"), ValueError, "must be W, R, b in this order, got W, R, bias, p_k"),
    "another order": (fields("R", "W", "b", "p_k"), ValueError, "must be W, R, b in this order"),
    "a field before b": (fields("W", "R", "p_k", "b"), ValueError, "got W, R, p_k, b"),
    "a projection that is no field": (changed(projection=("P",)), ValueError, "last fields of Changed must be P"),
    "a projection of one name": (changed(projection="P"), ValueError, "projection must be a tuple"),
    "three fields of a normalisation": (changed(normalisation=("p_k",)), ValueError, "normalisation must be a tuple"),
}
COUNTS = {
    "no n_gates": (changed(n_gates=None), TypeError, "class attribute n_gates"),
    "no gates": (changed(n_gates=0), ValueError, "n_gates must be an integer of at least 1, got 0"),
    "a state of a float": (changed(state_size=2.0), ValueError, "state_size must be an integer"),
    "a negative count": (changed(n_saved=-1), ValueError, "n_saved must be an integer of at least 0"),
    "a gate out of range": (
        changed(input_gates=(0, 2)),
        ValueError,
        r"input_gates must be .* from 0 to n_gates - 1 = 1",
    ),
    "a gate twice": (changed(recurrent_gates=(0, 0)), ValueError, "recurrent_gates must be a tuple of different"),
    "a list of gates": (changed(inner_gates=[1]), ValueError, "inner_gates must be a tuple"),
    "an inner gate without R": (changed(inner_gates=(1,), recurrent_gates=(0,)), ValueError, "among recurrent_gates"),
    "n_saved too small": (changed(n_saved=0), ValueError, "Changed.step must return 0 numbers for saved.*returns 1"),
    "n_saved too large": (changed(n_saved=2), ValueError, "Changed.step must return 2 numbers for saved.*returns 1"),
    "a state too large": (changed(state_size=3), ValueError, "step must return 3 numbers for state.*returns 2"),
    "a state too small": (changed(state_size=1), ValueError, "Changed.step fails .*1 for state"),
    "gates too few": (changed(n_gates=1), ValueError, "Changed.step fails .*1 for a"),
    "gates too many": (changed(n_gates=3), ValueError, "adjoint must return 3 numbers for a.*returns 2"),
    "a tangent of one part": (
        changed(tangent=lambda s, b, n, a_dot, d, p, p_dot: (a_dot[0],)),
        ValueError,
        "Changed.tangent must return 2 numbers for state",
    ),
    "no adjoint of p": (
        changed(adjoint=lambda saved, before, state, bar, p: (bar, bar)),
        TypeError,
        "Changed.adjoint must return a tuple of 3",
    ),
}
METHODS = {
    "no tangent": (changed(tangent=None), TypeError, r"must have the static method tangent\(saved, .*p, p_dot\)"),
    "a step without p": (changed(step=lambda a, state: None), TypeError, r"step must take \(a, state, p\), but takes"),
    "a step with self": (
        changed(step=lambda self, a, state, p: None),
        TypeError,
        r"step must take \(a, state, p\), but takes \(self,",
    ),
    "a class": (changed(step=int), TypeError, "step must be a static method"),
}


def helper(x):
    return x


@register_jitable
def double(x):
    return x + x


@numba.njit
def quadruple(x):
    return double(x) + double(x)


def step_of(function):
    """A class whose step computes one number with the function."""

    def step(a, state, p):
        g = function(a[0])
        return (g, state[1]), (g,)

    return changed(step=step)


EQUATIONS = {
    "NumPy": (lambda a, s, p: (s, (1.0 - np.tanh(a[0]),)), TypeError, "NumPy's tanh.*numbarnn.cells.numbers"),
    "math": (lambda a, s, p: (s, (math.exp(a[0]),)), TypeError, "numbarnn.cells.numbers"),
    "a constant": (lambda a, s, p: (s, (1.0 - a[0],)), TypeError, "constant 1.0 of type float - a number"),
    "an integer": (lambda a, s, p: (s, (a[0] * 2,)), TypeError, r"a number \* the constant 2"),
    "a NumPy constant": (lambda a, s, p: (s, (np.float32(2) * a[0],)), TypeError, "numbarnn.cells.numbers"),
    "a power": (lambda a, s, p: (s, (a[0] ** 2,)), TypeError, r"no operation \*\*"),
    "a branch": (lambda a, s, p: (s, (a[0] if a[0] > a[1] else a[1],)), TypeError, "no operation >"),
    "a cast": (lambda a, s, p: (s, (type(a[0])(0.5) * a[0],)), TypeError, "cannot be made of the constant 0.5"),
    "a returned constant": (
        lambda a, s, p: (s, (0.0,)),
        TypeError,
        r"returns 0.0 where a number is expected.*zero\(x\)",
    ),
    "a list": (lambda a, s, p: (s, [a[0]]), TypeError, "numbers of saved as a tuple, got list"),
    "no saved numbers": (lambda a, s, p: s[0], TypeError, "must return a tuple of 2"),
    "a helper in Python": (lambda a, s, p: (s, (helper(a[0]),)), TypeError, "calls helper.*register_jitable"),
}
FAULTS = {**FIELDS, **COUNTS, **METHODS}
FAULTS |= {name: (changed(step=step), error, match) for name, (step, error, match) in EQUATIONS.items()}


@pytest.mark.parametrize(("kind", "error", "match"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named(kind, error, match):
    if numba.config.DISABLE_JIT and "register_jitable" in match:
        pytest.skip("without a compiler, every function can be called")
    with pytest.raises(error, match=match):
        check_cell(kind)


@pytest.mark.parametrize("function", [double, quadruple, numbers.sigmoid])
def test_helpers_that_kernels_can_call(function):
    check_cell(step_of(function))


def test_the_array_api_checks_a_cell_before_anything_runs():
    cell = changed(n_saved=0)(*numbarnn.LeakyElman.init(2, 3, "float64", random_state=0))
    cell = cell._replace(W=np.zeros((2, 6)), R=np.zeros((3, 6)), b=np.zeros(6))
    for run in (numbarnn.forward, lambda cell, x: numbarnn.stream(cell)):
        with pytest.raises(ValueError, match="n_saved"):
            run(cell, np.zeros((1, 1, 2)))


def test_what_is_no_class():
    with pytest.raises(TypeError, match="a cell must be a class"):
        check_cell(3)


def test_cells_by_name_or_class():
    with pytest.raises(ValueError, match=r"'elman', .*'gru_reset_before'; got 'LSTM'"):
        cell_class("LSTM")
    with pytest.raises(TypeError, match="got LSTM: pass its class"):
        cell_class(numbarnn.LSTM.init(2, 3))
    with pytest.raises(TypeError, match="got int"):
        cell_class(3)
    with pytest.raises(ValueError, match="n_saved"):
        cell_class(changed(n_saved=0))
