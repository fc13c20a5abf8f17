"""Pairs of sequences, such as sentences and their translations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numbarnn.data.sequences import Sequences


@dataclass(frozen=True, eq=False)
class SequencePairs:
    """Pairs of a sequence for an encoder and a sequence for a decoder.

    The number of steps and the values of a pair are those of the decoder's sequence.

    Parameters
    ----------
    source : Sequences
        The n sequences of the encoder.
    target : Sequences
        The n sequences of the decoder. Their lengths may differ from those of the sources.

    Raises
    ------
    ValueError
        If the numbers of sources and targets differ.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data import SequencePairs, Sequences
    >>> source = Sequences(np.zeros((5, 2)), np.array([3, 2]))
    >>> pairs = SequencePairs(source, Sequences(np.zeros((4, 1)), np.array([1, 3])))
    >>> len(pairs), pairs.lengths, pairs.longest
    (2, array([1, 3]), array([3, 3]))
    """

    source: Sequences
    target: Sequences

    def __post_init__(self) -> None:
        if len(self.source) != len(self.target):
            raise ValueError(
                f"source and target must have the same number of sequences, got {len(self.source)} and "
                f"{len(self.target)}"
            )

    def __len__(self) -> int:
        return len(self.target)

    @property
    def values(self) -> NDArray:
        """Steps of all targets, shape (sum of lengths, I)."""
        return self.target.values

    @property
    def lengths(self) -> NDArray[np.intp]:
        """Number of steps of each target."""
        return self.target.lengths

    @property
    def longest(self) -> NDArray[np.intp]:
        """Number of steps of the longer sequence of each pair."""
        return np.maximum(self.source.lengths, self.target.lengths)

    def to_device(self) -> SequencePairs:
        """Return the same sequences with their values on the CUDA device."""
        return SequencePairs(self.source.to_device(), self.target.to_device())

    def take(self, indices: NDArray[np.intp]) -> SequencePairs:
        """Return the pairs at `indices`, in that order."""
        return SequencePairs(self.source.take(indices), self.target.take(indices))
