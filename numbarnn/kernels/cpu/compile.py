"""How the CPU kernels are compiled.

`kernel` marks what Python calls: cached on disk and run without the GIL, compiled at the first call and never at
import. `inline` marks what only kernels call: it becomes part of them. `error_model="numpy"` because Python's check
for division by zero would keep loops from being vectorized.
"""

from __future__ import annotations

from functools import cache

from numba import njit
from numba.extending import overload

from numbarnn.cells.form import form_of

kernel = njit(cache=True, nogil=True, error_model="numpy")
inline = njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)


def by_cell(choose):
    """Return a function of a cell and more that is, for each class of cell, the one that `choose` returns for it.

    A kernel compiles only that one into itself, so that cells do not pay for what others need.
    """

    def function(cell, *args):
        return choose(type(cell))(cell, *args)

    @overload(function, strict=False, jit_options={"error_model": "numpy", "no_cfunc_wrapper": True})
    def implement(cell, *args):
        return choose(cell.instance_class).py_func

    return function


def by_form(condition, then, otherwise):
    """As `by_cell`, of two functions, by a condition on the form of the class of cell."""
    return by_cell(lambda cell_class: then if condition(form_of(cell_class)) else otherwise)


def kernel_for(cell, cached):
    """Return the kernel to call for a cell: the cached one, or a twin without cache for a class of another package.

    The index of a cached kernel names the classes of all cells that it was compiled for. One that a later process
    cannot import would keep that process from reading the index, and so from running any cell.
    """
    return kernel_for_class(type(cell), cached)


def kernel_for_class(cell_class, cached):
    """As `kernel_for`, by the cell's class."""
    return cached if cell_class.__module__.startswith("numbarnn.") else _uncached(cached)


@cache
def _uncached(cached):
    return njit(nogil=True, error_model="numpy")(getattr(cached, "py_func", cached))
