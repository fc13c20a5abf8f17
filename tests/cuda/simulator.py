"""The simulator with true barriers instead of polling, and with all blocks of a grid running at once."""

from __future__ import annotations

import sys
import threading
import time
from math import prod

import numpy as np


def install(patch):
    """Let simulated threads and blocks wait for each other as those of a GPU do.

    All blocks of a grid run at once, each with its own shared memory, so that they can wait for each other too. All
    threads of a block must reach each of its barriers.
    """
    from numba.cuda.simulator import kernel, kernelapi

    failed = threading.Event()
    patch.setattr(kernel, "BlockManager", _blocks(kernel, _threads(kernel, failed), failed))
    patch.setattr(kernelapi.FakeCUDAShared, "array", _shared_array)
    patch.setattr(kernelapi.FakeCUDAAtomic, "add", _patient(kernelapi.FakeCUDAAtomic.add, failed))


def _threads(kernel, failed):
    class Thread(kernel.BlockThread):
        def run(self):
            super().run()
            if self.exception:
                failed.set()
                self.barrier.abort()

        def syncthreads(self):
            self.barrier.wait()

    return Thread


def _blocks(kernel, thread_class, failed):
    waiting = []

    class Block(kernel.BlockManager):
        def run(self, grid_point, *args):
            """Create the threads of the block; the last block starts the threads of all."""
            barrier = threading.Barrier(prod(self._block_dim))
            for place in np.ndindex(*self._block_dim):
                thread = thread_class(lambda: self._f(*args), self, grid_point, place, self._debug)
                thread.barrier = barrier
                waiting.append(thread)
            if len(waiting) == prod(self._block_dim) * prod(self._grid_dim):
                threads, waiting[:] = list(waiting), []
                failed.clear()
                _run(threads)

    return Block


def _run(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for thread in threads:
        if thread.exception and not isinstance(thread.exception[0], threading.BrokenBarrierError):
            raise thread.exception[0].with_traceback(thread.exception[1])
    assert not any(thread.is_alive() for thread in threads)


def _shared_array(self, shape, dtype, alignment=None):
    """Return the array of a block for one line of the code; for shape 0, its dynamic shared memory."""
    caller, block = sys._getframe(1), tuple(threading.current_thread().blockIdx)
    place = block, caller.f_code.co_filename, caller.f_lineno
    shape = self._dynshared_size // np.dtype(dtype).itemsize if shape == 0 else shape
    return self._allocations.setdefault(place, np.zeros(shape, dtype))


def _patient(atomic_add, failed):
    def add(self, array, index, number):
        if number == 0:  # a block that polls for the others
            time.sleep(1e-4)
            assert not failed.is_set()
        return atomic_add(self, array, index, number)

    return add
