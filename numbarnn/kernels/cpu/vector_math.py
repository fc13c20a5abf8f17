"""The functions of `numbarnn.cells.numbers` on SIMD vectors.

All rest on one exponential: x = n ln 2 + r with |r| <= ln(2) / 2, then exp(x) - 1 = 2**n (exp(r) - 1) + (2**n - 1),
where exp(r) - 1 is its Taylor polynomial (remainder below half a unit in the last place). The range reduction in two
steps is that of Cody & Waite 1980, "Software Manual for the Elementary Functions", chapter 6. NaN passes through
every function.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import lower_builtin, type_callable

from numbarnn.cells import numbers
from numbarnn.kernels.cpu.simd import Vector, mangled, multiply_add


class _Format(NamedTuple):
    """What the exponential must know of a floating-point format."""

    bits: int
    mantissa_bits: int
    bias: int
    degree: int  # of the Taylor polynomial of exp on |r| <= ln(2) / 2
    limit: float  # |x| beyond which 2**n would leave the normal numbers
    ln2_high: float  # ln 2 in so few digits that n times it is exact


_SINGLE = _Format(32, 23, 127, 7, 87.0, float(np.float32(355 / 512)))
_DOUBLE = _Format(64, 52, 1023, 13, 708.0, float.fromhex("0x1.62e42feep-1"))


class _Emitter:
    """Writes arithmetic on one vector type; the methods are named after what they compute."""

    def __init__(self, builder, vector_type) -> None:
        self.builder = builder
        self.type = vector_type
        self.format = _SINGLE if isinstance(vector_type.element, ir.FloatType) else _DOUBLE
        self.integers = ir.VectorType(ir.IntType(self.format.bits), vector_type.count)

    def constant(self, value: float):
        return ir.Constant(self.type, [value] * self.type.count)

    def integer(self, value: int):
        return ir.Constant(self.integers, [value] * self.type.count)

    def multiply_add(self, a, b, c):
        return multiply_add(self.builder, self.type, a, b, c)

    def at_least(self, x, bound: float):
        bound = self.constant(bound)
        return self.builder.select(self.builder.fcmp_ordered("<", x, bound), bound, x)

    def at_most(self, x, bound: float):
        bound = self.constant(bound)
        return self.builder.select(self.builder.fcmp_ordered(">", x, bound), bound, x)

    def within(self, x, bound):
        """Clip to +-bound."""
        least = self.builder.fneg(bound)
        x = self.builder.select(self.builder.fcmp_ordered("<", x, least), least, x)
        return self.builder.select(self.builder.fcmp_ordered(">", x, bound), bound, x)

    def where_between(self, x, least, most, value):
        """Return zero where x is not strictly between."""
        above, below = (self.builder.fcmp_ordered(">", x, least), self.builder.fcmp_ordered("<", x, most))
        return self.builder.select(self.builder.and_(above, below), value, self.constant(0.0))

    def exp_parts(self, x):
        """Return 2**n and exp(r) - 1."""
        builder, fmt = self.builder, self.format
        # Adding 1.5 * 2**mantissa_bits leaves round(x / ln 2) in the lowest bits of the sum.
        magic = self.constant(1.5 * 2.0**fmt.mantissa_bits)
        shifted = self.multiply_add(x, self.constant(1 / math.log(2)), magic)
        n = builder.fsub(shifted, magic)
        r = self.multiply_add(n, self.constant(-fmt.ln2_high), x)
        r = self.multiply_add(n, self.constant(-_ln2_low(fmt)), r)
        exponent = builder.add(builder.bitcast(shifted, self.integers), self.integer(fmt.bias - _bits_of(fmt)))
        scale = builder.bitcast(builder.shl(exponent, self.integer(fmt.mantissa_bits)), self.type)
        series = self.constant(1 / math.factorial(fmt.degree))
        for power in range(fmt.degree - 1, 1, -1):
            series = self.multiply_add(series, r, self.constant(1 / math.factorial(power)))
        return scale, self.multiply_add(builder.fmul(series, r), r, r)

    def tanh(self, x):
        # With e = exp(-2|x|) - 1, tanh|x| = -e / (e + 2): no overflow, and exact to the last bits near zero.
        builder = self.builder
        sign = builder.and_(builder.bitcast(x, self.integers), self.integer(1 << (self.format.bits - 1)))
        magnitude = builder.bitcast(builder.xor(builder.bitcast(x, self.integers), sign), self.type)
        argument = self.at_least(builder.fmul(magnitude, self.constant(-2.0)), -self.format.limit)
        scale, series = self.exp_parts(argument)
        e = self.multiply_add(scale, series, builder.fsub(scale, self.constant(1.0)))
        quotient = builder.fdiv(builder.fsub(self.constant(0.0), e), builder.fadd(e, self.constant(2.0)))
        return builder.bitcast(builder.or_(builder.bitcast(quotient, self.integers), sign), self.type)

    def sigmoid(self, x):
        builder, limit = self.builder, self.format.limit
        scale, series = self.exp_parts(self.at_least(self.at_most(builder.fneg(x), limit), -limit))
        exp = self.multiply_add(scale, series, scale)
        return builder.fdiv(self.constant(1.0), builder.fadd(self.constant(1.0), exp))

    def relu(self, x):
        return self.at_least(x, 0.0)

    def reciprocal_deviation(self, variance):
        builder = self.builder
        name, signature = f"llvm.sqrt.{mangled(self.type)}", ir.FunctionType(self.type, [self.type])
        root = cgutils.get_or_insert_function(builder.module, signature, name)
        deviation = builder.call(root, [builder.fadd(variance, self.constant(numbers.EPSILON))])
        return builder.fdiv(self.constant(1.0), deviation)

    def tanh_slope(self, y):
        return self.multiply_add(self.builder.fneg(y), y, self.constant(1.0))

    def sigmoid_slope(self, y):
        return self.multiply_add(self.builder.fneg(y), y, y)

    def relu_slope(self, y):
        positive = self.builder.fcmp_ordered(">", y, self.constant(0.0))
        return self.builder.select(positive, self.constant(1.0), self.constant(0.0))

    def zero(self, like):  # noqa: ARG002
        return self.constant(0.0)


def emitter(builder, vector_type) -> _Emitter:
    """Return what emits the functions on a vector type."""
    return _Emitter(builder, vector_type)


def _bits_of(fmt: _Format) -> int:
    """Return the bits of 1.5 * 2**mantissa_bits, less those that the shift into the exponent drops."""
    magic = 1.5 * 2.0**fmt.mantissa_bits
    bits = np.float32(magic).view(np.int32) if fmt.bits == 32 else np.float64(magic).view(np.int64)
    return int(bits) % (1 << (fmt.bits - fmt.mantissa_bits))


def _ln2_low(fmt: _Format) -> float:
    # ln 2 = 0.693147180559945309417232121458176568: its double, plus the part that the double lacks.
    return (math.log(2) - fmt.ln2_high) + 2.3190468138462996e-17


def _define(name: str) -> None:
    function = getattr(numbers, name)

    @type_callable(function)
    def type_function(context):
        return lambda x: x if isinstance(x, Vector) else None

    @lower_builtin(function, Vector)
    def lower_function(context, builder, signature, args):
        emitter = _Emitter(builder, context.get_value_type(signature.return_type))
        return getattr(emitter, name)(args[0])


for _name in ("zero", "tanh", "sigmoid", "relu", "reciprocal_deviation", "tanh_slope", "sigmoid_slope", "relu_slope"):
    _define(_name)
