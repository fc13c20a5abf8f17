"""Long short-term memory with coupled input and forget gates."""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cells.fields import Undecayed, Weight
from numbarnn.cells.initial import draw_weights
from numbarnn.cells.numbers import sigmoid, sigmoid_slope, tanh, tanh_slope, zero


class CoupledLSTM(NamedTuple):
    r"""Weights and equations of the LSTM that forgets as much as it takes in.

    Forward (the variant CIFG of Greff et al. 2017, f = 1 - i, here without peepholes; ONNX's attribute
    `input_forget`), with `a = x_t W + h_(t-1) R + b` cut into the gates `i g o`::

        i = sigmoid(a_i)    g = tanh(a_g)    o = sigmoid(a_o)
        c_t = (1 - i) c_(t-1) + i g
        h_t = o tanh(c_t)

    Tangent: each line differentiated::

        c_t' = c_(t-1)' + i' (g - c_(t-1)) + i (g' - c_(t-1)')
        h_t' = o' tanh(c_t) + o (1 - tanh(c_t)^2) c_t'

    Adjoint (BPTT), the lines in reverse order::

        o_bar  = h_bar tanh(c_t)
        c_bar += h_bar o (1 - tanh(c_t)^2)
        i_bar  = c_bar (g - c_(t-1))    g_bar = c_bar i    c_(t-1)_bar = c_bar (1 - i)
        a_i_bar = i_bar i (1 - i)   and so on for g, o
        h_(t-1)_bar = a_bar R^T     W_bar += x_t^T a_bar     R_bar += h_(t-1)^T a_bar     b_bar += a_bar

    The last line is the same for every cell; the library computes it, not the methods of this class.

    Parameters
    ----------
    W : ndarray of shape (n_inputs, 3 * n_units)
        Input weights, the gates' columns in the order i, g, o.
    R : ndarray of shape (n_units, 3 * n_units)
        Recurrent weights.
    b : ndarray of shape (3 * n_units,)
        Bias.

    References
    ----------
    K. Greff, R. K. Srivastava, J. Koutnik, B. R. Steunebrink, J. Schmidhuber, "LSTM: a search space odyssey", IEEE
    Trans. Neural Networks and Learning Systems 28(10), 2017.

    Examples
    --------
    >>> from numbarnn import CoupledLSTM
    >>> cell = CoupledLSTM.init(n_inputs=3, n_units=5, random_state=0)
    >>> cell.W.shape, cell.R.shape, cell.b.shape
    ((3, 15), (5, 15), (15,))
    """

    W: Weight
    R: Weight
    b: Undecayed

    n_gates = 3  # i g o
    state_size = 2  # h, c
    n_saved = 3  # i g o

    @classmethod
    def init(cls, n_inputs: int, n_units: int, dtype: Any = "float32", random_state: Any = None) -> CoupledLSTM:
        """Draw Glorot-uniform input and orthogonal recurrent weights; zero bias, but minus one at the input gate.

        The forget gate 1 - i then starts where that of `LSTM` does, at sigmoid(1).
        """
        cell = draw_weights(cls, n_inputs, n_units, dtype, random_state)
        cell.b[:n_units] = -1
        return cell

    @staticmethod
    def step(a, state):
        """Return `(h, c)` and the saved `(i, g, o)`."""
        a_i, a_g, a_o = a
        _, c_before = state
        i = sigmoid(a_i)
        g = tanh(a_g)
        o = sigmoid(a_o)
        c = c_before + i * (g - c_before)
        h = o * tanh(c)
        return (h, c), (i, g, o)

    @staticmethod
    def tangent(saved, state_before, state, a_dot, state_before_dot):
        """Return `(h_dot, c_dot)`."""
        i, g, o = saved
        a_i_dot, a_g_dot, a_o_dot = a_dot
        _, c_before = state_before
        _, c = state
        _, c_before_dot = state_before_dot
        i_dot = sigmoid_slope(i) * a_i_dot
        g_dot = tanh_slope(g) * a_g_dot
        o_dot = sigmoid_slope(o) * a_o_dot
        c_dot = c_before_dot + i_dot * (g - c_before) + i * (g_dot - c_before_dot)
        tanh_c = tanh(c)
        h_dot = o_dot * tanh_c + o * tanh_slope(tanh_c) * c_dot
        return h_dot, c_dot

    @staticmethod
    def adjoint(saved, state_before, state, state_bar):
        """Return the gates' `a_bar`, and `(h_before_bar, c_before_bar)` without the part through `a`."""
        i, g, o = saved
        _, c_before = state_before
        _, c = state
        h_bar, c_bar = state_bar
        # h = o * tanh(c)
        tanh_c = tanh(c)
        o_bar = h_bar * tanh_c
        c_bar = c_bar + h_bar * o * tanh_slope(tanh_c)
        # c = c_before + i * (g - c_before)
        i_bar = c_bar * (g - c_before)
        g_bar = c_bar * i
        c_before_bar = c_bar - g_bar
        # o = sigmoid(a_o)
        a_o_bar = o_bar * sigmoid_slope(o)
        # g = tanh(a_g)
        a_g_bar = g_bar * tanh_slope(g)
        # i = sigmoid(a_i)
        a_i_bar = i_bar * sigmoid_slope(i)
        return (a_i_bar, a_g_bar, a_o_bar), (zero(h_bar), c_before_bar)
