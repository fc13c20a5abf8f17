"""What the passes of a network take, checked at the door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.kernels.devices import on_cuda
from numbarnn.recurrence.arguments import checked_state

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from numbarnn.network.masks import LayerMasks, NetworkMasks
    from numbarnn.network.network import Network
    from numbarnn.network.parameters import Parameters

    Array = NDArray[Any]


def checked_batch(
    network: Network, x: Array, lengths: ArrayLike | None, theta: Array
) -> tuple[Array, NDArray[np.intp] | None]:
    """Return a batch as the passes take it, contiguous and in range.

    Parameters
    ----------
    network : Network
    x : ndarray of shape (T, B, I)
    lengths : array-like of int of shape (B,), or None
    theta : ndarray of shape (P,)
        The parameters, whose dtype x must have; both are NumPy arrays, or both CUDA arrays.

    Returns
    -------
    x : ndarray of shape (T, B, I)
    lengths : ndarray of shape (B,), dtype intp, or None

    Raises
    ------
    TypeError
        If theta and x are not in the same place.
    ValueError
        If x or the lengths have another shape or dtype, or a length is out of range.
    """
    dtype = theta.dtype
    if on_cuda(x) != on_cuda(theta):
        where = ["a CUDA array" if on_cuda(array) else "a NumPy array" for array in (theta, x)]
        raise TypeError("theta and x must both be NumPy arrays or both CUDA arrays, got {} and {}".format(*where))
    if x.ndim != 3 or x.shape[2] != network.n_inputs or x.dtype != dtype:
        raise ValueError(
            f"x must have the shape (T, B, {network.n_inputs}) and the dtype {dtype}, got {x.shape} and {x.dtype}"
        )
    if not on_cuda(x):
        x = np.require(x, requirements=("C", "W"))
    if lengths is None:
        return x, None
    checked = np.require(lengths, requirements=("C", "W"))
    if checked.shape != x.shape[1:2] or checked.dtype.kind not in "iu":
        raise ValueError(
            f"lengths must be {x.shape[1]} integers, one per sequence, got {checked.shape} of {checked.dtype}"
        )
    if checked.size and not 0 <= checked.min() <= checked.max() <= x.shape[0]:
        raise ValueError(f"lengths must lie in 0 .. {x.shape[0]}, got {checked.min()} .. {checked.max()}")
    return x, checked.astype(np.intp, copy=False)


def checked_masks(network: Network, masks: NetworkMasks | None, x: Array) -> tuple[LayerMasks, ...] | None:
    """Return the masks of the layers; those drawn for another network or batch raise a ValueError."""
    if masks is None:
        return None
    if masks.drawn_for != (network, *x.shape[:2], x.dtype):
        raise ValueError(
            "masks must be drawn for this network and batch, {}, T = {}, B = {} and {}; ".format(
                network, *x.shape[:2], x.dtype
            )
            + "got masks for {}, T = {}, B = {} and {}".format(*masks.drawn_for)
        )
    return masks.layers


def checked_states(parameters: Parameters, state: Any, n_sequences: int) -> tuple[tuple[Array, ...], ...]:
    """Return the layers' states as the passes take them; an array that does not fit raises an error."""
    if not isinstance(state, tuple | list) or len(state) != len(parameters.layers):
        got = f"{len(state)} parts" if isinstance(state, tuple | list) else type(state).__name__
        raise ValueError(f"state must be a tuple of {len(parameters.layers)} layers' states, got {got}")
    return tuple(
        checked_state(f"state[{i}]", part, n_sequences, cells[0])
        for i, (part, cells) in enumerate(zip(state, parameters.layers, strict=True))
    )
