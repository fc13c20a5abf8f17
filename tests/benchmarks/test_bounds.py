"""The bounds of the benchmarks call the kernels' own steps, whose arguments may change."""

from __future__ import annotations

import pytest

from benchmarks.measuring.gates import Gates
from benchmarks.measuring.places import Place
from numbarnn import LSTM


@pytest.mark.slow
def test_gates_of_a_step_run():
    """Both passes over the gates alone run, and their share of a place is positive."""
    gates = Gates(LSTM, adjoint=True)
    gates()
    assert gates.share(Place(10, 4, 3, 16)) > 0
