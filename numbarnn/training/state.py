from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.training.schedules import Schedule
    from numbarnn.training.solvers import Solver
    from numbarnn.training.stopping import Plateau


@dataclass
class TrainingState:
    """Where a training stands: all that goes on from one call of `train` to the next.

    Attributes
    ----------
    theta : ndarray of shape (P,)
        Parameters.
    solver : Adam or SGD
    schedule : Constant, InverseScaling or Adaptive
    plateau : Plateau
        Stopping criterion, of the training loss or of the negative validation score.
    loss_curve : list of float
        Training loss of each epoch, penalty included.
    validation_scores : list of float
        Validation score of each epoch.
    n_iter : int
        Epochs of the last call.
    n_seen : int
        Training sequences read in all calls.
    outcome : {"converged", "max_iter", "interrupted"} or None
        How the last call ended.
    """

    theta: NDArray[Any]
    solver: Solver
    schedule: Schedule
    plateau: Plateau
    loss_curve: list[float] = field(default_factory=list)
    validation_scores: list[float] = field(default_factory=list)
    n_iter: int = 0
    n_seen: int = 0
    outcome: Literal["converged", "max_iter", "interrupted"] | None = None

    def end_epoch(self, loss: float, n_sequences: int) -> None:
        """Note the loss of an epoch over `n_sequences` sequences and let the schedule know."""
        self.loss_curve.append(loss)
        self.n_seen += n_sequences
        self.schedule.end_epoch(self.n_seen)

    @property
    def best_loss(self) -> float:
        """Smallest training loss so far, inf before the first epoch."""
        return min(self.loss_curve, default=math.inf)

    @property
    def best_validation_score(self) -> float:
        """Largest validation score so far, -inf before the first epoch; a score may be NaN."""
        return max((score for score in self.validation_scores if not math.isnan(score)), default=-math.inf)
