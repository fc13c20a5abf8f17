"""Examples to learn from, and the batches that are made of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.data import SequencePairs, Sequences
from numbarnn.kernels.backend import backend_of
from numbarnn.kernels.devices import to_device
from numbarnn.optim.problem import Batch
from numbarnn.prediction import padded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class Examples(NamedTuple):
    """Sequences with targets and weights.

    Attributes
    ----------
    sequences : Sequences or SequencePairs
        The n sequences, or for an encoder-decoder the n pairs of them.
    targets : ndarray of shape (n, ...), or Sequences
        One row per sequence or, for a model with one output per step, the rows of all steps as Sequences of the same
        lengths; with pairs, those of the decoder's sequences. See the losses for the form of a row. An object array of
        n arrays holds targets of any lengths, for a loss that compares them with the outputs of all steps, such as
        `numbarnn.losses.CTC`.
    weights : ndarray of shape (n,), Sequences, or None
        Weights of the sequences, or of their steps; none negative. None weighs all alike.
    """

    sequences: Any
    targets: Array | Sequences
    weights: Array | Sequences | None = None

    @property
    def per_step(self) -> bool:
        """Whether there is one target per step."""
        return isinstance(self.targets, Sequences)

    @property
    def unaligned(self) -> bool:
        """Whether each target is an array of any length, for the outputs of all steps of its sequence."""
        return not isinstance(self.targets, Sequences) and self.targets.dtype == object

    @property
    def row_weights(self) -> Array:
        """The weight of each row of the targets, float64."""
        if self.weights is None:
            return np.ones(len(self.targets.values if isinstance(self.targets, Sequences) else self.targets))
        if isinstance(self.weights, Sequences):
            return self.weights.values.astype(float)
        weights = self.weights.astype(float)
        return np.repeat(weights, self.targets.lengths) if isinstance(self.targets, Sequences) else weights

    def normalized(self) -> tuple[Examples, float]:
        """Return the examples with weights divided by their mean, and that mean.

        The mean is over all rows whose weight is not zero. The weights are divided by the largest first, so that no sum
        overflows.

        Raises
        ------
        ValueError
            If all weights are zero.
        """
        if self.weights is None:
            return self._replace(weights=np.ones(len(self.sequences))), 1.0
        rows = self.row_weights
        largest = rows.max(initial=0.0)
        if not largest > 0:
            raise ValueError("weights must be positive for at least one row, got only zeros")
        mean = np.mean(rows[rows > 0] / largest)
        mean_weight = float(mean * largest)
        given = self.weights.values if isinstance(self.weights, Sequences) else self.weights
        relative = given.astype(float) / largest / mean
        if isinstance(self.weights, Sequences):
            return self._replace(weights=Sequences(relative, self.weights.lengths)), mean_weight
        return self._replace(weights=relative), mean_weight

    def merged(self, at_most: int) -> Examples:
        """Merge duplicates into one example of their total weight, if at most `at_most` distinct examples remain.

        The result is sorted by content, so it is the same for any order of the examples, and for an example of weight k
        as for k copies of it. Otherwise, and with one target per step, the examples are returned unchanged.
        """
        if isinstance(self.targets, Sequences) or isinstance(self.sequences, SequencePairs):
            return self
        values, weights, indices = self.sequences.values, self.row_weights, dict[bytes, list[int]]()
        for i, (start, length) in enumerate(zip(self.sequences.starts, self.sequences.lengths, strict=True)):
            content = values[start : start + length].tobytes() + self.targets[i].tobytes()
            indices.setdefault(content, []).append(i)
            if len(indices) > at_most:
                return self
        equal = [indices[content] for content in sorted(indices)]
        totals = np.array([math.fsum(weights[of_one]) for of_one in equal])
        return self.take(np.array([of_one[0] for of_one in equal]))._replace(weights=totals)

    def take(self, indices: NDArray[np.intp]) -> Examples:
        """Return the examples at `indices`."""
        return self._replace(
            sequences=self.sequences.take(indices),
            targets=_taken(self.targets, indices),
            weights=_taken(self.weights, indices),
        )

    def batch(self, indices: NDArray[np.intp]) -> Batch:
        """Gather the examples at `indices`; their weights must be normalized."""
        targets = _taken(self.targets, indices)
        targets = targets.values if isinstance(targets, Sequences) else targets
        weights: Any = _taken(self.weights, indices)
        if isinstance(weights, Sequences):
            weights = weights.values
        elif isinstance(self.targets, Sequences):
            weights = np.repeat(weights, self.targets.lengths[indices])
        return Batch(padded(self.sequences, indices), targets, weights)

    def to_device(self) -> Examples:
        """Return the examples with their inputs and, if these are one array, their targets on the CUDA device."""
        targets: Any = self.targets
        if not self.unaligned:
            targets = targets.to_device() if isinstance(targets, Sequences) else to_device(targets)
        return self._replace(sequences=self.sequences.to_device(), targets=targets)


def _taken(rows: Any, indices: NDArray[np.intp]) -> Any:
    if rows is None:
        return None
    return rows.take(indices) if isinstance(rows, Sequences) else backend_of(rows).take(rows, indices)
