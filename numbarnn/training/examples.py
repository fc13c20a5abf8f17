from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from numbarnn.data import Sequences, time_major
from numbarnn.kernels.cpu import batches
from numbarnn.kernels.devices import beside
from numbarnn.network import Batch

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Examples(NamedTuple):
    """Sequences to learn from.

    Attributes
    ----------
    sequences : Sequences
        The n sequences.
    targets : ndarray of shape (n,) or (n, K), or Sequences
        One row per sequence, or, for a network that returns sequences, the rows of all steps as Sequences of
        the same lengths. See the losses for the form of a row.
    weights : ndarray of shape (n,), default=None
        Positive weights of the sequences; None weighs all alike.
    """

    sequences: Sequences
    targets: NDArray[Any] | Sequences
    weights: NDArray[Any] | None = None

    def batch(self, indices: NDArray[np.intp]) -> Batch:
        """Gather the sequences at `indices`."""
        x, lengths = time_major(self.sequences, indices)
        if isinstance(self.targets, Sequences):
            targets = self.targets.take(indices).values
        else:
            targets = beside(self.targets, batches).take(self.targets, indices)
        weights = np.ones(len(indices), x.dtype) if self.weights is None else self.weights[indices]
        return Batch(x, lengths, targets, weights if weights.dtype == x.dtype else weights.astype(x.dtype))
