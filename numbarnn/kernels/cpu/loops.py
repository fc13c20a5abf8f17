"""Which loops over time run a cell."""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cells.form import Form, form_of
from numbarnn.kernels.cpu import adjoint, forward, normalised_adjoint, normalised_forward, normalised_tangent, tangent


class Loops(NamedTuple):
    """The kernels of the three passes; those of all kinds take the same arguments."""

    forward: Any
    tangent: Any
    adjoint: Any


PLAIN = Loops(forward.forward, tangent.tangent, adjoint.adjoint)
NORMALISED = Loops(normalised_forward.forward, normalised_tangent.tangent, normalised_adjoint.adjoint)


def loops_of(cell_class: Any) -> Loops:
    """Return the loops for a class of cell."""
    return loops_for(form_of(cell_class))


def loops_for(form: Form) -> Loops:
    """Return the loops for cells of a form."""
    return NORMALISED if form.normalisation else PLAIN
