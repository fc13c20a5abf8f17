"""The table of accuracies: how sets are read and drawn, and how a line is printed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from benchmarks.classification import row, sets


def test_sequences_of_different_lengths_are_read(tmp_path):
    path = tmp_path / "Small_TRAIN.ts"
    path.write_text("# a comment\n@classLabel true a b\n@data\n1.0,2.0,3.0:4.0,5.0,6.0:a\n7.0:8.0:b\n")
    X, y = sets._read_ts(path)
    assert_array_equal(X[0], [[1, 4], [2, 5], [3, 6]])
    assert_array_equal(X[1], [[7, 8]])
    assert list(y) == ["a", "b"]


@pytest.mark.parametrize(("name", "shape"), [("CylinderBellFunnel", (128, 1)), ("ControlCharts", (60, 1))])
def test_artificial_series_have_mean_zero_and_deviation_one(name, shape):
    split = sets.load(name)
    assert {x.shape for x in split.X_train + split.X_test} == {shape}
    assert_allclose([x.std() for x in split.X_train], 1, rtol=1e-5, atol=0)
    assert_allclose([x.mean() for x in split.X_train], 0, rtol=0, atol=1e-5)
    assert_array_equal(np.unique(split.y_train), np.unique(split.y_test))


def test_drawn_parts_do_not_overlap():
    split = sets.load("Digits")
    assert (len(split.X_train), len(split.X_test)) == (1000, 797)
    assert len({x.tobytes() for x in split.X_train + split.X_test}) == 1797


def test_what_is_not_installed_is_left_empty():
    rows = [row.Row("A", 0.5, 0.75, None, 1.0, 2.0, 4.0), row.Row("B", 0.75, 0.75, 0.5, 0.5, 2.0, 4.0)]
    assert row.line(row.average(rows)) == "| mean | 0.625 | 0.750 |  | 0.750 | 2.0 | 4.0 |"
