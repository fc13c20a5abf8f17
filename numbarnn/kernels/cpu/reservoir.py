"""The recurrence of a sparse reservoir of leaky units, driven by inputs alone or by its own outputs too.

What the units see is one array `z`, flat, of the rows [u; h] or [u; y; h], each with one number for each of the B
sequences: inputs, outputs fed back, and states. So the input weights and the recurrent weights are one sparse matrix.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from numbarnn.cells.numbers import tanh
from numbarnn.kernels.cpu.compile import inline, kernel
from numbarnn.kernels.cpu.simd import lanes, load, store


class SparseReservoir(NamedTuple):
    """The weights of H leaky units that see M rows of z, the last H of which are their own states.

    Attributes
    ----------
    starts : ndarray of shape (H + 1,), int32
        Where the weights of each unit begin, and those of the last one end.
    sources : ndarray of shape (n_weights,), uint32
        The row of z that each weight multiplies. Unsigned, so that Numba does not look for negative indices.
    weights : ndarray of shape (n_weights,)
    b : ndarray of shape (H,)
        Bias.
    k : ndarray of shape (H * B,)
        Leaking rate of each unit, once for each sequence.
    """

    starts: np.ndarray
    sources: np.ndarray
    weights: np.ndarray
    b: np.ndarray
    k: np.ndarray


@kernel
def run(reservoir, x, z, rows):
    """Write `[u_t; h_t]` of each step to rows (B, T, M), given x (T, I, B) and z, which is left at the last step."""
    n_steps, n_inputs, n_sequences = x.shape
    a = np.empty_like(reservoir.k)
    for t in range(n_steps):
        _put_inputs(x, t, z)
        _step(reservoir, z, n_inputs * n_sequences, n_sequences, a)
        for s in range(n_sequences):
            for m in range(rows.shape[2]):
                rows[s, t, m] = z[m * n_sequences + s]


@kernel
def run_freely(reservoir, W_out, b_out, x, z, outputs):
    """Feed the outputs `y_t = W_out [u_t; y_(t-1); h_t] + b_out` back as inputs of the next step.

    The shapes are x (T, I, B), W_out (K, M), b_out (K,), outputs (T, K, B). z holds the states and outputs of the step
    before the first one, and is left at the last step.
    """
    n_steps, n_inputs, n_sequences = x.shape
    n_outputs = b_out.shape[0]
    a = np.empty_like(reservoir.k)
    for t in range(n_steps):
        _put_inputs(x, t, z)
        _step(reservoir, z, (n_inputs + n_outputs) * n_sequences, n_sequences, a)
        for k in range(n_outputs):
            for s in range(n_sequences):
                y = b_out[k]
                for m in range(W_out.shape[1]):
                    y += W_out[k, m] * z[m * n_sequences + s]
                outputs[t, k, s] = y
        for k in range(n_outputs):
            for s in range(n_sequences):
                z[(n_inputs + k) * n_sequences + s] = outputs[t, k, s]


@inline
def _put_inputs(x, t, z):
    for i in range(x.shape[1]):
        for s in range(x.shape[2]):
            z[i * x.shape[2] + s] = x[t, i, s]


@inline
def _step(reservoir, z, start, n_sequences, a):
    """Advance the states, which are in z from `start` on: `h = (1 - k) h + k tanh(b + sum of weights times z)`."""
    starts, sources, weights, b, k = reservoir
    for j in range(len(b)):
        if n_sequences == 1:  # the loop over sequences would cost more than the product
            total = b[j]
            for p in range(starts[j], starts[j + 1]):
                total += weights[p] * z[sources[p]]
            a[j] = total
        else:
            first = j * n_sequences
            for s in range(n_sequences):
                a[first + s] = b[j]
            for p in range(starts[j], starts[j + 1]):
                weight, source = weights[p], sources[p] * n_sequences
                for s in range(n_sequences):
                    a[first + s] += weight * z[source + s]
    size = len(a)
    for q in range(0, size, lanes(a)):
        h = load(z, (start + q,), size - q)
        n = tanh(load(a, (q,), size - q))
        store(z, (start + q,), size - q, h + load(k, (q,), size - q) * (n - h))
