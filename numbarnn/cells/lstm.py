"""Long short-term memory with input, forget and output gates."""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cells.fields import Undecayed, Weight
from numbarnn.cells.initial import draw_weights
from numbarnn.cells.numbers import sigmoid, sigmoid_slope, tanh, tanh_slope, zero


class LSTM(NamedTuple):
    r"""Weights and equations of the LSTM with a forget gate.

    Forward (Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber & Cummins 2000, the squashing
    functions being tanh), with `a = x_t W + h_(t-1) R + b` cut into the gates `i f g o`::

        i = sigmoid(a_i)    f = sigmoid(a_f)    g = tanh(a_g)    o = sigmoid(a_o)
        c_t = f c_(t-1) + i g
        h_t = o tanh(c_t)

    Tangent: each line differentiated, the slopes taken from the values: sigmoid' = s (1 - s), tanh' = 1 - t^2::

        c_t' = f' c_(t-1) + f c_(t-1)' + i' g + i g'
        h_t' = o' tanh(c_t) + o (1 - tanh(c_t)^2) c_t'

    Adjoint (BPTT), the lines in reverse order; `v_bar` is the derivative of the loss with respect to v::

        o_bar  = h_bar tanh(c_t)
        c_bar += h_bar o (1 - tanh(c_t)^2)
        f_bar  = c_bar c_(t-1)      i_bar = c_bar g      g_bar = c_bar i      c_(t-1)_bar = c_bar f
        a_i_bar = i_bar i (1 - i)   and so on for f, g, o
        h_(t-1)_bar = a_bar R^T     W_bar += x_t^T a_bar     R_bar += h_(t-1)^T a_bar     b_bar += a_bar

    The last line is the same for every cell; the library computes it, not the methods of this class.

    Parameters
    ----------
    W : ndarray of shape (n_inputs, 4 * n_units)
        Input weights, the gates' columns in the order i, f, g, o.
    R : ndarray of shape (n_units, 4 * n_units)
        Recurrent weights.
    b : ndarray of shape (4 * n_units,)
        Bias.

    References
    ----------
    S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.
    F. A. Gers, J. Schmidhuber, F. Cummins, "Learning to forget: continual prediction with LSTM", Neural Computation
    12(10), 2000.

    Examples
    --------
    >>> from numbarnn import LSTM
    >>> cell = LSTM.init(n_inputs=3, n_units=5, random_state=0)
    >>> cell.W.shape, cell.R.shape, cell.b.shape
    ((3, 20), (5, 20), (20,))
    """

    W: Weight
    R: Weight
    b: Undecayed

    n_gates = 4  # i f g o
    state_size = 2  # h, c
    n_saved = 4  # i f g o

    @classmethod
    def init(cls, n_inputs: int, n_units: int, dtype: Any = "float32", random_state: Any = None) -> LSTM:
        """Draw Glorot-uniform input and orthogonal recurrent weights; zero bias, but one at the forget gate.

        Parameters
        ----------
        n_inputs, n_units : int
            Inputs per step and hidden units, both at least 1.
        dtype : {"float32", "float64"}
        random_state : int, RandomState instance or None

        Returns
        -------
        LSTM

        Raises
        ------
        ValueError
            If a size is below one or the dtype is neither float32 nor float64.

        Notes
        -----
        The forget bias of one follows Gers et al. 2000 and Jozefowicz, Zaremba & Sutskever 2015.
        """
        cell = draw_weights(cls, n_inputs, n_units, dtype, random_state)
        cell.b[n_units : 2 * n_units] = 1
        return cell

    @staticmethod
    def step(a, state):
        """Return `(h, c)` and the saved `(i, f, g, o)`."""
        a_i, a_f, a_g, a_o = a
        _, c_before = state
        i = sigmoid(a_i)
        f = sigmoid(a_f)
        g = tanh(a_g)
        o = sigmoid(a_o)
        c = f * c_before + i * g
        h = o * tanh(c)
        return (h, c), (i, f, g, o)

    @staticmethod
    def tangent(saved, state_before, state, a_dot, state_before_dot):
        """Return `(h_dot, c_dot)`."""
        i, f, g, o = saved
        a_i_dot, a_f_dot, a_g_dot, a_o_dot = a_dot
        _, c_before = state_before
        _, c = state
        _, c_before_dot = state_before_dot
        i_dot = sigmoid_slope(i) * a_i_dot
        f_dot = sigmoid_slope(f) * a_f_dot
        g_dot = tanh_slope(g) * a_g_dot
        o_dot = sigmoid_slope(o) * a_o_dot
        c_dot = f_dot * c_before + f * c_before_dot + i_dot * g + i * g_dot
        tanh_c = tanh(c)
        h_dot = o_dot * tanh_c + o * tanh_slope(tanh_c) * c_dot
        return h_dot, c_dot

    @staticmethod
    def adjoint(saved, state_before, state, state_bar):
        """Return the gates' `a_bar`, and `(h_before_bar, c_before_bar)` without the part through `a`."""
        i, f, g, o = saved
        _, c_before = state_before
        _, c = state
        h_bar, c_bar = state_bar
        # h = o * tanh(c)
        tanh_c = tanh(c)
        o_bar = h_bar * tanh_c
        c_bar = c_bar + h_bar * o * tanh_slope(tanh_c)
        # c = f * c_before + i * g
        f_bar = c_bar * c_before
        c_before_bar = c_bar * f
        i_bar = c_bar * g
        g_bar = c_bar * i
        # o = sigmoid(a_o)
        a_o_bar = o_bar * sigmoid_slope(o)
        # g = tanh(a_g)
        a_g_bar = g_bar * tanh_slope(g)
        # f = sigmoid(a_f)
        a_f_bar = f_bar * sigmoid_slope(f)
        # i = sigmoid(a_i)
        a_i_bar = i_bar * sigmoid_slope(i)
        return (a_i_bar, a_f_bar, a_g_bar, a_o_bar), (zero(h_bar), c_before_bar)
