"""Which loops over time run a cell."""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cells.form import form_of
from numbarnn.cuda import adjoint, forward, normalised_adjoint, normalised_forward, normalised_tangent, tangent
from numbarnn.cuda.room import normalised_row_size, row_size


class Loops(NamedTuple):
    """The kernels of the three passes, and the function that tells what room they need."""

    forward: Any
    tangent: Any
    adjoint: Any
    row_size: Any


PLAIN = Loops(forward.forward, tangent.tangent, adjoint.adjoint, row_size)
NORMALISED = Loops(
    normalised_forward.forward, normalised_tangent.tangent, normalised_adjoint.adjoint, normalised_row_size
)


def loops_of(cell_class: Any) -> Loops:
    """Return the loops for a class of cell."""
    return NORMALISED if form_of(cell_class).normalisation else PLAIN
