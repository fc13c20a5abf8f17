"""Masks that act within a recurrence, wherever it runs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from numbarnn.cells.form import n_memory


class RecurrentMasks(NamedTuple):
    """Masks within the recurrence, drawn by the caller; `forward` takes them as they are.

    The derivatives are exact for the masks given. Without any, a pass is the plain one, bit for bit. A tape holds the
    masks, and `checkpoint_memory_mb` counts them.

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
        paper. An axis of length 1 is broadcast. For predictions the paper uses the probability itself, an array of
        shape (1, 1, 1). None for a part means no zoneout for it. `LayerNormLSTM` does not support zoneout, because its
        h is computed from c after normalisation.

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
    >>> masks = numbarnn.RecurrentMasks(recurrent=(1 - dropped) / np.float32(0.7), zoneout=(kept, None))
    >>> y, state, tape = numbarnn.forward(cell, np.ones((7, 2, 3), "float32"), masks=masks)
    >>> y.shape
    (7, 2, 5)
    """

    recurrent: np.ndarray | None = None
    zoneout: tuple[np.ndarray | None, ...] | None = None


def mask_bytes(masks: RecurrentMasks | None) -> int:
    """Return the bytes of the masks, which a tape holds as they are given."""
    if masks is None:
        return 0
    arrays = [masks.recurrent, *(masks.zoneout or ())]
    return sum(array.nbytes for array in arrays if array is not None)


def n_recorded(cell: Any, masks: RecurrentMasks | None) -> int:
    """Return how many numbers of a unit and step the tape holds in addition to h."""
    candidates = 0 if masks is None or masks.zoneout is None else cell.state_size
    return n_memory(type(cell)) + cell.n_saved + candidates
