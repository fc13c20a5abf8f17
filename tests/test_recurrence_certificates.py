"""Every cell over the grid: values against the naive reference, derivatives, missing arguments, ends, bits."""

from __future__ import annotations

import numbarnn
from numbarnn.testing import certify
from tests import grid


def test_the_grid_holds_every_cell():
    assert set(grid.CELLS) == set(numbarnn.cells.CELLS)


@grid.over()
def test_certificate(case):
    certificate = certify(
        case.cell,
        case.x,
        case.state,
        case.lengths,
        reference=case.reference,
        rtol=grid.TOLERANCE[case.dtype],
        random_state=1,
    )
    assert certificate.n_slices >= (2 if case.spec.B >= 8 else 1)
