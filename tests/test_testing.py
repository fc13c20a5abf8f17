"""The public tests pass what is right, refuse what is wrong, and take cells and networks alike."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from numbarnn.network import Network

import numbarnn
from numbarnn.cells.numbers import tanh, tanh_slope
from numbarnn.testing import dot_test, taylor_test

X = np.random.default_rng(0).standard_normal((4, 3, 2))


class Squares:
    """A network by hand, z = theta * sum of x**2 over time, with derivatives off by the given factors."""

    def __init__(self, tangent=1.0, theta_bar=1.0, x_bar=1.0):
        self.factors = tangent, theta_bar, x_bar

    def init(self, dtype, random_state):
        return random_state.standard_normal(X.shape[2]).astype(dtype)

    def forward(self, theta, x, lengths=None, n_jobs=None):
        return theta * np.sum(x**2, axis=0), x

    def tangent(self, theta, tape, theta_dot, x_dot, n_jobs=None):
        z_dot = theta_dot * np.sum(tape**2, axis=0) + theta * np.sum(2 * tape * x_dot, axis=0)
        return self.factors[0] * z_dot

    def adjoint(self, theta, tape, z_bar, *, inputs, n_jobs=None):
        theta_bar = np.sum(z_bar * np.sum(tape**2, axis=0), axis=0)
        return self.factors[1] * theta_bar, self.factors[2] * 2 * tape * theta * z_bar


class Leaky(NamedTuple):
    """A user's own cell: h = h_before + tanh(a)."""

    W: np.ndarray
    R: np.ndarray
    b: np.ndarray

    n_gates = 1
    state_size = 1
    n_saved = 1

    @staticmethod
    def step(a, state):
        g = tanh(a[0])
        return (state[0] + g,), (g,)

    @staticmethod
    def tangent(saved, state_before, state, a_dot, state_before_dot):
        return (state_before_dot[0] + tanh_slope(saved[0]) * a_dot[0],)

    @staticmethod
    def adjoint(saved, state_before, state, state_bar):
        # h = h_before + g
        h_before_bar = state_bar[0]
        # g = tanh(a)
        return (state_bar[0] * tanh_slope(saved[0]),), (h_before_bar,)


def test_right_derivatives_pass():
    assert dot_test(Squares(), X, random_state=0) < 1e-14
    assert 1.99 < taylor_test(Squares(), X, random_state=0) < 2.01


@pytest.mark.parametrize("wrong", [-1.0, 0.0, 1 + 1e-9, math.nan])
def test_a_wrong_adjoint_is_named(wrong):
    with pytest.raises(AssertionError, match="theta"):
        dot_test(Squares(theta_bar=wrong), X, random_state=0)
    with pytest.raises(AssertionError, match=r"\bx\b") as error:
        dot_test(Squares(x_bar=wrong), X, random_state=0)
    assert "theta" not in str(error.value)


@pytest.mark.parametrize("wrong", [-1.0, 0.0, 1.01, math.nan])
def test_a_wrong_tangent_fails_the_taylor_test(wrong):
    with pytest.raises(AssertionError, match="Taylor rate"):
        taylor_test(Squares(tangent=wrong), X, random_state=0)


def test_a_wrong_tangent_with_a_fitting_adjoint_passes_the_dot_test_only():
    both = Squares(tangent=2.0, theta_bar=2.0, x_bar=2.0)
    assert dot_test(both, X, random_state=0) < 1e-14
    with pytest.raises(AssertionError, match="Taylor rate 1"):
        taylor_test(both, X, random_state=0)


def test_tolerances_are_the_callers():
    almost = Squares(tangent=1 + 1e-6)
    with pytest.raises(AssertionError, match=r"at most 1\.0e-12"):
        dot_test(almost, X, random_state=0)
    assert 1e-8 < dot_test(almost, X, rtol=1e-3, random_state=0) < 1e-5
    with pytest.raises(AssertionError, match=r"at least 2\.5"):
        taylor_test(Squares(), X, min_rate=2.5, random_state=0)


def test_seeds_repeat():
    for function in (dot_test, taylor_test):
        seeded = function(Squares(), X, random_state=3)
        assert seeded == function(Squares(), X, random_state=np.random.RandomState(3))


def test_theta_is_taken():
    theta = np.array([1.0, math.nan])
    with pytest.raises(AssertionError):
        dot_test(Squares(), X, theta=theta)
    with pytest.raises(AssertionError):
        taylor_test(Squares(), X, theta=theta)


@pytest.mark.slow  # CONTRIBUTING's own cell, in test_documents.py, is another one
def test_a_users_own_cell():
    rng = np.random.default_rng(0)
    cell = Leaky(rng.standard_normal((2, 5)), rng.standard_normal((5, 5)), rng.standard_normal(5))
    state = [rng.standard_normal((3, 5))]
    assert dot_test(cell, X, state, [4, 0, 2], random_state=0) <= 1e-12
    assert taylor_test(cell, X, state, [4, 0, 2], random_state=0) >= 1.9


def test_a_cell_without_a_state_in_float32():
    cell = numbarnn.Elman.init(2, 5, "float32", random_state=0)
    x = X.astype("float32")
    assert dot_test(cell, x, lengths=[4, 0, 2], random_state=0) <= 1e-5
    assert taylor_test(cell, x, lengths=[4, 0, 2], random_state=0) >= 1.9


def test_a_linear_pass_has_an_infinite_rate():
    cell = numbarnn.Elman.init(2, 5, "float64", random_state=0)
    assert taylor_test(cell, X, lengths=[0, 0, 0], random_state=0) == math.inf
    assert dot_test(cell, X, lengths=[0, 0, 0], random_state=0) <= 1e-15


def test_an_empty_batch_has_no_error():
    cell = numbarnn.Elman.init(2, 5, "float64", random_state=0)
    assert dot_test(cell, X[:, :0], random_state=0) == 0
    assert taylor_test(cell, X[:, :0], random_state=0) == math.inf


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_network(bidirectional):
    network = Network(numbarnn.Elman, 2, (5, 3), 2, bidirectional=bidirectional)
    assert dot_test(network, X, lengths=[4, 1, 2], random_state=0) <= 1e-12
    assert taylor_test(network, X, lengths=[4, 1, 2], random_state=0) >= 1.9


def test_what_belongs_to_the_other_kind_is_refused():
    cell = numbarnn.Elman.init(2, 5, "float64", random_state=0)
    for function in (dot_test, taylor_test):
        with pytest.raises(ValueError, match="theta"):
            function(cell, X, theta=np.zeros(3))
        with pytest.raises(ValueError, match="state"):
            function(Squares(), X, [np.zeros((3, 5))])
