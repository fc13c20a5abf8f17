from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from numbarnn.data import Vocabulary
from numbarnn.data.validation import validate_labels


def test_codes_are_those_of_sorted_labels():
    vocabulary = Vocabulary.of(["cab", "", "ad"])
    assert vocabulary.labels == ("a", "b", "c", "d")
    assert (vocabulary.n_labels, vocabulary.end, vocabulary.start) == (4, 4, 5)
    sequences = vocabulary.encode(["cab", "", "ad"])
    assert_array_equal(sequences.values, [2, 0, 1, 0, 3])
    assert_array_equal(sequences.lengths, [3, 0, 2])
    assert [vocabulary.decode(sequences.take([i]).values) for i in range(3)] == [["c", "a", "b"], [], ["a", "d"]]


def test_labels_that_cannot_be_compared_keep_their_order():
    vocabulary = Vocabulary.of([["b", 1, ("x",)], [None, "a"]])
    assert vocabulary.labels == ("b", 1, ("x",), None, "a")


def test_pickled_and_equal():
    vocabulary = Vocabulary.of(["abc"])
    vocabulary.encode(["a"])
    assert pickle.loads(pickle.dumps(vocabulary)) == vocabulary == Vocabulary(("a", "b", "c"))


@pytest.mark.parametrize(
    "X",
    [
        [[3, 1], [2, 2]],
        ((3, 1), (2, 2)),
        np.array([[3, 1], [2, 2]]),
        [np.array([3, 1]), pd.Series([2, 2])],
        pd.Series([[3, 1], [2, 2]]),
        pl.Series([[3, 1], [2, 2]]),
        [b"\x03\x01", range(2, 3)],
    ],
)
def test_containers(X):
    sequences = validate_labels(X)
    assert list(sequences[0]) == [3, 1]
    assert all(type(label) is int for sequence in sequences for label in sequence)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("abc", ValueError, r"got one string. For a single text write \[text\]"),
        ([1, 2], TypeError, r"X\[0\] must be a sequence of labels.*got a int. For a single sequence write \[X\]"),
        (np.array([1, 2]), ValueError, r"X\[0\].*For a single sequence write \[X\]"),
        (np.zeros((2, 2, 2)), ValueError, r"X\[0\].*shape \(2, 2\)"),
        ([["a"], [["b"]]], TypeError, r"X\[1\]\[0\] must be a hashable label.*got a list"),
        (iter(["a"]), TypeError, r"Write list\(X\)"),
        (None, TypeError, "got None"),
        (["a", None], TypeError, r"X\[1\].*got None"),
        ({"a": "b"}, TypeError, "got a dict"),
        (pd.DataFrame({"a": ["b"]}), TypeError, "got a table. Pass one of its columns"),
        ([], ValueError, "at least one label, got none"),
        ([""], ValueError, "at least one label, got none"),
        ([[1.0, np.nan]], ValueError, "must not be missing, got nan"),
    ],
)
def test_errors(X, error, message):
    with pytest.raises(error, match=message):
        Vocabulary.of(X)


def test_an_unknown_label_is_named():
    vocabulary = Vocabulary.of(["abcdefghi"])
    with pytest.raises(
        ValueError, match=r"prompt\[1\]\[2\] is 'z', which is not one of the 9 known labels: 'a', .*\.\.\."
    ):
        vocabulary.encode(["abc", "abz"], name="prompt")
    with pytest.raises(ValueError, match=r"prompt\[1\] is 'z', which is not one of"):
        vocabulary.encode_one("az", name="prompt")
    assert_array_equal(vocabulary.encode_one(["b", "a"]), [1, 0])


@pytest.mark.parametrize("codes", [[0, 3], [-1], [[0]], [0.5]])
def test_codes_that_are_not_of_labels_are_refused(codes):
    with pytest.raises(ValueError, match="codes must"):
        Vocabulary(("a", "b", "c")).decode(codes)


def test_labels_differ():
    with pytest.raises(ValueError, match="must differ"):
        Vocabulary((1, 1.0))
