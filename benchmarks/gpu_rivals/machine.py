"""The GPU that both libraries compute on."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np


class Machine(NamedTuple):
    """Where both libraries compute."""

    torch_device: str
    upload: Callable[[np.ndarray], Any]  # to where numbarnn takes it from
    wait: Callable[[], None]  # until all that was launched has ended


def gpu() -> Machine:
    """Return the GPU."""
    import torch  # noqa: PLC0415  (asv imports all modules, also where a rival is not installed)

    from numbarnn.kernels.cuda import shim  # noqa: PLC0415

    return Machine("cuda", shim.to_device, torch.cuda.synchronize)


def missing() -> str | None:
    """Return what the race lacks here, None if nothing."""
    if find_spec("numba_cuda") is None:
        return 'numba-cuda is not installed: python -m pip install -e ".[cuda]"'
    if find_spec("torch") is None:
        return "PyTorch is not installed: python -m pip install torch, a build for CUDA"
    if os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0"):
        return "numba-cuda's simulator is no GPU: unset NUMBA_ENABLE_CUDASIM"
    import torch  # noqa: PLC0415
    from numba import cuda  # noqa: PLC0415

    if not (torch.cuda.is_available() and torch.backends.cudnn.is_available()):
        return f"PyTorch {torch.__version__} finds no GPU with cuDNN"
    if not cuda.is_available():
        return f"numba-cuda finds no GPU: {cuda.cuda_error()}"
    return None


def in_words() -> str:
    """Return what the race runs on."""
    import torch  # noqa: PLC0415

    libraries = {"PyTorch": torch.__version__, "cuDNN": torch.backends.cudnn.version()}
    libraries |= {name: version(name) for name in ("numba-cuda", "numbarnn")}
    return ", ".join([torch.cuda.get_device_name(), *(f"{name} {number}" for name, number in libraries.items())])
