from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from numbarnn.data import Sequences
from numbarnn.kernels.devices import host_copy
from numbarnn.network import predict

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from numbarnn.network import Network
    from numbarnn.training.state import TrainingState


class Validation(NamedTuple):
    """Sequences by which to choose the best parameters.

    Attributes
    ----------
    sequences : Sequences
    score : callable
        Takes the network's outputs for the sequences, as `numbarnn.network.predict` gives them, and
        returns a score; the larger the better.
    """

    sequences: Sequences
    score: Callable[[NDArray[Any]], float]


class BestParameters:
    """The parameters of the best validation score so far.

    Parameters
    ----------
    network : Network
    validation : Validation
    state : TrainingState
        Its parameters count as the best ones if it brings validation scores from an earlier training.
    n_jobs : int or None
        Number of threads, in scikit-learn's sense.
    """

    def __init__(self, network: Network, validation: Validation, state: TrainingState, *, n_jobs: int | None) -> None:
        self._network = network
        self._validation = validation
        self._state = state
        self._n_jobs = n_jobs
        self._theta = host_copy(state.theta) if state.validation_scores else None

    def score(self) -> float:
        """Append the score of the present parameters to the state's, and keep them if they are the best."""
        z = predict(self._network, self._state.theta, self._validation.sequences, n_jobs=self._n_jobs)
        score = float(self._validation.score(z))
        if score > self._state.best_validation_score:
            self._theta = host_copy(self._state.theta)
        self._state.validation_scores.append(score)
        return score

    def restore(self) -> None:
        """Put the best parameters into the state, which is in the processor's memory; without any score it stays."""
        if self._theta is not None:
            self._state.theta[:] = self._theta
