"""Beam search for the most probable sequences, which keeps the best hypotheses at each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.decoding.protocol import Beginning, Hypothesis, StepModel, check_step_model
from numbarnn.layers.checks import check_sizes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def beam_search(
    model: StepModel,
    n_sequences: int = 1,
    *,
    n_beams: int,
    max_length: int,
    beginning: Beginning | None = None,
) -> list[list[Hypothesis]]:
    """Search for the most probable sequences.

    At each step, every hypothesis that has not ended is extended by each symbol. Of the results and the hypotheses that
    have already ended, the `n_beams` best are kept (Graves 2012 [1]_, Sutskever, Vinyals and Le 2014 [2]_,
    section 3.2). With one beam, the search is the same as `greedy`. With as many beams as there are possible
    sequences, it is exact.

    Parameters
    ----------
    model : StepModel
    n_sequences : int, default=1
        Number of independent searches, n.
    n_beams : int
        Number of hypotheses that are kept.
    max_length : int
        Maximum number of labels of a sequence. A sequence that reaches it ends there.
    beginning : Beginning, default=None
        Where the n sequences start; None means the empty sequence.

    Returns
    -------
    hypotheses : list of n lists of at most n_beams Hypothesis
        For each search, the hypotheses, best first. Those of probability zero are left out.

    Raises
    ------
    TypeError, ValueError
        If the model does not implement `StepModel`, or a number is not a positive integer.

    References
    ----------
    .. [1] A. Graves, "Sequence transduction with recurrent neural networks", arXiv:1211.3711, 2012.
    .. [2] I. Sutskever, O. Vinyals and Q. V. Le, "Sequence to sequence learning with neural networks", NIPS 2014.
    """
    check_step_model(model)
    check_sizes(n_sequences=n_sequences, n_beams=n_beams, max_length=max_length)
    codes, state = Beginning.of(model, n_sequences) if beginning is None else beginning
    beams = _Beams(n_sequences, n_beams, max_length, model.n_labels)
    for t in range(max_length + 1):
        log_probabilities, state = model.step(codes, state)
        rows, codes = beams.advance(log_probabilities, t)
        if not rows.size:
            break
        state = model.take(state, rows)
    return beams.hypotheses()


class _Beams:
    """Hypotheses of all sequences, `n_beams` each, best first.

    Attributes
    ----------
    scores : ndarray of shape (n, n_beams)
        -inf where there is no hypothesis.
    going : ndarray of shape (n, n_beams), bool
        Whether each hypothesis has not ended. The states of the model are in the order of these.
    labels : ndarray of shape (n, n_beams, max_length)
    lengths : ndarray of shape (n, n_beams)
    """

    def __init__(self, n_sequences: int, n_beams: int, max_length: int, end: int) -> None:
        shape = n_sequences, n_beams
        self.end, self.max_length = end, max_length
        self.scores = np.full(shape, -np.inf)
        self.going = np.zeros(shape, bool)
        self.labels, self.lengths = np.zeros((*shape, max_length), np.intp), np.zeros(shape, np.intp)
        self.scores[:, 0], self.going[:, 0] = 0.0, True

    def advance(self, log_probabilities: Array, t: int) -> tuple[Array, Array]:
        """Extend the hypotheses by their t-th symbol and keep the best.

        Parameters
        ----------
        log_probabilities : ndarray of shape (B, V + 1)
            Log-probabilities of the next symbol of the B hypotheses that have not ended.
        t : int

        Returns
        -------
        rows : ndarray of shape (B',)
            For each new hypothesis that has not ended, the index of the one that it extends.
        codes : ndarray of shape (B',)
            Last labels of the new hypotheses that have not ended.
        """
        (n, n_beams), n_symbols = self.scores.shape, self.end + 1
        ways = np.full((n, n_beams, n_symbols + 1), -np.inf)  # the last one is for hypotheses that have ended
        ways[:, :, -1] = np.where(self.going, -np.inf, self.scores)
        first = self.end if t == self.max_length else 0
        ways[self.going, first:-1] = self.scores[self.going][:, np.newaxis] + log_probabilities[:, first:]
        of_sequence = ways.reshape(n, -1)
        best = np.argsort(-of_sequence, axis=1, kind="stable")[:, :n_beams]
        parents, symbols = np.divmod(best, n_symbols + 1)
        row_of = np.cumsum(self.going).reshape(self.going.shape) - 1
        rows = np.take_along_axis(row_of, parents, axis=1)
        self.scores = np.take_along_axis(of_sequence, best, axis=1)
        self.labels = np.take_along_axis(self.labels, parents[:, :, np.newaxis], axis=1)
        self.lengths = np.take_along_axis(self.lengths, parents, axis=1)
        self.going = (symbols < self.end) & (self.scores > -np.inf)
        codes = symbols[self.going]
        if codes.size:
            self.labels[self.going, t] = codes
            self.lengths[self.going] += 1
        return rows[self.going], codes

    def hypotheses(self) -> list[list[Hypothesis]]:
        """Return the hypotheses of each sequence."""
        return [
            [Hypothesis(own[:n], float(score)) for own, n, score in zip(*beams, strict=True) if score > -np.inf]
            for beams in zip(self.labels, self.lengths, self.scores, strict=True)
        ]
