"""The L2 penalty on the weights, the first of the parameters."""

from __future__ import annotations

from numbarnn.kernels.cpu.compile import kernel


# The sum may be reassociated, so that it vectorizes; its order is the compiled loop's, always the same.
@kernel(fastmath={"reassoc"})
def add_penalty(theta, theta_bar, n_weights, alpha):
    """Return ``alpha / 2 * ||theta[:n_weights]||^2`` and add its gradient to theta_bar in place."""
    scale = theta.dtype.type(alpha)
    squares = 0.0
    for i in range(n_weights):
        squares += theta[i] * theta[i]
        theta_bar[i] += scale * theta[i]
    return 0.5 * alpha * squares
