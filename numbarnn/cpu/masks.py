"""Dropout within the recurrence: what of h the recurrent weights see."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from numbarnn.cpu.compile import inline
from numbarnn.cpu.simd import lanes, load, store


class Masks(NamedTuple):
    """Masks within the recurrence, drawn by whoever regularises with them; `forward` takes them as they are.

    The derivatives are exact for the masks given. With neither of them a pass is the plain one, to the bit.

    Attributes
    ----------
    recurrent : ndarray of shape (B, N), default=None
        Recurrent dropout (Gal & Ghahramani 2016): the recurrent weights see `h_(t-1) * recurrent`, the same at every
        step of a sequence. The state, the outputs, and what a cell does with `h_(t-1)` outside a product with R, such
        as in the GRU's convex sum, are not masked. Inverted dropout by p has 0 with probability p, else 1 / (1 - p).

    References
    ----------
    Y. Gal, Z. Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks", NIPS 2016.

    Examples
    --------
    >>> import numpy as np, numbarnn
    >>> cell = numbarnn.LSTM.init(n_inputs=3, n_units=5, random_state=0)
    >>> rng = np.random.default_rng(0)
    >>> dropped = (rng.random((2, 5)) < 0.3).astype("float32")
    >>> masks = numbarnn.Masks(recurrent=(1 - dropped) / np.float32(0.7))
    >>> y, state, tape = numbarnn.forward(cell, np.ones((7, 2, 3), "float32"), masks=masks)
    >>> cell_bar, x_bar, state_bar = numbarnn.adjoint(cell, tape, y_bar=y)
    """

    recurrent: np.ndarray | None = None
    zoneout: tuple[np.ndarray | None, ...] | None = None


def recurrent_mask(masks):
    """Return the recurrent mask, None where there is none."""
    return None if masks is None else masks.recurrent


@inline
def room_to_see(h, mask, n_rows):
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
