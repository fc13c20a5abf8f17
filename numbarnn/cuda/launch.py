"""How many threads and blocks a kernel is launched on, and what memory a pass gets.

None of it changes a bit of any result: every number is computed by one thread, in the same order whichever it is.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from numbarnn.cuda.shim import SIMULATED, empty, free_bytes, n_multiprocessors

# The simulator's threads are Python's: a few show a missing barrier as well as hundreds.
BLOCK_THREADS = 4 if SIMULATED else 512
ROW_THREADS = 2 if SIMULATED else 512  # at most
WARP = 2 if SIMULATED else 32
BLOCKS = 2 if SIMULATED else 1024
SHARED_BYTES = 48 * 1024  # what a block gets on every device without asking for more


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
    if room * itemsize > SHARED_BYTES:
        return Launch((blocks, (threads, rows)), empty((blocks, room), weights.dtype), staged=False)
    staged = (room + weights.size) * itemsize <= SHARED_BYTES
    shared = (room + (weights.size if staged else 0)) * itemsize
    return Launch((blocks, (threads, rows), 0, shared), empty((0, 0), weights.dtype), staged)


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
