from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn.data.validation import relative_weights, validate_sample_weight

LENGTHS = np.array([2, 3])


def test_no_weights():
    assert validate_sample_weight(None, LENGTHS) is None


@pytest.mark.parametrize(
    "weights", [[1, 4], np.float32([1, 4]), pd.Series([1, 4], dtype="Int64"), pl.Series([1, 4]), np.ma.array([1, 4])]
)
def test_weights_of_sequences(weights):
    found = validate_sample_weight(weights, LENGTHS)
    assert found.dtype == np.float64
    assert_array_equal(found, [1, 4])
    assert_array_equal(validate_sample_weight(weights, LENGTHS, per_step=True), [1, 1, 4, 4, 4])


def test_a_number_is_the_weight_of_every_sequence():
    assert_array_equal(validate_sample_weight(3.0, LENGTHS), [3, 3])


@pytest.mark.parametrize(
    ("weights", "lengths", "rows"),
    [
        ([[1, 2], [0, 4, 1]], LENGTHS, [1, 2, 0, 4, 1]),
        ([np.array([True, False]), pd.Series([0, 1, 1])], LENGTHS, [1, 0, 0, 1, 1]),
        (np.array([[1, 2], [0, 4]]), np.array([2, 2]), [1, 2, 0, 4]),
        (pd.DataFrame([[1, 2], [0, 4]]), np.array([2, 2]), [1, 2, 0, 4]),
    ],
)
def test_weights_of_steps(weights, lengths, rows):
    assert_array_equal(validate_sample_weight(weights, lengths, per_step=True), rows)
    with pytest.raises(ValueError, match="weights of steps need return_sequences=True"):
        validate_sample_weight(weights, lengths)


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e-3, 1.0, 1e39, 1e306])
def test_extreme_weights_keep_their_proportions(scale):
    found = relative_weights(validate_sample_weight(scale * np.array([25.0, 100.0]), LENGTHS))
    assert 0.5 <= found.max() < 1
    assert_allclose(found[1] / found[0], 4, rtol=1e-15, atol=0)


def test_sums_of_relative_weights_do_not_overflow():
    many = relative_weights(validate_sample_weight(np.full(1000, 1e308), np.ones(1000, dtype=int)))
    assert 500 <= many.sum() < 1000


def test_relative_weights_are_not_rounded():
    weights = np.random.RandomState(0).uniform(0, 7, 1000)
    assert_array_equal(relative_weights(weights) * 8, weights)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, -1], "Negative values in data passed to `sample_weight`: weight 1 is -1.0"),
        ([0, 0], "at least one non-zero number"),
        ([1, 1, 1], r"sample_weight.shape == \(3,\), expected \(2,\)"),
        ([1, np.nan], "sample_weight contains NaN: weight 1 of 2"),
        ([1, pd.NA], "sample_weight contains NaN"),
        (np.ma.array([1, 2], mask=[False, True]), "sample_weight contains NaN"),
        ([1, np.inf], "sample_weight contains infinity"),
        (["1", "2"], "Expected real numbers in sample_weight"),
        ([1, 1j], "Complex data not supported"),
        ([[1, 1]], "1D array"),
    ],
)
@pytest.mark.parametrize("per_step", [False, True])
def test_bad_weights_are_errors(weights, message, per_step):
    if per_step and message == "1D array":
        message = "for 1 sequences, expected one item for each of 2"
    with pytest.raises(ValueError, match=message):
        validate_sample_weight(weights, LENGTHS, per_step=per_step)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([[1, 1], [1, 1]], r"Expected sample_weight\[1\] of shape \(3,\), got shape \(2,\)"),
        ([[1, 1], [1, np.nan, 1]], "weight 3 of 5"),
        ([np.ones((2, 1)), np.ones((3, 1))], r"sample_weight\[0\] of shape \(2,\), got shape \(2, 1\)"),
    ],
)
def test_bad_weights_of_steps_are_errors(weights, message):
    with pytest.raises(ValueError, match=message):
        validate_sample_weight(weights, LENGTHS, per_step=True)


def test_an_iterator_of_weights_is_an_error():
    with pytest.raises(TypeError, match=r"write list\(sample_weight\)"):
        validate_sample_weight(iter([1, 2]), LENGTHS)
