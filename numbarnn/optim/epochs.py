"""Where solvers get their problems from: the batches of an epoch, or all examples at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.data import bounded_batches, epoch_batches
from numbarnn.layers import MaskGenerator
from numbarnn.optim.problem import BatchProblem, Problem, SumProblem
from numbarnn.optim.tbptt import window_problems

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tqdm import tqdm

    from numbarnn.optim.examples import Examples
    from numbarnn.optim.problem import Batch, Objective

    Array = NDArray[Any]

_MAX_STEPS = 2**16
"""Maximum number of steps, padding included, of a batch of the problem over all examples."""


class Epochs:
    """The problems of a training.

    Parameters
    ----------
    objective : Objective
    examples : Examples
        Their weights are normalized.
    batch_size : int
        Sequences per batch.
    random_state : RandomState
        Draws the batches, and what is dropped from them.
    shuffle : bool
        Whether to draw the batches of each epoch at random.
    tbptt : (int, int) or None
        Steps of truncated BPTT.
    bar : tqdm or None
        Moves by one with each batch.
    feed : callable or None
        What `train` applies to the inputs of each batch.
    """

    def __init__(
        self,
        objective: Objective,
        examples: Examples,
        *,
        batch_size: int,
        random_state: np.random.RandomState,
        shuffle: bool,
        tbptt: tuple[int, int] | None = None,
        bar: tqdm | None = None,
        feed: Callable[[Array, Any, np.random.RandomState], Any] | None = None,
    ) -> None:
        self._objective = objective
        self._examples = examples
        self._batch_size = batch_size
        self._random_state = random_state
        self._shuffle = shuffle
        self._tbptt = tbptt
        self._bar = bar
        self._feed = feed

    @property
    def n_batches(self) -> int:
        """Batches per epoch."""
        return ceil(len(self._examples.sequences) / self._batch_size)

    def epoch(self, theta: Array) -> Iterator[Problem]:
        """Yield the problems of one epoch: each batch, or the windows of each batch."""
        lengths = self._examples.sequences.lengths
        for indices in epoch_batches(lengths, self._batch_size, self._random_state if self._shuffle else None):
            batch = self._examples.batch(indices)
            if batch.weights.any():
                if self._feed is not None:
                    batch = batch._replace(x=self._feed(theta, batch.x, self._random_state))
                batch = batch._replace(masks=self._masks(batch))
                if self._tbptt is None:
                    yield BatchProblem(self._objective, batch)
                else:
                    yield from window_problems(self._objective, batch, self._tbptt, theta)
            if self._bar is not None:
                self._bar.update()

    def whole(self) -> Problem:
        """Return the problem over all examples, from which nothing is dropped."""
        return whole_problem(self._objective, self._examples)

    def _masks(self, batch: Batch) -> Any:
        generator = MaskGenerator(self._random_state, batch.x.values.dtype)
        return self._objective.model.layer.draw_masks(batch.x.rows, generator)


def whole_problem(objective: Objective, examples: Examples) -> SumProblem:
    """Return the problem over all examples, whose weights are normalized; nothing is dropped."""
    batches = [examples.batch(indices) for indices in bounded_batches(examples.sequences.lengths, _MAX_STEPS)]
    n_rows = sum(np.count_nonzero(batch.weights) for batch in batches)
    parts = []
    for batch in batches:
        share = np.count_nonzero(batch.weights) / n_rows
        if share:  # of the penalty, too, which each part divides by its own rows
            parts.append(BatchProblem(replace(objective, alpha=objective.alpha * share), batch))
    return SumProblem(parts)
