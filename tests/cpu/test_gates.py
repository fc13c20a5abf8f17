"""Cells with more gates than one tile has vectors, and with gates that see only some of the products."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import numbarnn
from numbarnn.testing import dot_test
from tests.cells_of_tests import cell_class, draw, outputs

SOME_OF_BOTH = {"input_gates": (0, 2, 3, 4), "recurrent_gates": (0, 1, 2, 4)}
CELLS = {
    "five": cell_class(5),
    "five, some of both products": cell_class(5, **SOME_OF_BOTH),
    "five, inner ones apart": cell_class(5, inner_gates=(1, 3)),
    "seven, none of some products": cell_class(7, input_gates=(1, 5, 6), recurrent_gates=(0, 2, 3, 6)),
    "seven, projected": cell_class(7, projection=("P",)),
    "nine, inner ones and some of both": cell_class(
        9, input_gates=(0, 1, 3, 4, 5, 7), recurrent_gates=(0, 2, 3, 4, 6, 8), inner_gates=(3, 6, 8)
    ),
    "nine, projected, some of both": cell_class(9, projection=("P",), **SOME_OF_BOTH),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CELLS.values(), ids=CELLS)
def test_values_and_derivatives(kind):
    cell = draw(kind, n_inputs=3, n_units=11, n_outputs=7 if hasattr(kind, "P") else None)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((9, 5, 3))
    assert_allclose(numbarnn.forward(cell, x).y, outputs(cell, x), rtol=1e-12, atol=1e-12)
    alone = numbarnn.forward(cell, x[:, 2:3]).y
    assert_allclose(alone, outputs(cell, x[:, 2:3]), rtol=1e-12, atol=1e-12)
    assert dot_test(cell, x, lengths=[9, 4, 0, 9, 1], random_state=0) <= 1e-12
