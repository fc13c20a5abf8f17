"""The functions of a number in which the cells write their equations.

A number is a float, a complex number, or one of the CPU kernels' SIMD vectors (`numbarnn.kernels.cpu.vector_math`).
Where the class of a number has a function of the same name, as `numbarnn.kernels.cuda.bounded.Inputs` does, that one is
called instead. The slopes are taken from the output value, as in LeCun et al. 2012, "Efficient BackProp": they cost no
second exponential. No equation needs a literal constant, which would turn a float32 kernel into a float64 one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

EPSILON = 1e-5  # added to a variance before its root is taken: a constant row is normalised to zeros


def _by_class(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let the number's class compute the function, if it has one of the same name."""

    @wraps(function)
    def by_class(x: Any) -> Any:
        own = getattr(type(x), function.__name__, None)
        return function(x) if own is None else own(x)

    return by_class


@_by_class
def zero(like: Any) -> Any:
    """Return 0 as a number of the type of `like`."""
    return type(like)(0)


@_by_class
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent of x."""
    return np.tanh(x)


@_by_class
def sigmoid(x: Any) -> Any:
    """Return the logistic function 1 / (1 + exp(-x)), by way of tanh, which cannot overflow."""
    half = type(x)(0.5)
    return half + half * np.tanh(half * x)


@_by_class
def relu(x: Any) -> Any:
    """Return the positive part of x; NaN stays NaN."""
    return zero(x) if np.real(x) < 0 else x


@_by_class
def reciprocal_deviation(variance: Any) -> Any:
    """Return 1 / sqrt(variance + EPSILON)."""
    return type(variance)(1) / np.sqrt(variance + type(variance)(EPSILON))


@_by_class
def tanh_slope(y: Any) -> Any:
    """Return the derivative of tanh where tanh is y: 1 - y**2."""
    return type(y)(1) - y * y


@_by_class
def sigmoid_slope(y: Any) -> Any:
    """Return the derivative of the logistic function where that is y: y * (1 - y)."""
    return y - y * y


@_by_class
def relu_slope(y: Any) -> Any:
    """Return the derivative of relu where relu is y: 1 where y > 0, else 0."""
    return type(y)(np.real(y) > 0)
