"""The norm of a gradient."""

from __future__ import annotations

import math

from numbarnn.kernels.cpu.squares import sum_of_squares


def clip(theta_bar, max_grad_norm):
    """Scale a gradient in place to a norm of at most `max_grad_norm`, and return the norm before."""
    norm = math.sqrt(sum_of_squares(theta_bar))
    if max_grad_norm < norm < math.inf:
        theta_bar *= theta_bar.dtype.type(max_grad_norm / norm)
    return norm
