"""Results share no memory with what the user passed in."""

from __future__ import annotations

import numpy as np
import pytest

from numbarnn.data import SequencePatches, Sequences, SequenceScaler, SlidingWindow, time_major
from numbarnn.data.forms import Form
from numbarnn.data.patches import stack_rows, unstack_rows
from numbarnn.data.validation import mask_targets, relative_weights, validate_sample_weight, validate_step_targets

SERIES = np.arange(10.0)
TABLE = np.arange(20.0).reshape(10, 2)
CUBE = TABLE.reshape(5, 2, 2)
EQUAL = np.full(5, 2)


def scaled(X, method="transform"):
    return getattr(SequenceScaler(with_mean=False, with_std=False).fit(X), method)(X)


def sequences_of(array):
    return Sequences(array, np.array([len(array)]))


CALLS = {
    "SlidingWindow.transform": (SERIES, SlidingWindow(10).transform),
    "SlidingWindow.make_xy": (TABLE, SlidingWindow(9).make_xy),
    "SlidingWindow.make_xy with y": (SERIES, lambda y: SlidingWindow(9).make_xy(np.zeros(10), y)),
    "SlidingWindow.last_window": (SERIES, SlidingWindow(10).last_window),
    "SlidingWindow.last_window of a table": (TABLE, SlidingWindow(4).last_window),
    "SequenceScaler.transform": (CUBE, scaled),
    "SequenceScaler.transform of rows": (TABLE, scaled),
    "SequenceScaler.transform of a list": (TABLE, lambda array: scaled([array])),
    "SequenceScaler.inverse_transform": (CUBE, lambda array: scaled(array, "inverse_transform")),
    "SequencePatches.transform": (CUBE, SequencePatches(2).fit_transform),
    "SequencePatches.transform, one step": (CUBE, SequencePatches(1).fit_transform),
    "SequencePatches.inverse_transform": (CUBE, SequencePatches(1).fit(CUBE).inverse_transform),
    "Form.restore, array": (TABLE, lambda rows: Form("array", flat=False).restore(rows, EQUAL)),
    "Form.restore, list": (TABLE, lambda rows: Form("list", flat=False).restore(rows, EQUAL)),
    "Form.restore, object array": (TABLE, lambda rows: list(Form("object array", flat=False).restore(rows, EQUAL))),
    "Sequences.take": (TABLE, lambda values: sequences_of(values).take(np.array([0])).values),
    "time_major": (TABLE, lambda values: time_major(sequences_of(values), np.array([0]))[0]),
    "validate_step_targets": (TABLE, lambda y: validate_step_targets([y], np.array([10]))),
    "mask_targets": (SERIES, lambda weights: mask_targets(np.full(10, 1.0), weights)[1]),
    "validate_sample_weight": (SERIES, lambda weights: validate_sample_weight(weights, np.ones(10, dtype=int))),
    "relative_weights": (SERIES / 10, relative_weights),
    "stack_rows": (TABLE, lambda rows: stack_rows(rows, EQUAL, 2)),
    "unstack_rows": (TABLE, lambda rows: unstack_rows(rows, np.full(5, 4), 2)),
}


@pytest.mark.parametrize(("given", "call"), CALLS.values(), ids=CALLS.keys())
def test_a_result_can_be_overwritten(given, call):
    before = given.copy()
    results = call(given)
    results = results if isinstance(results, (list, tuple)) else [results]
    for result in results:
        assert not np.shares_memory(result, given)
        result[:] = -1
    assert np.array_equal(given, before)


def test_items_of_a_list_share_no_memory_with_each_other():
    first, second = Form("list", flat=True).restore(SERIES, np.array([4, 6]))
    assert first.base is None
    assert second.base is None
