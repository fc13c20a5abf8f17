"""Protocol of models that predict one label at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from numbarnn.protocols import check_protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class StepModel(Protocol):
    """Model that predicts the next symbol of several sequences at once.

    Symbols have the codes of a `numbarnn.data.Vocabulary`: 0 to V - 1 for the labels, V for the end of a sequence, and
    V + 1 for the start, which is read but never predicted.

    Attributes
    ----------
    n_labels : int
        Number of labels, V.
    """

    @property
    def n_labels(self) -> int:
        """Number of labels, V."""
        ...

    def start(self, n: int) -> Any:
        """Return the initial state of n sequences, before anything has been read."""
        ...

    def step(self, codes: Array, state: Any) -> tuple[Array, Any]:
        """Read one symbol of each sequence, codes (B,), and predict the next ones.

        Returns
        -------
        log_probabilities : ndarray of shape (B, V + 1)
            Log-probabilities of the labels and of the end.
        state : object
            State after the symbols. The state passed in is not changed.
        """
        ...

    def take(self, state: Any, rows: Array) -> Any:
        """Return the state of the sequences at `rows`, indices of shape (B',) that may repeat."""
        ...


class Hypothesis(NamedTuple):
    """Decoded sequence.

    Attributes
    ----------
    codes : ndarray of shape (T,), intp
        The labels, without the end.
    score : float
        Logarithm of the probability of the sequence, including its end.
    """

    codes: Array
    score: float


class Beginning(NamedTuple):
    """Point from which to continue n sequences.

    Attributes
    ----------
    codes : ndarray of shape (n,), intp
        Last symbols of the n prompts, which have not been read yet.
    state : object
        State of the model before it reads these symbols.
    """

    codes: Array
    state: Any

    @classmethod
    def of(cls, model: StepModel, n: int) -> Beginning:
        """Return the beginning of n sequences without prompts."""
        return cls(np.full(n, model.n_labels + 1, dtype=np.intp), model.start(n))


def check_step_model(model: Any) -> None:
    """Check that an object offers what the `StepModel` protocol asks for.

    Parameters
    ----------
    model : object

    Raises
    ------
    TypeError
        If an attribute or a method is missing, or a method has the wrong parameters. The message lists all of them.

    Examples
    --------
    >>> from numbarnn.decoding import check_step_model
    >>> check_step_model("model")
    Traceback (most recent call last):
        ...
    TypeError: 'model' is no step model: n_labels is missing; start(n) is missing; step(codes, state) is missing; ...
    """
    check_protocol(model, StepModel, "step model")
