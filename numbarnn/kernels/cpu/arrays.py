"""Operations of networks on their arrays, apart from the recurrences."""

from __future__ import annotations

import numpy as np


def for_each(state, n_sequences):
    """Return an initial state with a row for each sequence, of a row for each or one for all; an empty one is None."""
    return tuple(np.array(np.broadcast_to(part, (n_sequences, part.shape[-1])), order="C") for part in state) or None


def times(x, mask):
    """Return the product with a mask, which may lack leading axes of x."""
    return x * mask


def joined(parts):
    """Return arrays side by side along their last axis."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)


def columns(x, first, stop):
    """Return the entries `first` to `stop` of the last axis, contiguous."""
    return np.ascontiguousarray(x[..., first:stop])


def total(arrays):
    """Return the sum of arrays of one shape."""
    return sum(arrays[1:], start=arrays[0])


def sum_over_sequences(part):
    """Return the sum of `part (B, H)` over the sequences."""
    return part.sum(axis=0)


def concatenated(arrays):
    """Return all numbers of the arrays, one array after the other, as a flat vector."""
    return np.concatenate(arrays, axis=None)


def zeros(shape, dtype):
    """Return an array of zeros."""
    return np.zeros(shape, dtype)
