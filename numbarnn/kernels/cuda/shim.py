"""The one place that imports the CUDA package, numba-cuda, and that knows whether a simulator takes the GPU's place.

With `NUMBA_ENABLE_CUDASIM=1` in the environment, numba-cuda runs kernels as Python threads, without a GPU.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np

if find_spec("numba_cuda") is None:
    raise ImportError('CUDA arrays need the package numba-cuda: python -m pip install "numbarnn[cuda]"')

from numba import cuda  # numba-cuda stands in for the module of Numba's own, which is deprecated

from numbarnn.kernels.cuda.dlpack import Import

__all__ = [
    "SIMULATED",
    "address",
    "allow_shared",
    "as_device_array",
    "cuda",
    "current_device",
    "empty",
    "free_bytes",
    "n_multiprocessors",
    "n_resident",
    "shared_bytes",
    "small_grids",
    "syncthreads",
    "to_device",
]

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0")
FREELY_SHARED = 48 * 1024  # bytes of shared memory that a block gets on every device without asking for more


def syncthreads() -> None:
    """Wait for the block's other threads: in modules without a kernel, whose `cuda` the simulator does not replace."""
    threading.current_thread().syncthreads()


if not SIMULATED:
    syncthreads = cuda.syncthreads


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


def to_device(array: Any) -> Any:
    """Return a copy of an array on the device, or the array if it is there already."""
    return array if hasattr(array, "__cuda_ndarray__") else cuda.to_device(np.ascontiguousarray(array))


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


def shared_bytes() -> int:
    """Return how much shared memory a block gets if its kernel asks for it."""
    return FREELY_SHARED if SIMULATED else cuda.get_current_device().MAX_SHARED_MEMORY_PER_BLOCK_OPTIN


def allow_shared(dispatcher: Any, arguments: tuple[Any, ...], n_bytes: int) -> None:
    """Ask for a kernel's shared memory, as one must for more than every block gets."""
    if SIMULATED or n_bytes <= FREELY_SHARED:
        return
    from numba.cuda.cudadrv.driver import binding, driver  # noqa: PLC0415  (the simulator has none)

    function = _compiled(dispatcher, arguments)._codelibrary.get_cufunc()
    attribute = binding.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    driver.cuKernelSetAttribute(attribute, n_bytes, function.handle, function.device.id)


def n_resident(dispatcher: Any, arguments: tuple[Any, ...], n_threads: int, n_bytes: int) -> int:
    """Return how many blocks of a kernel the device has running at once, and let it be launched as such a grid only.

    A cooperative launch of more is an error of the driver's, never a grid whose blocks wait for others in vain.
    """
    if SIMULATED:
        return 1
    if not cuda.get_current_device().COOPERATIVE_LAUNCH:
        return 0
    allow_shared(dispatcher, arguments, n_bytes)
    kernel = _compiled(dispatcher, arguments)
    kernel.cooperative = True
    return kernel.max_cooperative_grid_blocks(n_threads, n_bytes)


def _compiled(dispatcher: Any, arguments: tuple[Any, ...]) -> Any:
    return dispatcher.compile(tuple(map(dispatcher.typeof_pyval, arguments)))


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
