from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from numbarnn.data import Sequences
from numbarnn.estimators.examples import GivenExamples
from numbarnn.estimators.validation import split
from numbarnn.optim import Examples

LENGTHS = np.tile([1, 2], 50)
SEQUENCES = Sequences(np.repeat(np.arange(100.0), LENGTHS)[:, np.newaxis], LENGTHS)
CLASSES = (np.arange(100) < 20).astype(int)


def test_sequences_without_weight_are_left_out_as_a_whole():
    sequences = Sequences(np.arange(6.0)[:, np.newaxis], np.array([2, 1, 3]))
    rows, weights = np.arange(6), np.array([0.0, 1, 0, 0, 0, 2])
    given = GivenExamples(sequences, rows, weights, per_step=True).with_weight()
    assert_array_equal(given.sequences.lengths, [2, 3])
    assert_array_equal(given.rows, [0, 1, 3, 4, 5])
    assert_array_equal(given.weights, [0, 1, 0, 0, 2])


def test_a_split_keeps_the_classes_in_proportion():
    training, validation = split(Examples(SEQUENCES, CLASSES), 0.2, np.random.RandomState(0))
    assert (len(training.sequences), len(validation.sequences)) == (80, 20)
    assert (training.targets.sum(), validation.targets.sum()) == (16, 4)


def test_a_split_of_steps_is_a_split_of_sequences():
    steps = Sequences(np.repeat(np.arange(100), LENGTHS), LENGTHS)
    training, validation = split(Examples(SEQUENCES, steps), 0.2, np.random.RandomState(0))
    for part in (training, validation):
        assert_array_equal(part.targets.values, part.sequences.values[:, 0])
    both = np.concatenate([training.targets.values, validation.targets.values])
    assert_array_equal(np.unique(both), np.arange(100))


def test_a_validation_part_of_one_is_too_small():
    with pytest.raises(ValueError, match="The validation set is too small"):
        split(Examples(SEQUENCES, CLASSES[:, np.newaxis]), 0.01, np.random.RandomState(0))
