"""The three passes of attention over a batch: arrays in, arrays out, on as many threads as asked for.

What comes in has been checked: contiguous, writable arrays of one float type, lengths within the memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from numbarnn.kernels.cpu.attention import (
    Memory,
    MemoryBars,
    Queries,
    QueryBars,
    run_attend,
    run_attend_adjoint,
    run_attend_tangent,
)
from numbarnn.kernels.cpu.memory import (
    Projections,
    by_sequence,
    by_step,
    memory_adjoint,
    memory_of,
    memory_tangent,
    projected,
    transposed_product,
)
from numbarnn.kernels.cpu.team import NOBODY, board_with
from numbarnn.kernels.cpu.threads import n_ranges, slice_bounds
from numbarnn.kernels.cpu.tile import prepare

TANH_WORK = 16  # multiply-adds that a tanh counts for


class AttentionTape(NamedTuple):
    """What the tangent and the adjoint pass of attention need.

    Attributes
    ----------
    projections : Projections
    query : ndarray of shape (B, T, N')
    memory : Memory
    of : Queries
    sizes : tuple of int
        N and M, the sizes of a query and of a row of the memory.
    """

    projections: Projections
    query: np.ndarray
    memory: Memory
    of: Queries
    sizes: tuple[int, int]


def forward(projections, query, memory, lengths, n_threads):
    """Return contexts `(T, B, M)`, weights `(T, B, S)` and the tape, for queries `(T, B, N)` and memory `(S, B, M)`."""
    prepare(query.dtype)
    sizes = query.shape[2], memory.shape[2]
    rows, memory = by_sequence(query), memory_of(projections, memory, lengths)
    queries = rows if projections.query is None else projected(rows, projections.query)
    of = Queries(queries, *_results(memory, queries))
    zeros = np.zeros((1, memory.values.shape[2]), query.dtype)
    run_attend(*memory, *of, zeros, *_team(memory, queries.shape[1], n_threads))
    tape = AttentionTape(projections, rows, memory, of, sizes)
    return by_step(of.contexts, sizes[1]), by_step(of.weights, of.weights.shape[2]), tape


def tangent(tape, projections_dot, query_dot, memory_dot, n_threads):
    """Return the tangents of contexts and weights; directions of None are zero."""
    projections, query, memory, of, (_, size) = tape
    rows_dot = np.zeros_like(query) if query_dot is None else by_sequence(query_dot)
    moved = memory_tangent(projections, memory, projections_dot, memory_dot)
    queries_dot = rows_dot
    if projections.query is not None:
        queries_dot = projected(rows_dot, projections.query)
        if projections_dot is not None:
            queries_dot += projected(query, projections_dot.query)
    of_dot = Queries(queries_dot, *_results(memory, queries_dot))
    run_attend_tangent(memory, moved, of, of_dot, *_team(memory, queries_dot.shape[1], n_threads))
    return by_step(of_dot.contexts, size), by_step(of_dot.weights, of_dot.weights.shape[2])


def adjoint(tape, contexts_bar, weights_bar, n_threads):
    """Return the adjoints of the projections, of the queries and of the memory; cotangents of None are zero."""
    projections, query, memory, of, (n_query, _) = tape
    contexts_bar = np.zeros_like(of.contexts) if contexts_bar is None else by_sequence(contexts_bar)
    scores_bar = np.zeros_like(of.weights)
    if weights_bar is not None:
        scores_bar[...] = weights_bar.swapaxes(0, 1)
    of_bar = QueryBars(np.zeros_like(of.queries), scores_bar, contexts_bar)
    memory_bar = empty_bars(memory)
    zeros = np.zeros((1, memory.keys.shape[2]), query.dtype)
    run_attend_adjoint(memory, memory_bar, of, of_bar, zeros, *_team(memory, of.queries.shape[1], n_threads))
    key_bar, v_bar, values_bar = memory_adjoint(projections, memory, memory_bar)
    query_bar, rows_bar = None, of_bar.queries
    if projections.query is not None:
        # queries = query W
        n_query, size = projections.query.shape
        query_bar = transposed_product(query, of_bar.queries)[:n_query, :size]
        rows_bar = projected(of_bar.queries[..., :size], projections.query.T)
    bars = Projections(query_bar, key_bar, v_bar)
    return bars, by_step(rows_bar, n_query), by_step(values_bar, tape.sizes[1])


def empty_bars(memory):
    """Return zeros for the adjoints of a memory."""
    v_bar = None if memory.v is None else np.zeros((len(memory.keys), memory.keys.shape[2]), memory.keys.dtype)
    return MemoryBars(np.zeros_like(memory.keys), np.zeros_like(memory.values), v_bar)


def _results(memory, queries) -> Any:
    """Return arrays for the weights and the contexts of queries."""
    lead, dtype = queries.shape[:2], queries.dtype
    return np.zeros((*lead, memory.values.shape[1]), dtype), np.zeros((*lead, memory.values.shape[2]), dtype)


def _team(memory, n_queries, n_threads):
    """Return the slices' bounds, in how many ranges they are run, and the board on which helpers find them."""
    n_sequences, n_rows, size = memory.values.shape
    bounds = slice_bounds(n_sequences)
    if n_threads == 1:
        return bounds, 1, NOBODY
    per_number = 2 if memory.v is None else TANH_WORK
    work = n_sequences * n_queries * n_rows * (per_number * memory.keys.shape[2] + size)
    ranges = n_ranges(bounds.size - 1, n_threads, work)
    return bounds, ranges, board_with(ranges - 1)
