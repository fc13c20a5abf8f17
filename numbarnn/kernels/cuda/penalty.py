"""The L2 penalty on the weights, the first of the parameters."""

from __future__ import annotations

from numbarnn.kernels.cuda.compile import kernel
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.sums import sum_of_squares


def add_penalty(theta, theta_bar, n_weights, alpha):
    """Return ``alpha / 2 * ||theta[:n_weights]||^2`` and add its gradient to theta_bar in place."""
    _add_gradient[over(n_weights)](theta, theta_bar, n_weights, theta.dtype.type(alpha))
    return sum_of_squares(theta, n_weights, 0.5 * alpha)


@kernel
def _add_gradient(theta, theta_bar, n_weights, alpha):
    for i in range(cuda.grid(1), n_weights, cuda.gridsize(1)):
        theta_bar[i] += alpha * theta[i]
