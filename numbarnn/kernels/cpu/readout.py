"""The dense readout ``z = features W + b`` of the last state (B, F), or of every step (T, B, F).

Products go through `numbarnn.kernels.cpu.product`, whose rows do not depend on one another to the bit. Steps past a
sequence's length, given as the mask `past (T, B)`, have the output zero.
"""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cpu.product import product


def past_ends(n_steps, lengths):
    """Return the mask of the steps past the sequences' ends, None if there are none."""
    return None if lengths is None else np.arange(n_steps)[:, np.newaxis] >= lengths


def forward(readout, features, past):
    """Return z (B, K) or (T, B, K)."""
    z = product(_rows(features), readout.W, readout.b).reshape(*features.shape[:-1], readout.b.size)
    if past is not None:
        z[past] = 0
    return z


def tangent(readout, features, readout_dot, features_dot, past):
    """Return z_dot for tangents of the readout (None: zero) and of the features."""
    z_dot = product(_rows(features_dot), readout.W)
    if readout_dot is not None:
        z_dot += product(_rows(features), readout_dot.W, readout_dot.b)
    z_dot = z_dot.reshape(*features.shape[:-1], readout.b.size)
    if past is not None:
        z_dot[past] = 0
    return z_dot


def adjoint(readout, features, z_bar, past):
    """Return the readout's adjoint and features_bar."""
    # z[past] = 0
    if past is not None:
        z_bar = z_bar.copy()
        z_bar[past] = 0
    # z = features @ W + b
    rows_bar = _rows(z_bar)
    W_bar = product(rows_bar.T, _rows(features)).T  # transposed twice, but only what is narrow
    readout_bar = type(readout)(W_bar, b=np.add.reduce(rows_bar))
    features_bar = product(rows_bar, readout.W.T).reshape(features.shape)
    return readout_bar, features_bar


def _rows(x):
    return x.reshape(-1, x.shape[-1])
