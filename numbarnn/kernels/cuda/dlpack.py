"""Arrays of other libraries that come by DLPack, read with NVIDIA's cuda-core, on which numba-cuda depends.

DLPack comes before `__cuda_array_interface__` where an array has both: PyTorch names no stream in the latter.
"""

from __future__ import annotations

import os
from typing import Any

from cuda.core.utils import StridedMemoryView

# The stream of all launches as DLPack numbers it: 1 is CUDA's legacy default stream, 2 a thread's own default stream.
STREAM = 2 if os.environ.get("CUDA_PYTHON_CUDA_PER_THREAD_DEFAULT_STREAM", "0") not in ("", "0") else 1


class Import:
    """An array that offers DLPack, as one that offers `__cuda_array_interface__`, without a copy.

    The memory belongs to this object until it is let go of. What the array's library has still to compute is ordered
    before what is launched on `STREAM`.

    Raises
    ------
    ValueError
        If the array is on another device than `device`.
    """

    def __init__(self, array: Any, device: int) -> None:
        on = array.__dlpack_device__()[1]
        if on != device:
            raise ValueError(f"CUDA arrays must be on the current device, {device}, got one on device {on}")
        self._view = view = StridedMemoryView.from_dlpack(array, stream_ptr=STREAM)
        strides = view.strides and tuple(stride * view.dtype.itemsize for stride in view.strides)
        self.__cuda_array_interface__ = {
            "shape": view.shape,
            "strides": strides or None,
            "typestr": view.dtype.str,
            "data": (view.ptr, view.readonly),
            "version": 3,
        }
