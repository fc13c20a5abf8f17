"""Attention over a memory: the loops over queries and over the rows of the memory, and the kernels for all queries.

A score is either the product of a query with a key, or `v . tanh(query + key)` where there is a vector v (Bahdanau et
al. 2015). What else the kinds of attention differ in, the projections of queries and of the memory to keys, are
products that are taken for all rows at once, here and in the callers. Arrays have the sequence first, so that the
rows of one sequence follow each other, and their rows are whole vectors, filled up with zeros.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from numbarnn.cells.numbers import tanh, tanh_slope, zero
from numbarnn.kernels.cpu.compile import inline, kernel
from numbarnn.kernels.cpu.denormals import flush_denormals, restore_mode
from numbarnn.kernels.cpu.simd import lanes, load, spread, store
from numbarnn.kernels.cpu.team import in_ranges
from numbarnn.kernels.cpu.tile import VECTORS, tile_add_transposed, tile_from
from numbarnn.kernels.cpu.units import add_products, total


class Memory(NamedTuple):
    """Memory that queries attend to, and the vector v of an additive score.

    Attributes
    ----------
    keys : ndarray of shape (B, S, A)
    values : ndarray of shape (B, S, M)
    lengths : ndarray of shape (B,), intp
        Valid rows of each memory; the others are not read.
    v : ndarray of shape (1, A) or None
        None for scores that are products.
    """

    keys: np.ndarray
    values: np.ndarray
    lengths: np.ndarray
    v: np.ndarray | None


class Queries(NamedTuple):
    """Queries and what comes of them.

    Attributes
    ----------
    queries : ndarray of shape (R, T, A)
    weights : ndarray of shape (R, T, S)
        Zero past the lengths of the memory from the beginning; the others are written.
    contexts : ndarray of shape (R, T, M)
        Are written.
    """

    queries: np.ndarray
    weights: np.ndarray
    contexts: np.ndarray


class QueryBars(NamedTuple):
    """Adjoints of queries and of what comes of them.

    Attributes
    ----------
    queries : ndarray of shape (R, T, A)
        Is written.
    scores : ndarray of shape (R, T, S)
        Begins with the adjoint of the weights that is given, and becomes that of the scores.
    contexts : ndarray of shape (R, T, M)
    """

    queries: np.ndarray
    scores: np.ndarray
    contexts: np.ndarray


class MemoryBars(NamedTuple):
    """Adjoints of the memory, to which the adjoint of each query adds.

    Attributes
    ----------
    keys : ndarray of shape (B, S, A)
    values : ndarray of shape (B, S, M)
    v : ndarray of shape (B, A) or None
        Adjoint of v, a part for each sequence.
    """

    keys: np.ndarray
    values: np.ndarray
    v: np.ndarray | None


@inline
def attend(memory, b, zeros, of, row, t):
    """Set weights and context of query t of a row, whose memory is that of sequence b: `c = sum_j alpha_j m_j`.

    `zeros` has the shape (1, M).
    """
    keys, values, lengths, v = memory
    queries, weights, contexts = of
    n = lengths[b]
    for j in range(n):
        store(weights, (row, t, j), 1, _score(keys, b, j, v, queries, row, t))
    _softmax(weights, row, t, n)
    for m in range(0, values.shape[2], VECTORS * lanes(values)):
        vectors = min(VECTORS, (values.shape[2] - m) // lanes(values))
        at, start, weights_at = (row, t, m), (np.intp(0), m), (row, t, np.intp(0))
        tile_from(contexts, at, np.intp(1), vectors, zeros, start, weights, weights_at, values, (b, np.intp(0), m), n)


@inline
def _score(keys, b, j, v, queries, row, t):
    """Return the score of row j of a memory in every lane: `v . tanh(q + k_j)`, or `q . k_j`."""
    width = lanes(keys)
    sums = (zero(load(keys, (b, j, 0), width)),)
    for a in range(0, keys.shape[2], width):
        query, key = load(queries, (row, t, a), width), load(keys, (b, j, a), width)
        if v is None:
            sums = add_products(sums, (query,), key)
        else:
            sums = add_products(sums, (load(v, (0, a), width),), tanh(query + key))
    return total(sums)


@inline
def _softmax(weights, row, t, n):
    """Turn n scores into weights."""
    if n == 0:
        return
    top = weights[row, t, 0]
    for j in range(1, n):
        top = max(top, weights[row, t, j])
    total_of_all = top - top
    for j in range(n):
        weights[row, t, j] = np.exp(weights[row, t, j] - top)
        total_of_all += weights[row, t, j]
    for j in range(n):
        weights[row, t, j] /= total_of_all


@inline
def attend_tangent(memory, memory_dot, b, of, of_dot, row, t):
    """Set the tangents of weights and context of a query."""
    (_, values, lengths, v), (_, values_dot, _, v_dot) = memory, memory_dot
    weights, weights_dot, contexts_dot = of.weights, of_dot.weights, of_dot.contexts
    n, width = lengths[b], lanes(values)
    for j in range(n):
        store(weights_dot, (row, t, j), 1, _score_tangent(memory, memory_dot, b, j, v, v_dot, of, of_dot, row, t))
    _move_softmax(weights, weights_dot, row, t, n)
    for m in range(0, values.shape[2], width):
        sums = (zero(load(contexts_dot, (row, t, m), width)),)
        for j in range(n):
            sums = add_products(sums, (load(values, (b, j, m), width),), spread(weights, weights_dot[row, t, j]))
            sums = add_products(sums, (load(values_dot, (b, j, m), width),), spread(weights, weights[row, t, j]))
        store(contexts_dot, (row, t, m), width, sums[0])


@inline
def _score_tangent(memory, memory_dot, b, j, v, v_dot, of, of_dot, row, t):
    """Return the tangent of a score in every lane."""
    keys, keys_dot, queries, queries_dot = memory.keys, memory_dot.keys, of.queries, of_dot.queries
    width = lanes(keys)
    sums = (zero(load(keys, (b, j, 0), width)),)
    for a in range(0, keys.shape[2], width):
        query, key = load(queries, (row, t, a), width), load(keys, (b, j, a), width)
        query_dot, key_dot = load(queries_dot, (row, t, a), width), load(keys_dot, (b, j, a), width)
        if v is None:
            sums = add_products(add_products(sums, (query_dot,), key), (query,), key_dot)
        else:
            hidden = tanh(query + key)
            hidden_dot = tanh_slope(hidden) * (query_dot + key_dot)
            sums = add_products(sums, (load(v_dot, (0, a), width),), hidden)
            sums = add_products(sums, (load(v, (0, a), width),), hidden_dot)
    return total(sums)


@inline
def _move_softmax(weights, moved, row, t, n):
    """Turn n numbers u into `alpha_j (u_j - sum_k alpha_k u_k)`: the derivative of a softmax, and its transpose."""
    if n == 0:
        return
    mean = weights[row, t, 0] * moved[row, t, 0]
    for j in range(1, n):
        mean += weights[row, t, j] * moved[row, t, j]
    for j in range(n):
        moved[row, t, j] = weights[row, t, j] * (moved[row, t, j] - mean)


@inline
def attend_adjoint(memory, memory_bar, b, zeros, of, of_bar, row, t):
    """Set the adjoint of query t of a row, and add to those of v and of additive keys.

    What all queries of a sequence add to the values, and to keys in products, is taken at once by `add_to_memory`.
    `zeros` has the shape (1, A).
    """
    values, scores_bar, contexts_bar = memory.values, of_bar.scores, of_bar.contexts
    n, width = memory.lengths[b], lanes(values)
    # c = sum_j alpha_j m_j
    for j in range(n):
        sums = (zero(load(values, (b, j, 0), width)),)
        for m in range(0, values.shape[2], width):
            sums = add_products(sums, (load(values, (b, j, m), width),), load(contexts_bar, (row, t, m), width))
        store(scores_bar, (row, t, j), 1, load(scores_bar, (row, t, j), 1) + total(sums))
    # alpha = softmax(e)
    _move_softmax(of.weights, scores_bar, row, t, n)
    _reverse_scores(memory.v, memory, memory_bar, b, zeros, of, of_bar, row, t)


@inline
def _reverse_scores(v, memory, memory_bar, b, zeros, of, of_bar, row, t):
    """Reverse the scores by the query, and additive ones by keys and v."""
    keys, queries, queries_bar, scores_bar = memory.keys, of.queries, of_bar.queries, of_bar.scores
    n, width, size = memory.lengths[b], lanes(keys), keys.shape[2]
    if v is None:
        # e_j = q . k_j
        for a in range(0, size, VECTORS * width):
            vectors = min(VECTORS, (size - a) // width)
            at, start, scores_at, keys_at = (row, t, a), (np.intp(0), a), (row, t, np.intp(0)), (b, np.intp(0), a)
            tile_from(queries_bar, at, np.intp(1), vectors, zeros, start, scores_bar, scores_at, keys, keys_at, n)
    else:
        # e_j = v . tanh(q + k_j)
        keys_bar, v_bar = memory_bar.keys, memory_bar.v
        for a in range(0, size, width):
            query, v_of_a = load(queries, (row, t, a), width), load(v, (0, a), width)
            total_v_bar, query_bar = load(v_bar, (b, a), width), zero(query)
            for j in range(n):
                hidden = tanh(query + load(keys, (b, j, a), width))
                score_bar = spread(scores_bar, scores_bar[row, t, j])
                total_v_bar = total_v_bar + score_bar * hidden
                hidden_bar = score_bar * v_of_a * tanh_slope(hidden)
                query_bar = query_bar + hidden_bar
                store(keys_bar, (b, j, a), width, load(keys_bar, (b, j, a), width) + hidden_bar)
            store(v_bar, (b, a), width, total_v_bar)
            store(queries_bar, (row, t, a), width, query_bar)


@inline
def add_to_memory(memory, memory_bar, b, of, of_bar, n_queries):
    """Add what the first queries of sequence b make of the adjoints of its values and, in products, of its keys."""
    # c = sum_j alpha_j m_j
    _add_outer(memory_bar.values, b, memory.lengths[b], of.weights, of_bar.contexts, n_queries)
    _add_to_keys(memory.v, memory, memory_bar, b, of, of_bar, n_queries)


@inline
def _add_to_keys(v, memory, memory_bar, b, of, of_bar, n_queries):
    if v is None:
        # e_j = q . k_j
        _add_outer(memory_bar.keys, b, memory.lengths[b], of_bar.scores, of.queries, n_queries)


@inline
def _add_outer(total_bar, b, n, factors, vectors_of_queries, n_queries):
    """Add `factors[b].T @ vectors_of_queries[b]` to the first n rows of `total_bar[b]`."""
    width, none = lanes(total_bar), np.intp(0)
    for column in range(0, total_bar.shape[2], VECTORS * width):
        vectors = min(VECTORS, (total_bar.shape[2] - column) // width)
        at = b, none, column
        tile_add_transposed(total_bar, at, n, vectors, factors, (b, none, none), vectors_of_queries, at, n_queries)


@inline
def project(projection, inputs, at, rows, outputs):
    """Set the first rows of `outputs (rows, A)` to rows of inputs, from `inputs[at]` on, times a projection.

    The projection has the shape (N + 1, A), its last row is zero.
    """
    width, depth = lanes(outputs), projection.shape[0] - 1
    for a in range(0, outputs.shape[1], VECTORS * width):
        vectors, start = min(VECTORS, (outputs.shape[1] - a) // width), (depth, a)
        tile_from(
            outputs, (np.intp(0), a), rows, vectors, projection, start, inputs, at, projection, (np.intp(0), a), depth
        )


@kernel
def run_attend(keys, values, lengths, v, queries, weights, contexts, zeros, bounds, n_ranges, board):
    """Attend to each sequence's memory by all of its queries, in ranges of slices of the batch.

    The arguments are the fields of Memory and Queries, what `attend` takes, and what `calls.run_forward` does.
    """
    memory, of = Memory(keys, values, lengths, v), Queries(queries, weights, contexts)
    in_ranges(_attend, (memory, of, zeros, (bounds, n_ranges)), n_ranges, board)


@inline
def _attend(operands, i):
    """Run range i."""
    memory, of, zeros, (bounds, n_ranges) = operands
    mode = flush_denormals()
    for b in range(*sequences_of(bounds, n_ranges, i)):
        for t in range(of.queries.shape[1]):
            attend(memory, b, zeros, of, b, t)
    restore_mode(mode)


@kernel
def run_attend_tangent(memory, memory_dot, of, of_dot, bounds, n_ranges, board):
    """Set the tangents of all weights and contexts; see `run_attend`."""
    in_ranges(_attend_tangent, (memory, memory_dot, of, of_dot, (bounds, n_ranges)), n_ranges, board)


@inline
def _attend_tangent(operands, i):
    """Run range i."""
    memory, memory_dot, of, of_dot, (bounds, n_ranges) = operands
    for b in range(*sequences_of(bounds, n_ranges, i)):
        for t in range(of.queries.shape[1]):
            attend_tangent(memory, memory_dot, b, of, of_dot, b, t)


@kernel
def run_attend_adjoint(memory, memory_bar, of, of_bar, zeros, bounds, n_ranges, board):
    """Set the adjoints of all queries, and add to those of the memory; see `run_attend`."""
    in_ranges(_attend_adjoint, (memory, memory_bar, of, of_bar, zeros, (bounds, n_ranges)), n_ranges, board)


@inline
def _attend_adjoint(operands, i):
    """Run range i."""
    memory, memory_bar, of, of_bar, zeros, (bounds, n_ranges) = operands
    mode = flush_denormals()
    for b in range(*sequences_of(bounds, n_ranges, i)):
        for t in range(of.queries.shape[1]):
            attend_adjoint(memory, memory_bar, b, zeros, of, of_bar, b, t)
        add_to_memory(memory, memory_bar, b, of, of_bar, of.queries.shape[1])
    restore_mode(mode)


@inline
def sequences_of(bounds, n_ranges, i):
    """Return the first sequence of range i of the slices, and its end."""
    n_slices = bounds.size - 1
    return bounds[n_slices * i // n_ranges], bounds[n_slices * (i + 1) // n_ranges]
