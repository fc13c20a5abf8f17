from __future__ import annotations

import math
from typing import TYPE_CHECKING

from numbarnn.training.clipping import clip_by_global_norm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tqdm import tqdm

    from numbarnn.network import Batch, Objective
    from numbarnn.training.state import TrainingState


def run_epoch(
    evaluate: Callable[[Batch], Iterable[Objective]],
    state: TrainingState,
    batches: Iterable[Batch],
    *,
    max_grad_norm: float | None,
    bar: tqdm | None,
) -> float:
    """Update the parameters once per batch, or once per window of a batch.

    Parameters
    ----------
    evaluate : callable
        Gives the objective of a batch, or those of its windows in turn, at the parameters in `state`.
    state : TrainingState
        Its parameters and its solver change.
    batches : iterable of Batch
    max_grad_norm : float or None
        Largest norm of a gradient; None clips nothing.
    bar : tqdm or None
        Moves by one with each batch.

    Returns
    -------
    loss : float
        Mean of the losses (penalty included) by their weight, each before its update.

    Raises
    ------
    ValueError
        If a loss or its gradient is not finite; the parameters are those of the last update.
    """
    total = total_weight = 0.0
    for batch in batches:
        for value, theta_bar, weight in evaluate(batch):
            norm = clip_by_global_norm(theta_bar, max_grad_norm)
            if not math.isfinite(norm):
                raise ValueError(
                    f"The gradient's norm is {norm}, not finite. "
                    "Scale the inputs and targets, or lower the learning rate."
                )
            state.solver.update(state.theta, theta_bar, state.schedule.learning_rate)
            total += value * weight
            total_weight += weight
        if bar is not None:
            bar.update()
    return total / total_weight
