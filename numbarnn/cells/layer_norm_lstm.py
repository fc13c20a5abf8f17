"""The LSTM whose products and whose cell are normalised over the layer."""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cells.fields import Undecayed, Weight
from numbarnn.cells.initial import draw_weights
from numbarnn.cells.numbers import sigmoid, sigmoid_slope, tanh, tanh_slope, zero


class LayerNormLSTM(NamedTuple):
    r"""Weights and equations of the layer-normalised LSTM.

    Forward (Ba, Kiros & Hinton 2016, supplementary material, eqs. 20 to 22), with `a` cut into the gates `i f g o`::

        LN(z) = (z - mean(z)) / sqrt(mean((z - mean(z))^2) + epsilon)
        a   = gain_x LN(x_t W) + gain_h LN(h_(t-1) R) + b
        i   = sigmoid(a_i)    f = sigmoid(a_f)    g = tanh(a_g)    o = sigmoid(a_o)
        c_t = f c_(t-1) + i g
        v   = LN(c_t)
        h_t = o tanh(gain_c v + b_c)

    The means are taken over all `4 * n_units` numbers of a product, and over the `n_units` of c. epsilon is 1e-5, as in
    the authors' own code: a row without variance gives zeros.

    In the paper each of the two products has a bias behind its gain, too, and `b` is added to them. They would be three
    parameters with one effect; here `b` is their sum. Its `alpha_1`, `alpha_2`, `alpha_3` and `beta_3` are `gain_h`,
    `gain_x`, `gain_c` and `b_c`.

    Tangent: see `numbarnn.cells.normalisation` for that of LN; `a'` is the sum of the parts of both products, and::

        c_t' = f' c_(t-1) + f c_(t-1)' + i' g + i g'
        y    = tanh(gain_c v + b_c)
        h_t' = o' y + o (1 - y^2) (gain_c' v + gain_c v' + b_c')

    Adjoint (BPTT), the lines in reverse order::

        o_bar  = h_bar y          u_bar = h_bar o (1 - y^2)
        v_bar  = u_bar gain_c     gain_c_bar += u_bar v      b_c_bar += u_bar
        c_bar += the adjoint of LN by v_bar
        f_bar  = c_bar c_(t-1)    i_bar = c_bar g      g_bar = c_bar i      c_(t-1)_bar = c_bar f
        a_i_bar = i_bar i (1 - i)   and so on for f, g, o

    then, of both products, the gain, LN and the weights: the loops over time have these lines.

    Parameters
    ----------
    W : ndarray of shape (n_inputs, 4 * n_units)
        Input weights, the gates' columns in the order i, f, g, o.
    R : ndarray of shape (n_units, 4 * n_units)
        Recurrent weights.
    b : ndarray of shape (4 * n_units,)
        Bias.
    gain_x, gain_h : ndarray of shape (4 * n_units,)
        Gains of the normalised products `x_t W` and `h_(t-1) R`.
    gain_c, b_c : ndarray of shape (n_units,)
        Gain and bias of the normalised c.

    Notes
    -----
    Only the directions of W and R matter: a multiple of them gives the same outputs, except for epsilon. An L2 penalty
    on them shrinks them without changing the outputs; it does not apply to biases and gains. The squares of the numbers
    that are normalised must be finite: in float32, numbers up to about 1e18.

    References
    ----------
    J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", arXiv:1607.06450, 2016.

    Examples
    --------
    >>> from numbarnn import LayerNormLSTM
    >>> cell = LayerNormLSTM.init(n_inputs=3, n_units=5, random_state=0)
    >>> cell.W.shape, cell.R.shape, cell.gain_x.shape, cell.gain_c.shape
    ((3, 20), (5, 20), (20,), (5,))
    """

    W: Weight
    R: Weight
    b: Undecayed
    gain_x: Undecayed
    gain_h: Undecayed
    gain_c: Undecayed
    b_c: Undecayed

    n_gates = 4  # i f g o
    normalisation = ("gain_x", "gain_h", "gain_c", "b_c")
    state_size = 2  # h, c
    n_saved = 8  # o i f g, and for each gate h_(t-1) R less its mean

    @classmethod
    def init(cls, n_inputs: int, n_units: int, dtype: Any = "float32", random_state: Any = None) -> LayerNormLSTM:
        """Draw weights and set the forget gate's bias as `LSTM.init` does; gains of one, `b_c` zero."""
        cell = draw_weights(cls, n_inputs, n_units, dtype, random_state)
        cell.b[n_units : 2 * n_units] = 1
        return cell

    @staticmethod
    def step(a, state):
        """Return `(o, c)`, of which `output` makes h, and `(o, i, f, g)`."""
        a_i, a_f, a_g, a_o = a
        _, c_before = state
        i = sigmoid(a_i)
        f = sigmoid(a_f)
        g = tanh(a_g)
        o = sigmoid(a_o)
        c = f * c_before + i * g
        return (o, c), (o, i, f, g)

    @staticmethod
    def output(o, v, p):
        """Return `h`."""
        gain_c, b_c = p
        y = tanh(gain_c * v + b_c)
        return o * y

    @staticmethod
    def tangent(saved, state_before, state, a_dot, state_before_dot):
        """Return `(o_dot, c_dot)`."""
        o, i, f, g = saved
        a_i_dot, a_f_dot, a_g_dot, a_o_dot = a_dot
        _, c_before = state_before
        _, c_before_dot = state_before_dot
        i_dot = sigmoid_slope(i) * a_i_dot
        f_dot = sigmoid_slope(f) * a_f_dot
        g_dot = tanh_slope(g) * a_g_dot
        o_dot = sigmoid_slope(o) * a_o_dot
        return o_dot, f_dot * c_before + f * c_before_dot + i_dot * g + i * g_dot

    @staticmethod
    def output_tangent(o, v, o_dot, v_dot, p, p_dot):
        """Return `h_dot`."""
        gain_c, b_c = p
        gain_c_dot, b_c_dot = p_dot
        y = tanh(gain_c * v + b_c)
        y_dot = tanh_slope(y) * (gain_c_dot * v + gain_c * v_dot + b_c_dot)
        return o_dot * y + o * y_dot

    @staticmethod
    def output_adjoint(o, v, h_bar, p):
        """Return `o_bar`, `v_bar`, and `(gain_c_bar, b_c_bar)`."""
        gain_c, b_c = p
        # h = o * y
        y = tanh(gain_c * v + b_c)
        o_bar = h_bar * y
        y_bar = h_bar * o
        # y = tanh(gain_c * v + b_c)
        b_c_bar = y_bar * tanh_slope(y)
        gain_c_bar = b_c_bar * v
        v_bar = b_c_bar * gain_c
        return o_bar, v_bar, (gain_c_bar, b_c_bar)

    @staticmethod
    def adjoint(saved, state_before, state, state_bar):
        """Return the gates' `a_bar`, and `(h_before_bar, c_before_bar)` without the part through `a`."""
        o, i, f, g = saved
        _, c_before = state_before
        o_bar, c_bar = state_bar
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
        return (a_i_bar, a_f_bar, a_g_bar, a_o_bar), (zero(o_bar), c_before_bar)
