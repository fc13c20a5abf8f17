"""Errors of predicted sequences of labels, such as transcriptions."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from numbarnn.data.validation import Labels, relative_weights, validate_labels, validate_sample_weight
from numbarnn.metrics.edit_distance import Codes, edit_distances


def label_error_rate(y_true: Any, y_pred: Any) -> float:
    r"""Return the number of wrong labels per true label.

    Wrong labels are counted with the edit distance :math:`ED` [1]_, the smallest number of insertions, deletions and
    replacements of labels that turns the predicted sequence into the true one:

    .. math:: \frac{\sum_n ED(\hat y_n, y_n)}{\sum_n |y_n|}

    This is the label error rate of [2]_, section 2.1, except that the distances are summed over all sequences before
    the division, so that every label has the same weight. It is zero if all sequences are right, and can exceed one.

    Parameters
    ----------
    y_true : list of n sequences of labels
        The true sequences: lists of hashable labels, or strings, which are sequences of characters. For strings, the
        metric is the character error rate.
    y_pred : list of n sequences of labels
        The predicted sequences.

    Returns
    -------
    error : float

    Raises
    ------
    TypeError
        If an argument is not a list of sequences of hashable labels.
    ValueError
        If the numbers of sequences differ, or `y_true` contains no label.

    See Also
    --------
    word_error_rate : Number of wrong words per true word.
    sequence_accuracy : Share of sequences that are completely correct.

    References
    ----------
    .. [1] V. I. Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals", Soviet Physics
       Doklady 10, 1966.
    .. [2] A. Graves, S. Fernández, F. Gomez and J. Schmidhuber, "Connectionist temporal classification: labelling
       unsegmented sequence data with recurrent neural networks", ICML 2006.

    Examples
    --------
    >>> from numbarnn.metrics import label_error_rate
    >>> label_error_rate(["kitten", "four"], ["sitting", "four"])
    0.3
    >>> label_error_rate([[1, 2, 3, 4]], [[1, 3, 4]])
    0.25
    """
    return _error_rate(*_read_pairs(y_true, y_pred))


def word_error_rate(y_true: Any, y_pred: Any) -> float:
    """Return the number of wrong words per true word.

    Wrong words are counted with the edit distance, as `label_error_rate` counts wrong labels. If each sequence is a
    single word and its labels are letters or phonemes, as in grapheme-to-phoneme conversion, use one minus
    `sequence_accuracy` as the word error rate.

    Parameters
    ----------
    y_true : list of n texts, or list of n sequences of words
        The true texts. Strings are split at whitespace; in a list, each item is a word.
    y_pred : list of n texts, or list of n sequences of words
        The predicted texts.

    Returns
    -------
    error : float
        Zero if all texts are right. It can exceed one.

    Raises
    ------
    TypeError
        If an argument is not a list of texts or of lists of hashable words.
    ValueError
        If the numbers of texts differ, or `y_true` contains no word.

    Examples
    --------
    >>> from numbarnn.metrics import word_error_rate
    >>> word_error_rate(["the cat sat down"], ["the cat sat  up"])
    0.25
    """
    return _error_rate(*(list(map(_words, sequences)) for sequences in _read_pairs(y_true, y_pred)))


def sequence_accuracy(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    """Return the share of sequences that are completely correct.

    Parameters
    ----------
    y_true : list of n sequences of labels
        The true sequences: lists of hashable labels, or strings, which are sequences of characters.
    y_pred : list of n sequences of labels
        The predicted sequences.
    sample_weight : array-like of shape (n,), default=None
        Weight of each sequence.

    Returns
    -------
    accuracy : float
        From 0 to 1.

    Raises
    ------
    TypeError
        If an argument is not a list of sequences of hashable labels.
    ValueError
        If the numbers of sequences differ, there are none, or the weights are not n numbers, none of them negative and
        not all zero.

    Examples
    --------
    >>> from numbarnn.metrics import sequence_accuracy
    >>> sequence_accuracy(["four", "two"], [["f", "o", "u", "r"], ["t", "o"]])
    0.5
    """
    pairs = zip(*_read_pairs(y_true, y_pred), strict=True)
    right = np.array([len(p) == len(q) and all(map(_equal, p, q)) for p, q in pairs])
    weights = validate_sample_weight(sample_weight, np.ones(len(right), np.intp))
    return float(np.average(right, weights=None if weights is None else relative_weights(weights)))


def _read_pairs(y_true: Any, y_pred: Any) -> tuple[list[Labels], list[Labels]]:
    true, predicted = validate_labels(y_true, name="y_true"), validate_labels(y_pred, name="y_pred")
    if len(true) != len(predicted):
        raise ValueError(
            f"y_true and y_pred must have the same number of sequences, got {len(true)} and {len(predicted)}."
        )
    if not true:
        raise ValueError("y_true must have at least one sequence, got none.")
    return true, predicted


def _words(sequence: Labels) -> Labels:
    return sequence.split() if isinstance(sequence, str) else sequence


def _equal(label: Hashable, other: Hashable) -> bool:
    return bool(label == other)


def _error_rate(true: Sequence[Labels], predicted: Sequence[Labels]) -> float:
    n_labels = sum(map(len, true))
    if n_labels == 0:
        raise ValueError("y_true must have at least one label: an error rate is relative to their number, got none.")
    codes: dict[Hashable, int] = {}

    def encoded(sequences: Sequence[Labels]) -> list[Codes]:
        return [np.array([codes.setdefault(label, len(codes)) for label in labels], np.intp) for labels in sequences]

    return float(edit_distances(encoded(true), encoded(predicted)).sum() / n_labels)
