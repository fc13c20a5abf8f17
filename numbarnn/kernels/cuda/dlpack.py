"""Import of arrays of other libraries by DLPack, with NVIDIA's cuda-core, on which numba-cuda depends.

If an array offers both DLPack and `__cuda_array_interface__`, DLPack is used: PyTorch names no stream in the latter.
"""

from __future__ import annotations

import os
from typing import Any

from cuda.core.utils import StridedMemoryView

# The stream of all launches as DLPack numbers it: 1 is CUDA's legacy default stream, 2 a thread's own default stream.
STREAM = 2 if os.environ.get("CUDA_PYTHON_CUDA_PER_THREAD_DEFAULT_STREAM", "0") not in ("", "0") else 1


class Import:
    """An array that offers DLPack, as one that offers `__cuda_array_interface__`, without a copy.

    This object keeps the memory alive. Work that the array's library has not finished is ordered before all later
    launches on `STREAM`.
    """

    def __init__(self, array: Any) -> None:
        self._view = view = StridedMemoryView.from_dlpack(array, stream_ptr=STREAM)
        strides = view.strides and tuple(stride * view.dtype.itemsize for stride in view.strides)
        self.__cuda_array_interface__ = {
            "shape": view.shape,
            "strides": strides or None,
            "typestr": view.dtype.str,
            "data": (view.ptr, view.readonly),
            "version": 3,
        }
