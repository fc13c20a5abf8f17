"""Long short-term memory with peephole connections."""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cells.fields import Undecayed, Weight
from numbarnn.cells.initial import draw_weights
from numbarnn.cells.numbers import sigmoid, sigmoid_slope, tanh, tanh_slope, zero


class PeepholeLSTM(NamedTuple):
    r"""Weights and equations of the LSTM whose gates see its cells.

    Forward (Gers & Schmidhuber 2000; Gers, Schraudolph & Schmidhuber 2002; as a whole Greff et al. 2017, section 2; the
    squashing functions being tanh), with `a = x_t W + h_(t-1) R + b` cut into the gates `i f g o`. The input and the
    forget gate see the cell as it was, the output gate sees it as it is (ONNX's input `P`)::

        i = sigmoid(a_i + p_i c_(t-1))    f = sigmoid(a_f + p_f c_(t-1))    g = tanh(a_g)
        c_t = f c_(t-1) + i g
        o = sigmoid(a_o + p_o c_t)
        h_t = o tanh(c_t)

    Tangent: each line differentiated::

        i' = i (1 - i) (a_i' + p_i' c_(t-1) + p_i c_(t-1)')   and so on for f
        c_t' = f' c_(t-1) + f c_(t-1)' + i' g + i g'
        o' = o (1 - o) (a_o' + p_o' c_t + p_o c_t')
        h_t' = o' tanh(c_t) + o (1 - tanh(c_t)^2) c_t'

    Adjoint (BPTT), the lines in reverse order::

        o_bar  = h_bar tanh(c_t)       c_bar += h_bar o (1 - tanh(c_t)^2)
        a_o_bar = o_bar o (1 - o)      p_o_bar += a_o_bar c_t    c_bar += a_o_bar p_o
        f_bar  = c_bar c_(t-1)         i_bar = c_bar g    g_bar = c_bar i    c_(t-1)_bar = c_bar f
        a_f_bar = f_bar f (1 - f)      p_f_bar += a_f_bar c_(t-1)    c_(t-1)_bar += a_f_bar p_f
        a_i_bar = i_bar i (1 - i)      p_i_bar += a_i_bar c_(t-1)    c_(t-1)_bar += a_i_bar p_i
        h_(t-1)_bar = a_bar R^T     W_bar += x_t^T a_bar     R_bar += h_(t-1)^T a_bar     b_bar += a_bar

    The last line belongs to the loops over time, as does the sum over steps in the bars of the peepholes.

    Parameters
    ----------
    W : ndarray of shape (n_inputs, 4 * n_units)
        Input weights, the gates' columns in the order i, f, g, o.
    R : ndarray of shape (n_units, 4 * n_units)
        Recurrent weights.
    b : ndarray of shape (4 * n_units,)
        Bias.
    p_i, p_f, p_o : ndarray of shape (n_units,)
        Peephole weights of the input, the forget and the output gate.

    References
    ----------
    F. A. Gers, J. Schmidhuber, "Recurrent nets that time and count", IJCNN, 2000.
    F. A. Gers, N. N. Schraudolph, J. Schmidhuber, "Learning precise timing with LSTM recurrent networks", Journal of
    Machine Learning Research 3, 2002.
    K. Greff, R. K. Srivastava, J. Koutnik, B. R. Steunebrink, J. Schmidhuber, "LSTM: a search space odyssey", IEEE
    Trans. Neural Networks and Learning Systems 28(10), 2017.

    Examples
    --------
    >>> from numbarnn import PeepholeLSTM
    >>> cell = PeepholeLSTM.init(n_inputs=3, n_units=5, random_state=0)
    >>> cell.W.shape, cell.R.shape, cell.b.shape, cell.p_i.shape
    ((3, 20), (5, 20), (20,), (5,))
    """

    W: Weight
    R: Weight
    b: Undecayed
    p_i: Weight
    p_f: Weight
    p_o: Weight

    n_gates = 4  # i f g o
    state_size = 2  # h, c
    n_saved = 4  # i f g o

    @classmethod
    def init(cls, n_inputs: int, n_units: int, dtype: Any = "float32", random_state: Any = None) -> PeepholeLSTM:
        """Draw what `LSTM.init` draws; the peepholes are zero, so that the cell starts as that LSTM."""
        cell = draw_weights(cls, n_inputs, n_units, dtype, random_state)
        cell.b[n_units : 2 * n_units] = 1
        return cell

    @staticmethod
    def step(a, state, p):
        """Return `(h, c)` and the saved `(i, f, g, o)`."""
        a_i, a_f, a_g, a_o = a
        p_i, p_f, p_o = p
        _, c_before = state
        i = sigmoid(a_i + p_i * c_before)
        f = sigmoid(a_f + p_f * c_before)
        g = tanh(a_g)
        c = f * c_before + i * g
        o = sigmoid(a_o + p_o * c)
        h = o * tanh(c)
        return (h, c), (i, f, g, o)

    @staticmethod
    def tangent(saved, state_before, state, a_dot, state_before_dot, p, p_dot):
        """Return `(h_dot, c_dot)`."""
        i, f, g, o = saved
        a_i_dot, a_f_dot, a_g_dot, a_o_dot = a_dot
        p_i, p_f, p_o = p
        p_i_dot, p_f_dot, p_o_dot = p_dot
        _, c_before = state_before
        _, c = state
        _, c_before_dot = state_before_dot
        i_dot = sigmoid_slope(i) * (a_i_dot + p_i_dot * c_before + p_i * c_before_dot)
        f_dot = sigmoid_slope(f) * (a_f_dot + p_f_dot * c_before + p_f * c_before_dot)
        g_dot = tanh_slope(g) * a_g_dot
        c_dot = f_dot * c_before + f * c_before_dot + i_dot * g + i * g_dot
        o_dot = sigmoid_slope(o) * (a_o_dot + p_o_dot * c + p_o * c_dot)
        tanh_c = tanh(c)
        h_dot = o_dot * tanh_c + o * tanh_slope(tanh_c) * c_dot
        return h_dot, c_dot

    @staticmethod
    def adjoint(saved, state_before, state, state_bar, p):
        """Return the gates' `a_bar`, `(h_before_bar, c_before_bar)` without the part through `a`, and `p_bar`."""
        i, f, g, o = saved
        p_i, p_f, p_o = p
        _, c_before = state_before
        _, c = state
        h_bar, c_bar = state_bar
        # h = o * tanh(c)
        tanh_c = tanh(c)
        o_bar = h_bar * tanh_c
        c_bar = c_bar + h_bar * o * tanh_slope(tanh_c)
        # o = sigmoid(a_o + p_o * c)
        a_o_bar = o_bar * sigmoid_slope(o)
        p_o_bar = a_o_bar * c
        c_bar = c_bar + a_o_bar * p_o
        # c = f * c_before + i * g
        f_bar = c_bar * c_before
        c_before_bar = c_bar * f
        i_bar = c_bar * g
        g_bar = c_bar * i
        # g = tanh(a_g)
        a_g_bar = g_bar * tanh_slope(g)
        # f = sigmoid(a_f + p_f * c_before)
        a_f_bar = f_bar * sigmoid_slope(f)
        p_f_bar = a_f_bar * c_before
        c_before_bar = c_before_bar + a_f_bar * p_f
        # i = sigmoid(a_i + p_i * c_before)
        a_i_bar = i_bar * sigmoid_slope(i)
        p_i_bar = a_i_bar * c_before
        c_before_bar = c_before_bar + a_i_bar * p_i
        return (a_i_bar, a_f_bar, a_g_bar, a_o_bar), (zero(h_bar), c_before_bar), (p_i_bar, p_f_bar, p_o_bar)
