from __future__ import annotations

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator

from numbarnn.data.validation import validate_sample_weight, validate_sequences, validate_step_targets


class Reader(BaseEstimator):
    """Any estimator that stands behind the door."""

    def read(self, X, reset=True, dtype=None):
        return validate_sequences(self, X, reset=reset, dtype=dtype)


CUBE = np.random.RandomState(0).standard_normal((4, 3, 2))
SERIES = CUBE[:, :, 0]


def objects(items):
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


FORMS = {
    "array": CUBE,
    "nested list": CUBE.tolist(),
    "Fortran order": np.asfortranarray(CUBE),
    "list": list(CUBE),
    "tuple": tuple(CUBE),
    "object array": objects(list(CUBE)),
    "array of objects": CUBE.astype(object),
    "list of nested lists": [np.asarray(item).tolist() for item in CUBE],
    "pandas frames": [pd.DataFrame(item, columns=["a", "b"]) for item in CUBE],
    "polars frames": [pl.DataFrame(item, schema=["a", "b"]) for item in CUBE],
    "series of arrays": pd.Series(list(CUBE)),
}

FLAT_FORMS = {
    "array": SERIES,
    "nested list": SERIES.tolist(),
    "list of arrays": list(SERIES),
    "pandas frame": pd.DataFrame(SERIES),
    "polars frame": pl.DataFrame(SERIES),
    "list of pandas series": [pd.Series(item) for item in SERIES],
    "list of polars series": [pl.Series(item) for item in SERIES],
}


@pytest.mark.parametrize("X", FORMS.values(), ids=FORMS.keys())
def test_every_form_gives_the_same_sequences(X):
    reader = Reader()
    sequences, _ = reader.read(X)
    assert sequences.values.flags.c_contiguous
    assert_array_equal(sequences.values, CUBE.reshape(12, 2))
    assert_array_equal(sequences.lengths, [3, 3, 3, 3])
    assert reader.n_features_in_ == 2


@pytest.mark.parametrize("X", FLAT_FORMS.values(), ids=FLAT_FORMS.keys())
def test_every_form_of_plain_series_gives_the_same_sequences(X):
    sequences, form = Reader().read(X)
    assert form.flat
    assert_array_equal(sequences.values, SERIES.reshape(12, 1))
    assert_array_equal(sequences.lengths, [3, 3, 3, 3])


@pytest.mark.parametrize("container", [list, tuple, objects])
def test_ragged_sequences(container):
    ragged = container([CUBE[0], CUBE[1, :1], CUBE[2, 1:]])
    sequences, _ = Reader().read(ragged)
    assert_array_equal(sequences.lengths, [3, 1, 2])
    assert_array_equal(sequences.values, np.concatenate(list(ragged)))


def test_rows_have_a_feature_per_step_as_scikit_learn_demands():
    reader = Reader()
    reader.read(SERIES)
    assert reader.n_features_in_ == 3
    with pytest.raises(ValueError, match="X has 2 features, but Reader is expecting 3 features as input"):
        reader.read(SERIES[:, :2], reset=False)


def test_sequences_of_another_form_need_as_many_features_per_step():
    rows, cube = Reader(), Reader()
    rows.read(SERIES)
    rows.read(SERIES[:, :2, np.newaxis], reset=False)
    rows.read([SERIES[0], SERIES[1, :1]], reset=False)
    with pytest.raises(ValueError, match="2 features per step, but Reader is expecting 1"):
        rows.read(CUBE, reset=False)
    cube.read(CUBE)
    with pytest.raises(ValueError, match="1 features per step, but Reader is expecting 2"):
        cube.read(SERIES, reset=False)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_feature_names_of_frames(frame):
    reader = Reader()
    frames = [frame({"a": [1.0, 2.0], "b": [3.0, 4.0]}), frame({"a": [1.0], "b": [3.0]})]
    reader.read(frames)
    assert list(reader.feature_names_in_) == ["a", "b"]
    with pytest.raises(ValueError, match="feature names should match"):
        reader.read([frame({"a": [1.0], "c": [3.0]})], reset=False)
    with pytest.raises(ValueError, match=re.escape("X[1] has ['b', 'a']")):
        reader.read([frames[1], frame({"b": [1.0], "a": [3.0]})])


@pytest.mark.parametrize(
    ("given", "asked", "expected"),
    [
        (np.float32, None, np.float32),
        (np.float64, None, np.float64),
        (np.float16, None, np.float64),
        (np.longdouble, None, np.float64),
        (np.int32, None, np.float64),
        (bool, None, np.float64),
        (">f4", None, np.float32),
        (np.float64, "float32", np.float32),
        (np.float32, "float64", np.float64),
    ],
)
@pytest.mark.parametrize("container", [np.asarray, list])
def test_dtype(given, asked, expected, container):
    sequences, _ = Reader().read(container(CUBE.astype(given)), dtype=asked)
    assert sequences.values.dtype == expected


def replaced(value, dtype=float):
    X = CUBE.astype(dtype)
    X[1, 2, 0] = value
    return X


BAD = {
    "scalar": (3.0, "Expected 2D array, got scalar array"),
    "one dimension": (np.zeros(5), "Expected 2D array, got 1D array"),
    "four dimensions": (np.zeros((2, 2, 2, 2)), r"Expected X to be an array of shape \(n, T, I\)"),
    "no sequences": (np.zeros((0, 3, 2)), r"0 sample\(s\)"),
    "no rows": (np.zeros((0, 3)), r"0 sample\(s\)"),
    "empty list": ([], "got 1D array"),
    "empty object array": (np.array([], dtype=object), "Found X with 0 sequences"),
    "no steps": (np.zeros((3, 0, 2)), r"no axis empty, got an array of shape \(3, 0, 2\)"),
    "no columns": (np.zeros((3, 0)), r"0 feature\(s\)"),
    "no features": (np.zeros((3, 2, 0)), "no axis empty"),
    "zero-length sequence": (
        [CUBE[0], CUBE[1, :0]],
        r"A sequence needs a step and a feature, got X\[1\] of shape \(0, 2\)",
    ),
    "ragged features": ([CUBE[0], CUBE[1, :, :1]], r"X\[0\] has shape \(3, 2\), X\[1\] has shape \(3, 1\)"),
    "mixed ranks": ([CUBE[0], CUBE[1, :, 0]], "do not have the same features"),
    "item of rank 3": ([CUBE, CUBE[:2]], r"got X\[0\] as a ndarray of 3 dimensions"),
    "item is None": ([CUBE[0], None], r"got X\[1\] as a NoneType of 0 dimensions"),
    "item is ragged": ([[[1.0, 2.0], [3.0]], [[1.0, 2.0]]], r"X\[0\] is no array of numbers"),
    "NaN": (replaced(np.nan), "Input X contains NaN"),
    "NaN in a list": (list(replaced(np.nan)), "Input X contains NaN"),
    "infinity": (replaced(np.inf), "Input X contains infinity"),
    "NaN in objects": (replaced(np.nan, object), "Input X contains NaN"),
    "complex": (replaced(1j, complex), "Complex data not supported"),
    "complex in a list": ([CUBE[0].astype(complex), CUBE[1, :2]], "Complex data not supported"),
    "strings": (CUBE.astype(str), "Expected real numbers in X, got an array of dtype <U"),
    "strings in a list": ([CUBE[0].astype(str), CUBE[1, :2]], r"Expected real numbers in X\[0\]"),
    "a string among objects": (replaced("1.5", object), "got the string '1.5'"),
    "strings in a frame": (pd.DataFrame({"a": ["1", "2"], "b": [1.0, 2.0]}), "got the string '1'"),
    "dates": (np.zeros((2, 3), "datetime64[s]"), "dtype datetime64"),
    "text": ("text", "Expected 2D array, got scalar array"),
}


@pytest.mark.parametrize(("X", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_an_error(X, message):
    reader = Reader()
    with pytest.raises(ValueError, match=message):
        reader.read(X)
    assert vars(reader) == {}


@pytest.mark.parametrize(
    "X", [sparse.csr_array(SERIES), replaced({}, object), [sparse.csr_array(SERIES)] * 2, None, {"a": 1}]
)
def test_objects_that_are_no_numbers_are_errors(X):
    with pytest.raises((TypeError, ValueError)):
        Reader().read(X)


def test_overflow_in_the_conversion_is_an_error():
    with pytest.raises(ValueError, match=r"too large for dtype\('float32'\)"):
        Reader().read(replaced(1e300), dtype="float32")


LENGTHS = np.array([2, 3])


@pytest.mark.parametrize(
    ("y", "rows"),
    [
        ([[1, 2], [3, 4, 5]], [1, 2, 3, 4, 5]),
        ([np.array([1, 2]), pd.Series([3, 4, 5])], [1, 2, 3, 4, 5]),
        (objects([["a", "b"], ["c", "d", "e"]]), ["a", "b", "c", "d", "e"]),
        ([np.zeros((2, 2)), np.ones((3, 2))], [[0, 0]] * 2 + [[1, 1]] * 3),
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
        (None, "inconsistent numbers of samples"),
    ],
)
def test_bad_step_targets_are_errors(y, message):
    with pytest.raises((TypeError, ValueError), match=message):
        validate_step_targets(y, LENGTHS)


def test_sample_weights():
    assert validate_sample_weight(None, 3) is None
    assert_array_equal(validate_sample_weight([0, 1, 2], 3), [0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, -1, 1], "Negative values"),
        ([0, 0, 0], "at least one non-zero number"),
        ([1, 1], r"expected \(3,\)"),
        ([1, np.nan, 1], "sample_weight contains NaN"),
        ([[1, 1, 1]], "1D array"),
    ],
)
def test_bad_sample_weights_are_errors(weights, message):
    with pytest.raises(ValueError, match=message):
        validate_sample_weight(weights, 3)
