"""The GPU on which both libraries compute."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

import numbarnn


class Machine(NamedTuple):
    """The device on which both libraries compute."""

    torch_device: str
    upload: Callable[[np.ndarray], Any]  # copies an array to the device, for numbarnn
    wait: Callable[[], None]  # waits until all launches have finished


def gpu() -> Machine:
    """Return the GPU."""
    import torch  # noqa: PLC0415  (asv imports all modules, also without PyTorch)

    from numbarnn.kernels.cuda import shim  # noqa: PLC0415

    return Machine("cuda", shim.to_device, torch.cuda.synchronize)


def missing() -> str | None:
    """Return the reason why the comparison cannot run here, None if it can."""
    if find_spec("numba_cuda") is None:
        return 'numba-cuda is not installed: python -m pip install -e ".[cuda]"'
    if find_spec("torch") is None:
        return "PyTorch is not installed: python -m pip install torch (a build for CUDA)"
    if os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0"):
        return "the simulator of numba-cuda is not a GPU: unset NUMBA_ENABLE_CUDASIM"
    import torch  # noqa: PLC0415
    from numba import cuda  # noqa: PLC0415

    if not (torch.cuda.is_available() and torch.backends.cudnn.is_available()):
        return f"PyTorch {torch.__version__} finds no GPU with cuDNN"
    if not cuda.is_available():
        return f"numba-cuda finds no GPU: {cuda.cuda_error()}"
    return None


def description() -> str:
    """Return the names and versions of the device and of the libraries."""
    import torch  # noqa: PLC0415

    libraries = {"PyTorch": torch.__version__, "cuDNN": torch.backends.cudnn.version()}
    libraries |= {"numba-cuda": version("numba-cuda"), "numbarnn": numbarnn.__version__}
    return ", ".join([torch.cuda.get_device_name(), *(f"{name} {number}" for name, number in libraries.items())])
