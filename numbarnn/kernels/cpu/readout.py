"""The readout of a network for one step of its sequences: a dense layer and the activation of its outputs."""

from __future__ import annotations

import math

import numpy as np

from numbarnn.kernels.cpu.compile import inline, kernel
from numbarnn.kernels.cpu.finite import finite
from numbarnn.kernels.cpu.product import multiply

ACTIVATIONS = ("identity", "exponential", "logistic", "softmax")
"""Names of the activations; their numbers are those of the kernel."""

_EXPONENTIAL, _LOGISTIC, _SOFTMAX = 1, 2, 3


@kernel
def read_out(features, panels, columns, activation, z, y):
    """Set `z (B, M)` to the dense layer of `features (B, F)`, and `y (B, K)` to the activation of columns of it.

    Return whether all numbers are finite. The layer is in panels, as `multiply` reads them, so that z has the bits that
    the layer gives for many steps at once.
    """
    multiply(features, panels, z)
    for b in range(y.shape[0]):
        for k in range(y.shape[1]):
            y[b, k] = z[b, columns[k]]
    if activation == _EXPONENTIAL:
        _take_exponentials(y)
    elif activation == _LOGISTIC:
        _take_logistic(y)
    elif activation == _SOFTMAX:
        _take_softmax(y)
    return finite(z) and finite(y)


@inline
def _take_exponentials(y):
    for b in range(y.shape[0]):
        for k in range(y.shape[1]):
            y[b, k] = np.exp(y[b, k])


@inline
def _take_logistic(y):
    one = y.dtype.type(1)
    for b in range(y.shape[0]):
        for k in range(y.shape[1]):
            small = math.exp(-abs(y[b, k]))
            y[b, k] = (one if y[b, k] >= 0 else small) / (one + small)


@inline
def _take_softmax(y):
    for b in range(y.shape[0]):
        top, total = y[b, 0], y.dtype.type(0)
        for k in range(1, y.shape[1]):
            top = max(top, y[b, k])
        for k in range(y.shape[1]):
            y[b, k] = math.exp(y[b, k] - top)
            total += y[b, k]
        for k in range(y.shape[1]):
            y[b, k] /= total
