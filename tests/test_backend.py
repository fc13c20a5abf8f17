"""The contract of the backends: both offer the same functions with the same parameters."""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from numbarnn.kernels.backend import Backend, backend_of, check_backend
from numbarnn.kernels.cpu import backend as cpu


def test_the_cpu_backend_meets_the_contract():
    check_backend(cpu)
    assert backend_of(np.zeros(1)) is cpu


@pytest.mark.cuda
@pytest.mark.skipif(find_spec("numba_cuda") is None, reason="needs numba-cuda")
def test_the_cuda_backend_meets_the_contract():
    from numbarnn.kernels.cuda import backend as cuda

    check_backend(cuda)
    names = {name for name, _ in inspect.getmembers(Backend, inspect.isfunction) if not name.startswith("_")}
    assert names == set(cpu.__all__) == set(cuda.__all__)


def test_a_backend_that_does_not_meet_the_contract():
    functions = {name: getattr(cpu, name) for name in cpu.__all__}
    del functions["clip"]
    functions["take"] = lambda rows, places: rows[places]
    with pytest.raises(TypeError, match=r"clip.* is missing; take must take \('rows', 'indices'\)"):
        check_backend(SimpleNamespace(**functions))
