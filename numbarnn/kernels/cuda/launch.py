"""The numbers of threads and blocks of a launch, and the memory of a pass.

None of them changes a bit of a result: each number is computed by one thread, in the same order whichever thread it is.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from numbarnn.kernels.cuda.shim import SIMULATED, empty, free_bytes, n_multiprocessors, shared_bytes, to_device

# The threads of the simulator are Python's: a few of them show a missing barrier as well as hundreds do.
BLOCK_THREADS = 4 if SIMULATED else 512
ROW_THREADS = 2 if SIMULATED else 512  # at most
WARP = 2 if SIMULATED else 32
BLOCKS = 2 if SIMULATED else 1024
PART = 2 if SIMULATED else 33  # terms of one part of a product within a step
RESIDENT_THREADS = 0 if SIMULATED else 256  # at most, so that each has 255 registers
RESIDENT_ROWS = 8  # sequences whose products are in shared memory at a time


class Launch(NamedTuple):
    """The launch of a kernel over time: one block for a slice of the batch, one row of threads for a sequence."""

    configuration: tuple[Any, ...]  # blocks, threads, stream, bytes of shared memory
    workspace: Any  # (blocks, size): the memory of the blocks where shared memory is too small, else (0, 0)
    staged: bool  # whether the blocks copy the weights to their shared memory


def over(size: int) -> tuple[int, int]:
    """Return blocks and threads for a loop over the entries of an array."""
    return min(BLOCKS, -(-size // BLOCK_THREADS)), BLOCK_THREADS


def row_by_row(n_rows: int, width: int) -> tuple[int, int]:
    """Return blocks and threads for a loop over the rows of a matrix, where a block takes one row at a time."""
    return min(BLOCKS, n_rows), min(-(-width // WARP) * WARP, ROW_THREADS)


def through_time(n_sequences: int, width: int, row_size: int, weights: Any) -> Launch:
    """Return the launch of a kernel over time for rows of `width` columns, whose vectors have `row_size` numbers."""
    threads = min(-(-width // WARP) * WARP, ROW_THREADS)
    rows = max(1, min(BLOCK_THREADS // threads, n_sequences // n_multiprocessors()))
    blocks, itemsize = -(-n_sequences // rows), weights.dtype.itemsize
    size = rows * row_size
    if size * itemsize > shared_bytes():
        return Launch((blocks, (threads, rows), 0, 0), empty((blocks, size), weights.dtype), staged=False)
    staged = (size + weights.size) * itemsize <= shared_bytes()
    shared = (size + (weights.size if staged else 0)) * itemsize
    return Launch((blocks, (threads, rows), 0, shared), empty((0, 0), weights.dtype), staged)


class Slices(NamedTuple):
    """The slices of the units and of the batch that the blocks of a resident kernel have, at most."""

    n_units: int
    n_rows: int  # sequences
    n_at_once: int  # sequences whose products are in shared memory at a time


class ResidentLaunch(NamedTuple):
    """The launch of a kernel that keeps the weights of a step in registers, on blocks that all run at once."""

    configuration: tuple[Any, ...]  # (slices of units, slices of the batch), threads, stream, bytes of shared memory
    slices: Slices
    arrivals: Any  # (slices of the batch,): counters by which blocks wait for each other; (0,) where none waits


def resident(n_sequences: int, n_units: int, depth: int, weights: Any) -> ResidentLaunch | None:
    """Return the launch of a kernel with `weights (depth, n * H)` in registers, None if they do not fit there.

    The units are cut into as few slices as possible, the batch into as many as the device can then run at once.
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
    return ResidentLaunch(configuration, Slices(own_units, rows, at_once), arrivals)


def units_of_block(n_units: int, n_parts: int, n_products: int) -> int:
    """Return how many units a block has if they are spread evenly over as few blocks as possible; at least one."""
    for n_slices in range(1, n_units + 1):
        own_units = -(-n_units // n_slices)
        if _threads_for(own_units, n_parts, n_products) <= RESIDENT_THREADS:
            break
    return own_units


def _threads_for(n_units: int, n_parts: int, n_products: int) -> int:
    """Return how many threads hold all parts of all columns, one part of two columns each; at least one per unit."""
    return max(n_parts * -(-n_units * n_products // 2), n_units)


def allocate(dtype: Any, **shapes: tuple[int, ...]) -> Any:
    """Return uninitialised device arrays, all that a pass needs or none.

    Raises
    ------
    MemoryError
        If they need more memory than is free on the device.
    """
    needed = sum(map(prod, shapes.values())) * dtype.itemsize
    free = free_bytes()
    if needed > free:
        raise MemoryError(f"the pass needs {needed:,} bytes on the CUDA device, which has {free:,} bytes free")
    return (empty(shape, dtype) for shape in shapes.values())
