"""How the CUDA kernels are compiled.

`kernel` marks what Python launches: cached on disk, compiled at the first launch and never at import. `inline` marks
what only kernels call, `device` what besides uses the thread's place in the block and stands in another module than the
kernel. What stands beside a kernel and uses the thread's place in the block is chosen by `by_cell`.
"""

from __future__ import annotations

import inspect
import math
from functools import cache

from numba.core import types
from numba.extending import overload, register_jitable

from numbarnn.cells import numbers
from numbarnn.cells.form import form_of
from numbarnn.kernels.cuda.shim import allow_shared, cuda, n_resident, small_grids

inline = register_jitable


def device(function):
    """Let kernels call a function that uses the thread's place in the block, but stands in another module.

    In the simulator it would not find its thread otherwise.
    """
    return cuda.jit(device=True)(function)


class Kernel:
    """A function to launch: `kernel[configuration](*args)`."""

    def __init__(self, function, *, cache=True) -> None:
        self.py_func = function
        self._compiled = cuda.jit(cache=cache)(function)

    def __getitem__(self, configuration):
        with small_grids():
            return self._compiled[configuration]

    def launch(self, configuration, arguments):
        """Launch with as many bytes of shared memory as the configuration says, more than usual ones, too."""
        allow_shared(self._compiled, arguments, configuration[3])
        self[configuration](*arguments)

    def launch_resident(self, configuration, arguments):
        """Launch a grid whose blocks may wait for each other; if they cannot run all at once, return False instead."""
        (n_x, n_y), n_threads, _, n_bytes = configuration
        fits = n_x * n_y <= n_resident(self._compiled, arguments, n_threads, n_bytes)
        if fits:
            self[configuration](*arguments)
        return fits


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

    The reason is that of `numbarnn.kernels.cpu.compile.kernel_for`.
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
