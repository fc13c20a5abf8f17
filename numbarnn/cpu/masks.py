"""Masks within the recurrence: what of h the recurrent weights see, and what of the state stays as it was."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from numbarnn.cells.form import n_memory
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
    zoneout : tuple of ndarrays of shape (T, B, H), default=None
        How much of each part of the state, `(h,)` or `(h, c)`, stays as it was, from 0 to 1 (Krueger et al. 2017)::

            state_t = zoneout_t state_(t-1) + (1 - zoneout_t) candidate_t

        where the candidate is what the cell makes of `state_(t-1)`; an LSTM's h is made of the candidate c, as in that
        paper. Where an axis has one element, all steps, sequences or units have it in common: the probability itself,
        of shape (1, 1, 1), is the expected zoneout that the paper predicts with. A part that is None does not stay.

    References
    ----------
    Y. Gal, Z. Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks", NIPS 2016.
    D. Krueger, T. Maharaj, J. Kramar, M. Pezeshki, N. Ballas, N. R. Ke, A. Goyal, Y. Bengio, A. Courville, C. Pal,
    "Zoneout: regularizing RNNs by randomly preserving hidden activations", ICLR 2017.

    Examples
    --------
    >>> import numpy as np, numbarnn
    >>> cell = numbarnn.LSTM.init(n_inputs=3, n_units=5, random_state=0)
    >>> rng = np.random.default_rng(0)
    >>> dropped = (rng.random((2, 5)) < 0.3).astype("float32")
    >>> kept = (rng.random((7, 2, 5)) < 0.1).astype("float32")
    >>> masks = numbarnn.Masks(recurrent=(1 - dropped) / np.float32(0.7), zoneout=(kept, None))
    >>> y, state, tape = numbarnn.forward(cell, np.ones((7, 2, 3), "float32"), masks=masks)
    >>> cell_bar, x_bar, state_bar = numbarnn.adjoint(cell, tape, y_bar=y)
    """

    recurrent: np.ndarray | None = None
    zoneout: tuple[np.ndarray | None, ...] | None = None


def of_steps(masks, steps):
    """Return the masks of a slice of the steps; None if there are none."""
    if masks is None or masks.zoneout is None:
        return masks
    return masks._replace(zoneout=tuple(z[steps] if len(z) > 1 else z for z in masks.zoneout))


def for_kernels(masks, clip):
    """Return what the kernels take: the recurrent mask, and what changes their steps; None where there is none."""
    recurrent, zoneout = masks or Masks()
    return recurrent, None if zoneout is None and clip is None else (zoneout, clip)


def n_recorded(cell, masks):
    """Return how many numbers of a unit and step the tape holds beside its h."""
    candidates = 0 if masks is None or masks.zoneout is None else cell.state_size
    return n_memory(type(cell)) + cell.n_saved + candidates


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
