from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from numbarnn.data.forms import Form, separate

ROWS = np.arange(6)
EQUAL, RAGGED = np.array([3, 3]), np.array([4, 2])


def test_arrays_go_out_as_arrays():
    assert_array_equal(Form("array", flat=True).restore(ROWS, EQUAL), [[0, 1, 2], [3, 4, 5]])
    assert Form("array", flat=False).restore(np.zeros((6, 4)), EQUAL).shape == (2, 3, 4)


@pytest.mark.parametrize("lengths", [EQUAL, RAGGED])
def test_lists_go_out_as_lists(lengths):
    items = Form("list", flat=True).restore(ROWS, lengths)
    assert isinstance(items, list)
    assert [len(item) for item in items] == list(lengths)
    assert_array_equal(np.concatenate(items), ROWS)


@pytest.mark.parametrize("lengths", [EQUAL, RAGGED])
def test_object_arrays_go_out_as_object_arrays(lengths):
    items = Form("object array", flat=True).restore(ROWS, lengths)
    assert items.dtype == object
    assert items.shape == (2,)
    assert_array_equal(np.concatenate(items), ROWS)


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((2, 3)),
        np.zeros((2, 3, 1)).tolist(),
        [[1, 2], [3, 4]],
        pd.DataFrame({"a": [1.0]}),
        np.zeros((2, 3)).astype(object),
        [1.0, 2.0],
        [np.float64(1.0), np.float64(2.0)],
        "text",
        None,
    ],
)
def test_one_array_of_all_sequences(X):
    assert separate(X) is None


@pytest.mark.parametrize(
    "X",
    [
        [np.zeros(3), np.zeros(3)],
        (np.zeros((3, 1)), np.zeros((2, 1))),
        [[1, 2], [3]],
        [[[1], [2]], [[3]]],
        [pd.DataFrame({"a": [1.0]}), pd.DataFrame({"a": [1.0]})],
        pd.Series([np.zeros(3), np.zeros(2)]),
        np.array([np.zeros(3), np.zeros(2)], dtype=object),
    ],
)
def test_separate_sequences(X):
    assert len(separate(X)) == 2
