"""The dense layer ``z = features W + b`` of the last state (B, F), or of every step (T, B, F).

Products go through `numbarnn.kernels.cpu.product`, whose rows do not depend on one another to the bit. Steps past a
sequence's length, False in the mask `valid (T, B)`, have the output zero.
"""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cpu.product import product


def step_mask(n_steps, lengths):
    """Return the mask of the steps within their sequences, None if all are."""
    return None if lengths is None else np.arange(n_steps)[:, np.newaxis] < lengths


def dense_forward(dense, features, valid):
    """Return z (B, K) or (T, B, K)."""
    z = product(_rows(features), dense.W, dense.b).reshape(*features.shape[:-1], dense.b.size)
    if valid is not None:
        z[~valid] = 0
    return z


def dense_tangent(dense, features, dense_dot, features_dot, valid):
    """Return z_dot for tangents of the weights (None: zero) and of the features."""
    z_dot = product(_rows(features_dot), dense.W)
    if dense_dot is not None:
        z_dot += product(_rows(features), dense_dot.W, dense_dot.b)
    z_dot = z_dot.reshape(*features.shape[:-1], dense.b.size)
    if valid is not None:
        z_dot[~valid] = 0
    return z_dot


def dense_adjoint(dense, features, z_bar, valid):
    """Return the adjoint of the weights and features_bar."""
    # z[~valid] = 0
    if valid is not None:
        z_bar = z_bar.copy()
        z_bar[~valid] = 0
    # z = features @ W + b
    rows_bar = _rows(z_bar)
    W_bar = product(rows_bar.T, _rows(features)).T  # transposed twice, but only what is narrow
    dense_bar = type(dense)(W_bar, b=np.add.reduce(rows_bar))
    features_bar = product(rows_bar, dense.W.T).reshape(features.shape)
    return dense_bar, features_bar


def _rows(x):
    return x.reshape(-1, x.shape[-1])
