"""The L2 penalty on the weights, the first of the parameters."""

from __future__ import annotations

from numbarnn.kernels.cpu.squares import sum_of_squares


def add_penalty(theta, theta_bar, n_weights, alpha):
    """Return ``alpha / 2 * ||theta[:n_weights]||^2`` and add its gradient to theta_bar in place."""
    if alpha == 0:
        return 0.0
    weights, weights_bar = theta[:n_weights], theta_bar[:n_weights]
    weights_bar += theta.dtype.type(alpha) * weights
    return 0.5 * alpha * sum_of_squares(weights)
