"""Threads that share the ranges of a loop."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from numbarnn.kernels.cpu.atomics import get, pause, put
from numbarnn.kernels.cpu.compile import inline, kernel
from numbarnn.kernels.cpu.team import (
    AWAKE,
    FIRST,
    INSIDE,
    N_PLACES,
    OPEN,
    OWNED,
    PLACE,
    board_with,
    in_ranges,
    new_board,
    serve,
)


@inline
def add_one(operands, i):
    counts, n = operands
    for _ in range(n):
        counts[i] += 1


@kernel
def count(counts, n, n_ranges, board):
    in_ranges(add_one, (counts, n), n_ranges, board)


def counted(n, n_ranges, board):
    counts = np.zeros(8, np.int64)
    count(counts, n, n_ranges, board)
    return list(counts)


def places(board):
    return board[FIRST:].reshape(N_PLACES, PLACE)


@pytest.mark.parametrize("n_helpers", [0, 1, 3])
@pytest.mark.parametrize("n_ranges", [0, 1, 2, 8])
def test_each_range_runs_once(n_ranges, n_helpers):
    for _ in range(50):
        board = board_with(n_helpers)
        assert counted(1000, n_ranges, board) == [1000] * n_ranges + [0] * (8 - n_ranges)
        assert not places(board)[:, [OWNED, OPEN, INSIDE]].any()


def test_nobody_helps_on_another_board():
    assert counted(1, 4, new_board()) == [1] * 4 + [0] * 4


def test_no_place_is_free():
    board = new_board()
    places(board)[:, OWNED] = 1
    assert counted(1, 4, board) == [1] * 4 + [0] * 4
    assert places(board)[:, OWNED].all()


def test_calls_at_the_same_time():
    board_with(3)
    with ThreadPoolExecutor(2 * N_PLACES) as pool:
        results = list(pool.map(lambda n: (n, counted(n, 3, board_with(2))), range(200)))
    assert all(counts == [n] * 3 + [0] * 5 for n, counts in results)


@inline
def meet(operands, i):
    """Wait until the other one of two ranges runs, for seconds at most."""
    here, met = operands
    put(here, i, 1)
    for _ in range(50_000_000):
        if get(here, 1 - i):
            met[i] = 1
            return
        pause()


@kernel
def run_meeting(here, met, board):
    in_ranges(meet, (here, met), 2, board)


def test_a_helper_takes_a_range():
    board, met = new_board(), np.zeros(2, np.int64)
    run_meeting(np.ones(2, np.int64), met, board)  # compiles it
    met[:] = 0
    with ThreadPoolExecutor(1) as pool:
        helper = pool.submit(serve, board, 10_000_000)
        while board[AWAKE] == 0 and not helper.done():
            pass
        run_meeting(np.zeros(2, np.int64), met, board)
    assert met.tolist() == [1, 1]
