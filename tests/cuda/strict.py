"""A simulator that knows the difference between a device array and NumPy's."""

from __future__ import annotations

import os
import sys

import pytest

# What an array of the simulator takes from the NumPy array in it though a device array has it, too.
COMMON = {"dtype", "itemsize", "ndim", "size", "squeeze", "strides", "flags"}


@pytest.fixture(autouse=True)
def _strict(monkeypatch):
    """Refuse arithmetic with device arrays outside kernels, and their silent conversion to NumPy's."""
    if os.environ.get("NUMBA_ENABLE_CUDASIM", "0") in ("", "0"):
        return
    from numba.cuda.simulator.cudadrv import devicearray

    def attribute(self, name):
        if name not in COMMON:
            raise AttributeError(f"a device array has no {name}")
        return getattr(self._ary, name)

    def refuse(self, *others, **options):
        if sys._getframe(1).f_code.co_filename == devicearray.__file__:  # the simulator's own copies
            return self._ary
        raise TypeError("a device array in the place of a NumPy array")

    monkeypatch.setattr(devicearray.FakeCUDAArray, "__getattr__", attribute)
    for name in ("add", "sub", "mul", "floordiv", "truediv", "mod", "pow", "eq", "ne", "lt", "le", "gt", "ge", "array"):
        monkeypatch.setattr(devicearray.FakeCUDAArray, f"__{name}__", refuse, raising=False)
