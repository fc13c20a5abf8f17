"""The one place that imports the CUDA package, numba-cuda, and that knows whether a simulator takes the GPU's place.

With `NUMBA_ENABLE_CUDASIM=1` in the environment, numba-cuda runs kernels as Python threads, without a GPU.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np

if find_spec("numba_cuda") is None:
    raise ImportError('CUDA arrays need the package numba-cuda: python -m pip install "numbarnn[cuda]"')

from numba import cuda  # numba-cuda stands in for the module of Numba's own, which is deprecated

from numbarnn.cuda.dlpack import Import

__all__ = [
    "SIMULATED",
    "address",
    "as_device_array",
    "cuda",
    "current_device",
    "empty",
    "free_bytes",
    "n_multiprocessors",
    "small_grids",
    "to_device",
]

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")


def check_device() -> None:
    """Refuse to go on without a GPU.

    Raises
    ------
    RuntimeError
        If there is neither an NVIDIA GPU with its driver nor the simulator.
    """
    if not cuda.is_available():
        raise RuntimeError(
            f"CUDA arrays need an NVIDIA GPU and its driver, and numba-cuda finds none: {cuda.cuda_error()}"
        )


def as_device_array(array: Any) -> Any:
    """Return a view of a CUDA array of any library as numba-cuda has it, which keeps the memory alive."""
    if hasattr(array, "__cuda_ndarray__"):
        return array
    check_device()
    if hasattr(array, "__dlpack_device__"):
        array = Import(array, current_device())
    return cuda.as_cuda_array(array)


def to_device(array: np.ndarray) -> Any:
    """Return a copy of an array on the device."""
    return cuda.to_device(np.ascontiguousarray(array))


def empty(shape: tuple[int, ...], dtype: Any) -> Any:
    """Return a device array of anything."""
    return cuda.device_array(shape, dtype)


def address(array: Any) -> int:
    """Return where a device array begins."""
    return array.ctypes.data if SIMULATED else array.__cuda_array_interface__["data"][0]


def free_bytes() -> float:
    """Return how many bytes the device has left."""
    context = cuda.current_context()
    if not SIMULATED:
        context.deallocations.clear()  # what Python has let go of, but numba-cuda still holds
    return context.get_memory_info().free


def current_device() -> int:
    """Return the number of the device that kernels are launched on."""
    return 0 if SIMULATED else cuda.get_current_device().id


def n_multiprocessors() -> int:
    """Return how many blocks the device runs side by side at the least."""
    return 1 if SIMULATED else cuda.get_current_device().MULTIPROCESSOR_COUNT


@contextmanager
def small_grids() -> Iterator[None]:
    """Let kernels be launched on few blocks without a warning: a small batch is no mistake."""
    if SIMULATED:
        yield
        return
    from numba.cuda.core import config  # noqa: PLC0415  (the simulator has none)

    before = config.CUDA_LOW_OCCUPANCY_WARNINGS
    config.CUDA_LOW_OCCUPANCY_WARNINGS = 0
    try:
        yield
    finally:
        config.CUDA_LOW_OCCUPANCY_WARNINGS = before
