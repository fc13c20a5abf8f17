"""A fitted network as a stream: what `numbarnn.stream` asks an estimator for."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from numbarnn.layers import NetworkStream
from numbarnn.losses import Head, NegativeBinomial, NumberHead, Poisson, Quantile


class _StepOutput(NamedTuple):
    """The columns of the network's outputs from which a prediction is made, and how."""

    columns: NDArray[np.intp]
    activation: str


class StreamingMixin:
    """The stream of a fitted network."""

    def _stream(self: Any, n_sequences: int, state: tuple[Any, ...] | None) -> NetworkStream:
        """Return the stream of the network.

        Raises
        ------
        ValueError
            If this is an ensemble, the network has no state to continue from, or the state does not fit it.
        """
        check_is_fitted(self)
        if len(getattr(self, "estimators_", [self])) > 1:
            raise ValueError("An ensemble has no single state; use one of its members, such as estimators_[0].")
        self._architecture.check_state(np.ones(1, np.intp))
        output = _step_output(self._head)
        return self.network_.stream(self.theta_, n_sequences, state, **output._asdict())


def _step_output(head: Head) -> _StepOutput:
    """Return how a stream makes predictions from the outputs of a network, for numbers as `head.predict` does."""
    if not isinstance(head, NumberHead):
        return _StepOutput(np.arange(head.n_outputs), head.loss.out_activation)
    columns = head.loss.columns(head.n_targets)
    if isinstance(head.loss, Quantile):
        return _StepOutput(columns[:, head.loss.median], "identity")
    activation = "exponential" if isinstance(head.loss, Poisson | NegativeBinomial) else "identity"
    return _StepOutput(columns[:, 0], activation)
