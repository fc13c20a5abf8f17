"""Updates of the flat parameter vector, in place.

Each is one compiled call that also counts the update. Ctrl-C therefore cannot interrupt an update halfway.
"""

from __future__ import annotations

import math

from numbarnn.kernels.cpu.compile import kernel


@kernel
def adam(theta, theta_bar, m, v, n_updates, step, correction, beta_1, beta_2, epsilon):
    """Move theta by one step of Adam, and count it."""
    n_updates[0] += 1
    number = theta.dtype.type
    alpha, root, eps = number(step), number(correction), number(epsilon)
    decay_1, decay_2 = number(beta_1), number(beta_2)
    gain_1, gain_2 = number(1 - beta_1), number(1 - beta_2)
    for i in range(theta.size):
        m[i] = decay_1 * m[i] + gain_1 * theta_bar[i]
        v[i] = decay_2 * v[i] + gain_2 * theta_bar[i] * theta_bar[i]
        theta[i] -= alpha * m[i] / (math.sqrt(v[i]) * root + eps)


@kernel
def sgd(theta, theta_bar, velocity, learning_rate, momentum, nesterov):
    """Move theta by one step of gradient descent with momentum."""
    rate, mu = theta.dtype.type(learning_rate), theta.dtype.type(momentum)
    for i in range(theta.size):
        velocity[i] = mu * velocity[i] - rate * theta_bar[i]
        theta[i] += mu * velocity[i] - rate * theta_bar[i] if nesterov else velocity[i]
