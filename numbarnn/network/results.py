"""What the passes of a network return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.network.masks import LayerMasks

    Array = NDArray[Any]


class Tape(NamedTuple):
    """What `Network.forward` leaves for the other two passes.

    Attributes
    ----------
    layers : tuple of tuples of tapes
        For each layer one recurrence tape per direction.
    features : ndarray of shape (B, F) or (T, B, F)
        What the readout reads.
    steps : ndarray of shape (T, B) or (T, 1), or None
        Order of the reversed steps; None in one direction.
    past : ndarray of shape (T, B), or None
        Steps whose output is zero because their sequence has ended.
    masks : tuple of LayerMasks
        What the layers were run with.
    """

    layers: tuple[tuple[Any, ...], ...]
    features: Array
    steps: Array | None
    past: Array | None
    masks: tuple[LayerMasks, ...]


class Forward(NamedTuple):
    """Outputs z ``(B, K)`` or ``(T, B, K)`` and the Tape (None if it was not kept)."""

    z: Array
    tape: Any


class Adjoint(NamedTuple):
    """Gradients theta_bar ``(P,)`` and x_bar ``(T, B, I)`` (None if it was not asked for)."""

    theta_bar: Array
    x_bar: Array | None
