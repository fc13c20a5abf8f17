"""How many threads and blocks a kernel is launched on, and what memory a pass gets.

None of it changes a bit of any result: every number is computed by one thread, in the same order whichever it is.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from numbarnn.kernels.cuda.shim import SIMULATED, empty, free_bytes, n_multiprocessors, shared_bytes, to_device

# The simulator's threads are Python's: a few show a missing barrier as well as hundreds.
BLOCK_THREADS = 4 if SIMULATED else 512
ROW_THREADS = 2 if SIMULATED else 512  # at most
WARP = 2 if SIMULATED else 32
BLOCKS = 2 if SIMULATED else 1024
PART = 2 if SIMULATED else 33  # numbers of a product within a step that are added up without a break
RESIDENT_THREADS = 0 if SIMULATED else 256  # at most, so that each has 255 registers
RESIDENT_ROWS = 8  # sequences whose products stand in shared memory at a time


class Launch(NamedTuple):
    """The launch of a kernel that runs through time, a block for a slice of the batch and a row of threads each."""

    configuration: tuple[Any, ...]  # blocks, threads, stream, bytes of shared memory
    workspace: Any  # (blocks, size): the blocks' room where shared memory is too small for it, else (0, 0)
    staged: bool  # whether the blocks copy the weights to their shared memory


def over(size: int) -> tuple[int, int]:
    """Return blocks and threads for a loop over the entries of an array."""
    return min(BLOCKS, -(-size // BLOCK_THREADS)), BLOCK_THREADS


def row_by_row(n_rows: int, width: int) -> tuple[int, int]:
    """Return blocks and threads for a loop over the rows of a matrix, each of which a block takes at once."""
    return min(BLOCKS, n_rows), min(-(-width // WARP) * WARP, ROW_THREADS)


def through_time(n_sequences: int, width: int, row_size: int, weights: Any) -> Launch:
    """Return the launch of a kernel over time for rows of `width` columns, with room for `row_size` numbers each."""
    threads = min(-(-width // WARP) * WARP, ROW_THREADS)
    rows = max(1, min(BLOCK_THREADS // threads, n_sequences // n_multiprocessors()))
    blocks, itemsize = -(-n_sequences // rows), weights.dtype.itemsize
    room = rows * row_size
    if room * itemsize > shared_bytes():
        return Launch((blocks, (threads, rows), 0, 0), empty((blocks, room), weights.dtype), staged=False)
    staged = (room + weights.size) * itemsize <= shared_bytes()
    shared = (room + (weights.size if staged else 0)) * itemsize
    return Launch((blocks, (threads, rows), 0, shared), empty((0, 0), weights.dtype), staged)


class Residence(NamedTuple):
    """The launch of a kernel that keeps the weights of the step in registers, on blocks that all run at once."""

    configuration: tuple[Any, ...]  # (slices of units, slices of the batch), threads, stream, bytes of shared memory
    n_units: int  # of a block
    n_rows: int  # sequences of a block
    n_at_once: int  # of those, how many have room in shared memory at a time
    arrivals: Any  # (slices of the batch,): for the blocks of each to wait for each other; (0,) where no block waits


def resident(n_sequences: int, n_units: int, depth: int, weights: Any) -> Residence | None:
    """Return the launch of a kernel with `weights (depth, n * H)` in registers, None if they do not fit there.

    The units are cut into as few slices as can be, the batch into as many as the device then has room for.
    """
    n_parts, n_products = -(-depth // PART), weights.size // (depth * n_units)
    own_units = units_of_block(n_units, n_parts, n_products)
    n_slices = -(-n_units // own_units)
    n_columns = own_units * n_products
    row_bytes = n_parts * (PART + n_columns) * weights.dtype.itemsize
    threads = _threads_for(own_units, n_parts, n_products)
    if threads > RESIDENT_THREADS or n_slices > n_multiprocessors() or row_bytes > shared_bytes():
        return None
    rows = -(-n_sequences // min(n_sequences, n_multiprocessors() // n_slices))
    at_once = min(rows, RESIDENT_ROWS, shared_bytes() // row_bytes)
    grid = n_slices, -(-n_sequences // rows)
    arrivals = to_device(np.zeros(grid[1] if n_slices > 1 or at_once < rows else 0, np.intp))
    configuration = grid, -(-threads // WARP) * WARP, 0, at_once * row_bytes
    return Residence(configuration, own_units, rows, at_once, arrivals)


def units_of_block(n_units: int, n_parts: int, n_products: int) -> int:
    """Return how many units a block's threads have registers for, evenly over as few blocks as can be; at least one."""
    for n_slices in range(1, n_units + 1):
        own_units = -(-n_units // n_slices)
        if _threads_for(own_units, n_parts, n_products) <= RESIDENT_THREADS:
            break
    return own_units


def _threads_for(n_units: int, n_parts: int, n_products: int) -> int:
    """Return how many threads it takes for one to hold one part of two columns, and for no unit to be without one."""
    return max(n_parts * -(-n_units * n_products // 2), n_units)


def allocate(dtype: Any, **shapes: tuple[int, ...]) -> Any:
    """Return device arrays of anything, all that a pass needs or none.

    Raises
    ------
    MemoryError
        If they take more than the device has left.
    """
    needed = sum(map(prod, shapes.values())) * dtype.itemsize
    free = free_bytes()
    if needed > free:
        raise MemoryError(f"the pass needs {needed:,} bytes on the CUDA device, which has {free:,} bytes free")
    return (empty(shape, dtype) for shape in shapes.values())
