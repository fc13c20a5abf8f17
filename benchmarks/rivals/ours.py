"""numbarnn, by its public array API."""

from __future__ import annotations

import numbarnn
from benchmarks.measuring.problem import Problem
from benchmarks.rivals.contender import Contender


def enter(problem: Problem, n_threads: int) -> Contender:
    """Return numbarnn's calls."""
    cell, x, state, y_bar, state_bar = problem

    def forward():
        return numbarnn.forward(cell, x, state, keep_tape=False, n_jobs=n_threads)

    def forward_adjoint():
        y, final, tape = numbarnn.forward(cell, x, state, n_jobs=n_threads)
        return y, final, numbarnn.adjoint(cell, tape, y_bar, state_bar, n_jobs=n_threads)

    def arrays(result):
        y, final, derivatives = result
        if derivatives is None:
            return y, *final
        return y, *final, *derivatives.cell, derivatives.x, *derivatives.state

    return Contender(forward, forward_adjoint, arrays)
