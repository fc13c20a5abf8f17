"""Weights that stay in the registers of co-resident blocks for the whole sequence.

A block has a slice of the units and a slice of the batch. Each of its threads holds a part of two columns of the
weights, so that a number of h read from shared memory is used twice, and a weight for all sequences of the block. The
parts of a product are added in the order in which `numbarnn.kernels.cuda.product.dot` adds them, so to the same bits.

Where the units are spread over several blocks, these exchange h, or `a_bar`, through the arrays on the device that keep
it anyway, and wait for each other once a step.
"""

from __future__ import annotations

from numbarnn.cells.numbers import zero
from numbarnn.kernels.cuda.compile import device, inline
from numbarnn.kernels.cuda.launch import PART
from numbarnn.kernels.cuda.masks import masked
from numbarnn.kernels.cuda.shim import cuda

COLUMNS = 2  # of which a thread holds a part


@device
def place_of(n_columns):
    """Return which part of the depth and which pair of a block's columns a thread has, and how many pairs there are."""
    n_pairs = (n_columns + 1) // 2
    return cuda.threadIdx.x // n_pairs, cuda.threadIdx.x % n_pairs, n_pairs


@device
def unit_of(first_unit, own_units, n_units):
    """Return which unit a thread steps, from which row on, and how many rows on the next one is.

    No row is left to threads behind the last that takes part.
    """
    n_own = min(own_units, n_units - first_unit)
    at_once = cuda.blockDim.x // n_own
    row = cuda.threadIdx.x // n_own
    return first_unit + cuda.threadIdx.x % n_own, row if row < at_once else 2**31, at_once


@inline
def hold(held, weights, n_units, first_unit, own_units, n_columns, part, pair, n_pairs):
    """Fill `held (COLUMNS, PART)` with a thread's part of `weights (K, n * H)`, given flat; with zeros past their end.

    The block's columns are those of `own_units` units, from the first on, for each of the n gates.
    """
    row_size = n_columns // own_units * n_units
    for i in range(COLUMNS):
        column = i * n_pairs + pair
        unit = first_unit + column % own_units
        at = column // own_units * n_units + unit
        for k in range(PART):
            row = part * PART + k
            held[i, k] = 0
            if row * row_size < weights.size and column < n_columns and unit < n_units:
                held[i, k] = weights[row * row_size + at]


@inline
def multiply(held, vectors, sums, n_rows, n_parts, n_columns, part, pair, n_pairs):
    """Set a thread's part of `sums (rows, n_parts, n_columns)`, of `vectors (rows, n_parts * PART)` times its columns.

    Both are given flat.
    """
    if part < n_parts:
        for row in range(n_rows):
            begin = (row * n_parts + part) * PART
            first, second = zero(held[0, 0]), zero(held[0, 0])
            for k in range(PART):
                number = vectors[begin + k]
                first += number * held[0, k]
                second += number * held[1, k]
            at = (row * n_parts + part) * n_columns + pair
            sums[at] = first
            if pair + n_pairs < n_columns:
                sums[at + n_pairs] = second


@inline
def add_parts(sums, n_parts, n_columns, column):
    """Return an entry of `sums (n_parts, n_columns)`, given flat, added up over the parts."""
    total = zero(sums[0])
    for part in range(n_parts):
        total += sums[part * n_columns + column]
    return total


@inline
def add_up(sums, n_parts, n_columns, own_units, own_unit):
    """Add up a unit's columns of one row's `sums (n_parts, n_columns)`, given flat, over the parts, into the first."""
    for column in range(own_unit, n_columns, own_units):
        sums[column] = add_parts(sums, n_parts, n_columns, column)


@device
def clear(room):
    """Set a block's room to zero, and wait for that."""
    for k in range(cuda.threadIdx.x, room.size, cuda.blockDim.x):
        room[k] = 0
    cuda.syncthreads()


@device
def load_rows(cell, mask, h, t, first, n_rows, vectors, stride):
    """Copy `h[t]`, masked, of a block's sequences from the given one on to `vectors (rows, stride)`, given flat."""
    for row in range(n_rows):
        for j in range(cuda.threadIdx.x, h.shape[2], cuda.blockDim.x):
            vectors[row * stride + j] = masked(cell, mask, h[t, first + row, j], (first + row, j))
    cuda.syncthreads()


@device
def wait_for_all(arrivals, n_arrivals):
    """Wait until as many blocks of this slice of the batch have come here: a barrier over co-resident blocks.

    What any of their threads wrote before can be read by all behind it. The counter only grows, so that nobody need
    set it back between two steps. It is an integer: no sum of floats depends on who comes first.
    """
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        cuda.threadfence()
        cuda.atomic.add(arrivals, cuda.blockIdx.y, 1)
        while cuda.atomic.add(arrivals, cuda.blockIdx.y, 0) < n_arrivals:
            pass
        cuda.threadfence()
    cuda.syncthreads()
