from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from numbarnn.data import Sequences


def ragged():
    return Sequences(np.arange(12.0).reshape(6, 2), np.array([1, 3, 2]))


def test_starts():
    assert_array_equal(ragged().starts, [0, 1, 4])


def test_length_and_inputs():
    assert len(ragged()) == 3
    assert ragged().n_inputs == 2


def test_take_gathers_in_the_order_asked_for_and_may_repeat():
    taken = ragged().take(np.array([2, 0, 2]))
    assert_array_equal(taken.lengths, [2, 1, 2])
    assert_array_equal(taken.values[:, 0], [8, 10, 0, 8, 10])


def test_take_serves_targets_without_columns():
    labels = Sequences(np.array(["a", "b", "c"]), np.array([2, 1]))
    assert_array_equal(labels.take(np.array([1])).values, ["c"])


def test_take_nothing():
    assert ragged().take(np.array([], dtype=int)).values.shape == (0, 2)
