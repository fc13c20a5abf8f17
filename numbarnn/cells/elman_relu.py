"""The Elman network's rectified linear unit."""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cells.fields import Undecayed, Weight
from numbarnn.cells.initial import draw_weights
from numbarnn.cells.numbers import relu, relu_slope, zero


class ElmanReLU(NamedTuple):
    r"""Weights and equations of the simple recurrent network with rectified linear units.

    Forward (Le, Jaitly & Hinton 2015, section 2)::

        a = x_t W + h_(t-1) R + b
        h_t = max(a, 0)

    Tangent and adjoint, the slope at the kink being zero as in scikit-learn and PyTorch::

        h_t' = [h_t > 0] a'
        a_bar = h_bar [h_t > 0]
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
    Q. V. Le, N. Jaitly, G. E. Hinton, "A simple way to initialize recurrent networks of rectified linear units",
    arXiv:1504.00941, 2015.

    Examples
    --------
    >>> from numbarnn import ElmanReLU
    >>> ElmanReLU.init(n_inputs=3, n_units=5, random_state=0).b.shape
    (5,)
    """

    W: Weight
    R: Weight
    b: Undecayed

    n_gates = 1
    state_size = 1  # h
    n_saved = 0  # the slope is taken from h

    @classmethod
    def init(cls, n_inputs: int, n_units: int, dtype: Any = "float32", random_state: Any = None) -> ElmanReLU:
        """Draw Glorot-uniform input and orthogonal recurrent weights and a zero bias.

        The parameters are those of `LSTM.init`.
        """
        return draw_weights(cls, n_inputs, n_units, dtype, random_state)

    @staticmethod
    def step(a, state):
        """Return `(h,)`; nothing is saved."""
        return (relu(a[0]),), ()

    @staticmethod
    def tangent(saved, state_before, state, a_dot, state_before_dot):
        """Return `(h_dot,)`."""
        return (relu_slope(state[0]) * a_dot[0],)

    @staticmethod
    def adjoint(saved, state_before, state, state_bar):
        """Return `(a_bar,)` and `(h_before_bar,)` without the part through `a`."""
        # h = max(a, 0)
        a_bar = state_bar[0] * relu_slope(state[0])
        return (a_bar,), (zero(a_bar),)
