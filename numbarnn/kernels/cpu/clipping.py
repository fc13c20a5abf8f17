"""The norm of a gradient."""

from __future__ import annotations

import math

import numpy as np

from numbarnn.kernels.cpu.compile import kernel


# The sum may be reassociated, so that it vectorizes; its order is the compiled loop's, always the same.
@kernel(fastmath={"reassoc"})
def clip(theta_bar, max_grad_norm):
    """Scale a gradient in place to a norm of at most `max_grad_norm`, and return the norm before."""
    squares = 0.0
    for i in range(theta_bar.size):
        squares += np.float64(theta_bar[i]) * np.float64(theta_bar[i])
    norm = math.sqrt(squares)
    if max_grad_norm < norm < math.inf:
        scale = theta_bar.dtype.type(max_grad_norm / norm)
        for i in range(theta_bar.size):
            theta_bar[i] *= scale
    return norm
