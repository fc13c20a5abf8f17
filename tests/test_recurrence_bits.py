"""A sequence's bits depend on that sequence alone, a gradient's bits not on the number of threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import numbarnn
from tests import grid
from tests.grid import assert_same_bits

BATCHES = ["small", "equal_lengths", "several_tiles"]


def per_sequence(case, rows, padding=0):
    """All results that belong to single sequences, of a batch of the given rows with more padded steps."""
    T = case.spec.T
    lengths = np.full(case.spec.B, T) if case.lengths is None else case.lengths

    def steps(array):
        noise = np.random.default_rng(0).standard_normal((padding, len(rows), array.shape[2]))
        return np.concatenate([array[:, rows], noise.astype(array.dtype)])

    def part(state):
        return tuple(array[rows] for array in state)

    y, state, tape = numbarnn.forward(case.cell, steps(case.x), part(case.state), lengths[rows])
    _, x_bar, state_bar = numbarnn.adjoint(case.cell, tape, steps(case.y_bar), part(case.state_bar))
    y_dot, state_dot = numbarnn.tangent(case.cell, tape, case.cell_dot, steps(case.x_dot), part(case.state_dot))
    return y[:T], x_bar[:T], y_dot[:T], *state, *state_bar, *state_dot


def rows_of(results, rows):
    return [array[..., rows, :] for array in results]


@grid.over(specs=BATCHES)
def test_a_sequence_alone(case):
    everyone = per_sequence(case, np.arange(case.spec.B))
    for row in {0, 1, case.spec.B // 2, case.spec.B - 1}:
        assert_same_bits(per_sequence(case, [row]), rows_of(everyone, [row]))


@grid.over(specs=BATCHES)
def test_other_companions_in_another_order(case):
    everyone = per_sequence(case, np.arange(case.spec.B))
    some = np.random.default_rng(1).permutation(case.spec.B)[: case.spec.B // 2 + 1]
    assert_same_bits(per_sequence(case, some), rows_of(everyone, some))


@grid.over(specs=BATCHES)
def test_more_padding(case):
    rows = np.arange(case.spec.B)
    assert_same_bits(per_sequence(case, rows, padding=9), per_sequence(case, rows))


@grid.over(specs=["several_tiles", "long"])
@pytest.mark.parametrize("n_jobs", [2, 3, -1, 100])
def test_number_of_threads(case, n_jobs):
    alone = case.run(n_jobs=1), case.adjoint(n_jobs=1), case.tangent(n_jobs=1)
    shared = case.run(n_jobs=n_jobs), case.adjoint(n_jobs=n_jobs), case.tangent(n_jobs=n_jobs)
    assert_same_bits(shared[0][:2], alone[0][:2])
    assert_same_bits(shared[1:], alone[1:])


@grid.over(specs=["several_tiles"])
def test_a_tape_of_many_threads_is_the_tape_of_one(case):
    one, many = case.run(n_jobs=1).tape, case.run(n_jobs=3).tape
    bars = [numbarnn.adjoint(case.cell, tape, case.y_bar, case.state_bar) for tape in (one, many)]
    assert_same_bits(*bars)


@grid.over(specs=["several_tiles"], dtypes=["float64"])
def test_calls_from_several_threads_at_once(case):
    expected = case.adjoint()
    with ThreadPoolExecutor(4) as pool:
        for bars in pool.map(lambda _: case.adjoint(n_jobs=2), range(20)):
            assert_same_bits(bars, expected)
