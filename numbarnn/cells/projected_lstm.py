"""The LSTM whose outputs are a projection of its units."""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cells.fields import Undecayed, Weight
from numbarnn.cells.initial import draw_weights
from numbarnn.cells.lstm import LSTM


class ProjectedLSTM(NamedTuple):
    r"""Weights and equations of the LSTM with a recurrent projection layer, LSTMP.

    Forward (Sak, Senior & Beaufays 2014, without the peepholes), with `a = x_t W + h_(t-1) R + b` cut into the gates
    `i f g o`::

        i = sigmoid(a_i)    f = sigmoid(a_f)    g = tanh(a_g)    o = sigmoid(a_o)
        c_t = f c_(t-1) + i g
        m_t = o tanh(c_t)
        h_t = m_t P

    Tangent: that of `LSTM`, whose h is m here, and::

        h_t' = m_t' P + m_t P'

    Adjoint::

        m_bar = h_bar P^T     P_bar += m_t^T h_bar

    then that of `LSTM`. The projection, as the other products, belongs to the loops over time.

    Parameters
    ----------
    W : ndarray of shape (n_inputs, 4 * n_units)
        Input weights, the gates' columns in the order i, f, g, o.
    R : ndarray of shape (n_outputs, 4 * n_units)
        Recurrent weights.
    b : ndarray of shape (4 * n_units,)
        Bias.
    P : ndarray of shape (n_units, n_outputs)
        Projection.

    References
    ----------
    H. Sak, A. Senior, F. Beaufays, "Long short-term memory recurrent neural network architectures for large scale
    acoustic modeling", Interspeech 2014.

    Examples
    --------
    >>> from numbarnn import ProjectedLSTM
    >>> cell = ProjectedLSTM.init(n_inputs=3, n_units=8, random_state=0, n_outputs=2)
    >>> cell.W.shape, cell.R.shape, cell.b.shape, cell.P.shape
    ((3, 32), (2, 32), (32,), (8, 2))
    """

    W: Weight
    R: Weight
    b: Undecayed
    P: Weight

    n_gates = 4  # i f g o
    projection = ("P",)
    state_size = 2  # h, c
    n_saved = 4  # i f g o

    @classmethod
    def init(
        cls, n_inputs: int, n_units: int, dtype: Any = "float32", random_state: Any = None, n_outputs: int | None = None
    ) -> ProjectedLSTM:
        """Draw weights and set the forget gate's bias as `LSTM.init` does; the projection is Glorot-uniform.

        `n_outputs` is the width of the outputs, `n_units` if it is None.
        """
        cell = draw_weights(cls, n_inputs, n_units, dtype, random_state, n_outputs)
        cell.b[n_units : 2 * n_units] = 1
        return cell

    # The equations of the units, whose m is the h of an LSTM.
    step = staticmethod(LSTM.step)
    tangent = staticmethod(LSTM.tangent)
    adjoint = staticmethod(LSTM.adjoint)
