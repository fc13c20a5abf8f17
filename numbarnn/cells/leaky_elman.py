"""Leaky-integrator units: the Elman network whose units decay slowly towards their new values."""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cells.fields import Undecayed, Weight
from numbarnn.cells.initial import draw_weights
from numbarnn.cells.numbers import sigmoid, sigmoid_slope, tanh, tanh_slope


class LeakyElman(NamedTuple):
    r"""Weights and equations of the simple recurrent network with leaky-integrator units.

    Forward (Jaeger et al. 2007; in this form Lukosevicius 2012, here with a leaking rate k for each unit, which is
    learned)::

        k = sigmoid(p_k)
        n = tanh(x_t W + h_(t-1) R + b)
        h_t = (1 - k) h_(t-1) + k n

    It is Euler's method with the step k on the continuous-time network `dh/dt = -h + tanh(x W + h R + b)` (Funahashi &
    Nakamura 1993), so that 1 / k is a unit's time constant in steps; with k = 1 it is `Elman`.

    Tangent::

        h_t' = h_(t-1)' + k' (n - h_(t-1)) + k (n' - h_(t-1)')

    Adjoint (BPTT), the lines in reverse order::

        k_bar = h_bar (n - h_(t-1))    n_bar = h_bar k    h_(t-1)_bar = h_bar (1 - k)
        a_bar = n_bar (1 - n^2)
        p_k_bar += k_bar k (1 - k)
        h_(t-1)_bar += a_bar R^T     W_bar += x_t^T a_bar     R_bar += h_(t-1)^T a_bar     b_bar += a_bar

    The last line belongs to the loops over time, as does the sum over steps in the bar of p_k.

    Parameters
    ----------
    W : ndarray of shape (n_inputs, n_units)
        Input weights.
    R : ndarray of shape (n_units, n_units)
        Recurrent weights.
    b : ndarray of shape (n_units,)
        Bias.
    p_k : ndarray of shape (n_units,)
        Logit of each unit's leaking rate.

    References
    ----------
    H. Jaeger, M. Lukosevicius, D. Popovici, U. Siewert, "Optimization and applications of echo state networks with
    leaky-integrator neurons", Neural Networks 20(3), 2007.
    M. Lukosevicius, "A practical guide to applying echo state networks", in "Neural Networks: Tricks of the Trade",
    Springer, 2012.
    K. Funahashi, Y. Nakamura, "Approximation of dynamical systems by continuous time recurrent neural networks", Neural
    Networks 6(6), 1993.

    Examples
    --------
    >>> from numbarnn import LeakyElman
    >>> cell = LeakyElman.init(n_inputs=3, n_units=5, random_state=0)
    >>> cell.R.shape, cell.p_k.shape
    ((5, 5), (5,))
    """

    W: Weight
    R: Weight
    b: Undecayed
    p_k: Undecayed

    n_gates = 1  # n
    state_size = 1  # h
    n_saved = 1  # n

    @classmethod
    def init(cls, n_inputs: int, n_units: int, dtype: Any = "float32", random_state: Any = None) -> LeakyElman:
        """Draw Glorot-uniform input and orthogonal recurrent weights; zero bias, and every leaking rate one half."""
        return draw_weights(cls, n_inputs, n_units, dtype, random_state)

    @staticmethod
    def step(a, state, p):
        """Return `(h,)` and the saved `(n,)`."""
        (h_before,) = state
        k = sigmoid(p[0])
        n = tanh(a[0])
        h = h_before + k * (n - h_before)
        return (h,), (n,)

    @staticmethod
    def tangent(saved, state_before, state, a_dot, state_before_dot, p, p_dot):
        """Return `(h_dot,)`."""
        (n,) = saved
        (h_before,) = state_before
        (h_before_dot,) = state_before_dot
        k = sigmoid(p[0])
        k_dot = sigmoid_slope(k) * p_dot[0]
        n_dot = tanh_slope(n) * a_dot[0]
        return (h_before_dot + k_dot * (n - h_before) + k * (n_dot - h_before_dot),)

    @staticmethod
    def adjoint(saved, state_before, state, state_bar, p):
        """Return `(a_bar,)`, `(h_before_bar,)` without the part through `a`, and `(p_k_bar,)`."""
        (n,) = saved
        (h_before,) = state_before
        (h_bar,) = state_bar
        k = sigmoid(p[0])
        # h = h_before + k * (n - h_before)
        k_bar = h_bar * (n - h_before)
        n_bar = h_bar * k
        h_before_bar = h_bar - n_bar
        # n = tanh(a)
        a_bar = n_bar * tanh_slope(n)
        # k = sigmoid(p_k)
        p_k_bar = k_bar * sigmoid_slope(k)
        return (a_bar,), (h_before_bar,), (p_k_bar,)
