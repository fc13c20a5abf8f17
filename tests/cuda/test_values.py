"""The three passes on the device against the naive reference, over the grid."""

from __future__ import annotations

from numpy.testing import assert_array_equal

from tests import grid
from tests.cuda.device import adjoint, assert_three_passes, down, needs_device, run, tangent

pytestmark = needs_device


@grid.over(specs=["one_of_everything", "small", "no_sequences", "no_steps"])
def test_three_passes(case):
    _, bars = assert_three_passes(case)
    assert type(bars.cell) is type(case.cell)


@grid.over(cells=["elman_relu", "lstm", "gru"], specs=["equal_lengths", "saturated"], dtypes=["float32"])
def test_larger(case):
    test_three_passes(case)


@grid.over(cells=["lstm", "gru_reset_before", "projected_lstm"], specs=["small"], dtypes=["float64"])
def test_zero_past_the_ends(case):
    y, state, tape = run(case)
    y, state = down((y, state))
    _, x_bar, state_bar = adjoint(case, tape)
    y_dot, _ = tangent(case, tape)
    for outputs in (y, x_bar, y_dot):
        assert_array_equal(outputs[~case.valid], 0)
    empty = case.lengths == 0
    for k in range(len(state)):
        assert_array_equal(state[k][empty], case.state[k][empty])
        assert_array_equal(state_bar[k][empty], case.state_bar[k][empty])
