"""Updates of the flat parameter vector, in place.

Each is one launch, which includes the counter, so Ctrl-C cannot leave an update half done.
"""

from __future__ import annotations

import math

from numbarnn.kernels.cuda.compile import kernel
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.shim import cuda


def adam(theta, theta_bar, m, v, n_updates, step, correction, beta_1, beta_2, epsilon):
    """Move theta by one step of Adam, and count it."""
    factors = map(theta.dtype.type, (step, correction, epsilon, beta_1, beta_2, 1 - beta_1, 1 - beta_2))
    _adam[over(theta.size)](theta, theta_bar, m, v, n_updates, *factors)


def sgd(theta, theta_bar, velocity, learning_rate, momentum, nesterov):
    """Move theta by one step of gradient descent with momentum."""
    factors = map(theta.dtype.type, (learning_rate, momentum))
    _sgd[over(theta.size)](theta, theta_bar, velocity, *factors, nesterov)


@kernel
def _adam(theta, theta_bar, m, v, n_updates, alpha, root, eps, decay_1, decay_2, gain_1, gain_2):
    if cuda.grid(1) == 0:
        n_updates[0] += 1
    for i in range(cuda.grid(1), theta.size, cuda.gridsize(1)):
        m[i] = decay_1 * m[i] + gain_1 * theta_bar[i]
        v[i] = decay_2 * v[i] + gain_2 * theta_bar[i] * theta_bar[i]
        theta[i] -= alpha * m[i] / (math.sqrt(v[i]) * root + eps)


@kernel
def _sgd(theta, theta_bar, velocity, rate, mu, nesterov):
    for i in range(cuda.grid(1), theta.size, cuda.gridsize(1)):
        velocity[i] = mu * velocity[i] - rate * theta_bar[i]
        theta[i] += mu * velocity[i] - rate * theta_bar[i] if nesterov else velocity[i]
