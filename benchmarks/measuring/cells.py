"""The cells of the suite: all cells in the registry, by their names."""

from __future__ import annotations

from numbarnn.cells import CELLS

NAMES = list(CELLS)
PAIR = ["lstm", "elman"]  # one network with gates and one without


def find(name: str) -> type:
    """Return the class of a cell.

    Raises
    ------
    NotImplementedError
        If this commit does not have the cell yet: asv then leaves the entry empty.
    """
    if name not in CELLS:
        raise NotImplementedError(f"no cell {name!r} at this commit")
    return CELLS[name]
