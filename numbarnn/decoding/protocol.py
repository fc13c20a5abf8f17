"""The contract of a model that predicts one label after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from numbarnn.protocols import check_protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class StepModel(Protocol):
    """A model that predicts the next symbol of several sequences at once.

    Its symbols have the codes of a `numbarnn.data.Vocabulary`: labels from 0 to V - 1, then the end of the sequence, V,
    and the start, V + 1, which is read and never predicted.

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
        """Return the state of n sequences of which nothing has been read."""
        ...

    def step(self, codes: Array, state: Any) -> tuple[Array, Any]:
        """Read one symbol of each sequence, codes (B,), and return what is known of the next.

        Returns
        -------
        log_probabilities : ndarray of shape (B, V + 1)
            Of the labels and of the end.
        state : object
            The state behind the symbols; the one passed in is not changed.
        """
        ...

    def take(self, state: Any, rows: Array) -> Any:
        """Return the state of the sequences at `rows`, indices of shape (B',) that may repeat."""
        ...


class Hypothesis(NamedTuple):
    """A decoded sequence.

    Attributes
    ----------
    codes : ndarray of shape (T,), intp
        The labels, without the end.
    score : float
        Logarithm of the sequence's probability, its end included.
    """

    codes: Array
    score: float


class Beginning(NamedTuple):
    """What sequences are to be continued from: the last symbols of n prompts, and the state before these are read.

    Attributes
    ----------
    codes : ndarray of shape (n,), intp
    state : object
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
        If an attribute or a method is missing, or a method has other parameters. The message names all of them.

    Examples
    --------
    >>> from numbarnn.decoding import check_step_model
    >>> check_step_model("model")
    Traceback (most recent call last):
        ...
    TypeError: 'model' is no step model: n_labels is missing; start(n) is missing; step(codes, state) is missing; ...
    """
    check_protocol(model, StepModel, "step model")
