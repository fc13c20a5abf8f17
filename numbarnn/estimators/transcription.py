"""The head of transcriptions: their labels, and the outputs of a network."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.special import log_softmax

from numbarnn.data import Sequences, Vocabulary, bounded_batches, time_major
from numbarnn.decoding import ctc_alignment, ctc_best_path, ctc_prefix_beams
from numbarnn.losses import CTC
from numbarnn.metrics.edit_distance import Codes, edit_distances

_DECODED_NUMBERS = 2**22
"""Numbers of outputs that are decoded at a time."""


@dataclass(frozen=True, eq=False)
class TranscriptionHead:
    """One sequence of labels per sequence, and an output for each label and, the last one, for the blank.

    Parameters
    ----------
    vocabulary : Vocabulary
    n_jobs : int or None
        Number of threads of the loss, in joblib's sense.
    """

    vocabulary: Vocabulary
    n_jobs: int | None = None

    @cached_property
    def loss(self) -> CTC:
        """The loss, zero for labels that do not fit into their steps."""
        return CTC(self.blank, "zero", self.n_jobs)

    @property
    def blank(self) -> int:
        """The output of the blank, V."""
        return self.vocabulary.n_labels

    @property
    def n_outputs(self) -> int:
        """One output per label and one for the blank."""
        return self.vocabulary.n_labels + 1

    def encode(self, rows: NDArray, dtype: DTypeLike) -> NDArray:  # noqa: ARG002
        """Return sequences of labels as codes, an object array of arrays."""
        codes = self.vocabulary.encode(rows.tolist(), name="y")
        return object_array(np.split(codes.values, np.cumsum(codes.lengths)[:-1]))

    def predict(self, z: NDArray) -> NDArray:
        """Return the most probable output of each step."""
        return z.argmax(axis=-1)

    def decode(self, encoded: NDArray) -> NDArray:
        """Return sequences of codes as lists of labels."""
        return object_array([self.vocabulary.decode(codes) for codes in encoded])

    def log_output(self, z: NDArray) -> NDArray:
        """Return the logarithms of the probabilities."""
        return log_softmax(z, axis=-1)

    def transcribe(self, log_y: NDArray, lengths: NDArray[np.intp], n_beams: int | None = None) -> NDArray:
        """Return the codes of the labels of each sequence.

        Parameters
        ----------
        log_y : ndarray of shape (N, V + 1)
            Logarithms of the probabilities, one row per step, sequence after sequence.
        lengths : ndarray of shape (n,)
        n_beams : int or None, default=None
            Number of beams; None takes the labels of the most probable path.

        Returns
        -------
        codes : object array of n ndarrays of int
        """
        codes = np.empty(len(lengths), object)
        for indices, batch in _batches(log_y, lengths):
            if n_beams is None:
                found = ctc_best_path(batch, lengths[indices], self.blank)
            else:
                beams = ctc_prefix_beams(batch, lengths[indices], self.blank, n_beams=n_beams)
                found = [hypotheses[0].codes for hypotheses in beams]
            for i, own in zip(indices, found, strict=True):
                codes[i] = own
        return codes

    def align(self, log_y: NDArray, lengths: NDArray[np.intp], codes: NDArray) -> list[NDArray[np.intp]]:
        """Return the steps at which the labels of each sequence are found, see `ctc_alignment`."""
        of_sequences = np.split(log_y, np.cumsum(lengths)[:-1])
        return [ctc_alignment(own, labels, self.blank) for own, labels in zip(of_sequences, codes, strict=True)]


def _batches(log_y: NDArray, lengths: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], NDArray]]:
    """Yield the indices of sequences and their outputs (T, B, C), in batches of bounded memory."""
    sequences = Sequences(log_y, lengths)
    for indices in bounded_batches(lengths, max(1, _DECODED_NUMBERS // log_y.shape[1])):
        yield indices, time_major(sequences, indices)[0]


def transcription_score(true: NDArray, found: NDArray, weights: NDArray | None) -> float:
    """Return one minus the label error rate of transcriptions, with the weights of their errors and labels.

    Parameters
    ----------
    true, found : object arrays of n sequences of labels
    weights : ndarray of shape (n,) or None

    Raises
    ------
    ValueError
        If there is no label in the true sequences.
    """
    known: dict[Hashable, int] = {}
    distances = edit_distances(_numbered(true, known), _numbered(found, known))
    weights = np.ones(len(true)) if weights is None else weights
    n_labels = float(weights @ [len(own) for own in true])
    if n_labels == 0:
        raise ValueError("y must have at least one label: an error rate is relative to their number, got none.")
    return 1.0 - float(weights @ distances) / n_labels


def _numbered(sequences: NDArray, known: dict[Hashable, int]) -> list[Codes]:
    """Return labels as numbers; those that are not known get the next ones."""
    return [np.array([known.setdefault(label, len(known)) for label in own], np.intp) for own in sequences]


def check_possible(labels: list[Any], lengths: NDArray[np.intp], weights: NDArray | None) -> None:
    """Refuse labels that need more steps than their sequence has, unless its weight is zero.

    Raises
    ------
    ValueError
        The message names the sequence.
    """
    for i in range(len(labels)) if weights is None else np.flatnonzero(weights):
        own, n_steps = labels[i], lengths[i]
        needed = len(own) + sum(label == before for label, before in zip(own[1:], own, strict=False))
        if needed > n_steps:
            raise ValueError(
                f"y[{i}] needs at least {needed} steps, one for each of its {len(own)} labels and a blank between "
                f"equal ones, but X[{i}] has {n_steps}. Leave the sequence out, or set on_impossible='zero'."
            )


def object_array(items: Any) -> NDArray:
    """Return an object array of items, also where these have one length."""
    array = np.empty(len(items), object)
    for i, item in enumerate(items):  # `array[:] = items` would broadcast them
        array[i] = item
    return array
