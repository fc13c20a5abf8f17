"""One symbol of a sequence at a time, the state carried from call to call."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbarnn.data import Vocabulary
from numbarnn.decoding import Beginning, StepModel


class SymbolStream:
    """A language model that reads a sequence label by label; `RNNLanguageModel.stream` returns one.

    It is at the start of a sequence first, and holds its own state: a deep copy is independent of the original, and a
    pickled stream goes on where it stopped.

    Parameters
    ----------
    model : StepModel
    vocabulary : Vocabulary
    beginning : Beginning
        Of one sequence.

    Attributes
    ----------
    log_probabilities : ndarray of shape (V + 1,)
        Logarithms of the probabilities of the next symbol: of the labels in the order of the vocabulary, and of the
        end of the sequence.
    """

    def __init__(self, model: StepModel, vocabulary: Vocabulary, beginning: Beginning) -> None:
        self._model, self._vocabulary = model, vocabulary
        self._state: Any = beginning.state
        self.log_probabilities = self._read(beginning.codes)

    def step(self, label: Hashable) -> NDArray[Any]:
        """Read a label.

        Parameters
        ----------
        label : hashable

        Returns
        -------
        log_probabilities : ndarray of shape (V + 1,)
            Of the next symbol.

        Raises
        ------
        ValueError
            If the label is not in the vocabulary. The stream stays where it was then.
        """
        self.log_probabilities = self._read(self._vocabulary.encode_one((label,), name="label"))
        return self.log_probabilities

    def _read(self, codes: NDArray[np.intp]) -> NDArray[Any]:
        log_probabilities, self._state = self._model.step(codes, self._state)
        return log_probabilities[0]
