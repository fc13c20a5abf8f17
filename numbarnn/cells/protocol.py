from __future__ import annotations


def check_cell(cls):
    return cls


def decays(cls):
    return {f: not (f == "b" or f.startswith(("b_", "gain_")) or f == "p_k") for f in cls._fields}


def cell_class(cell):
    from numbarnn.cells import CELLS

    return CELLS[cell] if isinstance(cell, str) else cell
