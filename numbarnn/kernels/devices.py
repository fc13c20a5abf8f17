"""Where arrays are, and how they move between the processor and a CUDA device."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

DLPACK_CUDA = 2, 13  # DLPack's kDLCUDA and kDLCUDAManaged


def on_cuda(array: Any) -> bool:
    """Return whether this is an array on a CUDA device, of any library."""
    if isinstance(array, np.ndarray):
        return False
    if hasattr(array, "__cuda_ndarray__"):
        return True
    dlpack_device = getattr(type(array), "__dlpack_device__", None)
    if dlpack_device is not None:
        return dlpack_device(array)[0] in DLPACK_CUDA
    return hasattr(array, "__cuda_array_interface__")


def check_cuda() -> None:
    """Raise an error if there is no CUDA device.

    Raises
    ------
    ImportError
        If numba-cuda, the extra `[cuda]`, is not installed.
    RuntimeError
        If there is neither an NVIDIA GPU with its driver nor the simulator.
    """
    _shim().check_device()


def check_room(n_bytes: float) -> None:
    """Raise an error if the CUDA device has too little free memory.

    Raises
    ------
    MemoryError
        If fewer bytes are free than needed.
    """
    free = _shim().free_bytes()
    if n_bytes > free:
        raise MemoryError(f"{n_bytes:,} bytes are needed on the CUDA device, which has {free:,} bytes free")


def to_device(tree: Any) -> Any:
    """Return a tree of tuples or lists with copies of its NumPy arrays on the CUDA device; all else stays as it is.

    Raises
    ------
    MemoryError
        If they do not fit.
    """
    needed: list[int] = []
    _each(lambda array: None if on_cuda(array) else needed.append(array.nbytes), tree)
    if needed:
        check_room(sum(needed))
    return _each(lambda array: _shim().to_device(array), tree)


def place_like(array: Any, tree: Any) -> Any:
    """Return a tree of NumPy arrays where an array is: copied to the CUDA device, or the tree itself."""
    return to_device(tree) if on_cuda(array) else tree


def to_host(tree: Any) -> Any:
    """Return a tree of tuples or lists with NumPy copies of its device arrays; all else stays as it is."""
    return _each(lambda array: array.copy_to_host() if on_cuda(array) else array, tree)


def host_copy(array: Any) -> np.ndarray:
    """Return a NumPy copy of an array, wherever that is."""
    return array.copy_to_host() if on_cuda(array) else array.copy()


def _each(change: Any, tree: Any) -> Any:
    if isinstance(tree, np.ndarray) or on_cuda(tree):
        return change(tree)
    if not isinstance(tree, tuple | list):
        return tree
    branches = [_each(change, branch) for branch in tree]
    return type(tree)(*branches) if hasattr(tree, "_fields") else tuple(branches)


def _shim() -> Any:
    return import_module("numbarnn.kernels.cuda.shim")  # imports numba-cuda, which is an extra
