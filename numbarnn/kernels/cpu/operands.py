"""Groups of arrays that the loops over time pass to each other.

Each is a NamedTuple, which Numba hands on field by field. T, B, I, N, H are the steps, the sequences, the inputs, the
outputs (as many as units unless they are projected) and the units.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Weights(NamedTuple):
    """The weights in the order in which a pass reads them.

    Attributes
    ----------
    cell : NamedTuple
        Its type names the equations; the arrays of its projection are read as they are.
    packed : ndarray of shape (P, I + N + 1, vectors * lanes)
        W, R and b in panels, from `pack_weights`.
    units : ndarray of shape (n_unit_parameters, H)
        The parameters of the units.
    """

    cell: Any
    packed: np.ndarray
    units: np.ndarray


class Steps(NamedTuple):
    """The steps of a batch: inputs, and what the forward pass makes of them.

    Attributes
    ----------
    x : ndarray of shape (T, B, I), or (T, B, 1) of intp
        Numbers, or codes: a code stands for a one-hot encoded input, whose product with W is the row of that number.
    lengths : ndarray of shape (B,), intp
    h : ndarray of shape (T + 1, B, N)
        `h[0]` is the initial h; `h[t + 1]` becomes the output of step t, zero past a sequence's end.
    record : ndarray of shape (T + 1, B, n_memory + n_saved, H) or (1, B, n_memory, H)
        `record[0]` begins with the rest of the initial state. At t becomes the rest of the state before step t, then
        what step t - 1 saved. With one time, the state is updated in place and nothing is saved. With zoneout there
        are `state_size` more, for the state as it would be without.
    """

    x: np.ndarray
    lengths: np.ndarray
    h: np.ndarray
    record: np.ndarray


class Modifiers(NamedTuple):
    """Masks and the bound that modify the recurrence of a cell; None if there is none.

    Attributes
    ----------
    mask : ndarray of shape (B, N) or None
        Multiplies what the recurrent weights see.
    zoneout : tuple of ndarrays of shape (T or 1, B or 1, H) or None
        How much of each part of the state stays as it is.
    clip : floating or None
        Bound of what activations are taken of.
    """

    mask: Any = None
    zoneout: Any = None
    clip: Any = None


class Directions(NamedTuple):
    """Tangents of the inputs and of the state.

    Attributes
    ----------
    x : ndarray of shape (T, B, I)
    h : ndarray of shape (T + 1, B, N)
        `h[0]` is the tangent of the initial h; `h[t + 1]` becomes that of the output of step t.
    memory : ndarray of shape (B, n_memory, H)
        Tangent of the rest of the initial state, turned into that of the final one.
    """

    x: np.ndarray
    h: np.ndarray
    memory: np.ndarray


class Bars(NamedTuple):
    """Adjoints of the outputs, of the state and of the inputs.

    Attributes
    ----------
    y : ndarray of shape (T, B, N) or (0, B, N)
        Adjoint of the outputs; without times it is zero.
    h : ndarray of shape (B, N)
        Adjoint of the final h, turned into that of the initial one in place.
    memory : ndarray of shape (B, n_memory, H)
        As `h`, of the rest of the state.
    x : ndarray of shape (T, B, I) or (0, B, I)
        Becomes the adjoint of the inputs, unless it has no times; past a sequence's end it stays as it is.
    """

    y: np.ndarray
    h: np.ndarray
    memory: np.ndarray
    x: np.ndarray


class Gradients(NamedTuple):
    """Adjoints of the weights, one of each slice of the batch, to which the adjoint pass adds.

    Attributes
    ----------
    packed : ndarray of shape (n_slices, P, I + N + 1, vectors * lanes)
        Of W, R and b, in panels as the weights, for `unpack_weights`.
    units : ndarray of shape (n_slices, n_unit_parameters, H)
    projection : ndarray of shape (n_slices, Q, H + 1, VECTORS * lanes)
        Of P and its bias; empty where there is none.
    """

    packed: np.ndarray
    units: np.ndarray
    projection: np.ndarray
