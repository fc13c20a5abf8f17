"""Vectors of numbers of extended range: float64 mantissas, and exponents of two that are float64 themselves.

A product of many probabilities leaves the range of a float64, and working with its logarithm takes a logarithm and
exponentials for each sum. With the exponent kept apart, sums and products take a few simple operations each and keep
full precision (Smith, Olver and Lozier 1981, "Extended-range arithmetic and normalized Legendre polynomials", ACM
Transactions on Mathematical Software 7). Zero is the mantissa 0 with an exponent far below all others; NaN stays in the
mantissa.

As in `simd`, the Python body of a function is its definition for one lane.
"""

from __future__ import annotations

import math

import numpy as np
from numba.core import types
from numba.extending import lower_builtin, type_callable

from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.simd import Vector
from numbarnn.kernels.cpu.vector_math import DOUBLE, emitter

ZERO_EXPONENT = -1e17
"""The exponent of zero."""
_LOWEST_EXPONENT = -1022.0  # of a normal float64
_LOWEST = -1e15  # of what `exp` takes, and what stands for anything below: n stays an integer that float64 holds


def larger(a, b):
    """Return the larger one of two numbers."""
    return max(a, b)


def power_of_two(n):
    """Return 2^n for an integer n below 1024, as a plain number; below its range the smallest normal one."""
    return 2.0 ** max(n, _LOWEST_EXPONENT)


def exponent_of(m):
    """Return the exponent of a plain number that is not negative, as a float; -1023 of zero and of denormal ones."""
    return max(math.frexp(m)[1] - 1.0, _LOWEST_EXPONENT - 1) if m > 0 else _LOWEST_EXPONENT - 1


def exp(x):
    """Return the mantissa and the exponent of exp(x), for a plain x."""
    x = max(x, _LOWEST)
    n = np.rint(x / math.log(2))
    return math.exp(x - n * math.log(2)), n


@inline
def plain(m, e):
    """Return a number of extended range up to about one as a plain one."""
    return m * power_of_two(e)


@inline
def normalized(m, e):
    """Return the same number with its mantissa in [1, 2), or zero."""
    exponent = exponent_of(m)
    return m * power_of_two(-exponent), e + exponent


@inline
def sum_of_two(m, e, m1, e1):
    """Return the sum of two numbers, not normalized."""
    top = larger(e, e1)
    return m * power_of_two(e - top) + m1 * power_of_two(e1 - top), top


@inline
def sum_of_three(m, e, m1, e1, m2, e2):
    """Return the sum of three numbers, not normalized."""
    top = larger(larger(e, e1), e2)
    return m * power_of_two(e - top) + m1 * power_of_two(e1 - top) + m2 * power_of_two(e2 - top), top


@type_callable(larger)
def _type_larger(context):
    return lambda a, b: a if isinstance(a, Vector) and a == b else None


@lower_builtin(larger, Vector, Vector)
def _lower_larger(context, builder, signature, args):
    return builder.select(builder.fcmp_ordered(">", *args), *args)


@type_callable(power_of_two)
def _type_power_of_two(context):
    return lambda n: n if isinstance(n, Vector) else None


@lower_builtin(power_of_two, Vector)
def _lower_power_of_two(context, builder, signature, args):
    emit = emitter(builder, context.get_value_type(signature.return_type))
    # The sum has n and the exponent's bias in its lowest bits, which are shifted into the exponent's place.
    shifted = builder.fadd(emit.at_least(args[0], _LOWEST_EXPONENT), emit.constant(DOUBLE.rounding))
    bits = builder.shl(builder.bitcast(shifted, emit.integers), emit.integer(DOUBLE.mantissa_bits))
    return builder.bitcast(bits, emit.type)


@type_callable(exponent_of)
def _type_exponent_of(context):
    return lambda m: m if isinstance(m, Vector) else None


@lower_builtin(exponent_of, Vector)
def _lower_exponent_of(context, builder, signature, args):
    emit, digits = emitter(builder, context.get_value_type(signature.return_type)), 2.0**DOUBLE.mantissa_bits
    biased = builder.lshr(builder.bitcast(args[0], emit.integers), emit.integer(DOUBLE.mantissa_bits))
    # 2^52 with an integer in its lowest bits is 2^52 plus that integer.
    number = builder.or_(biased, builder.bitcast(emit.constant(digits), emit.integers))
    return builder.fsub(builder.bitcast(number, emit.type), emit.constant(digits + DOUBLE.bias))


@type_callable(exp)
def _type_exp(context):
    return lambda x: types.UniTuple(x, 2) if isinstance(x, Vector) else None


@lower_builtin(exp, Vector)
def _lower_exp(context, builder, signature, args):
    """Emit exp(n ln 2 + r) = 2^n (1 + r + r^2 P(r)), see `vector_math`."""
    emit = emitter(builder, context.get_value_type(signature.args[0]))
    x = emit.at_least(args[0], _LOWEST)
    n, _ = emit.power_of_two(x, 1 / math.log(2))
    r = emit.multiply_add(n, emit.constant(-DOUBLE.ln2_high), x)
    r = emit.multiply_add(n, emit.constant(-DOUBLE.ln2_low), r)
    series = emit.multiply_add(builder.fmul(r, r), emit.polynomial(r, DOUBLE.polynomial), r)
    mantissa = builder.fadd(series, emit.constant(1.0))
    return context.make_tuple(builder, signature.return_type, [mantissa, n])
