"""Sources of an encoder: sequences of vectors, sequences of labels, or single vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike
from sklearn.utils.validation import validate_data

from numbarnn.data import Sequences, Vocabulary
from numbarnn.data.forms import separate
from numbarnn.data.validation import validate_sequences
from numbarnn.estimators.scale import Moments
from numbarnn.layers import Embedding

_LARGEST_VECTOR = 512
"""Largest dimension of the vectors of labels that `embedding_size='auto'` stands for."""


@dataclass(frozen=True)
class Source(ABC):
    """A kind of X, and how it becomes sequences that an encoder reads.

    Attributes
    ----------
    kind : str
        The kind in words, for messages.
    """

    kind: ClassVar[str]

    @classmethod
    def of(cls, X: Any) -> Source:
        """Return the kind of the X of a first fit."""
        if _is_of_labels(X):
            return LabelSource(Vocabulary.of(X))
        return VectorSource() if _is_table(X) else SequenceSource()

    @abstractmethod
    def read(self, estimator: Any, X: Any, *, reset: bool, dtype: DTypeLike) -> Sequences:
        """Return the sequences of X, (sum of lengths, I); `reset` is for a first fit.

        Raises
        ------
        ValueError, TypeError
            If X is of another kind, or not as `fit` describes it.
        """

    def moments(self, sequences: Sequences) -> Moments:
        """Return mean and standard deviation of the inputs, by which to warn of those that are not scaled."""
        return Moments.of(sequences.values)

    def embedding(self, size: Any, n_units: int) -> Embedding | None:  # noqa: ARG002
        """Return the layer that replaces labels by vectors; None where there are none."""
        return None

    def check_kind(self, X: Any) -> None:
        """Refuse an X of another kind than that of the first fit.

        Raises
        ------
        ValueError
        """
        kinds = LabelSource if _is_of_labels(X) else VectorSource if _is_table(X) else SequenceSource
        if not isinstance(self, kinds):
            raise ValueError(f"X must be {self.kind}, as in fit, got {kinds.kind}.")


@dataclass(frozen=True)
class SequenceSource(Source):
    """Sequences of vectors."""

    kind: ClassVar[str] = "sequences of vectors, an array (n, T, I) or a list of arrays (T_i, I)"

    def read(self, estimator: Any, X: Any, *, reset: bool, dtype: DTypeLike) -> Sequences:
        """Return the sequences."""
        self.check_kind(X)
        return validate_sequences(estimator, X, reset=reset, dtype=dtype)[0]


@dataclass(frozen=True)
class VectorSource(Source):
    """Vectors, each of which is read as a sequence of one step."""

    kind: ClassVar[str] = "vectors, an array (n, I)"

    def read(self, estimator: Any, X: Any, *, reset: bool, dtype: DTypeLike) -> Sequences:
        """Return the vectors as sequences."""
        self.check_kind(X)
        rows = validate_data(estimator, X, reset=reset, dtype=dtype, order="C")
        return Sequences(rows, np.ones(len(rows), np.intp))


@dataclass(frozen=True)
class LabelSource(Source):
    """Sequences of labels, read as a column of codes.

    Parameters
    ----------
    vocabulary : Vocabulary
    """

    kind: ClassVar[str] = "sequences of labels, a list of lists or of strings"
    vocabulary: Vocabulary

    def read(self, estimator: Any, X: Any, *, reset: bool, dtype: DTypeLike) -> Sequences:  # noqa: ARG002
        """Return the codes."""
        self.check_kind(X)
        codes = self.vocabulary.encode(X)
        if not len(codes):
            raise ValueError("X must have at least one sequence, got none.")
        if not codes.lengths.all():
            raise ValueError(f"X must have at least one label in each sequence, X[{codes.lengths.argmin()}] is empty.")
        return Sequences(codes.values.astype(dtype)[:, np.newaxis], codes.lengths)

    def moments(self, sequences: Sequences) -> Moments:  # noqa: ARG002
        """Return those of a scaled input, which codes need not be."""
        return Moments(np.zeros(1), np.ones(1))

    def embedding(self, size: Any, n_units: int) -> Embedding:
        """Return the layer that replaces labels by vectors."""
        n_dims = vector_size(size, self.vocabulary.n_labels, n_units)
        return Embedding(1, (self.vocabulary.n_labels,), (n_dims,), (0,))


def vector_size(size: Any, n_labels: int, n_units: int) -> int:
    """Return the dimension of the vectors of labels that an `embedding_size`, which may be "auto", stands for."""
    return min(max(16, (n_labels + 1) // 2), n_units, _LARGEST_VECTOR) if size == "auto" else int(size)


def _is_table(X: Any) -> bool:
    """Return whether X is one array (n, I), or a frame, or a regular list of rows of numbers."""
    return separate(X) is None and np.ndim(X) == 2


def _is_of_labels(X: Any) -> bool:
    """Return whether the first label of X, the first item of its first sequence that is not empty, is no number.

    Integers are labels in lists of lists, where floats are numbers.
    """
    if isinstance(X, np.ndarray) and X.dtype.kind != "O":
        return X.ndim == 1 or X.dtype.kind in "USO"
    if hasattr(X, "columns") or not hasattr(X, "__len__"):
        return False
    for sequence in X:
        if isinstance(sequence, str):
            return True
        if np.ndim(sequence) != 1 if hasattr(sequence, "shape") else not isinstance(sequence, list | tuple):
            return False
        for label in sequence:
            return not (isinstance(label, list | np.ndarray) or _is_fraction(label))
    return True


def _is_fraction(label: Any) -> bool:
    return isinstance(label, float | np.floating)
