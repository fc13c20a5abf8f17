"""The Elman network's tanh unit."""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cells.fields import Undecayed, Weight
from numbarnn.cells.initial import draw_weights
from numbarnn.cells.numbers import tanh, tanh_slope, zero


class Elman(NamedTuple):
    r"""Weights and equations of the simple recurrent network.

    Forward (Elman 1990, fig. 2; written out as eqs. 10.8 and 10.9 of Goodfellow, Bengio & Courville 2016)::

        a = x_t W + h_(t-1) R + b
        h_t = tanh(a)

    Tangent::

        h_t' = (1 - h_t^2) a'

    Adjoint (BPTT; Werbos 1990)::

        a_bar = h_bar (1 - h_t^2)
        h_(t-1)_bar = a_bar R^T     W_bar += x_t^T a_bar     R_bar += h_(t-1)^T a_bar     b_bar += a_bar

    Parameters
    ----------
    W : ndarray of shape (n_inputs, n_units)
        Input weights.
    R : ndarray of shape (n_units, n_units)
        Recurrent weights.
    b : ndarray of shape (n_units,)
        Bias.

    References
    ----------
    J. L. Elman, "Finding structure in time", Cognitive Science 14(2), 1990.
    P. J. Werbos, "Backpropagation through time: what it does and how to do it", Proc. IEEE 78(10), 1990.
    I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", MIT Press, 2016.

    Examples
    --------
    >>> from numbarnn import Elman
    >>> Elman.init(n_inputs=3, n_units=5, random_state=0).R.shape
    (5, 5)
    """

    W: Weight
    R: Weight
    b: Undecayed

    n_gates = 1
    state_size = 1  # h
    n_saved = 0  # the slope is taken from h

    @classmethod
    def init(cls, n_inputs: int, n_units: int, dtype: Any = "float32", random_state: Any = None) -> Elman:
        """Draw Glorot-uniform input and orthogonal recurrent weights and a zero bias.

        The parameters are those of `LSTM.init`.
        """
        return draw_weights(cls, n_inputs, n_units, dtype, random_state)

    @staticmethod
    def step(a, state):
        """Return `(h,)`; nothing is saved."""
        return (tanh(a[0]),), ()

    @staticmethod
    def tangent(saved, state_before, state, a_dot, state_before_dot):
        """Return `(h_dot,)`."""
        return (tanh_slope(state[0]) * a_dot[0],)

    @staticmethod
    def adjoint(saved, state_before, state, state_bar):
        """Return `(a_bar,)` and `(h_before_bar,)` without the part through `a`."""
        # h = tanh(a)
        a_bar = state_bar[0] * tanh_slope(state[0])
        return (a_bar,), (zero(a_bar),)
