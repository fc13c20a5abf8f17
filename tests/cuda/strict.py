"""A simulator that distinguishes device arrays from NumPy arrays."""

from __future__ import annotations

import os
import sys

import pytest

# Attributes that an array of the simulator takes from its NumPy array, and that a device array has too.
COMMON = {"dtype", "itemsize", "ndim", "size", "squeeze", "strides", "flags"}


@pytest.fixture(autouse=True)
def _strict(monkeypatch):
    """Refuse arithmetic with device arrays outside kernels, and their silent conversion to NumPy arrays."""
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
        raise TypeError("a device array where a NumPy array is needed")

    monkeypatch.setattr(devicearray.FakeCUDAArray, "__getattr__", attribute)
    for name in ("add", "sub", "mul", "floordiv", "truediv", "mod", "pow", "eq", "ne", "lt", "le", "gt", "ge", "array"):
        monkeypatch.setattr(devicearray.FakeCUDAArray, f"__{name}__", refuse, raising=False)
