"""Sequences of any lengths in one array, the form in which all data are kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from numbarnn.kernels.backend import backend_of
from numbarnn.kernels.devices import to_device


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences of any lengths, stored one after the other without padding.

    The targets of sequence labelling, one per step, are kept in the same way.

    Parameters
    ----------
    values : ndarray of shape (sum of lengths, I)
        The steps of all sequences. C-contiguous. It may be a CUDA array; then batches are gathered on the device.
    lengths : ndarray of shape (n,), dtype intp
        The number of steps of each sequence.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.data import Sequences
    >>> sequences = Sequences(np.arange(5.0).reshape(5, 1), np.array([3, 2]))
    >>> len(sequences), sequences.n_inputs
    (2, 1)
    >>> sequences.take([1]).values.ravel()
    array([3., 4.])
    """

    values: NDArray
    lengths: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def n_inputs(self) -> int:
        """Number of inputs per step, I."""
        return self.values.shape[1]

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """Row of `values` at which each sequence begins, shape (n,)."""
        return np.cumsum(self.lengths) - self.lengths

    def to_device(self) -> Sequences:
        """Return the same sequences with their values on the CUDA device."""
        return Sequences(to_device(self.values), self.lengths)

    def take(self, indices: NDArray[np.intp]) -> Sequences:
        """Return the sequences at `indices`, in that order."""
        lengths = self.lengths[indices]
        rows = backend_of(self.values).take_sequences(self.values, self.starts[indices], lengths)
        return Sequences(rows, lengths)
