"""numbarnn's public array API."""

from __future__ import annotations

from typing import Any

import numpy as np

import numbarnn
from benchmarks.measuring.problem import Problem
from benchmarks.rivals.contender import Contender


def enter(problem: Problem, n_threads: int, lengths: np.ndarray | None = None) -> Contender:
    """Return the calls of numbarnn, on the device if the arrays of the problem are there."""
    cell, x, state, y_bar, state_bar = problem

    def forward():
        return numbarnn.forward(cell, x, state, lengths, keep_tape=False, n_jobs=n_threads)

    def forward_adjoint():
        y, final, tape = numbarnn.forward(cell, x, state, lengths, n_jobs=n_threads)
        return y, final, numbarnn.adjoint(cell, tape, y_bar, state_bar, n_jobs=n_threads)

    def arrays(result):
        y, final, derivatives = result
        results = y, *final
        if derivatives is not None:
            results += *derivatives.cell, derivatives.x, *derivatives.state
        return tuple(map(_fetched, results))

    return Contender(forward, forward_adjoint, arrays)


def _fetched(array: Any) -> np.ndarray:
    return array if isinstance(array, np.ndarray) else array.copy_to_host()
