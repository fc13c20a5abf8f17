from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from numbarnn.data import Sequences, bounded_batches, epoch_batches, time_major


@pytest.fixture
def lengths():
    return np.random.RandomState(0).randint(1, 6, size=20)


@pytest.fixture
def sequences(lengths):
    values = np.random.RandomState(1).standard_normal((lengths.sum(), 3)).astype(np.float32)
    return Sequences(values, lengths)


def test_time_major_pads_with_zeros(sequences):
    indices = np.array([3, 0, 7, 7])
    x, lengths = time_major(sequences, indices)
    assert x.flags.c_contiguous
    assert x.dtype == np.float32
    assert_array_equal(lengths, sequences.lengths[indices])
    for b, i in enumerate(indices):
        begin, n_steps = sequences.starts[i], sequences.lengths[i]
        assert_array_equal(x[:n_steps, b], sequences.values[begin : begin + n_steps])
        assert_array_equal(x[n_steps:, b], 0)


def test_time_major_of_equal_lengths_needs_no_lengths():
    values = np.arange(12.0).reshape(3, 2, 2)
    x, lengths = time_major(Sequences(values.reshape(6, 2), np.full(3, 2)), np.arange(3))
    assert lengths is None
    assert x.flags.c_contiguous
    assert_array_equal(x, values.transpose(1, 0, 2))


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
@pytest.mark.parametrize("batch_size", [1, 6, 20, 50])
def test_an_epoch_holds_every_sequence_once(lengths, batch_size, random_state):
    batches = list(epoch_batches(lengths, batch_size, random_state))
    assert_array_equal(np.sort(np.concatenate(batches)), np.arange(20))
    assert max(map(len, batches)) == min(batch_size, 20)
    for batch in batches:
        assert (np.diff(lengths[batch]) <= 0).all()


def test_an_epoch_keeps_the_order_or_shuffles(lengths):
    in_order = [set(batch) for batch in epoch_batches(lengths, 5)]
    assert in_order == [set(range(i, i + 5)) for i in range(0, 20, 5)]
    shuffled = [set(batch) for batch in epoch_batches(lengths, 5, np.random.RandomState(0))]
    assert shuffled != in_order


def test_a_full_batch_does_not_depend_on_the_shuffling(lengths):
    (in_order,) = epoch_batches(lengths, 20)
    (shuffled,) = epoch_batches(lengths, 20, np.random.RandomState(0))
    assert_array_equal(shuffled, in_order)


def test_bounded_batches_bound_the_padded_steps(lengths):
    batches = list(bounded_batches(lengths, max_steps=12))
    assert_array_equal(np.sort(np.concatenate(batches)), np.arange(20))
    assert all(len(batch) * lengths[batch].max() <= 12 for batch in batches)
    assert len(batches) < 20


def test_a_sequence_longer_than_the_bound_stands_alone():
    batches = list(bounded_batches(np.array([1, 100, 1]), max_steps=10))
    assert [list(batch) for batch in batches] == [[1], [0, 2]]
