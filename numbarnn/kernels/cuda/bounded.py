"""Numbers that know a bound, so that a cell's equations clip the inputs of its activations without a word of it.

As in `numbarnn.kernels.cpu.bounded`: what is computed with one of the `Inputs` is one, too, until an activation clips it and
returns a plain number; and in the derivatives what activations made of clipped numbers are `Outputs`, whose slopes are
zero where they are those of the bound. In a kernel the operators and functions are compiled from what stands here.
"""

from __future__ import annotations

import operator
from functools import cache
from typing import Any, NamedTuple

from numba.core import types
from numba.extending import overload

from numbarnn.cells import numbers
from numbarnn.kernels.cuda.compile import by_given, inline


class Inputs(NamedTuple):
    """A number that activations clip."""

    value: Any
    bound: Any


class Outputs(NamedTuple):
    """What an activation made of a clipped number, or what was computed of that."""

    value: Any
    bound: Any


@inline
def _within(x, bound):
    """Clip to +-bound; NaN stays NaN."""
    return bound if x > bound else -bound if x < -bound else x


@inline
def _where_between(x, least, most, value):
    """Return zero where x is not strictly between."""
    return value if least < x < most else numbers.zero(x)


def _is(kind, x):
    return isinstance(x, types.BaseNamedTuple) and x.instance_class is kind


def _define(kind, function, own) -> None:
    """Let a function of `numbarnn.cells.numbers` of such a number be its own one, in Python and in kernels."""
    setattr(kind, function.__name__, own)

    @overload(function, target="cuda", strict=False)
    def implement(x):
        return own if _is(kind, x) else None


def _define_activation(activation, slope) -> None:
    def slope_of_outputs(x):
        least, most = activation(-x.bound), activation(x.bound)
        return _where_between(x.value, least, most, slope(x.value))

    _define(Inputs, activation, lambda x: activation(_within(x.value, x.bound)))
    _define(Outputs, activation, lambda x: activation(x.value))
    _define(Outputs, slope, slope_of_outputs)


def _define_operation(kind, name, operation) -> None:
    """Let the result have the bound of whichever number has one, in Python and in kernels."""

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

    setattr(kind, f"__{name}__", of_left)
    setattr(kind, f"__r{name}__", lambda right, left: right_only(left, right))


for _kind in (Inputs, Outputs):
    _kind.__array_ufunc__ = None  # NumPy's scalars then leave what they are added to, and the like, to it
    _define(_kind, numbers.zero, lambda x: numbers.zero(x.value))
    for _name in ("add", "sub", "mul"):
        _define_operation(_kind, _name, getattr(operator, _name))
for _name in ("tanh", "sigmoid", "relu"):
    _define_activation(getattr(numbers, _name), getattr(numbers, f"{_name}_slope"))


def _bounding(kind):
    """Return a function of a cell, of a clip and of a tuple's numbers that gives them a bound."""

    @cache
    def of_size(size):
        if size == 0:
            return lambda values, bound: ()
        rest = inline(of_size(size - 1))
        return lambda values, bound: (kind(values[0], bound),) + rest(values[1:], bound)

    def bounded(values, bound):
        return of_size(len(values))(values, bound)

    @overload(bounded, target="cuda")
    def implement(values, bound):
        return of_size(len(values))

    return by_given(lambda cell, clip, values: values, lambda cell, clip, values: bounded(values, clip[0]))


# (cell, clip, values): pre-activations that activations clip, and what activations made of such; without a clip, as
# they are.
inputs = _bounding(Inputs)
outputs = _bounding(Outputs)


def plain(values):
    """Return the numbers of a tuple, nested as it may be, without their bounds."""
    if isinstance(values, Inputs | Outputs):
        return values.value
    return tuple(map(plain, values)) if isinstance(values, tuple) else values


@cache
def _plain_parts(size):
    if size == 0:
        return lambda values: ()
    rest = inline(_plain_parts(size - 1))
    return lambda values: (plain(values[0]),) + rest(values[1:])


@overload(plain, target="cuda")
def _plain(values):
    if _is(Inputs, values) or _is(Outputs, values):
        return lambda values: values.value
    return _plain_parts(len(values)) if isinstance(values, types.BaseTuple) else lambda values: values
