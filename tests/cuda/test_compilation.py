"""What the compiler makes of the kernels for a GPU of compute capability 9.0; none is needed for that."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

import numbarnn
from numbarnn.cells.form import form_of

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("numba_cuda") is None, reason="needs numba-cuda"),
    pytest.mark.skipif(
        os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("", "0"), reason="the simulator compiles nothing"
    ),
]


@pytest.fixture
def compiled(monkeypatch):
    """A function of a kernel and its arguments' types that returns PTX."""
    from numba import cuda, types
    from numba.cuda import dispatcher

    monkeypatch.setattr(dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=(9, 0)))
    return lambda kernel, *arguments: cuda.compile_ptx(kernel.py_func, types.void(*arguments), cc=(9, 0))[0]


def floats(n_axes):
    from numba import types

    return types.Array(types.float32, n_axes, "C")


def assert_single_and_in_registers(ptx):
    assert re.findall(r"^\s+\S+\.f64\b.*$", ptx, re.MULTILINE) == []
    assert re.findall(r"^.*\.local\b.*$", ptx, re.MULTILINE) == []


def given_to(kind, given):
    """The types of a mask and of what changes a step; a normalised cell has no zoneout."""
    from numba import types

    nothing = types.Tuple(())
    if not given:
        return nothing, nothing
    zoneout = nothing if form_of(kind).normalisation else types.UniTuple(floats(3), kind.state_size)
    return types.UniTuple(floats(2), 1), types.Tuple((zoneout, types.UniTuple(types.float32, 1)))


@pytest.mark.parametrize("given", [False, True], ids=["plain", "masked"])
@pytest.mark.parametrize("name", numbarnn.cells.CELLS)
def test_passes(name, given, compiled):
    from numba import types

    from numbarnn.cuda import adjoint
    from numbarnn.cuda.loops import loops_of

    kind = numbarnn.cells.CELLS[name]
    n_axes = [len(form_of(kind).shapes(1, 1, 1)[field]) for field in kind._fields]
    weights = types.NamedTuple([floats(n) for n in n_axes], kind), floats(1), types.boolean, floats(4)
    mask, changes = given_to(kind, given)
    tape = types.Array(types.intp, 1, "C"), floats(3), floats(4)
    given = *tape, mask, changes
    bars = floats(3), floats(2), floats(4), floats(4), floats(3), floats(4)
    loops = loops_of(kind)
    assert_single_and_in_registers(compiled(loops.forward, *weights, floats(4), *given, floats(2)))
    assert_single_and_in_registers(compiled(loops.adjoint, *weights, *given, *bars, floats(2)))
    assert_single_and_in_registers(
        compiled(loops.tangent, *weights, floats(4), floats(4), *given, floats(3), floats(4), floats(2))
    )
    if form_of(kind).inner_gates:
        assert_single_and_in_registers(compiled(adjoint.inner_states, weights[0], *tape, mask, types.intp, floats(3)))


def test_products(compiled):
    from numba import types

    from numbarnn.cuda import product

    at, size = types.UniTuple(types.intp, 2), types.UniTuple(types.intp, 3)
    running, factors = types.Array(types.int8, 1, "C"), (floats(2), at, floats(2), at)
    for ptx in (
        compiled(product._add_product, floats(2), at, *factors, size, running),
        compiled(product._product_over_rows, floats(3), *factors, types.intp, running),
    ):
        assert_single_and_in_registers(ptx)
        assert len(re.findall(r"fma\.rn\.f32", ptx)) >= product.EACH**2
