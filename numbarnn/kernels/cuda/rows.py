"""Means over a row of numbers by the threads of a block, with the same bits for any number of threads.

A row is cut into PARTS parts, each of every PARTS-th number. A thread adds up a part in order, and after a barrier each
thread adds up the parts in order. All threads of a block must call these functions together; those whose row has no
step to run (`runs` is false) get zero. The functions wait for the numbers that other threads wrote to the row, and
`parts` can be used again in the next call.
"""

from __future__ import annotations

from numbarnn.cells.numbers import zero
from numbarnn.kernels.cuda.compile import inline
from numbarnn.kernels.cuda.shim import SIMULATED, syncthreads

PARTS = 3 if SIMULATED else 64


@inline
def row_mean(parts, values, thread, n_threads, runs):
    """Return the mean of the values."""
    syncthreads()
    if runs:
        _add_up(parts, values, thread, n_threads)
    syncthreads()
    return _mean(parts, values.size, runs)


@inline
def row_means(parts, other_parts, values, others, thread, n_threads, runs):
    """Return the mean of each of two rows at once."""
    syncthreads()
    if runs:
        _add_up(parts, values, thread, n_threads)
        _add_up(other_parts, others, thread, n_threads)
    syncthreads()
    return _mean(parts, values.size, runs), _mean(other_parts, others.size, runs)


@inline
def row_variance(parts, values, mean, thread, n_threads, runs):
    """Return the mean of the squared differences of the values from their mean."""
    syncthreads()
    if runs:
        for part in range(thread, PARTS, n_threads):
            total = zero(parts[0])
            for k in range(part, values.size, PARTS):
                total += (values[k] - mean) * (values[k] - mean)
            parts[part] = total
    syncthreads()
    return _mean(parts, values.size, runs)


@inline
def row_mean_product(parts, values, others, thread, n_threads, runs):
    """Return the mean of the products of two rows' numbers."""
    syncthreads()
    if runs:
        for part in range(thread, PARTS, n_threads):
            total = zero(parts[0])
            for k in range(part, values.size, PARTS):
                total += values[k] * others[k]
            parts[part] = total
    syncthreads()
    return _mean(parts, values.size, runs)


@inline
def row_mean_weighted(parts, values, others, weights, thread, n_threads, runs):
    """Return the mean of the products of three rows' numbers."""
    syncthreads()
    if runs:
        for part in range(thread, PARTS, n_threads):
            total = zero(parts[0])
            for k in range(part, values.size, PARTS):
                total += values[k] * (others[k] * weights[k])
            parts[part] = total
    syncthreads()
    return _mean(parts, values.size, runs)


@inline
def _add_up(parts, values, thread, n_threads):
    for part in range(thread, PARTS, n_threads):
        total = zero(parts[0])
        for k in range(part, values.size, PARTS):
            total += values[k]
        parts[part] = total


@inline
def _mean(parts, size, runs):
    total = zero(parts[0])
    if runs:
        for part in range(PARTS):
            total += parts[part]
    return total / type(total)(size)
