"""The losses of rows z (N, K), weighted by weights (N,).

The adjoint is allocated in Python and not by the kernel, which takes about a fifth less time to compile so.
"""

from __future__ import annotations

import math

import numpy as np

from numbarnn.cells.numbers import zero
from numbarnn.kernels.cpu.compile import kernel
from numbarnn.kernels.cpu.extended import larger
from numbarnn.kernels.cpu.simd import first_lanes, lanes, load, spread, store
from numbarnn.kernels.cpu.units import total
from numbarnn.kernels.cpu.vector_math import exp


def softmax_cross_entropy(z, classes, weights):
    """Return the weighted sum of a softmax against classes (N,), and its adjoint z_bar.

    Rows of weight zero are not read.
    """
    z = np.ascontiguousarray(z)
    z_bar = np.empty_like(z)
    return _softmax_cross_entropy(z, classes, weights, z_bar), z_bar


@kernel
def _softmax_cross_entropy(z, classes, weights, z_bar):
    (rows, columns), width = z.shape, lanes(z)
    full, lane = columns - columns % width, np.empty(width, z.dtype)
    value = 0.0
    for n in range(rows):
        if not 0 <= classes[n] < columns:
            raise ValueError("targets must be classes from 0 to K - 1")
        if weights[n] == 0:
            for k in range(columns):
                z_bar[n, k] = 0
            continue
        largest = spread(z, z[n, 0])
        for k in range(0, full, width):
            largest = larger(largest, load(z, (n, k), width))
        store(lane, (0,), width, largest)
        top = lane[0]
        for k in range(1, width):
            top = max(top, lane[k])
        for k in range(full, columns):
            top = max(top, z[n, k])
        sums = zero(largest)
        for k in range(0, columns, width):
            exponentials = first_lanes(exp(load(z, (n, k), columns - k) - spread(z, top)), columns - k)
            store(z_bar, (n, k), columns - k, exponentials)
            sums = sums + exponentials
        sums = total((sums,))
        store(lane, (0,), width, sums)
        scale = spread(z, weights[n]) / sums
        for k in range(0, columns, width):
            store(z_bar, (n, k), columns - k, scale * load(z_bar, (n, k), columns - k))
        z_bar[n, classes[n]] -= weights[n]
        value += weights[n] * (math.log(lane[0]) - (z[n, classes[n]] - top))
    return value


def sigmoid_cross_entropy(z, targets, weights):
    """Return the weighted sum of sigmoids against targets (N, K), and its adjoint z_bar."""
    z_bar = np.empty_like(z)
    return _sigmoid_cross_entropy(z, targets, weights, z_bar), z_bar


@kernel
def _sigmoid_cross_entropy(z, targets, weights, z_bar):
    one = z.dtype.type(1)
    zero = z.dtype.type(0)
    value = 0.0
    for n in range(z.shape[0]):
        for k in range(z.shape[1]):
            small = math.exp(-abs(z[n, k]))
            value += weights[n] * (max(z[n, k], zero) - z[n, k] * targets[n, k] + math.log1p(small))
            sigmoid = (one if z[n, k] >= zero else small) / (one + small)
            z_bar[n, k] = weights[n] * (sigmoid - targets[n, k])
    return value


def squared_error(z, targets, weights):
    """Return the weighted sum of half the squared errors against targets (N, K), and its adjoint z_bar."""
    z_bar = np.empty_like(z)
    return _squared_error(z, targets, weights, z_bar), z_bar


@kernel
def _squared_error(z, targets, weights, z_bar):
    value = 0.0
    for n in range(z.shape[0]):
        weight = weights[n] / z.dtype.type(z.shape[1])
        for k in range(z.shape[1]):
            error = z[n, k] - targets[n, k]
            value += 0.5 * weight * error * error
            z_bar[n, k] = weight * error
    return value


def quantile(z, steps, slopes, targets, weights, levels, median):
    """Return the weighted pinball loss of quantiles (N, K * Q) against targets (N, K), and its adjoint z_bar.

    A target that is NaN takes no part. The quantile at position `median` of each target is z itself, and each one
    further out differs from its neighbour by a step, `softplus(z)`, of which `slopes` is the derivative. Both are
    overwritten, by the quantiles and by z_bar.
    """
    return _quantile(z, steps, slopes, targets, weights, levels.astype(z.dtype), median), slopes


@kernel
def _quantile(z, steps, slopes, targets, weights, levels, median):
    one, zero, n_levels = z.dtype.type(1), z.dtype.type(0), len(levels)
    value = 0.0
    for n in range(targets.shape[0]):
        weight = weights[n] / z.dtype.type(z.shape[1])
        total = zero
        for k in range(targets.shape[1]):
            target, first = targets[n, k], k * n_levels
            middle, stop = first + median, first + n_levels
            if np.isnan(target) or weight == zero:
                for j in range(first, stop):
                    slopes[n, j] = zero
                continue
            steps[n, middle] = z[n, middle]
            for j in range(middle + 1, stop):
                steps[n, j] = steps[n, j - 1] + steps[n, j]
            for j in range(middle - 1, first - 1, -1):
                steps[n, j] = steps[n, j + 1] - steps[n, j]
            bar = zero
            for j in range(first, stop):
                level, error = levels[j - first], target - steps[n, j]
                slope = (one if error < zero else zero) - (level if error != zero else zero)
                total -= slope * error
                steps[n, j] = weight * slope
            # steps[j] = steps[j + 1] - softplus(z[j])
            for j in range(first, middle):
                bar += steps[n, j]
                slopes[n, j] *= -bar
            z_bar = steps[n, middle] + bar
            # steps[j] = steps[j - 1] + softplus(z[j])
            bar = zero
            for j in range(stop - 1, middle, -1):
                bar += steps[n, j]
                slopes[n, j] *= bar
            slopes[n, middle] = z_bar + bar
        value += weight * total
    return value
