"""The Jordan network."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from numbarnn.cells.elman import Elman
from numbarnn.cells.fields import Undecayed, Weight
from numbarnn.cells.initial import draw_weights


class Jordan(NamedTuple):
    r"""Weights and equations of the network that feeds its outputs back, where Elman's feeds back its hidden units.

    Forward (Jordan 1986, with the outputs themselves, rather than their fading trace, as the context)::

        a = x_t W + h_(t-1) R + b
        m_t = tanh(a)
        h_t = m_t P + b_P

    The hidden units are m; the outputs, here h as in every cell, are linear. `forward` runs free: each step sees the
    outputs of the step before. With `teacher_forced`, each step sees the target outputs instead.

    Tangent::

        m_t' = (1 - m_t^2) a'
        h_t' = m_t' P + m_t P' + b_P'

    Adjoint::

        m_bar = h_bar P^T     P_bar += m_t^T h_bar     b_P_bar += h_bar
        a_bar = m_bar (1 - m_t^2)

    and as in `Elman` from there on. The projection, as the other products, belongs to the loops over time.

    Parameters
    ----------
    W : ndarray of shape (n_inputs, n_units)
        Input weights.
    R : ndarray of shape (n_outputs, n_units)
        Weights of the outputs that are fed back.
    b : ndarray of shape (n_units,)
        Bias of the hidden units.
    P : ndarray of shape (n_units, n_outputs)
        Output weights.
    b_P : ndarray of shape (n_outputs,)
        Bias of the outputs.

    References
    ----------
    M. I. Jordan, "Serial order: a parallel distributed processing approach", Technical Report 8604, Institute for
    Cognitive Science, University of California, San Diego, 1986.
    R. J. Williams, D. Zipser, "A learning algorithm for continually running fully recurrent neural networks", Neural
    Computation 1(2), 1989 (teacher forcing).

    Examples
    --------
    >>> from numbarnn import Jordan
    >>> cell = Jordan.init(n_inputs=3, n_units=8, random_state=0, n_outputs=2)
    >>> cell.W.shape, cell.R.shape, cell.P.shape
    ((3, 8), (2, 8), (8, 2))
    """

    W: Weight
    R: Weight
    b: Undecayed
    P: Weight
    b_P: Undecayed

    n_gates = 1
    projection = ("P", "b_P")
    state_size = 1  # h
    n_saved = 0  # the slope is taken from m

    @classmethod
    def init(
        cls, n_inputs: int, n_units: int, dtype: Any = "float32", random_state: Any = None, n_outputs: int | None = None
    ) -> Jordan:
        """Draw weights as `Elman.init` does, the output weights Glorot-uniform.

        `n_outputs` is the width of the outputs, `n_units` if it is None.
        """
        return draw_weights(cls, n_inputs, n_units, dtype, random_state, n_outputs)

    def teacher_forced(self, x: np.ndarray, outputs_before: np.ndarray) -> tuple[Jordan, np.ndarray]:
        """Return a cell and inputs whose passes are the teacher-forced passes of this cell.

        The outputs that are fed back are inputs of that cell, and its recurrent weights are zero (Williams & Zipser
        1989).

        Parameters
        ----------
        x : ndarray of shape (T, B, n_inputs)
        outputs_before : ndarray of shape (T, B, n_outputs)
            The outputs of the step before, as each step is to see them.

        Returns
        -------
        cell : Jordan
            With `n_inputs + n_outputs` inputs. The first `n_inputs` rows of its `W_bar` are this cell's `W_bar`, the
            others its `R_bar`.
        x : ndarray of shape (T, B, n_inputs + n_outputs)

        Raises
        ------
        TypeError
            If an array is masked.
        ValueError
            If a shape does not fit.

        Examples
        --------
        >>> import numpy as np, numbarnn
        >>> cell = numbarnn.Jordan.init(n_inputs=1, n_units=8, random_state=0, n_outputs=2)
        >>> x = np.ones((5, 1, 1), np.float32)
        >>> free = numbarnn.forward(cell, x).y
        >>> before = np.concatenate([np.zeros((1, 1, 2), np.float32), free[:-1]])
        >>> forced = numbarnn.forward(*cell.teacher_forced(x, before)).y
        >>> bool(np.allclose(forced, free, rtol=0, atol=1e-6))
        True
        """
        n_outputs = self.R.shape[0]
        for name, array in (("x", x), ("outputs_before", outputs_before)):
            if isinstance(array, np.ma.MaskedArray):
                raise TypeError(f"{name} must be a NumPy array without a mask, which would be ignored; fill it first")
        if outputs_before.shape != (*x.shape[:2], n_outputs):
            wanted = (*x.shape[:2], n_outputs)
            raise ValueError(f"outputs_before must have shape {wanted}, got {outputs_before.shape}")
        cell = self._replace(W=np.concatenate([self.W, self.R]), R=np.zeros_like(self.R))
        return cell, np.concatenate([x, outputs_before], axis=2)

    # The equations of the hidden units, whose m is the h of an Elman network.
    step = staticmethod(Elman.step)
    tangent = staticmethod(Elman.tangent)
    adjoint = staticmethod(Elman.adjoint)
