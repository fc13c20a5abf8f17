"""Recurrent layer that reads codes through an embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.cells.form import form_of
from numbarnn.kernels.cpu.product import product
from numbarnn.layers.base import DEFAULTS, Adjoint, Forward, Padded, PassSettings, Tangent
from numbarnn.layers.embedding import Embedding, EmbeddingParameters
from numbarnn.layers.recurrent import Recurrent, RecurrentParameters
from numbarnn.layers.stack import Stack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

LEAST_WORK = 2**24
"""Least number of multiplications by W in a batch for which to look up products; below, compiling takes longer."""


class LookedUpTape(NamedTuple):
    """Input of the embedding, parameters of the recurrent layer with the table as W, and its tape."""

    x: Padded
    looked_up: RecurrentParameters
    recurrent: Any


@dataclass(frozen=True)
class EmbeddedRecurrent(Stack):
    r"""Embedding of one column of codes, followed by a recurrent layer.

    Equivalent to a `Stack` of the two, but faster in the training of large batches, as it does not multiply the vector
    of each step by the input weights. With :math:`E` the vectors and :math:`c_t` the code of step t, the
    pre-activations are

    .. math:: a_t = E_{c_t} W + h_{t-1} R + b = (E W)_{c_t} + h_{t-1} R + b,

    so that the product :math:`T = E W` is computed once per code, and its rows are looked up. The adjoint is
    :math:`\bar T_c = \sum_{t: c_t = c} \bar a_t`, :math:`\bar E = \bar T W^T`, :math:`\bar W = E^T \bar T`. The results
    differ from those of the `Stack` by rounding.

    Parameters
    ----------
    steps : tuple of (str, Layer)
        The embedding and the recurrent layer, with their names; see `of`.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import LSTM
    >>> from numbarnn.layers import EmbeddedRecurrent, Embedding, Padded, Recurrent
    >>> layer = EmbeddedRecurrent.of(Embedding(1, (30,), (4,), (0,)), Recurrent(LSTM, 4, 5))
    >>> parameters = layer.init("float64", np.random.RandomState(0))
    >>> layer.forward(parameters, Padded(np.full((7, 2, 1), 29.0))).y.values.shape
    (7, 2, 5)
    """

    @classmethod
    def of(cls, embedding: Embedding, recurrent: Recurrent) -> EmbeddedRecurrent:
        """Return the layer made of an embedding and a recurrent layer.

        Raises
        ------
        ValueError
            If the input of the embedding is not one column of codes, or its vectors do not fit the recurrent layer.
        """
        if embedding.n_inputs != 1:
            raise ValueError(f"the embedding must have one column of codes as its input, got {embedding.n_inputs}")
        return cls((("embedding", embedding), ("recurrent", recurrent)))

    def forward(
        self,
        parameters: Any,
        x: Padded,
        state: tuple[Any, ...] | None = None,
        *,
        masks: tuple[Any, ...] | None = None,
        settings: PassSettings = DEFAULTS,
    ) -> Forward:
        """Return the outputs of the recurrent layer."""
        if not self._looks_up(x, settings):
            return super().forward(parameters, x, state, masks=masks, settings=settings)
        embedding, recurrent = self._pair
        (table,), (cell, _) = parameters[0].tables, parameters[1]
        looked_up = parameters[1]._replace(cell=cell._replace(W=product(table, cell.W)))
        codes = Padded(embedding.codes(x)[..., np.newaxis], x.lengths)
        own = None if masks is None else masks[1]
        y, final, tape = recurrent.forward(
            looked_up, codes, None if state is None else state[0], masks=own, settings=settings
        )
        return Forward(y, (final,), LookedUpTape(x, looked_up, tape))

    def tangent(
        self,
        parameters: Any,
        tape: Any,
        parameters_dot: Any = None,
        x_dot: Array | None = None,
        state_dot: tuple[Any, ...] | None = None,
        *,
        n_threads: int = 1,
    ) -> Tangent:
        """Return the tangents of the outputs and of the final state."""
        if isinstance(tape, LookedUpTape):
            y, _, embedded = self._pair[0].forward(parameters[0], tape.x)
            recurrence = tape.recurrent.recurrence._replace(x=y.values)
            tape = embedded, tape.recurrent._replace(recurrence=recurrence)
        return super().tangent(parameters, tape, parameters_dot, x_dot, state_dot, n_threads=n_threads)

    def adjoint(
        self,
        parameters: Any,
        tape: Any,
        y_bar: Array | None = None,
        state_bar: tuple[Any, ...] | None = None,
        *,
        inputs: bool = True,
        n_threads: int = 1,
    ) -> Adjoint:
        """Return the adjoints of the parameters, of the codes (always zero), and of the initial state."""
        if not isinstance(tape, LookedUpTape):
            return super().adjoint(parameters, tape, y_bar, state_bar, inputs=inputs, n_threads=n_threads)
        x, looked_up, own = tape
        first = None if state_bar is None else state_bar[0]
        bar = self._pair[1].adjoint(looked_up, own, y_bar, first, inputs=False, n_threads=n_threads)
        (table,), W = parameters[0].tables, parameters[1].cell.W
        # looked_up.W = table @ W
        looked_up_bar = bar.parameters.cell.W
        table_bar, W_bar = product(looked_up_bar, W.T), product(table.T, looked_up_bar)
        recurrent_bar = bar.parameters._replace(cell=bar.parameters.cell._replace(W=W_bar))
        parameters_bar = self._named((EmbeddingParameters((table_bar,)), recurrent_bar))
        return Adjoint(parameters_bar, np.zeros_like(x.values) if inputs else None, (bar.state,))

    @property
    def _pair(self) -> tuple[Embedding, Recurrent]:
        embedding, recurrent = self.layers
        assert isinstance(embedding, Embedding)
        assert isinstance(recurrent, Recurrent)
        return embedding, recurrent

    def _looks_up(self, x: Padded, settings: PassSettings) -> bool:
        """Return whether to multiply once per code: only in training, and if the batch has several steps per code.

        Predictions never do so, so that they do not depend on the number of sequences.
        """
        embedding, recurrent = self._pair
        kind: Any = recurrent.cell
        form = form_of(kind)
        modified = recurrent.input_dropout or recurrent.preactivation_clip or np.any(recurrent.zoneout)
        if (
            not settings.keep_tape
            or settings.tape_bytes is not None
            or modified
            or form.normalisation
            or not x.is_sequence
            or not isinstance(x.values, np.ndarray)
        ):
            return False
        n_rows, n_columns = x.values.size, len(form.input_gates) * recurrent.n_units
        return n_rows >= 4 * embedding.n_categories[0] and n_rows * recurrent.n_inputs * n_columns >= LEAST_WORK
