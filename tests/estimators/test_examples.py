from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from numbarnn.data import Sequences
from numbarnn.estimators.examples import GivenExamples


def test_sequences_without_weight_are_left_out_as_a_whole():
    sequences = Sequences(np.arange(6.0)[:, np.newaxis], np.array([2, 1, 3]))
    rows, weights = np.arange(6), np.array([0.0, 1, 0, 0, 0, 2])
    given = GivenExamples(sequences, rows, weights, per_step=True).with_weight()
    assert_array_equal(given.sequences.lengths, [2, 3])
    assert_array_equal(given.rows, [0, 1, 3, 4, 5])
    assert_array_equal(given.weights, [0, 1, 0, 0, 2])
