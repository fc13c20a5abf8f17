from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_array_equal

from numbarnn.data import SequencePatches, SequenceScaler, SlidingWindow

CUBE = np.random.RandomState(0).standard_normal((4, 3, 2))
SERIES = CUBE[:, :, 0]
LIBRARIES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}


def objects(items):
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


NOT_ROWS = {
    "array": CUBE,
    "list": [CUBE[0], CUBE[1, :2]],
    "list of series": [SERIES[0], SERIES[1, :2]],
    "object array": objects([CUBE[0], CUBE[1, :2]]),
    "list of frames": [pd.DataFrame(CUBE[0], columns=["u", "v"]), pd.DataFrame(CUBE[1, :2], columns=["u", "v"])],
}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("X", NOT_ROWS.values(), ids=NOT_ROWS.keys())
@pytest.mark.parametrize("transformer", [SequenceScaler(), SequencePatches(2)])
def test_what_is_not_rows_stays_as_it_is(transformer, X, library):
    expected = transformer.fit_transform(X)
    with sklearn.config_context(transform_output=library):
        transformed = transformer.fit(X).transform(X)
    assert type(transformed) is type(expected)
    for one, other in zip(transformed, expected, strict=True):
        assert type(one) is np.ndarray
        assert_array_equal(one, other)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("way", ["global", "set_output"])
def test_rows_become_a_frame(library, way):
    expected = SequenceScaler().fit_transform(SERIES)
    scaler = SequenceScaler()
    if way == "set_output":
        frame = scaler.set_output(transform=library).fit_transform(SERIES)
    else:
        with sklearn.config_context(transform_output=library):
            frame = scaler.fit_transform(SERIES)
    assert type(frame) is LIBRARIES[library]
    assert list(frame.columns) == ["x0", "x1", "x2"]
    assert_array_equal(frame.to_numpy(), expected)
    assert type(scaler.inverse_transform(expected)) is np.ndarray


def test_a_frame_keeps_its_names_and_its_index():
    X = pd.DataFrame(SERIES, columns=["t0", "t1", "t2"], index=list("abcd"))
    frame = SequenceScaler().set_output(transform="pandas").fit_transform(X)
    assert list(frame.columns) == ["t0", "t1", "t2"]
    assert list(frame.index) == list("abcd")


def test_rows_for_a_scaler_that_was_fitted_to_another_form():
    scaler = SequenceScaler().fit(CUBE[:, :, :1]).set_output(transform="pandas")
    assert list(scaler.transform(SERIES).columns) == ["x0", "x1", "x2"]
    assert type(scaler.transform(CUBE[:, :, :1])) is np.ndarray


@pytest.mark.parametrize("library", LIBRARIES)
def test_windows_stay_arrays(library):
    with sklearn.config_context(transform_output=library):
        assert type(SlidingWindow(2).fit_transform(np.arange(5.0))) is np.ndarray


@pytest.mark.parametrize("option", [{"assume_finite": True}, {"enable_metadata_routing": True}])
def test_other_configuration_changes_nothing(option):
    expected = SequenceScaler().fit_transform(CUBE)
    with sklearn.config_context(**option):
        assert_array_equal(SequenceScaler().fit_transform(CUBE), expected)
