"""The state of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.optim.plateau import Plateau
    from numbarnn.optim.solver import Solver


@dataclass
class TrainingState:
    """All that goes on from one call of `train` to the next.

    Attributes
    ----------
    theta : ndarray of shape (P,)
        Parameters.
    solver : Solver
    plateau : Plateau
        Stopping criterion, of the training loss or of the negative validation score.
    loss_curve : list of float
        Training loss of each epoch, penalty included.
    validation_scores : list of float
        Validation score of each epoch.
    best_validation_score : float
        Largest validation score of the last call, -inf before the first; NaN does not count.
    n_iter : int
        Epochs of the last call.
    n_seen : int
        Training sequences read in all calls.
    outcome : {"converged", "max_iter", "interrupted"} or None
        How the last call ended.
    """

    theta: NDArray[Any]
    solver: Solver
    plateau: Plateau
    loss_curve: list[float] = field(default_factory=list)
    validation_scores: list[float] = field(default_factory=list)
    best_validation_score: float = -math.inf
    n_iter: int = 0
    n_seen: int = 0
    outcome: Literal["converged", "max_iter", "interrupted"] | None = None

    def end_epoch(self, loss: float, n_sequences: int) -> None:
        """Note the loss of an epoch over `n_sequences` sequences, and tell the solver."""
        self.loss_curve.append(loss)
        self.n_seen += n_sequences
        self.solver.end_epoch(self.n_seen)

    @property
    def best_loss(self) -> float:
        """Smallest training loss so far, inf before the first epoch."""
        return min(self.loss_curve, default=math.inf)
