"""Decorators that compile the CUDA kernels.

`kernel` marks a function that Python launches: it is compiled at the first launch, never at import, and cached on disk.
`inline` marks a function that only kernels call, `device` one that also reads the thread's indices and is defined in
another module than the kernel. `by_cell`, `by_form` and `by_option` declare a function whose body depends on the class
of the cell, or on whether an optional argument is given.
"""

from __future__ import annotations

import inspect
import math
from functools import cache, wraps

from numba.core import types
from numba.extending import overload, register_jitable

from numbarnn.cells import numbers
from numbarnn.cells.form import form_of
from numbarnn.kernels.cuda.shim import allow_shared, cuda, n_resident, small_grids

inline = register_jitable


def device(function):
    """Let kernels of other modules call a function that uses `cuda`.

    In the simulator, a function of another module finds the indices of its thread in this way only.
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
        """Launch with the shared memory of the configuration, `(blocks, threads, stream, bytes)`."""
        allow_shared(self._compiled, arguments, configuration[3])
        self[configuration](*arguments)

    def launch_resident(self, configuration, arguments):
        """Launch a grid whose blocks wait for each other; return False if they cannot all run at once."""
        (n_x, n_y), n_threads, _, n_bytes = configuration
        fits = n_x * n_y <= n_resident(self._compiled, arguments, n_threads, n_bytes)
        if fits:
            self[configuration](*arguments)
        return fits


kernel = Kernel


def by_cell(choose):
    """Declare a function of a cell and other arguments whose body depends on the class of the cell.

    `choose` returns the body for a class. A kernel compiles only that body, so that no cell pays for the others.
    Classes are told apart by identity, never by name.
    """

    def decorate(declaration):
        @wraps(declaration)
        def function(cell, *args):
            return choose(type(cell))(cell, *args)

        @overload(function, target="cuda", strict=False)
        def implement(cell, *args):
            return choose(cell.instance_class)

        return function

    return decorate


def by_form(condition, then, otherwise):
    """Declare a function as `by_cell` does, with one of two bodies by a condition on the form of the cell's class."""
    return by_cell(lambda cell_class: then if condition(form_of(cell_class)) else otherwise)


def by_option(absent, present):
    """Declare a function whose body depends on its second argument: `absent` if that is an empty tuple.

    Kernels take optional arguments, such as masks, as tuples, and compile nothing for an option that is absent.
    """

    def decorate(declaration):
        @wraps(declaration)
        def function(cell, option, *args):
            return (present if option else absent)(cell, option, *args)

        @overload(function, target="cuda", strict=False)
        def implement(cell, option, *args):
            return present if len(option) else absent

        return function

    return decorate


def kernel_for(cell, cached):
    """Return the kernel to launch for a cell: the one cached on disk, or one of its own for a class of a user.

    The reasons are those of `numbarnn.kernels.cpu.compile.kernel_for`: the index of a cached kernel names the classes
    of all cells that it was compiled for, and a process that cannot import one of them could not read it. And Numba's
    dispatcher distinguishes classes of NamedTuples by their names only.
    """
    return cached if type(cell).__module__.startswith("numbarnn.") else _kernel_of(cached, type(cell))


@cache
def _kernel_of(cached, cell_class):
    return Kernel(cached.py_func, cache=False)


def _define(function, definition) -> None:
    """Let kernels call a function of `numbarnn.cells.numbers` of floats by its definition in Python."""

    @overload(function, target="cuda", strict=False)
    def implement(x):
        return definition if isinstance(x, types.Float) else None


def _reciprocal_deviation(variance):
    """Return `numbarnn.cells.numbers.reciprocal_deviation` by the square root that kernels support."""
    return type(variance)(1) / math.sqrt(variance + type(variance)(numbers.EPSILON))


_define(numbers.reciprocal_deviation, _reciprocal_deviation)
for _name in ("zero", "tanh", "sigmoid", "relu", "tanh_slope", "sigmoid_slope", "relu_slope"):
    _define(getattr(numbers, _name), inspect.unwrap(getattr(numbers, _name)))
