"""Numbers with a bound, so that the inputs of a cell's activations are clipped without a change to its equations.

As in `numbarnn.kernels.cpu.bounded`: a number computed from one of the `Inputs` is one as well, until an activation
clips it and returns a plain number. In the derivatives, the results of activations of clipped numbers are `Outputs`,
whose slopes are zero where they equal the activation of the bound. In a kernel, the operators and functions are
compiled from the functions defined here.
"""

from __future__ import annotations

import operator
from functools import cache
from typing import Any, NamedTuple

from numba.core import types
from numba.extending import overload

from numbarnn.cells import numbers
from numbarnn.kernels.cuda.compile import by_option, inline


class Inputs(NamedTuple):
    """A number that activations clip."""

    value: Any
    bound: Any


class Outputs(NamedTuple):
    """The activation of a clipped number, or a number computed from one."""

    value: Any
    bound: Any


@inline
def _within(x, bound):
    """Return x clipped to +-bound; NaN stays NaN."""
    return bound if x > bound else -bound if x < -bound else x


@inline
def _where_between(x, low, high, value):
    """Return the value, or zero where x is not strictly between low and high."""
    return value if low < x < high else numbers.zero(x)


def _is(kind, x):
    return isinstance(x, types.BaseNamedTuple) and x.instance_class is kind


def _define(kind, function, definition) -> None:
    """Define a function of `numbarnn.cells.numbers` for a class of numbers, in Python and in kernels."""
    setattr(kind, function.__name__, definition)

    @overload(function, target="cuda", strict=False)
    def implement(x):
        return definition if _is(kind, x) else None


def _define_activation(activation, slope) -> None:
    """Define an activation of both classes of numbers, and its slope at its outputs."""

    def of_inputs(x):
        return activation(_within(x.value, x.bound))

    def of_outputs(x):
        return activation(x.value)

    def slope_of_outputs(x):
        low, high = activation(-x.bound), activation(x.bound)
        return _where_between(x.value, low, high, slope(x.value))

    _define(Inputs, activation, of_inputs)
    _define(Outputs, activation, of_outputs)
    _define(Outputs, slope, slope_of_outputs)


def _define_operation(kind, name, operation) -> None:
    """Define an operator in Python and in kernels; the result has the bound of the operand that has one."""

    def both(left, right):
        return kind(operation(left.value, right.value), left.bound)

    def left_only(left, right):
        return kind(operation(left.value, right), left.bound)

    def right_only(left, right):
        return kind(operation(left, right.value), right.bound)

    @overload(operation, target="cuda")
    def implement(left, right):
        if _is(kind, left):
            return both if _is(kind, right) else left_only
        return right_only if _is(kind, right) else None

    def of_left(left, right):
        return (both if isinstance(right, kind) else left_only)(left, right)

    def of_right(right, left):
        return right_only(left, right)

    setattr(kind, f"__{name}__", of_left)
    setattr(kind, f"__r{name}__", of_right)


def _zero(x):
    return numbers.zero(x.value)


for _kind in (Inputs, Outputs):
    _kind.__array_ufunc__ = None  # so that NumPy's scalars leave an operator to the other operand
    _define(_kind, numbers.zero, _zero)
    for _name in ("add", "sub", "mul"):
        _define_operation(_kind, _name, getattr(operator, _name))
for _name in ("tanh", "sigmoid", "relu"):
    _define_activation(getattr(numbers, _name), getattr(numbers, f"{_name}_slope"))


def _bounding(kind):
    """Return the function of a cell, of a clip and of a tuple of numbers that gives each of them the bound."""

    def bound_none(values, bound):
        return ()

    @cache
    def of_size(size):
        if size == 0:
            return bound_none
        rest = inline(of_size(size - 1))

        def bound_some(values, bound):
            return (kind(values[0], bound),) + rest(values[1:], bound)

        return bound_some

    def bounded(values, bound):
        return of_size(len(values))(values, bound)

    @overload(bounded, target="cuda")
    def implement(values, bound):
        return of_size(len(values))

    def bound_by_clip(cell, clip, values):
        return bounded(values, clip[0])

    return bound_by_clip


def _unchanged(cell, clip, values):
    return values


@by_option(_unchanged, _bounding(Inputs))
def inputs(cell, clip, values):
    """Return pre-activations as numbers that activations clip; as they are without a clip."""


@by_option(_unchanged, _bounding(Outputs))
def outputs(cell, clip, values):
    """Return the activations of clipped numbers with their bound, so that slopes respect it."""


def _plain(values):
    """Return the numbers of a tuple, nested as it may be, without their bounds."""
    if isinstance(values, Inputs | Outputs):
        return values.value
    return tuple(map(_plain, values)) if isinstance(values, tuple) else values


@cache
def _plain_parts(size):
    """Return the function that takes the bounds from a tuple of `size` parts."""
    if size == 0:
        return _plain_none
    rest = inline(_plain_parts(size - 1))

    def plain_some(values):
        return (_plain(values[0]),) + rest(values[1:])

    return plain_some


def _plain_none(values):
    return ()


def _plain_value(values):
    return values.value


def _plain_number(values):
    return values


@overload(_plain, target="cuda")
def _plain_in_kernels(values):
    if _is(Inputs, values) or _is(Outputs, values):
        return _plain_value
    return _plain_parts(len(values)) if isinstance(values, types.BaseTuple) else _plain_number


def _plain_of_clip(cell, clip, values):
    return _plain(values)


@by_option(_unchanged, _plain_of_clip)
def plain(cell, clip, values):
    """Return the numbers of a tuple, nested as it may be, without their bounds."""
