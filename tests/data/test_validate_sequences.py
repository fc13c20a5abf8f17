from __future__ import annotations

import datetime as dt
import decimal
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator

from numbarnn.data.forms import Form
from numbarnn.data.validation import validate_sequences, warn_of_dated_targets


class Reader(BaseEstimator):
    """An estimator that only validates."""

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
    "scalar": (3.0, "got a float, which is a scalar"),
    "one dimension": (
        np.zeros(5),
        r"got 1D array of shape \(5,\). Reshape your data: for one sequence x of numbers write \[x\]",
    ),
    "four dimensions": (np.zeros((2, 2, 2, 2)), r"Expected X to be an array of shape \(n, T, I\)"),
    "no sequences": (np.zeros((0, 3, 2)), r"0 sample\(s\)"),
    "no rows": (np.zeros((0, 3)), r"0 sample\(s\)"),
    "empty list": ([], "Found X with 0 sequences"),
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
    "item is None": ([CUBE[0], None], r"got X\[1\] as None"),
    "item is ragged": ([[[1.0, 2.0], [3.0]], [[1.0, 2.0]]], r"X\[0\] is not a regular array"),
    "item is a number": ([CUBE[0], 3.0], r"got X\[1\] as a float of 0 dimensions"),
    "complex": (replaced(1j, complex), "Complex data not supported"),
    "complex in a list": ([CUBE[0].astype(complex), CUBE[1, :2]], "Complex data not supported"),
    "strings": (CUBE.astype(str), "Expected real numbers in X, got an array of dtype <U"),
    "strings in a list": ([CUBE[0].astype(str), CUBE[1, :2]], r"Expected real numbers in X\[0\]"),
    "a string among objects": (replaced("1.5", object), "got the string '1.5'"),
    "strings in a frame": (pd.DataFrame({"a": ["1", "2"], "b": [1.0, 2.0]}), "got the string '1'"),
    "dates": (np.zeros((2, 3), "datetime64[s]"), "dtype datetime64"),
    "text": ("text", "got a str, which is a scalar"),
    "dictionary": ({"a": CUBE[0]}, r"got X as a dict: write list\(X.values\(\)\)"),
    "set": ({1.0, 2.0}, r"got X as a set: write list\(X\)"),
    "None": (None, "got X as None"),
    "bytes among objects": (replaced(b"1", object), "got the string b'1'"),
    "dates in a polars frame": (
        pl.DataFrame({"day": [dt.date(2020, 1, 1)], "a1": [1.0]}),
        "Expected real numbers in X, got Date in the column 'day'",
    ),
    "categories": (pd.DataFrame({"a1": pd.Categorical(["u", "v"])}), "got the string 'u'"),
    "integers beyond float64": (replaced(10**400, object), "too large for dtype"),
    "complex among objects": (replaced(1j, object), "Complex data not supported"),
}


@pytest.mark.parametrize(("X", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_an_error(X, message):
    reader = Reader()
    with pytest.raises(ValueError, match=message):
        reader.read(X)
    assert vars(reader) == {}


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (sparse.csr_array(SERIES), "Sparse data was passed for X"),
        ([sparse.csr_array(SERIES)] * 2, r"Sparse data was passed for X\[0\]"),
        (replaced({}, object), "got a dict: .*argument must be a string or a real number"),
        (pd.DataFrame({"a1": pd.to_datetime(["2020-01-01"]), "b1": [1.0]}), "got a Timestamp"),
        (pd.DataFrame({"a1": [pd.Series([1.0, 2.0])]}), "got a Series"),
        ((x for x in CUBE), r"got X as a generator, which can be read only once: write list\(X\)"),
        (iter(CUBE), "which can be read only once"),
        ([CUBE[0], iter(CUBE[1])], r"got X\[1\] as a iterator, which can be read only once"),
    ],
)
def test_objects_that_are_not_numbers_are_errors(X, message):
    with pytest.raises(TypeError, match=message):
        Reader().read(X)


def masked(X):
    return np.ma.array(X, mask=np.isnan(X))


def frame_of(library):
    missing = [1, 2, None]
    if library == "polars":
        return [pl.DataFrame({"a": [0, 0]}), pl.DataFrame({"a": pl.Series(missing, dtype=pl.Int64)})]
    return [pd.DataFrame({"a": [0, 0]}), pd.DataFrame({"a": pd.array(missing, dtype="Int64")})]


MISSING = {
    "array": replaced(np.nan),
    "list": list(replaced(np.nan)),
    "None among objects": replaced(None, object),
    "NA among objects": replaced(pd.NA, object),
    "NaT among objects": replaced(pd.NaT, object),
    "nested list": replaced(None, object).tolist(),
    "nested list with NA": replaced(pd.NA, object).tolist(),
    "masked array": masked(replaced(np.nan)),
    "list of masked arrays": [masked(item) for item in replaced(np.nan)],
    "nested list of masked arrays": [[masked(step) for step in item] for item in replaced(np.nan)],
    "list of lists with a masked element": [[[1.0]], [[1.0], [2.0], [np.ma.masked]]],
    "nullable frames": frame_of("pandas"),
    "polars frames with a null": frame_of("polars"),
}


@pytest.mark.parametrize("assume_finite", [False, True])
@pytest.mark.parametrize("X", MISSING.values(), ids=MISSING.keys())
def test_missing_values_are_refused_with_their_place(X, assume_finite):
    with (
        sklearn.config_context(assume_finite=assume_finite),
        pytest.raises(ValueError, match=r"Input X contains NaN: X\[1\] at step 2\. Missing values"),
    ):
        Reader().read(X)


def test_infinity_is_refused_with_its_place():
    for X in (replaced(np.inf), list(replaced(-np.inf)), replaced(np.inf)[:, :, 0]):
        with pytest.raises(ValueError, match=r"Input X contains infinity: X\[1\] at step 2"):
            Reader().read(X)
    with pytest.raises(ValueError, match=r"X\[2\] at step 0"):
        Reader().read([CUBE[0], CUBE[1, :1], np.full((1, 2), np.inf), CUBE[2]])


EXTENSIONS = {
    "masked array without a masked element": np.ma.array(SERIES.round(2)),
    "masked integers": np.ma.array([[1, 2], [3, 4]], mask=False),
    "nullable integers": pd.DataFrame({"a1": pd.array([1, 2], dtype="Int64")}),
    "nullable booleans": pd.DataFrame({"a1": pd.array([True, False], dtype="boolean")}),
    "categories that are numbers": pd.DataFrame({"a1": pd.Categorical([1, 2])}),
    "sparse columns": pd.DataFrame({"a1": pd.arrays.SparseArray([0.0, 1.0])}),
    "decimals": np.array([[decimal.Decimal("0.5")], [decimal.Decimal(2)]]),
}


@pytest.mark.parametrize("X", EXTENSIONS.values(), ids=EXTENSIONS.keys())
def test_extension_types_that_hold_numbers_are_converted(X):
    sequences, _ = Reader().read(X)
    assert sequences.values.dtype == np.float64
    assert_array_equal(sequences.values, np.array(np.asarray(X).tolist(), dtype=float).reshape(-1, 1))


@pytest.mark.parametrize("library", [pd.Series, pl.Series])
def test_a_series_of_lists_holds_separate_sequences(library):
    sequences, form = Reader().read(library([[1.0, 2.0], [3.0]]))
    assert_array_equal(sequences.lengths, [2, 1])
    assert form == ("object array", True)


PANEL = pd.DataFrame(
    {"speed": np.arange(6.0), "load": 1.0},
    index=pd.MultiIndex.from_product([["u", "v"], range(3)], names=["id", "time"]),
)


def test_a_frame_with_a_multi_index_is_an_error_that_says_how_to_write_it():
    message = r"levels \['id', 'time'\]. It would be read as 6 sequences.*\[g for _, g in X.groupby\(level=0\)\]"
    with pytest.raises(ValueError, match=message):
        Reader().read(PANEL)
    sequences, _ = Reader().read([g for _, g in PANEL.groupby(level=0)])
    assert_array_equal(sequences.lengths, [3, 3])
    with pytest.raises(ValueError, match=r"columns are a MultiIndex.*reshape\(n, I, T\)"):
        Reader().read(PANEL.unstack())


DAYS = pd.date_range("2020-01-01", periods=5)


@pytest.mark.parametrize(
    ("X", "sign"),
    [
        (pd.DataFrame(np.zeros((5, 2)), index=DAYS), "its rows are labelled by time"),
        (pd.DataFrame(np.zeros((5, 2)), index=DAYS.to_period()), "its rows are labelled by time"),
        (pd.DataFrame(np.zeros((5, 2)), columns=["speed", "load"]), r"its columns are named \['speed', 'load'\]"),
        (pl.DataFrame(np.zeros((5, 2)), schema=["speed", "load"]), r"its columns are named \['speed', 'load'\]"),
    ],
)
def test_a_frame_that_looks_like_one_long_sequence_is_a_warning(X, sign):
    reader = Reader()
    message = rf"\(5, 2\) was read as 5 sequences, one per row, of 2 steps .*{sign}.*X.to_numpy\(\)\[np.newaxis\]"
    with pytest.warns(UserWarning, match=message):
        reader.read(X)
    reader.read(X, reset=False)


def test_frames_of_numbered_steps_and_arrays_are_no_warning():
    for X in (SERIES, pd.DataFrame(SERIES), pd.DataFrame(SERIES, columns=["t0", "t1", "t2"])):
        Reader().read(X)


def smooth(*shape, axis=-1):
    """Random walks along an axis."""
    return np.cumsum(np.random.default_rng(0).standard_normal(shape), axis=axis)


@pytest.mark.parametrize("shape", [(10, 1, 150), (10, 6, 100), (4, 3, 20)])
def test_an_array_with_channels_first_is_a_warning(shape):
    reader, X = Reader(), smooth(*shape)
    n, channels, n_steps = shape
    message = rf"read as {n} sequences of {channels} steps with {n_steps} features.*X.transpose\(0, 2, 1\).*list\(X\)"
    with pytest.warns(UserWarning, match=message):
        reader.read(X)
    reader.read(list(X))
    reader.read(X, reset=False)
    reader.read(X.transpose(0, 2, 1))
    with pytest.warns(UserWarning, match=message):
        reader.read(X * np.linspace(1, 1000, n_steps) ** 2 + 1e6 * np.cos(np.arange(n_steps)))


@pytest.mark.parametrize(
    "X",
    [
        np.random.default_rng(0).standard_normal((20, 1, 100)) + np.arange(100.0),
        np.random.default_rng(0).standard_normal((20, 6, 60)) * np.arange(1.0, 61),
        smooth(20, 6, 60, axis=1) + np.arange(60.0),
        np.cumsum(smooth(20, 10, 40), axis=1),
        smooth(20, 6, 17),
        np.ones((20, 2, 30)),
        smooth(1, 1, 30),
    ],
    ids=["one step", "scaled", "smooth in time", "smooth in both", "few features", "constant", "one sequence"],
)
def test_many_features_are_no_warning(X):
    Reader().read(X)


def test_features_before_steps_are_an_error_that_says_what_to_write():
    message = r"X has 9 features, but Reader is expecting 4 .*features of X come before the steps, write "
    for fitted_on in (np.zeros((5, 9, 4)), [np.zeros((9, 4))]):
        reader = Reader()
        reader.read(fitted_on)
        with pytest.raises(ValueError, match=message + r"X.transpose\(0, 2, 1\)"):
            reader.read(np.zeros((5, 4, 9)), reset=False)
        with pytest.raises(ValueError, match=message + r"\[x.T for x in X\]"):
            reader.read([np.zeros((4, 9))], reset=False)
    with pytest.raises(
        ValueError, match=r"do not have the same features.*If each is \(channels, T_i\), write \[x.T for"
    ):
        Reader().read([np.zeros((2, 5)), np.zeros((2, 7))])


def test_dated_targets_of_rows_are_a_warning():
    X, y, form = np.zeros((5, 2)), pd.Series(np.zeros(5), index=DAYS), Form("array", flat=True)
    with pytest.warns(
        UserWarning, match=r"\(5, 2\) was read as 5 sequences, one per row.*y is labelled.*y.to_numpy\(\)"
    ):
        warn_of_dated_targets(X, y, form)
    warn_of_dated_targets(X, y.to_numpy(), form)
    warn_of_dated_targets(pd.DataFrame(X), y, form)  # a frame has its own warning
    warn_of_dated_targets(X[:, :, np.newaxis], y, Form("array", flat=False))


@pytest.mark.parametrize("fitted_on", [CUBE, list(CUBE), [CUBE[0], CUBE[1, :2]]])
def test_one_bare_sequence_is_an_error_that_says_how_to_write_it(fitted_on):
    reader = Reader()
    reader.read(fitted_on)
    message = r"of shape \(7, 2\) was read as 7 sequences, one per row, of 2 steps.*7 steps with 2 features write \[x\]"
    with pytest.raises(ValueError, match=message):
        reader.read(np.zeros((7, 2)), reset=False)


def test_one_bare_sequence_of_one_feature_is_an_error():
    cube, rows = Reader(), Reader()
    cube.read(CUBE[:, :, :1])
    with pytest.raises(ValueError, match=r"of 7 steps with 1 features write \[x\].*x\[:, :, np.newaxis\]"):
        cube.read(np.zeros((7, 1)), reset=False)
    with pytest.raises(ValueError, match=r"got 1D array of shape \(7,\).*write \[x\]"):
        cube.read(np.zeros(7), reset=False)
    assert len(cube.read(np.zeros((7, 4)), reset=False)[0]) == 7
    rows.read(SERIES)
    with pytest.raises(ValueError, match=r"X has 1 features, but Reader is expecting 3.*one sequence x of 3 steps"):
        rows.read(SERIES[0][:, np.newaxis], reset=False)


def test_overflow_in_the_conversion_is_an_error():
    with pytest.raises(ValueError, match=r"too large for dtype\('float32'\)"):
        Reader().read(replaced(1e300), dtype="float32")
