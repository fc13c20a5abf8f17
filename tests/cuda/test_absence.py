"""Without a GPU or without the extra: a clear error, and no other difference."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numbarnn
from tests.cuda.device import available


class Pretended:
    """A CUDA array of another library, whose memory is never read."""

    def __init__(self, *shape):
        self.__cuda_array_interface__ = {"shape": shape, "typestr": "<f4", "data": (0, False), "version": 3}


@pytest.mark.skipif(available(), reason="there is a GPU or numba-cuda's simulator")
def test_cuda_array_without_a_device():
    cell = numbarnn.LSTM(Pretended(3, 20), Pretended(5, 20), Pretended(20))
    with pytest.raises((ImportError, RuntimeError), match="CUDA arrays need"):
        numbarnn.forward(cell, Pretended(4, 2, 3))


def test_the_cuda_package_is_imported_only_for_cuda_arrays():
    code = "import sys, numbarnn; print(*(name for name in sys.modules if name.startswith('numbarnn.kernels.cuda')))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == []


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.skipif(available(), reason="there is a GPU or numba-cuda's simulator")
def test_estimator_without_a_device():
    X, y = np.ones((4, 3, 1)), np.arange(4.0)
    estimator = numbarnn.RNNRegressor(2, device="cuda")
    with pytest.raises((ImportError, RuntimeError), match="CUDA arrays need"):
        estimator.fit(X, y)
    assert not hasattr(estimator, "theta_")
    estimator.set_params(device="cpu", max_iter=1).fit(X, y)
    with pytest.raises((ImportError, RuntimeError), match="CUDA arrays need"):
        estimator.set_params(device="cuda").predict(X)
