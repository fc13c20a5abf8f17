"""The functions of `numbarnn.cells.numbers`, and the exponential function, on SIMD vectors.

All three rest on `exp(u) - 1 = u + u^2 P(u)` for |u| <= ln(2) / 2, P being a polynomial through Chebyshev nodes
(relative error 1.3e-8 in single, 1.1e-18 in double precision), and on a range reduction like that of Cody & Waite 1980,
"Software Manual for the Elementary Functions", chapter 6::

    tanh(x):     2 x = n ln 2 + 2 r    h = (exp(2 x) - 1) / 2 = 2^n (r + 2 r^2 P(2 r)) + 2^n / 2 - 1 / 2    h / (h + 1)
    sigmoid(x):  -x = n ln 2 - r       exp(-x) = 2^n (1 - r + r^2 P(-r))                      1 / (1 + exp(-x))
    exp(x):       x = n ln 2 + r       2^n (1 + r + r^2 P(r))

n is rounded by adding a number so large that n is in the lowest bits of the sum; with the exponent's bias in it, too,
these bits shifted into the exponent's place are 2^n. NaN passes through every function.
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
    """Constants of a floating-point format."""

    bits: int
    mantissa_bits: int
    bias: int
    tanh_limit: float  # |x| from which tanh is 1
    limit: float  # |x| beyond which 2**n would leave the normal numbers
    ln2_high: float  # ln 2 in so few digits that n times it is exact, also where the processor has no fused operation
    polynomial: tuple[float, ...]  # the coefficients of P, the constant first

    @property
    def rounding(self) -> float:
        """A number that leaves an integer, plus the exponent's bias, in the lowest bits of a sum with it."""
        return 1.5 * 2.0**self.mantissa_bits + self.bias

    @property
    def ln2_low(self) -> float:
        """The rest of ln 2 = 0.693147180559945309417232121458176568: that of its double, and what the double lacks."""
        return (math.log(2) - self.ln2_high) + 2.3190468138462996e-17


_SINGLE = _Format(
    bits=32,
    mantissa_bits=23,
    bias=127,
    tanh_limit=10.0,
    limit=87.0,
    ln2_high=355 / 512,
    polynomial=(
        0.4999999701976776,
        0.1666654348373413,
        0.04166720062494278,
        0.008366547524929047,
        0.0013882516650483012,
    ),
)
DOUBLE = _Format(
    bits=64,
    mantissa_bits=52,
    bias=1023,
    tanh_limit=20.0,
    limit=708.0,
    ln2_high=float.fromhex("0x1.62e42feep-1"),
    polynomial=(
        0.5,
        0.1666666666666667,
        0.04166666666666668,
        0.008333333333326158,
        0.0013888888888879739,
        0.00019841269874698204,
        2.4801587330809715e-05,
        2.755725558556485e-06,
        2.755727182771799e-07,
        2.5105134034905088e-08,
        2.091445300096384e-09,
    ),
)


class _Emitter:
    """Writes arithmetic on one vector type; the methods are named after what they compute."""

    def __init__(self, builder, vector_type) -> None:
        self.builder = builder
        self.type = vector_type
        self.format = _SINGLE if isinstance(vector_type.element, ir.FloatType) else DOUBLE
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

    def clip(self, x, limit: float):
        return self.at_least(self.at_most(x, limit), -limit)

    def power_of_two(self, x, factor: float):
        """Return n, the integer next to `factor * x`, and 2^n."""
        builder, magic = self.builder, self.constant(self.format.rounding)
        shifted = self.multiply_add(x, self.constant(factor), magic)
        bits = builder.shl(builder.bitcast(shifted, self.integers), self.integer(self.format.mantissa_bits))
        return builder.fsub(shifted, magic), builder.bitcast(bits, self.type)

    def polynomial(self, r, coefficients):
        """Evaluate in pairs of terms, and pairs of pairs while there are many, so that few wait for one another."""
        terms, power = [self.constant(c) for c in coefficients], r
        while len(terms) > 3 or power is r:
            pairs = zip(terms[::2], [*terms[1::2], None], strict=False)
            terms = [low if high is None else self.multiply_add(high, power, low) for low, high in pairs]
            power = self.builder.fmul(power, power)
        total = terms[-1]
        for term in reversed(terms[:-1]):
            total = self.multiply_add(total, power, term)
        return total

    def tanh(self, x):
        builder = self.builder
        sign = builder.and_(builder.bitcast(x, self.integers), self.integer(1 << (self.format.bits - 1)))
        x = self.clip(x, self.format.tanh_limit)
        n, scale = self.power_of_two(x, 2 / math.log(2))
        r = self.multiply_add(n, self.constant(-math.log(2) / 2), x)
        p = self.polynomial(r, [c * 2 ** (k + 1) for k, c in enumerate(self.format.polynomial)])
        series = self.multiply_add(builder.fmul(r, r), p, r)
        h = self.multiply_add(scale, series, self.multiply_add(scale, self.constant(0.5), self.constant(-0.5)))
        quotient = builder.fdiv(h, builder.fadd(h, self.constant(1.0)))
        # The sums have lost the sign of zero.
        return builder.bitcast(builder.or_(builder.bitcast(quotient, self.integers), sign), self.type)

    def sigmoid(self, x):
        builder, fmt = self.builder, self.format
        x = self.clip(x, fmt.limit)
        n, scale = self.power_of_two(x, -1 / math.log(2))
        r = self.multiply_add(n, self.constant(fmt.ln2_low), self.multiply_add(n, self.constant(fmt.ln2_high), x))
        p = self.polynomial(r, [c * (-1) ** k for k, c in enumerate(fmt.polynomial)])
        series = self.multiply_add(builder.fmul(r, r), p, builder.fneg(r))
        exp = self.multiply_add(scale, series, builder.fadd(scale, self.constant(1.0)))
        return builder.fdiv(self.constant(1.0), exp)

    def exp(self, x):
        builder, fmt = self.builder, self.format
        within = self.clip(x, fmt.limit)
        n, scale = self.power_of_two(within, 1 / math.log(2))
        r = self.multiply_add(n, self.constant(-fmt.ln2_high), within)
        r = self.multiply_add(n, self.constant(-fmt.ln2_low), r)
        series = self.multiply_add(builder.fmul(r, r), self.polynomial(r, fmt.polynomial), r)
        vanishes = builder.fcmp_ordered("<", x, self.constant(-fmt.limit))
        return builder.select(vanishes, self.constant(0.0), self.multiply_add(scale, series, scale))

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


def exp(x):
    """Return the exponential of x; 0 below about -87 in single and -708 in double precision, and at most about 1e38."""
    return np.exp(x)


def _define(function, name: str) -> None:
    @type_callable(function)
    def type_function(context):
        return lambda x: x if isinstance(x, Vector) else None

    @lower_builtin(function, Vector)
    def lower_function(context, builder, signature, args):
        emitter = _Emitter(builder, context.get_value_type(signature.return_type))
        return getattr(emitter, name)(args[0])


for _name in ("zero", "tanh", "sigmoid", "relu", "reciprocal_deviation", "tanh_slope", "sigmoid_slope", "relu_slope"):
    _define(getattr(numbers, _name), _name)
_define(exp, "exp")
