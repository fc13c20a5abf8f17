"""The loops over time that run a cell."""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cells.form import form_of
from numbarnn.kernels.cuda import (
    adjoint,
    forward,
    normalised_adjoint,
    normalised_forward,
    normalised_tangent,
    resident_adjoint,
    resident_forward,
    tangent,
)
from numbarnn.kernels.cuda.scratch import normalised_row_size, row_size


class Loops(NamedTuple):
    """The kernels of the three passes, and the function that returns the size of a row's vectors, if they need any."""

    forward: Any
    tangent: Any
    adjoint: Any
    row_size: Any = None


PLAIN = Loops(forward.forward, tangent.tangent, adjoint.adjoint, row_size)
NORMALISED = Loops(
    normalised_forward.forward, normalised_tangent.tangent, normalised_adjoint.adjoint, normalised_row_size
)
RESIDENT = Loops(resident_forward.forward, resident_forward.tangent, resident_adjoint.adjoint)


def loops_of(cell_class: Any) -> Loops:
    """Return the loops for a class of cells."""
    return NORMALISED if form_of(cell_class).normalisation else PLAIN


def resident_loops_of(cell_class: Any) -> Loops | None:
    """Return the loops with weights in registers, for a class of cells with one product per step; None for another."""
    form = form_of(cell_class)
    return None if form.inner_gates or form.projection or form.normalisation else RESIDENT
