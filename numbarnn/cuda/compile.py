"""How the CUDA kernels are compiled.

`kernel` marks what Python launches: cached on disk, compiled at the first launch and never at import. `inline` marks
what only kernels call. What stands beside a kernel and uses the thread's place in the block is chosen by `by_cell`.
"""

from __future__ import annotations

import inspect
import math
from functools import cache

from numba.core import types
from numba.extending import overload, register_jitable

from numbarnn.cells import numbers
from numbarnn.cells.form import form_of
from numbarnn.cuda.shim import cuda, small_grids

inline = register_jitable


class Kernel:
    """A function to launch: `kernel[configuration](*args)`."""

    def __init__(self, function, *, cache=True) -> None:
        self.py_func = function
        self._compiled = cuda.jit(cache=cache)(function)

    def __getitem__(self, configuration):
        with small_grids():
            return self._compiled[configuration]


kernel = Kernel


def by_cell(choose):
    """Return a function of a cell and more that is, for each class of cell, the one that `choose` returns for it.

    A kernel compiles only that one into itself, so that cells do not pay for what others need.
    """

    def function(cell, *args):
        return choose(type(cell))(cell, *args)

    @overload(function, target="cuda", strict=False)
    def implement(cell, *args):
        return choose(cell.instance_class)

    return function


def by_form(condition, then, otherwise):
    """As `by_cell`, of two functions, by a condition on the form of the class of cell."""
    return by_cell(lambda cell_class: then if condition(form_of(cell_class)) else otherwise)


def by_given(without, given):
    """As `by_cell`, by the second argument: what a kernel takes of masks or the like, an empty tuple if there is none.

    A kernel compiles nothing of what it is not given.
    """

    def function(cell, options, *args):
        return (given if options else without)(cell, options, *args)

    @overload(function, target="cuda", strict=False)
    def implement(cell, options, *args):
        return given if len(options) else without

    return function


def kernel_for(cell, cached):
    """Return the kernel to launch for a cell: the cached one, or a twin without cache for a class of another package.

    The reason is that of `numbarnn.cpu.compile.kernel_for`.
    """
    return cached if type(cell).__module__.startswith("numbarnn.") else _uncached(cached)


@cache
def _uncached(cached):
    return Kernel(cached.py_func, cache=False)


def _define(function, definition) -> None:
    """Let kernels call a function of `numbarnn.cells.numbers` of floats by its definition in Python."""

    @overload(function, target="cuda", strict=False)
    def implement(x):
        return definition if isinstance(x, types.Float) else None


def _reciprocal_deviation(variance):
    """As `numbarnn.cells.numbers` has it, with the square root that kernels know."""
    return type(variance)(1) / math.sqrt(variance + type(variance)(numbers.EPSILON))


_define(numbers.reciprocal_deviation, _reciprocal_deviation)
for _name in ("zero", "tanh", "sigmoid", "relu", "tanh_slope", "sigmoid_slope", "relu_slope"):
    _define(getattr(numbers, _name), inspect.unwrap(getattr(numbers, _name)))
