"""The only module that imports numba-cuda, and that distinguishes a GPU from the simulator.

With `NUMBA_ENABLE_CUDASIM=1` in the environment, numba-cuda simulates kernels by Python threads, without a GPU.
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

from numba import cuda  # numba-cuda replaces Numba's own module of this name, which is deprecated

from numbarnn.kernels.cuda.dlpack import Import

__all__ = [
    "SIMULATED",
    "address",
    "allow_shared",
    "as_device_array",
    "cuda",
    "current_device",
    "device_of",
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
FREELY_SHARED = 48 * 1024  # bytes of shared memory that a block has on every device without a request


def syncthreads() -> None:
    """Wait for the other threads of the block, in modules without a kernel, whose `cuda` the simulator keeps."""
    threading.current_thread().syncthreads()


if not SIMULATED:
    syncthreads = cuda.syncthreads


def check_device() -> None:
    """Check that there is a device.

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
    """Return a view of a CUDA array of any library as an array of numba-cuda, which keeps the memory alive.

    Raises
    ------
    ValueError
        If the array is on another device than the current one.
    """
    if not hasattr(array, "__cuda_ndarray__"):
        check_device()
        if hasattr(array, "__dlpack_device__"):
            _check_on_current(array.__dlpack_device__()[1])
            array = Import(array)
        array = cuda.as_cuda_array(array)
    _check_on_current(device_of(array))
    return array


def _check_on_current(device: int) -> None:
    if device != current_device():
        raise ValueError(
            f"CUDA arrays must be on the current device, {current_device()}, got one on device {device}; "
            f"call numba.cuda.select_device({device}) first or copy the array"
        )


def device_of(array: Any) -> int:
    """Return the index of the device that holds an array of numba-cuda."""
    if SIMULATED or array.size == 0:
        return current_device()
    from numba.cuda.cudadrv.driver import binding, driver  # noqa: PLC0415  (the simulator has none)

    attribute = binding.CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
    return int(driver.cuPointerGetAttribute(attribute, binding.CUdeviceptr(address(array))))


def to_device(array: Any) -> Any:
    """Return a copy of an array on the device, or the array if it is there already."""
    return array if hasattr(array, "__cuda_ndarray__") else cuda.to_device(np.ascontiguousarray(array))


def empty(shape: tuple[int, ...], dtype: Any) -> Any:
    """Return an uninitialised device array."""
    return cuda.device_array(shape, dtype)


def address(array: Any) -> int:
    """Return the address of a device array."""
    return array.ctypes.data if SIMULATED else array.__cuda_array_interface__["data"][0]


def free_bytes() -> float:
    """Return how many bytes are free on the device."""
    context = cuda.current_context()
    if not SIMULATED:
        context.deallocations.clear()  # memory that Python has released, but numba-cuda has not yet
    return context.get_memory_info().free


def current_device() -> int:
    """Return the index of the device on which kernels are launched."""
    return 0 if SIMULATED else cuda.get_current_device().id


def n_multiprocessors() -> int:
    """Return the number of multiprocessors: so many blocks run at once at least."""
    return 1 if SIMULATED else cuda.get_current_device().MULTIPROCESSOR_COUNT


def shared_bytes() -> int:
    """Return how many bytes of shared memory a block gets if its kernel requests them."""
    return FREELY_SHARED if SIMULATED else cuda.get_current_device().MAX_SHARED_MEMORY_PER_BLOCK_OPTIN


def allow_shared(dispatcher: Any, arguments: tuple[Any, ...], n_bytes: int) -> None:
    """Request the shared memory of a kernel, which is needed for more than `FREELY_SHARED` bytes."""
    if SIMULATED or n_bytes <= FREELY_SHARED:
        return
    from numba.cuda.cudadrv.driver import binding, driver  # noqa: PLC0415  (the simulator has none)

    function = _compiled(dispatcher, arguments)._codelibrary.get_cufunc()
    attribute = binding.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    driver.cuKernelSetAttribute(attribute, n_bytes, function.handle, function.device.id)


def n_resident(dispatcher: Any, arguments: tuple[Any, ...], n_threads: int, n_bytes: int) -> int:
    """Return how many blocks of a kernel the device runs at once, and make its launches cooperative.

    The driver refuses a cooperative launch of more blocks, so no block can wait for one that does not run.
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
    """Suppress the warning about launches of few blocks, which are normal for small batches."""
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
