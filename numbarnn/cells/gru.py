"""The gated recurrent unit, its reset gate after the recurrent product."""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cells.fields import Undecayed, Weight
from numbarnn.cells.initial import draw_weights
from numbarnn.cells.numbers import sigmoid, sigmoid_slope, tanh, tanh_slope


class GRU(NamedTuple):
    r"""Weights and equations of the gated recurrent unit that PyTorch and cuDNN compute.

    The equations are those of Cho et al. 2014, eqs. 5 to 8, with one change, so that one recurrent product serves all
    gates: the reset gate multiplies `h_(t-1) R_n`, not `h_(t-1)` (ONNX `linear_before_reset=1`; `GRUResetBefore` has
    the paper's order). Forward, where the recurrent part of n is a separate pre-activation `hn`::

        a_r = x_t W_r + h_(t-1) R_r + b_r      a_n  = x_t W_n + b_n
        a_z = x_t W_z + h_(t-1) R_z + b_z      a_hn = h_(t-1) R_n + b_hn
        r = sigmoid(a_r)    z = sigmoid(a_z)    n = tanh(a_n + r a_hn)
        h_t = (1 - z) n + z h_(t-1)

    Tangent::

        n' = (1 - n^2) (a_n' + r' a_hn + r a_hn')
        h_t' = n' + z' (h_(t-1) - n) + z (h_(t-1)' - n')

    Adjoint (BPTT), the lines in reverse order::

        z_bar = h_bar (h_(t-1) - n)    h_(t-1)_bar = h_bar z    n_bar = h_bar (1 - z)
        a_n_bar = n_bar (1 - n^2)      r_bar = a_n_bar a_hn     a_hn_bar = a_n_bar r
        a_z_bar = z_bar z (1 - z)      a_r_bar = r_bar r (1 - r)
        h_(t-1)_bar += (a_r_bar a_z_bar a_hn_bar) R^T     R_bar += h_(t-1)^T (a_r_bar a_z_bar a_hn_bar)
        W_bar += x_t^T (a_r_bar a_z_bar a_n_bar)          b_bar += (a_r_bar a_z_bar a_n_bar a_hn_bar)

    The last two lines belong to the loops over time.

    Parameters
    ----------
    W : ndarray of shape (n_inputs, 3 * n_units)
        Input weights, the gates' columns in the order r, z, n.
    R : ndarray of shape (n_units, 3 * n_units)
        Recurrent weights, in the same order.
    b : ndarray of shape (4 * n_units,)
        Bias of r, z, n and hn: the sums of PyTorch's two biases for r and z, and each of the two for n.

    References
    ----------
    K. Cho, B. van Merrienboer, C. Gulcehre, D. Bahdanau, F. Bougares, H. Schwenk, Y. Bengio, "Learning phrase
    representations using RNN encoder-decoder for statistical machine translation", EMNLP, 2014.

    Examples
    --------
    >>> from numbarnn import GRU
    >>> cell = GRU.init(n_inputs=3, n_units=5, random_state=0)
    >>> cell.W.shape, cell.R.shape, cell.b.shape
    ((3, 15), (5, 15), (20,))
    """

    W: Weight
    R: Weight
    b: Undecayed

    n_gates = 4  # r z n hn
    input_gates = (0, 1, 2)
    recurrent_gates = (0, 1, 3)
    state_size = 1  # h
    n_saved = 4  # r z n a_hn

    @classmethod
    def init(cls, n_inputs: int, n_units: int, dtype: Any = "float32", random_state: Any = None) -> GRU:
        """Draw Glorot-uniform input and orthogonal recurrent weights and a zero bias.

        The parameters are those of `LSTM.init`.
        """
        return draw_weights(cls, n_inputs, n_units, dtype, random_state)

    @staticmethod
    def step(a, state):
        """Return `(h,)` and the saved `(r, z, n, a_hn)`."""
        a_r, a_z, a_n, a_hn = a
        (h_before,) = state
        r = sigmoid(a_r)
        z = sigmoid(a_z)
        n = tanh(a_n + r * a_hn)
        h = n + z * (h_before - n)
        return (h,), (r, z, n, a_hn)

    @staticmethod
    def tangent(saved, state_before, state, a_dot, state_before_dot):
        """Return `(h_dot,)`."""
        r, z, n, a_hn = saved
        a_r_dot, a_z_dot, a_n_dot, a_hn_dot = a_dot
        (h_before,) = state_before
        (h_before_dot,) = state_before_dot
        r_dot = sigmoid_slope(r) * a_r_dot
        z_dot = sigmoid_slope(z) * a_z_dot
        n_dot = tanh_slope(n) * (a_n_dot + r_dot * a_hn + r * a_hn_dot)
        return (n_dot + z_dot * (h_before - n) + z * (h_before_dot - n_dot),)

    @staticmethod
    def adjoint(saved, state_before, state, state_bar):
        """Return the gates' `a_bar`, and `(h_before_bar,)` without the part through `a`."""
        r, z, n, a_hn = saved
        (h_before,) = state_before
        (h_bar,) = state_bar
        # h = n + z * (h_before - n)
        z_bar = h_bar * (h_before - n)
        h_before_bar = h_bar * z
        n_bar = h_bar - h_before_bar
        # n = tanh(a_n + r * a_hn)
        a_n_bar = n_bar * tanh_slope(n)
        r_bar = a_n_bar * a_hn
        a_hn_bar = a_n_bar * r
        # z = sigmoid(a_z)
        a_z_bar = z_bar * sigmoid_slope(z)
        # r = sigmoid(a_r)
        a_r_bar = r_bar * sigmoid_slope(r)
        return (a_r_bar, a_z_bar, a_n_bar, a_hn_bar), (h_before_bar,)
