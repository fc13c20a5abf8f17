from __future__ import annotations

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from numbarnn.data.validation import mask_targets, validate_step_targets, validate_targets

LENGTHS = np.array([2, 3])


def objects(items):
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


@pytest.mark.parametrize(
    ("y", "rows"),
    [
        ([1.5, 2.5], [1.5, 2.5]),
        (["a", "b"], ["a", "b"]),
        ([[1, 0], [0, 1]], [[1, 0], [0, 1]]),
        (pd.Series(["a", "b"], dtype="category"), ["a", "b"]),
        (pd.Series([1, 2], dtype="Int64"), [1, 2]),
        (pl.Series([True, False]), [True, False]),
        (np.ma.array([1, 2]), [1, 2]),
        (np.array([1, 2], dtype=object), [1, 2]),
    ],
)
def test_targets(y, rows):
    found = validate_targets(y, LENGTHS)
    assert found.dtype.kind == np.array(rows).dtype.kind or found.dtype.kind == "O"
    assert_array_equal(found, rows)


MISSING = {
    "NaN": [1.0, np.nan],
    "None": [1.0, None],
    "NA": [1, pd.NA],
    "NA among labels": pd.Series(["a", None], dtype="string"),
    "nullable booleans": pd.Series([True, None], dtype="boolean"),
    "masked integers": np.ma.array([1, 2], mask=[False, True]),
    "masked labels": np.ma.array(["a", "b"], mask=[False, True]),
    "masked in a list": [np.ma.array([1, 2]), np.ma.array([1, 2], mask=[False, True])],
    "dates": np.array(["2020-01-01", "NaT"], dtype="datetime64[D]"),
    "polars null": pl.Series([1, None]),
    "polars null among labels": pl.Series(["a", None]),
}


@pytest.mark.parametrize("y", MISSING.values(), ids=MISSING.keys())
def test_a_missing_target_is_an_error_with_its_place(y):
    with pytest.raises(ValueError, match=r"Input y contains NaN: y\[1\]\. Missing values"):
        validate_targets(y, LENGTHS)


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        ([1.0, np.inf], ValueError, r"Input y contains infinity: y\[1\]"),
        ([1.0], ValueError, "inconsistent numbers of samples: X has 2 sequences, but y is 1 samples"),
        ([1.0] * 5, ValueError, "For one target per step use return_sequences=True"),
        ([], ValueError, "y is 0 samples"),
        (3.0, ValueError, "y is a float"),
        (None, ValueError, "got y as None"),
        ({"a": 1}, ValueError, r"write list\(y.values\(\)\)"),
        ((v for v in [1.0, 2.0]), TypeError, r"write list\(y\)"),
        (sparse.csr_array([[1.0]]), TypeError, "Sparse data was passed for y"),
        ([[1, 2], [3]], ValueError, "y is not a regular array"),
    ],
)
def test_bad_targets_are_errors(y, error, message):
    with pytest.raises(error, match=message):
        validate_targets(y, LENGTHS)


def test_an_array_read_as_rows():
    with pytest.raises(ValueError, match=r"For one sequence x of 4 steps write \[x\]"):
        validate_targets([1.0], np.array([2] * 4))
    with pytest.raises(ValueError, match=r"If each column of X is a sequence write X\.T"):
        validate_targets([1.0, 2.0], np.array([2] * 4))


@pytest.mark.parametrize(
    ("y", "rows"),
    [
        ([[1, 2], [3, 4, 5]], [1, 2, 3, 4, 5]),
        ([np.array([1, 2]), pd.Series([3, 4, 5])], [1, 2, 3, 4, 5]),
        (objects([["a", "b"], ["c", "d", "e"]]), ["a", "b", "c", "d", "e"]),
        ([np.zeros((2, 2)), np.ones((3, 2))], [[0, 0]] * 2 + [[1, 1]] * 3),
        (pl.Series([[1, 2], [3, 4, 5]]), [1, 2, 3, 4, 5]),
    ],
)
def test_step_targets(y, rows):
    assert_array_equal(validate_step_targets(y, LENGTHS), rows)


@pytest.mark.parametrize("y", [np.arange(6).reshape(2, 3), pd.DataFrame([[0, 1, 2], [3, 4, 5]])])
def test_step_targets_of_equal_lengths(y):
    assert_array_equal(validate_step_targets(y, np.array([3, 3])), np.arange(6))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1, 2], r"expected y\[0\] of shape \(2,\) or \(2, K\).*got shape \(\)"),
        ([[1, 2], [3, 4]], r"expected y\[1\] of shape \(3,\)"),
        ([np.zeros((2, 1)), np.zeros((3, 2))], r"y\[1\]"),
        ([[1, 2]], "inconsistent numbers of samples"),
        (np.arange(5), r"write np.split\(y, np.cumsum\(lengths\)\[:-1\]\)"),
        (None, "got y as None"),
        (3, "y is a int"),
        ([["a", "b"], [1, 2, 3]], "y mixes text and numbers"),
        ([[1.0, 2.0], [1.0, np.inf, 2.0]], r"Input y contains infinity: y\[1\] at step 1"),
        ([[1.0, 2.0], [1.0, np.nan, 2.0]], r"Input y contains NaN: y\[1\] at step 1.*sample_weight of zero"),
        ([["a", "b"], ["c", None, "d"]], r"Input y contains NaN: y\[1\] at step 1"),
    ],
)
def test_bad_step_targets_are_errors(y, message):
    with pytest.raises(ValueError, match=message):
        validate_step_targets(y, LENGTHS)


def test_step_targets_of_one_long_sequence_say_how_to_write_it():
    with pytest.raises(ValueError, match=re.escape("write x[np.newaxis] and y[np.newaxis]")):
        validate_step_targets(np.arange(4), np.array([2] * 4))


def test_step_targets_of_an_iterator_are_an_error():
    with pytest.raises(TypeError, match=r"write list\(y\)"):
        validate_step_targets(iter([[1, 2], [3, 4, 5]]), LENGTHS)


@pytest.mark.parametrize(
    "y",
    [
        [[1.0, np.nan], [3.0, 4.0, 5.0]],
        [[1, None], [3, 4, 5]],
        [np.ma.array([1, 7], mask=[False, True]), pd.Series([3, 4, 5], dtype="Int64")],
        [pd.Series([1, None], dtype="Int64"), pl.Series([3, 4, 5])],
    ],
)
def test_a_missing_step_target_is_a_mask(y):
    rows = validate_step_targets(y, LENGTHS, allow_nan=True)
    assert_array_equal(rows, [1, np.nan, 3, 4, 5])
    filled, weights = mask_targets(rows, None)
    assert_array_equal(filled, [1, 1, 3, 4, 5])
    assert_array_equal(weights, [1, 0, 1, 1, 1])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([np.full((2, 2), np.nan), [[1.0, 2.0], [1.0, np.nan], [1.0, 1.0]]], r"in a part of .*y\[1\] at step 1"),
        ([["a", "b"], ["c", None, "d"]], "Input y contains NaN"),
        ([[np.nan, 2.0], [1.0, np.inf, 2.0]], "Input y contains infinity"),
    ],
)
def test_step_targets_that_cannot_be_masked(y, message):
    with pytest.raises(ValueError, match=message):
        validate_step_targets(y, LENGTHS, allow_nan=True)


def test_a_sequence_may_be_masked_but_not_all_of_them():
    rows = np.array([np.nan, np.nan, 3.0, 4.0, 5.0])
    assert_array_equal(mask_targets(rows, None)[1], [0, 0, 1, 1, 1])
    for weights, targets in ((None, rows * np.nan), (np.array([1.0, 1, 0, 0, 0]), rows)):
        with pytest.raises(ValueError, match="Every step is masked"):
            mask_targets(targets, weights)


@pytest.mark.parametrize("junk", ["z", "a"])
def test_labels_of_weight_zero_change_nothing(junk):
    rows, weights = mask_targets(np.array([junk, "b", "c"]), np.array([0.0, 1.0, 0.5]))
    assert_array_equal(rows, ["b", "b", "c"])
    assert_array_equal(weights, [0, 1, 0.5])


def test_nothing_is_masked_without_nan_and_weights():
    rows = np.arange(3.0)
    filled, weights = mask_targets(rows, None)
    assert weights is None
    assert_array_equal(filled, rows)
