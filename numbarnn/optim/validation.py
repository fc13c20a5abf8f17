"""Validation: which of the parameters on the way are kept."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.data import SequencePairs, Sequences
from numbarnn.kernels.devices import host_copy
from numbarnn.prediction import predict

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from numbarnn.layers import Model
    from numbarnn.optim.state import TrainingState


class Validation(NamedTuple):
    """Sequences by which to choose the best parameters.

    Attributes
    ----------
    sequences : Sequences or SequencePairs
    score : callable
        Takes the outputs of the model for the sequences, as `numbarnn.prediction.predict` returns them, and returns a
        score; the larger the better.
    reduce : callable or None
        What `predict` applies to the outputs of each batch before.
    """

    sequences: Sequences | SequencePairs
    score: Callable[[NDArray[Any]], float]
    reduce: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]] | None = None


class BestParameters:
    """The parameters with the best validation score of one training.

    Scores of an earlier training do not count: its validation part was another one.

    Parameters
    ----------
    model : Model
    validation : Validation
    state : TrainingState
    n_jobs : int or None
        Number of threads, in joblib's sense.
    """

    def __init__(self, model: Model, validation: Validation, state: TrainingState, *, n_jobs: int | None) -> None:
        self._model = model
        self._validation = validation
        self._state = state
        self._n_jobs = n_jobs
        self._theta: NDArray[Any] | None = None
        state.best_validation_score = -math.inf

    def score(self) -> float:
        """Append the score of the present parameters to the state's, and keep them if they are the best.

        Raises
        ------
        ValueError
            If the outputs of the model are not finite.
        """
        state, (sequences, _, reduce) = self._state, self._validation
        z = predict(self._model, state.theta, sequences, reduce=reduce, n_jobs=self._n_jobs).z
        if not np.isfinite(z).all():
            raise ValueError(
                "The outputs for the validation part are not finite. "
                "Scale the inputs and targets, or lower the learning rate."
            )
        score = float(self._validation.score(z))
        state.validation_scores.append(score)
        if score > state.best_validation_score:
            state.best_validation_score = score
            self._theta = host_copy(state.theta)
        return score

    def restore(self) -> None:
        """Put the best parameters into the state, which is in the processor's memory; without any score it stays."""
        if self._theta is not None:
            self._state.theta[:] = self._theta
