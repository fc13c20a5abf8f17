"""Which loops over time run a cell."""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cuda import adjoint, forward, tangent


class Loops(NamedTuple):
    """The kernels of the three passes."""

    forward: Any
    tangent: Any
    adjoint: Any


PLAIN = Loops(forward.forward, tangent.tangent, adjoint.adjoint)


def loops_of(cell_class: Any) -> Loops:
    """Return the loops for a class of cell."""
    return PLAIN
