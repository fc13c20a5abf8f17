"""The norm of a gradient."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


# The sum may be reassociated, so that it vectorizes; its order is the compiled loop's, always the same.
@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc"})
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
