"""Numbers that know a bound, so that a cell's equations clip the inputs of its activations without a word of it.

ONNX's attribute `clip` bounds what a gate's activation is taken of: the whole of `a_o + p_o c`, or of `a_n + r a_hn`,
but no other tanh or sigmoid, such as the LSTM's tanh(c). So a pre-activation becomes a `Bounded` vector: what is
computed with it is bounded too, until an activation clips it and returns a plain vector.

In the derivatives, what a step saved and returned is `Bounded` as `outputs` of activations: a slope is zero where the
output is that of the bound, and no record of what was clipped is needed. Activations do not clip there.
"""

from __future__ import annotations

import operator
from functools import partialmethod

import numpy as np
from numba.core import cgutils, types
from numba.extending import lower_builtin, models, register_model, type_callable

from numbarnn.cells import numbers
from numbarnn.kernels.cpu.simd import Vector, splat
from numbarnn.kernels.cpu.vector_math import emitter


class Bounded(types.Type):
    """Numba type of a vector with a bound: of inputs of activations, or of their outputs."""

    def __init__(self, vector: Vector, *, of_outputs: bool) -> None:
        self.vector = vector
        self.of_outputs = of_outputs
        super().__init__(name=f"Bounded({vector}, {'outputs' if of_outputs else 'inputs'})")


@register_model(Bounded)
class _BoundedModel(models.StructModel):
    def __init__(self, dmm, fe_type) -> None:
        super().__init__(dmm, fe_type, [("value", fe_type.vector), ("bound", fe_type.vector)])


def inputs(values, clip):
    """Return pre-activations that activations clip; as they are where clip is None."""
    return values if clip is None else tuple(_Input(value, clip) for value in values)


def outputs(values, clip):
    """Return what activations made of clipped numbers, so that the slopes know; as they are where clip is None."""
    return values if clip is None else tuple(_Output(value, clip) for value in values)


def plain(values):
    """Return the numbers of a tuple, nested as it may be, without their bounds."""
    return tuple(map(plain, values)) if isinstance(values, tuple) else _value(values)


class _Input:
    """A number with a bound, where the JIT is off: an input of activations, or what was computed of one."""

    __array_ufunc__ = None  # NumPy's scalars then leave operations to this class

    def __init__(self, value, bound) -> None:
        self.value = value
        self.bound = bound

    def __neg__(self):
        return type(self)(-self.value, self.bound)

    def zero(self):
        return numbers.zero(self.value)

    def activation(self, function):
        return function(np.clip(self.value, -self.bound, self.bound))

    def slope(self, function, slope):  # noqa: ARG002
        return slope(self.value)


class _Output(_Input):
    """As `_Input`, of what an activation returned."""

    def activation(self, function):
        return function(self.value)

    def slope(self, function, slope):
        inside = function(-self.bound) < self.value < function(self.bound)
        return slope(self.value) if inside else numbers.zero(self.value)


def _value(x):
    return x.value if isinstance(x, _Input) else x


def _define_in_python(name: str) -> None:
    operation = getattr(operator, name)
    for kind in (_Input, _Output):
        setattr(kind, f"__{name}__", lambda left, right: type(left)(operation(left.value, _value(right)), left.bound))
        setattr(kind, f"__r{name}__", lambda right, left: type(right)(operation(left, right.value), right.bound))


for _name in ("add", "sub", "mul", "truediv"):
    _define_in_python(_name)
for _name in ("tanh", "sigmoid", "relu"):
    _function, _slope = getattr(numbers, _name), getattr(numbers, f"{_name}_slope")
    setattr(_Input, _name, partialmethod(_Input.activation, _function))
    setattr(_Output, _name, partialmethod(_Output.activation, _function))
    setattr(_Input, f"{_name}_slope", partialmethod(_Input.slope, _function, _slope))
    setattr(_Output, f"{_name}_slope", partialmethod(_Output.slope, _function, _slope))


def _define_bounded(function, *, of_outputs) -> None:
    @type_callable(function)
    def type_bounded(context):
        def typer(values, clip):
            if isinstance(clip, types.NoneType) or len(values) == 0:
                return values
            return types.UniTuple(Bounded(values[0], of_outputs=of_outputs), len(values))

        return typer

    @lower_builtin(function, types.BaseTuple, types.Any)
    def lower_bounded(context, builder, signature, args):
        if signature.return_type == signature.args[0]:
            return args[0]
        kind = signature.return_type.dtype
        bound = splat(builder, context.get_value_type(kind.vector), args[1])
        vectors = [_bounded(context, builder, kind, value, bound) for value in cgutils.unpack_tuple(builder, args[0])]
        return context.make_tuple(builder, signature.return_type, vectors)


def _bounded(context, builder, kind, value, bound):
    struct = cgutils.create_struct_proxy(kind)(context, builder)
    struct.value, struct.bound = value, bound
    return struct._getvalue()


_define_bounded(inputs, of_outputs=False)
_define_bounded(outputs, of_outputs=True)


def _without_bounds(kind):
    if isinstance(kind, types.BaseTuple):
        return types.Tuple.from_types([_without_bounds(part) for part in kind.types])
    return kind.vector if isinstance(kind, Bounded) else kind


@type_callable(plain)
def _type_plain(context):
    return _without_bounds


@lower_builtin(plain, types.BaseTuple)
def _lower_plain(context, builder, signature, args):
    return _emit_plain(context, builder, signature.args[0], args[0])


def _emit_plain(context, builder, kind, value):
    if not isinstance(kind, types.BaseTuple):
        return builder.extract_value(value, 0) if isinstance(kind, Bounded) else value
    parts = zip(kind.types, cgutils.unpack_tuple(builder, value), strict=True)
    return context.make_tuple(builder, _without_bounds(kind), [_emit_plain(context, builder, *part) for part in parts])


def _define_arithmetic(function, n_arguments, emit) -> None:
    """Let the result have the bound of whichever argument has one."""

    def unary(value):
        return value if isinstance(value, Bounded) else None

    def binary(left, right):
        return unary(left) or unary(right)

    @type_callable(function)
    def type_arithmetic(context):
        return unary if n_arguments == 1 else binary

    def lower_arithmetic(context, builder, signature, args):
        values = [_emit_plain(context, builder, *pair) for pair in zip(signature.args, args, strict=True)]
        bounded = signature.args.index(signature.return_type)
        bound = builder.extract_value(args[bounded], 1)
        return _bounded(context, builder, signature.return_type, emit(builder)(*values), bound)

    for kinds in [(Bounded,)] if n_arguments == 1 else [(Bounded, Vector), (Vector, Bounded), (Bounded, Bounded)]:
        lower_builtin(function, *kinds)(lower_arithmetic)


for _function, _instruction in [
    (operator.add, "fadd"),
    (operator.iadd, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
]:
    _define_arithmetic(_function, 2, operator.attrgetter(_instruction))
_define_arithmetic(operator.neg, 1, operator.attrgetter("fneg"))


def _define_number(function, emit) -> None:
    """Lower a function of a bounded number to a plain one."""

    @type_callable(function)
    def type_number(context):
        return lambda x: x.vector if isinstance(x, Bounded) else None

    @lower_builtin(function, Bounded)
    def lower_number(context, builder, signature, args):
        value, bound = (builder.extract_value(args[0], i) for i in range(2))
        of_vectors = emitter(builder, context.get_value_type(signature.return_type))
        return emit(of_vectors, value, bound, signature.args[0].of_outputs)


def _define_activation(name: str) -> None:
    def emit_activation(of_vectors, value, bound, of_outputs):
        return getattr(of_vectors, name)(value if of_outputs else of_vectors.within(value, bound))

    def emit_slope(of_vectors, value, bound, of_outputs):
        slope = getattr(of_vectors, f"{name}_slope")(value)
        least, most = (getattr(of_vectors, name)(end) for end in (of_vectors.builder.fneg(bound), bound))
        return of_vectors.where_between(value, least, most, slope) if of_outputs else slope

    _define_number(getattr(numbers, name), emit_activation)
    _define_number(getattr(numbers, f"{name}_slope"), emit_slope)


for _name in ("tanh", "sigmoid", "relu"):
    _define_activation(_name)
_define_number(numbers.zero, lambda of_vectors, value, bound, of_outputs: of_vectors.zero(value))
