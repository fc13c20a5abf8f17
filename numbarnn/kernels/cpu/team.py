"""Helper threads that run parts of a loop together with the calling thread, in compiled code and without the GIL.

The caller offers a loop on a board in memory that all threads see. Helpers that are awake take its ranges one by one,
and so does the caller; when none is left, it waits for the helpers that still run one. Correctness and progress do not
depend on whether a helper wakes up: if the processors are busy, or after a fork, the caller runs all ranges itself.

A helper polls the board for about a millisecond after its last range, because calls usually come in quick succession.
Then it sleeps until a caller wakes it.
"""

from __future__ import annotations

import _thread
import os
from functools import cache
from queue import SimpleQueue

import numpy as np

from numbarnn.kernels.cpu.atomics import add, exchange, get, give_way, pause, put
from numbarnn.kernels.cpu.compile import inline, kernel
from numbarnn.kernels.cpu.outline import call, outlined

PATIENCE = 20_000  # polls of the board without finding work, about a millisecond, before a helper sleeps
PACKED = 6  # numbers that a caller packs during a poll, at least
LONG = 1000  # pauses before yielding: so long a wait suggests that there are more threads than processors

# The board: the number of helpers that are awake, then a fixed number of places for loops. It is never freed, since a
# helper may read it at any time. All fields are written atomically. Padding keeps the places apart, and the counter
# NEXT, which every thread changes, apart from the other fields.
AWAKE, FIRST, PLACE, N_PLACES = 0, 8, 24, 16
OWNED = 0  # whether a caller uses the place
OPEN = 1  # whether helpers may join
SEATS = 2  # how many more may
INSIDE = 3  # how many helpers are inside
FUNCTION, OPERANDS = 4, 5  # addresses
N_RANGES = 6
NEXT = 16  # index of the next range to take


def new_board():
    """Return a board without any loop."""
    return np.zeros(FIRST + N_PLACES * PLACE, np.int64)


NOBODY = new_board()
"""A board that no helper looks at."""


@inline
def in_ranges(function, operands, n_ranges, board):
    """Call `function(operands, i)` for i in 0 .. n_ranges - 1, by this thread and helpers on the board.

    `function` is an `inline` one.
    """
    address, place = outlined(function, operands)
    _share(address, place, n_ranges, board)


@inline
def _share(function, operands, n_ranges, board):
    at = np.intp(0)
    if n_ranges > 1:
        at = _own_place(board)
    if at == 0:
        for i in range(n_ranges):
            call(function, operands, i)
        return
    put(board, at + FUNCTION, function)
    put(board, at + OPERANDS, operands)
    put(board, at + N_RANGES, n_ranges)
    put(board, at + NEXT, 0)
    put(board, at + SEATS, n_ranges - 1)
    put(board, at + OPEN, 1)
    _take_ranges(board, at)
    put(board, at + OPEN, 0)
    pauses = 0
    while get(board, at + INSIDE) > 0:
        pauses += 1
        if pauses > LONG:
            give_way()
        else:
            pause()
    put(board, at + OWNED, 0)


@inline
def _own_place(board):
    """Return a place on the board that is this thread's from now on; 0 if there is none."""
    for i in range(N_PLACES):
        at = FIRST + i * PLACE
        if get(board, at + OWNED) == 0 and exchange(board, at + OWNED, 0, 1):
            return at
    return 0


@inline
def _take_ranges(board, at):
    """Run ranges until all are taken."""
    while True:
        i = add(board, at + NEXT, 1)
        if i >= get(board, at + N_RANGES):
            return
        call(get(board, at + FUNCTION), get(board, at + OPERANDS), i)


@inline
def _help(board, at):
    """Take part in a loop; return whether this thread did.

    The helper first counts itself as inside and then looks whether the loop is open; the caller first closes the loop
    and then waits until nobody is inside. The caller therefore waits for every helper that takes ranges.
    """
    add(board, at + INSIDE, 1)
    joins = get(board, at + OPEN) == 1 and add(board, at + SEATS, -1) > 0
    if joins:
        _take_ranges(board, at)
    add(board, at + INSIDE, -1)
    return joins


@kernel
def serve(board, patience):
    """Help with the loops on the board, until there has been none for a while."""
    add(board, AWAKE, 1)
    looks = 0
    while looks < patience:
        looks += 1
        for i in range(N_PLACES):
            at = FIRST + i * PLACE
            if get(board, at + OPEN) == 1 and get(board, at + SEATS) > 0 and _help(board, at):
                looks = 0
        pause()
    add(board, AWAKE, -1)


class _Team:
    """The helpers of a process."""

    def __init__(self) -> None:
        self.board = new_board()
        self.calls: SimpleQueue[int] = SimpleQueue()
        self.n_helpers = 0

    def wake(self, n_helpers: int, n_packed: int) -> None:
        """Wake up to `n_helpers` helpers, and start them if needed.

        Before a loop opens, the caller packs `n_packed` numbers. Where this takes longer than a helper would wait, all
        helpers are called: those that are awake answer when they would have gone to sleep.

        Ctrl-C may come between any two bytecodes. At worst it leaves one wake-up too many or too few, or a helper that
        never starts; results are right all the same.
        """
        while self.n_helpers < n_helpers:
            serve(self.board, 0)  # returns at once, and is compiled before a thread needs it
            self.n_helpers += 1
            _thread.start_new_thread(self._help, ())
        awake = int(self.board[AWAKE]) if n_packed < PACKED * PATIENCE else 0
        for _ in range(min(n_helpers, self.n_helpers - awake - self.calls.qsize())):
            self.calls.put(PATIENCE + n_packed // PACKED)

    def _help(self) -> None:
        while True:
            serve(self.board, self.calls.get())


def board_with(n_helpers: int, n_packed: int = 0) -> np.ndarray:
    """Return the board of the process, with so many helpers awake soon.

    They wait until the caller has packed `n_packed` numbers.
    """
    team = _team(os.getpid())
    if n_helpers:
        team.wake(n_helpers, n_packed)
    return team.board


@cache
def _team(process: int) -> _Team:
    """Return the team of a process; a forked one, where threads do not live on, gets its own."""
    return _Team()
