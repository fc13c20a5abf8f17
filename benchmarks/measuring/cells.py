"""The cells of the suite: all that the registry has, by the names that the estimators' `cell=` takes."""

from __future__ import annotations

from numbarnn.cells import CELLS

NAMES = list(CELLS)
PAIR = ["lstm", "elman"]  # where one network with gates and one without tell enough


def find(name: str) -> type:
    """Return the cell's type.

    Raises
    ------
    NotImplementedError
        If this commit does not have the cell yet: asv then leaves the place empty.
    """
    if name not in CELLS:
        raise NotImplementedError(f"no cell {name!r} at this commit")
    return CELLS[name]
