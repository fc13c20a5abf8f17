"""The three passes against the naive reference, over the whole grid."""

from __future__ import annotations

from numpy.testing import assert_array_equal

import numbarnn
from tests import grid


def test_the_grid_holds_every_cell():
    assert set(grid.CELLS) == set(numbarnn.cells.CELLS)


@grid.over()
def test_forward(case):
    y, state, _ = case.run()
    case.assert_close((y, state), case.reference_forward)


@grid.over()
def test_tangent(case):
    case.assert_close(case.tangent(), case.reference_tangent)


@grid.over()
def test_adjoint(case):
    cell_bar, x_bar, state_bar = case.adjoint()
    assert type(cell_bar) is type(case.cell)
    case.assert_close((*cell_bar, x_bar, state_bar), case.reference_adjoint)


@grid.over(specs=["small", "several_tiles", "long"])
def test_nothing_comes_from_past_a_length(case):
    y, state, _ = case.run()
    _, x_bar, state_bar = case.adjoint()
    assert_array_equal(y[~case.valid], 0)
    assert_array_equal(x_bar[~case.valid], 0)
    empty = case.lengths == 0
    for k in range(len(state)):
        assert_array_equal(state[k][empty], case.state[k][empty])
        assert_array_equal(state_bar[k][empty], case.state_bar[k][empty])
