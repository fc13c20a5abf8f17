"""The functions of a number in which the cells write their equations.

A number is a float, a complex number, or one of the CPU kernels' SIMD vectors (`numbarnn.kernels.cpu.vector_math`); one whose
class has a function of the same name, such as `numbarnn.kernels.cuda.bounded.Inputs`, is asked for it instead. The slopes
are taken from the output value, as in LeCun et al. 2012, "Efficient BackProp": they cost no second exponential. No
equation needs a literal constant, so none can pull a float32 kernel into float64.
"""

from __future__ import annotations

from functools import wraps

import numpy as np

EPSILON = 1e-5  # what a variance gets before its root is taken: a constant row is normalised to zeros


def _by_class(function):
    """Let the number's class compute it, if that has a function of the name."""

    @wraps(function)
    def by_class(x):
        own = getattr(type(x), function.__name__, None)
        return function(x) if own is None else own(x)

    return by_class


@_by_class
def zero(like):
    """Return 0 as a number of the type of `like`."""
    return type(like)(0)


@_by_class
def tanh(x):
    """Return the hyperbolic tangent of x."""
    return np.tanh(x)


@_by_class
def sigmoid(x):
    """Return the logistic function 1 / (1 + exp(-x)), by way of tanh, which cannot overflow."""
    half = type(x)(0.5)
    return half + half * np.tanh(half * x)


@_by_class
def relu(x):
    """Return the positive part of x; NaN stays NaN."""
    return zero(x) if np.real(x) < 0 else x


def reciprocal_deviation(variance):
    """Return 1 / sqrt(variance + EPSILON)."""
    return type(variance)(1) / np.sqrt(variance + type(variance)(EPSILON))


@_by_class
def tanh_slope(y):
    """Return the derivative of tanh where tanh is y: 1 - y**2."""
    return type(y)(1) - y * y


@_by_class
def sigmoid_slope(y):
    """Return the derivative of the logistic function where that is y: y * (1 - y)."""
    return y - y * y


@_by_class
def relu_slope(y):
    """Return the derivative of relu where relu is y: 1 where y > 0, else 0."""
    return type(y)(np.real(y) > 0)
