"""Labels of sequences, and the integer codes that a network reads and predicts."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from numbarnn.data.sequences import Sequences
from numbarnn.data.validation import Labels, validate_labels, validate_labels_of_one


@dataclass(frozen=True)
class Vocabulary:
    """Labels and their codes, from 0 to V - 1.

    The codes V and V + 1 stand for two special symbols: `end` ends a sequence, and `start` is read by a network before
    the first label, but never predicted.

    Parameters
    ----------
    labels : tuple of hashable
        The V labels; the code of a label is its index.

    Raises
    ------
    ValueError
        If there are no labels, or a label occurs twice or is NaN.

    Examples
    --------
    >>> from numbarnn.data import Vocabulary
    >>> vocabulary = Vocabulary.of(["banana", "bandana"])
    >>> vocabulary.labels
    ('a', 'b', 'd', 'n')
    >>> sequences = vocabulary.encode(["band", "a"])
    >>> sequences.values, sequences.lengths
    (array([1, 0, 3, 2, 0]), array([4, 1]))
    >>> vocabulary.decode([1, 0, 3])
    ['b', 'a', 'n']
    >>> vocabulary.end, vocabulary.start
    (4, 5)
    """

    labels: tuple[Hashable, ...]

    def __post_init__(self) -> None:
        if not self.labels:
            raise ValueError("A vocabulary needs at least one label, got none.")
        missing = [label for label in self.labels if label != label]  # noqa: PLR0124  (NaN, of any type)
        if missing:
            raise ValueError(f"A label must not be missing, got {missing[0]!r}.")
        if len(self._codes) < len(self.labels):
            raise ValueError("The labels of a vocabulary must differ from each other.")

    @classmethod
    def of(cls, sequences: Any, *, name: str = "X") -> Self:
        """Return the vocabulary of all labels in sequences.

        Labels are sorted if they can be compared, and otherwise in the order of their first occurrence.

        Parameters
        ----------
        sequences : list of n sequences of labels
            As `numbarnn.data.validation.validate_labels` describes them.
        name : str, default="X"
            Name of the argument in error messages.

        Raises
        ------
        TypeError, ValueError
            If the sequences are not as described, they contain no label, or a label is NaN.
        """
        distinct = list(dict.fromkeys(chain.from_iterable(validate_labels(sequences, name=name))))
        if not distinct:
            raise ValueError(f"{name} must have at least one label, got none.")
        with suppress(TypeError):  # labels that cannot be compared, such as those of different types
            distinct = sorted(distinct)  # type: ignore[type-var]
        return cls(tuple(distinct))

    @property
    def n_labels(self) -> int:
        """Number of labels, V."""
        return len(self.labels)

    @property
    def end(self) -> int:
        """Code of the symbol that ends a sequence, V."""
        return self.n_labels

    @property
    def start(self) -> int:
        """Code of the symbol that is read before the first label, V + 1."""
        return self.n_labels + 1

    @cached_property
    def _codes(self) -> dict[Hashable, int]:
        return {label: code for code, label in enumerate(self.labels)}

    def encode(self, sequences: Any, *, name: str = "X") -> Sequences:
        """Return the codes of sequences of labels.

        Parameters
        ----------
        sequences : list of n sequences of labels
            As `numbarnn.data.validation.validate_labels` describes them. They may be empty.
        name : str, default="X"
            Name of the argument in error messages.

        Returns
        -------
        Sequences
            The codes; `values` has the shape (sum of lengths,) and the dtype intp.

        Raises
        ------
        ValueError
            If a label is not in the vocabulary. The message names it and its position.
        TypeError
            If the sequences are not as described.
        """
        checked = validate_labels(sequences, name=name)
        lengths = np.array([len(sequence) for sequence in checked], dtype=np.intp)
        try:
            codes = np.fromiter(map(self._codes.__getitem__, chain.from_iterable(checked)), np.intp, lengths.sum())
        except KeyError:
            i = next(i for i, sequence in enumerate(checked) if not self._codes.keys() >= set(sequence))
            raise ValueError(self._unknown(checked[i], f"{name}[{i}]")) from None
        return Sequences(codes, lengths)

    def encode_one(self, sequence: Any, *, name: str = "x") -> NDArray[np.intp]:
        """Return the codes of one sequence of labels, shape (T,).

        Raises
        ------
        ValueError
            If a label is not in the vocabulary. The message names it and its position.
        TypeError
            If `sequence` is not a sequence of labels.
        """
        checked = validate_labels_of_one(sequence, name=name)
        if not self._codes.keys() >= set(checked):
            raise ValueError(self._unknown(checked, name))
        return np.array([self._codes[label] for label in checked], dtype=np.intp)

    def decode(self, codes: Iterable[int] | NDArray[np.integer]) -> list[Hashable]:
        """Return the labels of the codes of one sequence.

        Parameters
        ----------
        codes : array-like of int, shape (T,)

        Raises
        ------
        ValueError
            If the codes are not integers from 0 to V - 1.
        """
        array = np.asarray(codes)
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise ValueError(f"codes must be integers of shape (T,), got shape {array.shape} of {array.dtype}.")
        if array.size and (array.min() < 0 or array.max() >= self.n_labels):
            raise ValueError(f"codes must lie in 0 .. {self.n_labels - 1}, got {array.min()} .. {array.max()}.")
        return [self.labels[code] for code in array.tolist()]

    def _unknown(self, sequence: Labels, place: str) -> str:
        """Return the message about the first label of a sequence that is not in the vocabulary."""
        position, label = next((i, label) for i, label in enumerate(sequence) if label not in self._codes)
        known = ", ".join(map(repr, self.labels[:8])) + (", ..." if self.n_labels > 8 else "")
        return f"{place}[{position}] is {label!r}, which is not one of the {self.n_labels} known labels: {known}."
