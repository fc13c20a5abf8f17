"""A cell of your own
==================

A cell of your own: oscillators, certified by two tests and compared with the Elman cell and the LSTM.

A cell is a NamedTuple of its weights and three functions of numbers: the step, its tangent and its adjoint
(docs/contributing/cell.md has the rules). The loops over time, SIMD, ragged batches, networks and training are
numbarnn's. Here the units are damped oscillators that the inputs drive, after the coRNN of Rusch & Mishra (ICLR 2021),
except that each unit learns its pace and its damping. The task is the adding problem (Hochreiter & Schmidhuber 1997):
two of 60 numbers are marked, and the target is their sum.
Run with ``python examples/custom_cell.py``; needs nothing but numbarnn.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import numbarnn
from numbarnn.cells import check_cell
from numbarnn.cells.initial import draw_weights
from numbarnn.cells.numbers import sigmoid, sigmoid_slope, tanh, tanh_slope, zero
from numbarnn.testing import dot_test, taylor_test


class Oscillator(NamedTuple):
    """Damped oscillators, with ``a = x_t W + h R + b``, ``k = sigmoid(p_k)`` and ``d = sigmoid(p_d)``.

    ``v_t = v + k (tanh(a) - h - d v)`` and ``h_t = h + k v_t``.
    """

    W: np.ndarray
    R: np.ndarray
    b: np.ndarray
    p_k: np.ndarray  # pace
    p_d: np.ndarray  # damping

    n_gates = 1
    state_size = 2  # h, v
    n_saved = 1  # n

    @classmethod
    def init(cls, n_inputs, n_units, dtype="float32", random_state=None):
        """Draw the weights; the units get paces from a few steps to a hundred, and weak damping."""
        cell = draw_weights(cls, n_inputs, n_units, dtype, random_state)
        cell.p_k[:] = np.linspace(-4, 0, n_units)
        cell.p_d[:] = -4
        return cell

    @staticmethod
    def step(a, state, p):
        """Return ``(h, v)`` and what the derivatives need."""
        h_before, v_before = state
        k, d = sigmoid(p[0]), sigmoid(p[1])
        n = tanh(a[0])
        v = v_before + k * (n - h_before - d * v_before)
        h = h_before + k * v
        return (h, v), (n,)

    @staticmethod
    def tangent(saved, state_before, state, a_dot, state_before_dot, p, p_dot):
        """Return ``(h_dot, v_dot)``."""
        (n,), (h_before, v_before), (_, v) = saved, state_before, state
        h_before_dot, v_before_dot = state_before_dot
        k, d = sigmoid(p[0]), sigmoid(p[1])
        k_dot, d_dot = sigmoid_slope(k) * p_dot[0], sigmoid_slope(d) * p_dot[1]
        n_dot = tanh_slope(n) * a_dot[0]
        force = n - h_before - d * v_before
        force_dot = n_dot - h_before_dot - d_dot * v_before - d * v_before_dot
        v_dot = v_before_dot + k_dot * force + k * force_dot
        h_dot = h_before_dot + k_dot * v + k * v_dot
        return h_dot, v_dot

    @staticmethod
    def adjoint(saved, state_before, state, state_bar, p):
        """Return ``(a_bar,)``, ``(h_before_bar, v_before_bar)`` without the part through a, ``(p_k_bar, p_d_bar)``."""
        (n,), (h_before, v_before), (_, v) = saved, state_before, state
        h_bar, v_bar = state_bar
        k, d = sigmoid(p[0]), sigmoid(p[1])
        # h = h_before + k * v
        k_bar = h_bar * v
        v_bar = v_bar + h_bar * k
        # v = v_before + k * force
        k_bar = k_bar + v_bar * (n - h_before - d * v_before)
        force_bar = v_bar * k
        # force = n - h_before - d * v_before
        h_before_bar = h_bar - force_bar
        v_before_bar = v_bar - force_bar * d
        d_bar = zero(v_bar) - force_bar * v_before
        # n = tanh(a)
        a_bar = force_bar * tanh_slope(n)
        # k, d = sigmoid(p_k), sigmoid(p_d)
        return (a_bar,), (h_before_bar, v_before_bar), (k_bar * sigmoid_slope(k), d_bar * sigmoid_slope(d))


def adding_problem(n: int, rng: np.random.Generator, n_steps: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return sequences (n, T, 2) of numbers from -1 to 1 with marks, and the sums of the two marked numbers."""
    X = np.zeros((n, n_steps, 2))
    X[..., 0] = rng.uniform(-1, 1, (n, n_steps))
    marked = np.argsort(rng.random((n, n_steps)), axis=1)[:, :2]
    np.put_along_axis(X[..., 1], marked, 1, axis=1)
    return X, np.take_along_axis(X[..., 0], marked, axis=1).sum(axis=1)


warnings.simplefilter("ignore", ConvergenceWarning)  # all cells train for the same number of epochs
rng = np.random.default_rng(0)
X, y = adding_problem(1500, rng)
X_test, y_test = adding_problem(500, rng)
x, lengths = rng.standard_normal((9, 4, 3)), [9, 2, 0, 5]

print(f"{'cell':12s}{'dot test':>12s}{'Taylor rate':>13s}{'parameters':>12s}{'mean squared error':>20s}")
for kind in (Oscillator, numbarnn.Elman, numbarnn.LSTM):
    check_cell(kind)
    cell = kind.init(3, 16, "float64", random_state=0)
    error, rate = (check(cell, x, lengths=lengths, random_state=0) for check in (dot_test, taylor_test))
    settings = {"learning_rate_init": 0.01, "max_grad_norm": None, "batch_size": 30, "alpha": 0, "tol": 0}
    reg = numbarnn.RNNRegressor(24, cell=kind, max_iter=40, n_iter_no_change=10, random_state=0, **settings).fit(X, y)
    mse = np.mean((reg.predict(X_test) - y_test) ** 2)
    print(f"{kind.__name__:12s}{error:12.1e}{rate:13.2f}{reg.theta_.size:12d}{mse:20.3f}")
