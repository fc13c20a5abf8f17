"""Weights that stay in the registers of resident blocks for the whole sequence.

A block has a slice of the units and a slice of the batch. Each of its threads holds a part of two columns of the
weights, so that a number of h read from shared memory is used twice, and a weight for all sequences of the block. The
parts of a product are added in the same order as in `numbarnn.kernels.cuda.product.dot`, so the bits are the same.

Where the units are spread over several blocks, these exchange h, or `a_bar`, through the arrays in the device's memory
that hold it anyway, and wait for each other once per step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cells.numbers import zero
from numbarnn.kernels.cuda.compile import device, inline
from numbarnn.kernels.cuda.launch import PART
from numbarnn.kernels.cuda.masks import masked
from numbarnn.kernels.cuda.scratch import clear_past_end
from numbarnn.kernels.cuda.shim import cuda

COLUMNS = 2  # of which a thread holds a part


class Block(NamedTuple):
    """The slices of a block, and a thread's share of its work."""

    first: Any  # the first sequence
    n_rows: Any  # the number of sequences
    first_unit: Any
    own_units: Any  # the number of units, past the last one included
    n_columns: Any  # the number of columns of the weights, gate by gate
    n_parts: Any  # the number of parts of a column
    n_sums: Any  # the number of sums of a row: of parts and columns
    part: Any  # the part that the thread holds
    pair: Any  # the thread holds the part of the columns `pair` and `pair + n_pairs`
    n_pairs: Any
    unit: Any  # the unit that the thread steps
    first_row: Any  # the first sequence for which it does so, counted from that of the block
    row_step: Any  # the distance to the next such sequence


@device
def block_of(slices, weights, depth, n_units, n_sequences):
    """Return the block of a thread, for `weights (depth, n * H)`, a flat array."""
    first, first_unit = cuda.blockIdx.y * slices.n_rows, cuda.blockIdx.x * slices.n_units
    n_columns = weights.size // depth // n_units * slices.n_units
    n_pairs = (n_columns + 1) // 2
    n_own = min(slices.n_units, n_units - first_unit)
    row_step, first_row = cuda.blockDim.x // n_own, cuda.threadIdx.x // n_own
    if first_row >= row_step:  # left over: it steps no unit
        first_row = 2**31
    return Block(
        first,
        min(slices.n_rows, n_sequences - first),
        first_unit,
        slices.n_units,
        n_columns,
        -(-depth // PART),
        -(-depth // PART) * n_columns,
        cuda.threadIdx.x // n_pairs,
        cuda.threadIdx.x % n_pairs,
        n_pairs,
        first_unit + cuda.threadIdx.x % n_own,
        first_row,
        row_step,
    )


@inline
def hold(held, weights, n_units, block):
    """Fill `held (COLUMNS, PART)` with a thread's part of the weights; with zeros past their end."""
    row_size = block.n_columns // block.own_units * n_units
    for i in range(COLUMNS):
        column = i * block.n_pairs + block.pair
        unit = block.first_unit + column % block.own_units
        at = column // block.own_units * n_units + unit
        for k in range(PART):
            row = block.part * PART + k
            held[i, k] = 0
            if row * row_size < weights.size and column < block.n_columns and unit < n_units:
                held[i, k] = weights[row * row_size + at]


@inline
def multiply(held, vectors, sums, n_rows, block):
    """Set a thread's part of `sums (rows, n_parts, n_columns)`: the products of `vectors (rows, n_parts * PART)`.

    Both are flat arrays.
    """
    if block.part < block.n_parts:
        for row in range(n_rows):
            begin = (row * block.n_parts + block.part) * PART
            first, second = zero(held[0, 0]), zero(held[0, 0])
            for k in range(PART):
                number = vectors[begin + k]
                first += number * held[0, k]
                second += number * held[1, k]
            at = (row * block.n_parts + block.part) * block.n_columns + block.pair
            sums[at] = first
            if block.pair + block.n_pairs < block.n_columns:
                sums[at + block.n_pairs] = second


@inline
def add_parts(sums, column, block):
    """Return one column of a row's `sums (n_parts, n_columns)`, flat, added up over the parts."""
    total = zero(sums[0])
    for part in range(block.n_parts):
        total += sums[part * block.n_columns + column]
    return total


@inline
def add_up(sums, block):
    """Add up the columns of the thread's unit in a row's sums, flat, over the parts, into the first part."""
    for column in range(block.unit - block.first_unit, block.n_columns, block.own_units):
        sums[column] = add_parts(sums, column, block)


@device
def memory_of(slices, block, like):
    """Return the vectors and the sums in shared memory, all zero, and the size of one vector."""
    memory = cuda.shared.array(0, like.dtype)
    for k in range(cuda.threadIdx.x, memory.size, cuda.blockDim.x):
        memory[k] = 0
    cuda.syncthreads()
    stride = block.n_parts * PART
    end = slices.n_at_once * stride
    return memory[:end], memory[end:], stride


@device
def load_rows(cell, recurrent, h, at, n_rows, vectors, stride):
    """Copy h, masked, of rows from `at = (t, b)` on to `vectors (rows, stride)`, flat."""
    t, first = at
    for row in range(n_rows):
        for j in range(cuda.threadIdx.x, h.shape[2], cuda.blockDim.x):
            vectors[row * stride + j] = masked(cell, recurrent, h[t, first + row, j], (first + row, j))
    cuda.syncthreads()


@device
def clear_past_ends(h, lengths, block):
    """Set the outputs `h[1:]` past the ends of a block's sequences to zero, by the first slice of the units."""
    if cuda.blockIdx.x == 0:
        for b in range(block.first, block.first + block.n_rows):
            clear_past_end(h, lengths, b, cuda.threadIdx.x, cuda.blockDim.x)


@device
def wait_for_all(arrivals, n_arrivals):
    """Wait until so many blocks of this slice of the batch have arrived: a barrier of resident blocks.

    After it, all blocks can read what any thread wrote before it. The counter only grows, so that no block has to reset
    it between two steps. It is an integer: no sum of floats depends on the order of arrival.
    """
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        cuda.threadfence()
        cuda.atomic.add(arrivals, cuda.blockIdx.y, 1)
        while cuda.atomic.add(arrivals, cuda.blockIdx.y, 0) < n_arrivals:
            pass
        cuda.threadfence()
    cuda.syncthreads()
