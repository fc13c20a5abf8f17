"""The gated recurrent unit, its reset gate before the recurrent product."""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cells.fields import Undecayed, Weight
from numbarnn.cells.initial import draw_weights
from numbarnn.cells.numbers import sigmoid, sigmoid_slope, tanh, tanh_slope, zero


class GRUResetBefore(NamedTuple):
    r"""Weights and equations of the gated recurrent unit of Cho et al. 2014.

    Forward (Cho et al. 2014, eqs. 5 to 8, with biases; ONNX `linear_before_reset=0`)::

        r = sigmoid(x_t W_r + h_(t-1) R_r + b_r)    z = sigmoid(x_t W_z + h_(t-1) R_z + b_z)
        u = r h_(t-1)                               n = tanh(x_t W_n + u R_n + b_n)
        h_t = (1 - z) n + z h_(t-1)

    As in that paper and in PyTorch, z weighs the past; Chung et al. 2014 have it weigh n. `GRU` multiplies the
    reset gate after the recurrent product, which is then one product for all gates.

    Tangent::

        u' = r' h_(t-1) + r h_(t-1)'
        n' = (1 - n^2) a_n'
        h_t' = n' + z' (h_(t-1) - n) + z (h_(t-1)' - n')

    Adjoint (BPTT), the lines in reverse order::

        z_bar = h_bar (h_(t-1) - n)    h_(t-1)_bar = h_bar z    n_bar = h_bar (1 - z)
        a_n_bar = n_bar (1 - n^2)      a_z_bar = z_bar z (1 - z)
        u_bar = a_n_bar R_n^T          R_n_bar += u^T a_n_bar
        r_bar = u_bar h_(t-1)          h_(t-1)_bar += u_bar r
        a_r_bar = r_bar r (1 - r)
        h_(t-1)_bar += (a_r_bar a_z_bar) (R_r R_z)^T      (R_r_bar R_z_bar) += h_(t-1)^T (a_r_bar a_z_bar)
        W_bar += x_t^T a_bar                              b_bar += a_bar

    The lines with a matrix in them belong to the loops over time.

    Parameters
    ----------
    W : ndarray of shape (n_inputs, 3 * n_units)
        Input weights, the gates' columns in the order r, z, n.
    R : ndarray of shape (n_units, 3 * n_units)
        Recurrent weights, in the same order; those of n are multiplied by u.
    b : ndarray of shape (3 * n_units,)
        Bias.

    References
    ----------
    K. Cho, B. van Merrienboer, C. Gulcehre, D. Bahdanau, F. Bougares, H. Schwenk, Y. Bengio, "Learning phrase
    representations using RNN encoder-decoder for statistical machine translation", EMNLP, 2014.
    J. Chung, C. Gulcehre, K. Cho, Y. Bengio, "Empirical evaluation of gated recurrent neural networks on sequence
    modeling", arXiv:1412.3555, 2014.

    Examples
    --------
    >>> from numbarnn import GRUResetBefore
    >>> cell = GRUResetBefore.init(n_inputs=3, n_units=5, random_state=0)
    >>> cell.W.shape, cell.R.shape, cell.b.shape
    ((3, 15), (5, 15), (15,))
    """

    W: Weight
    R: Weight
    b: Undecayed

    n_gates = 3  # r z n
    inner_gates = (2,)
    state_size = 1  # h
    n_saved = 3  # r z n

    @classmethod
    def init(cls, n_inputs: int, n_units: int, dtype: Any = "float32", random_state: Any = None) -> GRUResetBefore:
        """Draw Glorot-uniform input and orthogonal recurrent weights and a zero bias.

        The parameters are those of `LSTM.init`.
        """
        return draw_weights(cls, n_inputs, n_units, dtype, random_state)

    @staticmethod
    def inner(a, state):
        """Return `u`, by which the recurrent weights of n are multiplied, and `(r, z, a_n)` instead of `a`."""
        a_r, a_z, a_n = a
        (h_before,) = state
        r = sigmoid(a_r)
        z = sigmoid(a_z)
        u = r * h_before
        return u, (r, z, a_n)

    @staticmethod
    def step(a, state):
        """Return `(h,)` and the saved `(r, z, n)`, from the gates of `inner` after `u R_n` was added to `a_n`."""
        r, z, a_n = a
        (h_before,) = state
        n = tanh(a_n)
        h = n + z * (h_before - n)
        return (h,), (r, z, n)

    @staticmethod
    def inner_saved(saved, state_before):
        """Return `u` from the saved numbers."""
        return saved[0] * state_before[0]

    @staticmethod
    def inner_tangent(saved, state_before, a_dot, state_before_dot):
        """Return `u_dot`."""
        r, _, _ = saved
        r_dot = sigmoid_slope(r) * a_dot[0]
        return r_dot * state_before[0] + r * state_before_dot[0]

    @staticmethod
    def tangent(saved, state_before, state, a_dot, state_before_dot):
        """Return `(h_dot,)`."""
        _, z, n = saved
        _, a_z_dot, a_n_dot = a_dot
        (h_before,) = state_before
        (h_before_dot,) = state_before_dot
        z_dot = sigmoid_slope(z) * a_z_dot
        n_dot = tanh_slope(n) * a_n_dot
        return (n_dot + z_dot * (h_before - n) + z * (h_before_dot - n_dot),)

    @staticmethod
    def adjoint(saved, state_before, state, state_bar):
        """Return the gates' `a_bar` and `(h_before_bar,)`, without the parts through `u` and through `a`."""
        _, z, n = saved
        (h_before,) = state_before
        (h_bar,) = state_bar
        # h = n + z * (h_before - n)
        z_bar = h_bar * (h_before - n)
        h_before_bar = h_bar * z
        n_bar = h_bar - h_before_bar
        # n = tanh(a_n)
        a_n_bar = n_bar * tanh_slope(n)
        # z = sigmoid(a_z)
        a_z_bar = z_bar * sigmoid_slope(z)
        return (zero(h_bar), a_z_bar, a_n_bar), (h_before_bar,)

    @staticmethod
    def inner_adjoint(saved, state_before, u_bar):
        """Return the parts of the gates' `a_bar` and of `(h_before_bar,)` that pass through `u`."""
        r, _, _ = saved
        # u = r * h_before
        r_bar = u_bar * state_before[0]
        h_before_bar = u_bar * r
        # r = sigmoid(a_r)
        a_r_bar = r_bar * sigmoid_slope(r)
        return (a_r_bar, zero(u_bar), zero(u_bar)), (h_before_bar,)
