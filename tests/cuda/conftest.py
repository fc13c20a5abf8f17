"""The simulator made quick and sound; without it nothing is changed."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest


@pytest.fixture(autouse=True, scope="session")
def _simulator():
    if os.environ.get("NUMBA_ENABLE_CUDASIM", "0") in ("", "0"):
        yield
        return
    from numba.cuda.simulator import kernelapi

    def array(self, shape, dtype, alignment=None):
        """Return a block's shared array: two threads at once would otherwise get one each."""
        if shape == 0:
            return dynamic(self, shape, dtype, alignment)
        caller = sys._getframe(1)
        place = caller.f_code.co_filename, caller.f_lineno
        return self._allocations.setdefault(place, np.empty(shape, dtype))

    dynamic = kernelapi.FakeCUDAShared.array
    before = sys.getswitchinterval()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernelapi.FakeCUDAShared, "array", array)
        # Python's threads, which the simulator polls, take turns in microseconds instead of milliseconds.
        sys.setswitchinterval(1e-5)
        yield
        sys.setswitchinterval(before)
