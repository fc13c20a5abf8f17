"""Memories as attention reads them: the sequence first, rows of whole vectors, next to them their projection to keys.

Whatever the kind of attention, it has at most two projections, of the queries and of the memory, and a vector v for
additive scores; `Projections` holds them, None for what a kind does not have.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from numbarnn.kernels.cpu.attention import Memory
from numbarnn.kernels.cpu.product import product
from numbarnn.kernels.cpu.simd import lanes


class Projections(NamedTuple):
    """The parts of a score, or their tangents or adjoints; None for parts that a kind of attention does not have.

    Attributes
    ----------
    query : ndarray of shape (N, A) or None
    key : ndarray of shape (M, A) or None
    v : ndarray of shape (A,) or None
    """

    query: Any
    key: Any
    v: Any


def padded(array):
    """Return an array with its last axis filled up with zeros to whole vectors; the array itself if it is."""
    size = array.shape[-1]
    if size == n_padded(size, array.dtype):
        return np.ascontiguousarray(array)
    wide = np.zeros((*array.shape[:-1], n_padded(size, array.dtype)), array.dtype)
    wide[..., :size] = array
    return wide


def n_padded(n, dtype):
    """Return the number rounded up to whole vectors."""
    return n + -n % lanes(dtype)


def by_sequence(array, lengths=None):
    """Return steps `(T, B, F)` as an array `(B, T, F')`, zero past the lengths and in the columns behind F."""
    n_steps, n_sequences, size = array.shape
    rows = np.zeros((n_sequences, n_steps, n_padded(size, array.dtype)), array.dtype)
    rows[..., :size] = array.swapaxes(0, 1)
    if lengths is not None:
        rows[np.arange(n_steps) >= lengths[:, np.newaxis]] = 0
    return rows


def by_step(rows, size):
    """Return an array `(B, T, F')` as steps `(T, B, F)` of their own."""
    return np.ascontiguousarray(rows[..., :size].swapaxes(0, 1))


def memory_of(projections, memory, lengths):
    """Return a memory `(S, B, M)` with its keys."""
    values = by_sequence(memory, lengths)
    keys = values if projections.key is None else projected(values, projections.key)
    return Memory(keys, values, lengths, score_vector(projections))


def memory_tangent(projections, memory, projections_dot, memory_dot):
    """Return the tangent of `memory_of`; directions of None are zero."""
    values_dot = np.zeros_like(memory.values)
    if memory_dot is not None:
        values_dot = by_sequence(memory_dot, memory.lengths)
    keys_dot = values_dot
    if projections.key is not None:
        keys_dot = projected(values_dot, projections.key)
        if projections_dot is not None:
            keys_dot += projected(memory.values, projections_dot.key)
    v_dot = None
    if projections.v is not None:
        v_dot = np.zeros_like(memory.v) if projections_dot is None else score_vector(projections_dot)
    return Memory(keys_dot, values_dot, memory.lengths, v_dot)


def memory_adjoint(projections, memory, memory_bar):
    """Return the adjoints of the key's projection, of v, and of the memory `(S, B, M)`."""
    values_bar, key_bar, v_bar = memory_bar.values, None, None
    size = memory.values.shape[2]
    if projections.key is None:
        # e_j = q . m_j
        values_bar = values_bar + memory_bar.keys
    else:
        size, n_keys = projections.key.shape
        # keys = values @ key
        key_bar = transposed_product(memory.values, memory_bar.keys)[:size, :n_keys]
        values_bar = values_bar[..., :size] + projected(memory_bar.keys[..., :n_keys], projections.key.T)[..., :size]
    if projections.v is not None:
        v_bar = np.add.reduce(memory_bar.v[:, : projections.v.size])
    return key_bar, v_bar, values_bar


def projected(rows, weights):
    """Return rows `(.., F')` times weights `(F, A)` as rows `(.., A')`, filled up with zeros."""
    depth = len(weights)
    flat = np.ascontiguousarray(rows[..., :depth]).reshape(-1, depth)
    result = padded(product(flat, weights))
    return result.reshape(*rows.shape[:-1], result.shape[1])


def transposed_product(left, right):
    """Return `left^T @ right`, summed over all rows of `left (.., F)` and `right (.., A)`."""
    return product(left.reshape(-1, left.shape[-1]).T, right.reshape(-1, right.shape[-1]))


def score_vector(projections):
    """Return v as a row of whole vectors, `(1, A')`; None if there is none."""
    return None if projections.v is None else padded(projections.v[np.newaxis])
