"""The dense readout ``z = features W + b`` of the last state (B, F), or of every step (T, B, F).

Products go through `numbarnn.cpu.product`, whose rows do not depend on one another to the bit. Steps past a
sequence's length, given as the mask `past (T, B)`, have the output zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.cpu import product
from numbarnn.network.parameters import Readout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def forward(readout: Readout, features: Array, past: Array | None) -> Array:
    """Return z (B, K) or (T, B, K)."""
    z = product(_rows(features), readout.W, readout.b).reshape(*features.shape[:-1], readout.b.size)
    if past is not None:
        z[past] = 0
    return z


def tangent(
    readout: Readout, features: Array, readout_dot: Readout | None, features_dot: Array, past: Array | None
) -> Array:
    """Return z_dot for tangents of the readout (None: zero) and of the features."""
    z_dot = product(_rows(features_dot), readout.W)
    if readout_dot is not None:
        z_dot += product(_rows(features), readout_dot.W, readout_dot.b)
    z_dot = z_dot.reshape(*features.shape[:-1], readout.b.size)
    if past is not None:
        z_dot[past] = 0
    return z_dot


def adjoint(readout: Readout, features: Array, z_bar: Array, past: Array | None) -> tuple[Readout, Array]:
    """Return the readout's adjoint and features_bar."""
    # z[past] = 0
    if past is not None:
        z_bar = z_bar.copy()
        z_bar[past] = 0
    # z = features @ W + b
    rows_bar = _rows(z_bar)
    W_bar = product(rows_bar.T, _rows(features)).T  # transposed twice, but only what is narrow
    readout_bar = Readout(W_bar, b=np.add.reduce(rows_bar))
    features_bar = product(rows_bar, readout.W.T).reshape(features.shape)
    return readout_bar, features_bar


def _rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1])
