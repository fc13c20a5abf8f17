"""Clipping of a gradient by its norm."""

from __future__ import annotations

import math

from numbarnn.kernels.cuda.compile import kernel
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.sums import sum_of_squares


def clip(theta_bar, max_grad_norm):
    """Scale a gradient in place to a norm of at most `max_grad_norm`, and return the norm before."""
    norm = math.sqrt(float(sum_of_squares(theta_bar, theta_bar.size)))
    if max_grad_norm < norm < math.inf:
        _scale[over(theta_bar.size)](theta_bar, theta_bar.dtype.type(max_grad_norm / norm))
    return norm


@kernel
def _scale(vector, factor):
    for i in range(cuda.grid(1), vector.size, cuda.gridsize(1)):
        vector[i] *= factor
