"""Masks within the recurrence: what of h the recurrent weights see, and what of the state stays as it was."""

from __future__ import annotations

import numpy as np

from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.operands import Modifiers
from numbarnn.kernels.cpu.simd import lanes, load, store


def of_steps(masks, steps):
    """Return the masks of a slice of the steps; None if there are none."""
    if masks is None or masks.zoneout is None:
        return masks
    return masks._replace(zoneout=tuple(z[steps] if len(z) > 1 else z for z in masks.zoneout))


def modifiers_of(masks, clip):
    """Return what modifies the recurrence in the form in which the kernels take it."""
    return Modifiers(None, None, clip) if masks is None else Modifiers(*masks, clip)


@inline
def seen_array(h, mask, n_rows):
    """Return an array for what the recurrent weights see of `n_rows` sequences' h; without a mask, h itself."""
    if mask is None:
        return h
    return np.empty((1, n_rows, h.shape[2]), h.dtype)


@inline
def see(seen, h, mask, t, first):
    """Return where in `seen` the recurrent weights find `h[t]` from row `first` on, masked if there is a mask."""
    if mask is None:
        return t, first
    n_outputs = h.shape[2]
    for row in range(seen.shape[1]):
        for j in range(0, n_outputs, lanes(h)):
            count = n_outputs - j
            store(seen, (0, row, j), count, load(h, (t, first + row, j), count) * load(mask, (first + row, j), count))
    return np.intp(0), np.intp(0)


@inline
def masked(value, mask, at, count):
    """Return the vector, times the mask's if there is a mask."""
    if mask is None:
        return value
    return value * load(mask, at, count)
