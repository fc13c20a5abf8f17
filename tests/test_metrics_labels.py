"""Errors of sequences of labels, by hand and against the textbook's recursion; perplexity."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from numbarnn.metrics import label_error_rate, perplexity, sequence_accuracy, word_error_rate
from numbarnn.metrics.edit_distance import edit_distances

RATES = (label_error_rate, word_error_rate, sequence_accuracy)


def recursion(p, q):
    """Wagner and Fischer 1974, top down."""

    @cache
    def distance(i, j):
        if i == 0 or j == 0:
            return i + j
        return min(distance(i - 1, j) + 1, distance(i, j - 1) + 1, distance(i - 1, j - 1) + (p[i - 1] != q[j - 1]))

    return distance(len(p), len(q))


@pytest.mark.parametrize("cells", [1, 40, 2**18])
def test_edit_distances_equal_the_recursion(monkeypatch, cells):
    monkeypatch.setattr("numbarnn.metrics.edit_distance._CELLS", cells)
    random = np.random.default_rng(0)
    first, second = ([random.integers(0, 3, n) for n in random.integers(0, 9, 60)] for _ in range(2))
    assert edit_distances(first, second).tolist() == [recursion(*pair) for pair in zip(first, second, strict=True)]


def test_label_error_rate_by_hand():
    assert label_error_rate(["kitten"], ["sitting"]) == pytest.approx(3 / 6, rel=1e-15)
    assert label_error_rate([["k", "i"], []], [["i", "k"], ["a"]]) == pytest.approx(3 / 2, rel=1e-15)
    assert label_error_rate(np.array([[1, 2], [3, 4]]), [[1, 2.0], (3, 4)]) == 0


def test_word_error_rate_by_hand():
    assert word_error_rate(["a long  way", "home\n"], ["a way", "at home"]) == pytest.approx(2 / 4, rel=1e-15)
    assert word_error_rate([["New York", "is"]], [["New York", "was"]]) == pytest.approx(1 / 2, rel=1e-15)


def test_sequence_accuracy_by_hand():
    assert sequence_accuracy(["abc", [1, 2], ""], [["a", "b", "c"], [1], []]) == pytest.approx(2 / 3, rel=1e-15)
    assert sequence_accuracy(["a", "b"], ["a", "c"], sample_weight=[3, 1]) == pytest.approx(3 / 4, rel=1e-15)


@pytest.mark.parametrize("rate", RATES)
def test_pairs_must_fit(rate):
    with pytest.raises(ValueError, match="same number of sequences, got 2 and 1"):
        rate(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="at least one sequence"):
        rate([], [])
    with pytest.raises(ValueError, match=r"y_pred must be a list .* got one string"):
        rate(["a"], "a")
    with pytest.raises(TypeError, match=r"y_true\[0\]\[0\] must be a hashable label"):
        rate([[[1]]], [[1]])


@pytest.mark.parametrize("rate", RATES[:2])
def test_a_rate_needs_true_labels(rate):
    with pytest.raises(ValueError, match="at least one label"):
        rate(["", ""], ["a", "b"])


def test_perplexity_by_hand():
    assert perplexity([-1.0, -2.0, -3.0]) == pytest.approx(np.exp(2), rel=1e-15)
    assert perplexity([-6.0, -3.0], [4, 2]) == pytest.approx(np.exp(1.5), rel=1e-15)
    assert perplexity([-np.inf, -1.0]) == np.inf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5],), r"at most 0, got 0.5. For probabilities p write numpy.log\(p\)"),
        (([-1.0, np.nan],), "must not be NaN"),
        (([-1.0], [1, 2]), r"shape \(n,\), got \(1,\) and \(2,\)"),
        (([-1.0], [0]), "not all of them zero"),
        (([-1.0], [1.5]), "numbers of symbols"),
        (([],), "not all of them zero"),
        ((-1.0,), r"shape \(n,\)"),
    ],
)
def test_perplexity_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        perplexity(*arguments)
