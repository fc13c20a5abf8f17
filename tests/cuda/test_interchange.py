"""Arrays of other libraries by DLPack or `__cuda_array_interface__`; the simulator's device memory is NumPy's."""

from __future__ import annotations

import gc
import os
import weakref

import numpy as np
import pytest

import numbarnn
from tests import grid
from tests.cuda.device import down, each, needs_device, up
from tests.grid import assert_same_bits

pytestmark = [
    *needs_device,
    pytest.mark.skipif(
        os.environ.get("NUMBA_ENABLE_CUDASIM", "0") in ("", "0"), reason="pretends that NumPy's memory is a GPU's"
    ),
]

CPU, CUDA, CUDA_HOST, CUDA_MANAGED, ROCM = 1, 2, 3, 13, 10  # DLPack's device types


class ByDLPack:
    """An array of a library that offers only DLPack."""

    def __init__(self, array, device_type=CUDA, device=0):
        self.array, self.device, self.streams = array, (device_type, device), []

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, *, stream=None, max_version=None):
        self.streams.append(stream)
        return self.array.__dlpack__(max_version=max_version)


class ByBoth(ByDLPack):
    """An array like those of PyTorch, whose other interface names no stream."""

    @property
    def __cuda_array_interface__(self):
        raise AssertionError("DLPack must be used")


class ByInterface:
    """An array that offers only `__cuda_array_interface__`."""

    def __init__(self, array):
        self.array, self.__cuda_array_interface__ = array, array.__array_interface__


class OldDLPack(ByDLPack):
    """An array of a library from before DLPack 1.0."""

    def __dlpack__(self, stream=None):
        return super().__dlpack__(stream=stream)


KINDS = [ByDLPack, ByBoth, ByInterface, OldDLPack, lambda array: ByDLPack(array, CUDA_MANAGED)]


@pytest.fixture(autouse=True)
def _take_memory_as_it_is(monkeypatch):
    """Let the simulator view memory by its address, as numba-cuda does on a GPU."""
    from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray

    from numbarnn.kernels.cuda import shim

    class Memory:
        def __init__(self, owner):
            self.owner, self.__array_interface__ = owner, owner.__cuda_array_interface__

    monkeypatch.setattr(
        shim.cuda, "as_cuda_array", lambda owner: FakeCUDAArray(np.asarray(Memory(owner))), raising=False
    )


@grid.over(cells=["lstm"], specs=["small"], dtypes=["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS, ids=["DLPack", "both", "interface", "old", "managed"])
def test_three_passes(case, kind):
    def theirs(tree):
        return each(kind, np.ndarray, tree)

    given = case.cell, case.x, case.state
    results, expected = (numbarnn.forward(*map(to, given), case.lengths) for to in (theirs, up))
    assert_same_bits(down(results[:2]), down(expected[:2]))
    for derive, arguments in (
        (numbarnn.adjoint, (case.y_bar, case.state_bar)),
        (numbarnn.tangent, (case.cell_dot, case.x_dot, case.state_dot)),
    ):
        bits = [down(derive(to(case.cell), results.tape, *map(to, arguments))) for to in (theirs, up)]
        assert_same_bits(*bits)


@pytest.fixture
def cell():
    return numbarnn.Elman.init(2, 3, random_state=0)


@pytest.fixture
def x():
    return np.random.default_rng(0).standard_normal((4, 3, 2)).astype("float32")


def test_a_view_on_the_stream_of_the_launches(cell, x):
    from numbarnn.kernels.cuda import dlpack

    theirs = ByDLPack(x)
    tape = numbarnn.forward(up(cell), theirs).tape
    assert theirs.streams == [dlpack.STREAM] == [1]
    assert tape.x.ctypes.data == x.ctypes.data


def test_the_memory_lives_as_long_as_its_view(cell):
    x = np.ones((4, 3, 2), np.float32)
    memory = weakref.ref(x)
    tape = numbarnn.forward(up(cell), ByDLPack(x)).tape
    expected = x.copy()
    del x
    gc.collect()
    assert memory() is not None
    assert_same_bits(down((tape.x,)), (expected,))
    del tape
    gc.collect()
    assert memory() is None


@pytest.mark.parametrize("shape", [(0, 3, 2), (4, 0, 2)], ids=str)
def test_empty_arrays(cell, shape):
    y, state = down(numbarnn.forward(up(cell), ByDLPack(np.zeros(shape, np.float32)))[:2])
    assert y.shape == (*shape[:2], 3)
    assert not state[0].any()


def test_lengths(cell, x):
    lengths = np.array([4, 0, 2])
    there = (numbarnn.forward(up(cell), up(x), lengths=given) for given in (ByDLPack(lengths), lengths))
    assert_same_bits(*(down(result[:2]) for result in there))


REFUSED = {
    "weights elsewhere": (lambda cell, x: (cell, ByDLPack(x)), TypeError, "cell.W must be a .* CUDA array"),
    "inputs elsewhere": (
        lambda cell, x: (each(ByDLPack, np.ndarray, cell), x), TypeError, "cell.W must be a .* NumPy array",
    ),
    "a state elsewhere": (lambda cell, x: (up(cell), up(x), (x[0],)), TypeError, r"state\[0\] must be a CUDA array"),
    "on the CPU": (lambda cell, x: (cell, ByDLPack(x, CPU)), TypeError, "x must be a NumPy array"),
    "pinned": (lambda cell, x: (cell, ByDLPack(x, CUDA_HOST)), TypeError, "x must be a NumPy array"),
    "ROCm": (lambda cell, x: (cell, ByDLPack(x, ROCM)), TypeError, "x must be a NumPy array"),
    "CPU beside CUDA": (lambda cell, x: (up(cell), ByDLPack(x, CPU)), TypeError, "cell.W must be a .* NumPy array"),
    "another GPU": (
        lambda cell, x: (up(cell), ByDLPack(x, CUDA, 1)), ValueError, "on the current device, 0, got one on device 1",
    ),
    "another dtype": (lambda cell, x: (up(cell), ByDLPack(x.astype("int32"))), TypeError, "x must be float32"),
    "strides": (lambda cell, x: (up(cell), ByDLPack(x[::2])), ValueError, "x must be C-contiguous .* strides"),
}  # fmt: skip


@pytest.mark.parametrize("refused", REFUSED)
def test_refused(cell, x, refused):
    arguments, error, message = REFUSED[refused]
    with pytest.raises(error, match=message):
        numbarnn.forward(*arguments(cell, x))


@pytest.mark.parametrize("move", [up, ByInterface], ids=["numba-cuda", "interface"])
def test_arrays_on_another_gpu_without_dlpack(cell, x, move, monkeypatch):
    from numbarnn.kernels.cuda import shim

    monkeypatch.setattr(shim, "device_of", lambda array: int(array.ndim == 3))
    with pytest.raises(ValueError, match="on the current device, 0, got one on device 1"):
        numbarnn.forward(up(cell), move(x))


def test_numpy_arrays_offer_dlpack_and_stay_on_the_cpu(cell, x):
    assert isinstance(numbarnn.forward(cell, x).y, np.ndarray)
