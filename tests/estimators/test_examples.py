from __future__ import annotations

import numpy as np
import pytest
from numbarnn.training import Examples
from numpy.testing import assert_array_equal

from numbarnn.data import Sequences
from numbarnn.estimators.examples import rows_of, split, take

LENGTHS = np.tile([1, 2], 50)
SEQUENCES = Sequences(np.repeat(np.arange(100.0), LENGTHS)[:, np.newaxis], LENGTHS)
CLASSES = (np.arange(100) < 20).astype(int)


def test_the_parts_belong_together():
    steps = Sequences(np.repeat(np.arange(100), LENGTHS), LENGTHS)
    taken = take(Examples(SEQUENCES, steps, np.arange(100.0)), np.array([7, 4]))
    assert_array_equal(taken.sequences.values[:, 0], [7, 7, 4])
    rows, weights = rows_of(taken)
    assert_array_equal(rows, [7, 7, 4])
    assert_array_equal(weights, [7, 7, 4])


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
