"""The losses of rows z (N, K), weighted by weights (N,); a thread has whole rows.

The value stays on the device until `float` reads it.
"""

from __future__ import annotations

import math

from numbarnn.cells.numbers import zero
from numbarnn.kernels.cuda.compile import inline, kernel
from numbarnn.kernels.cuda.finite import all_within
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.shim import cuda, empty, to_device
from numbarnn.kernels.cuda.sums import Sum, parts_for


def softmax_cross_entropy(z, classes, weights):
    """Return the weighted cross-entropy of a softmax with classes (N,), and its adjoint z_bar.

    Raises
    ------
    ValueError
        If a class is not in 0 .. K - 1.
    """
    classes = to_device(classes)
    if not all_within(classes, 0, z.shape[1] - 1):
        raise ValueError("targets must be classes from 0 to K - 1")
    return _evaluated(_softmax_cross_entropy, z, classes, weights)


def sigmoid_cross_entropy(z, targets, weights):
    """Return the weighted cross-entropy of sigmoids with targets (N, K), and its adjoint z_bar."""
    return _evaluated(_sigmoid_cross_entropy, z, targets, weights)


def squared_error(z, targets, weights):
    """Return half the weighted squared error, the mean over targets (N, K), and its adjoint z_bar."""
    return _evaluated(_squared_error, z, targets, weights)


def _evaluated(loss, z, targets, weights):
    z_bar, parts = empty(z.shape, z.dtype), parts_for(z.shape[0])
    loss[over(parts.size)](z, to_device(targets), to_device(weights), z_bar, parts)
    return Sum(parts), z_bar


@inline
def _one(like):
    """Return 1 in the type of `like`."""
    return type(like)(1)


@kernel
def _softmax_cross_entropy(z, classes, weights, z_bar, parts):
    rows, columns = z.shape
    for p in range(cuda.grid(1), parts.size, cuda.gridsize(1)):
        value = 0.0
        for n in range(p, rows, parts.size):
            top = z[n, 0]
            for k in range(1, columns):
                top = max(top, z[n, k])
            total = zero(top)
            for k in range(columns):
                z_bar[n, k] = math.exp(z[n, k] - top)
                total += z_bar[n, k]
            scale = weights[n] / total
            for k in range(columns):
                z_bar[n, k] *= scale
            z_bar[n, classes[n]] -= weights[n]
            value += weights[n] * (math.log(total) - (z[n, classes[n]] - top))
        parts[p] = value


@kernel
def _sigmoid_cross_entropy(z, targets, weights, z_bar, parts):
    rows, columns = z.shape
    for p in range(cuda.grid(1), parts.size, cuda.gridsize(1)):
        value = 0.0
        for n in range(p, rows, parts.size):
            for k in range(columns):
                nothing, one = zero(z[n, k]), _one(z[n, k])
                small = math.exp(-abs(z[n, k]))
                value += weights[n] * (max(z[n, k], nothing) - z[n, k] * targets[n, k] + math.log1p(small))
                sigmoid = (one if z[n, k] >= nothing else small) / (one + small)
                z_bar[n, k] = weights[n] * (sigmoid - targets[n, k])
        parts[p] = value


@kernel
def _squared_error(z, targets, weights, z_bar, parts):
    rows, columns = z.shape
    for p in range(cuda.grid(1), parts.size, cuda.gridsize(1)):
        value = 0.0
        for n in range(p, rows, parts.size):
            weight = weights[n] / type(weights[n])(columns)
            for k in range(columns):
                error = z[n, k] - targets[n, k]
                value += 0.5 * weight * error * error
                z_bar[n, k] = weight * error
        parts[p] = value
