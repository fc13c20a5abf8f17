"""Derivatives against the forward pass itself, where no reference has a part."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

import numbarnn
from numbarnn.testing import dot_test, taylor_test
from tests import grid


@grid.over()
def test_dot_product(case):
    rtol = {"float64": 1e-12, "float32": 1e-5}[case.dtype]
    assert dot_test(case.cell, case.x, case.state, case.lengths, random_state=1) <= rtol


@grid.over(dtypes=["float64"])
def test_taylor_rate(case):
    # Small enough that no rectifier switches and nothing saturates on the way.
    assert taylor_test(case.cell, case.x, case.state, case.lengths, step=1e-5, random_state=1) >= 1.9


@grid.over(specs=["one_of_everything", "small"], dtypes=["float64"])
def test_every_entry_of_the_adjoint_by_central_differences(case):
    cell_bar, x_bar, state_bar = case.adjoint()
    given = [*case.cell, case.x, *case.state]
    n_weights, step = len(case.cell), 1e-6

    def loss(arrays):
        cell, x, state = (
            type(case.cell)(*arrays[:n_weights]),
            arrays[n_weights],
            tuple(arrays[n_weights + 1 :]),
        )
        y, last, _ = numbarnn.forward(cell, x, state, case.lengths, keep_tape=False)
        return np.sum(y * case.y_bar) + sum(np.sum(a * b) for a, b in zip(last, case.state_bar, strict=True))

    for which, bar in enumerate([*cell_bar, x_bar, *state_bar]):
        differences = np.empty_like(bar)
        for entry in np.ndindex(bar.shape):
            ahead, behind = [a.copy() for a in given], [a.copy() for a in given]
            ahead[which][entry] += step
            behind[which][entry] -= step
            differences[entry] = (loss(ahead) - loss(behind)) / (2 * step)
        assert_allclose(bar, differences, rtol=1e-6, atol=1e-8)
