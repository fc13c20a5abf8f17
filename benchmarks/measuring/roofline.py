"""Speed of the register tile on full tiles, which is an upper limit for the recurrences."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from numbarnn.kernels.cpu.simd import lanes
from numbarnn.kernels.cpu.tile import TILE_ROWS, VECTORS, prepare, tile_from

DEPTH = 512  # deep enough that loading and storing the tile does not matter
REPEATS = 100


class Roofline:
    """A call that runs full tiles on each of `n_threads` threads."""

    def __init__(self, n_threads: int, dtype: str = "float32") -> None:
        prepare(np.dtype(dtype))
        rng = np.random.default_rng(0)
        width = VECTORS * lanes_of(np.empty(1, dtype))
        self._a = rng.normal(size=(TILE_ROWS, DEPTH)).astype(dtype)
        self._weights = rng.normal(size=(1, DEPTH, width)).astype(dtype)
        self._tiles = [np.zeros((TILE_ROWS, width), dtype) for _ in range(n_threads)]
        self._pool = ThreadPoolExecutor(n_threads)
        self.flops = 2 * REPEATS * self._weights.size * TILE_ROWS * n_threads
        self()

    def __call__(self) -> None:
        """Multiply on all threads."""
        if len(self._tiles) == 1:
            self._run(self._tiles[0])
        else:
            list(self._pool.map(self._run, self._tiles))

    def _run(self, tile: np.ndarray) -> None:
        _multiply(tile, self._a, self._weights)


@njit(nogil=True)
def lanes_of(array):
    """Return the numbers in a vector of the array's type."""
    return lanes(array)


@njit(nogil=True, error_model="numpy")
def _multiply(tile, a, weights):
    for _ in range(REPEATS):
        tile_from(tile, (0, 0), TILE_ROWS, VECTORS, weights, (0, 0, 0), a, (0, 0), weights, (0, 0, 0), DEPTH)
