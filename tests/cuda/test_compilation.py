"""What the compiler makes of the kernels for a GPU of compute capability 9.0; none is needed for that."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

import numbarnn
from numbarnn.cells.form import form_of
from tests.cuda.device import has_one_product

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

    from numbarnn.kernels.cuda import adjoint
    from numbarnn.kernels.cuda.loops import loops_of

    kind = numbarnn.cells.CELLS[name]
    n_axes = [len(form_of(kind).shapes(1, 1, 1)[field]) for field in kind._fields]
    weights = types.NamedTuple([floats(n) for n in n_axes], kind), floats(1), types.boolean, floats(4)
    mask, changes = given_to(kind, given)
    tape = types.Array(types.intp, 1, "C"), floats(3), floats(4)
    given = *tape, mask, changes
    normalised = bool(form_of(kind).normalisation)
    bars = (
        floats(3),
        floats(2),
        floats(4),
        floats(4),
        *((floats(4), floats(4), floats(3)) if normalised else (floats(3), floats(4))),
    )
    dots = floats(3), floats(4), *((floats(4), floats(3)) if normalised else ())
    loops = loops_of(kind)
    assert_single_and_in_registers(compiled(loops.forward, *weights, floats(4), *given, floats(2)))
    assert_single_and_in_registers(compiled(loops.adjoint, *weights, *given, *bars, floats(2)))
    assert_single_and_in_registers(compiled(loops.tangent, *weights, floats(4), floats(4), *given, *dots, floats(2)))
    if form_of(kind).inner_gates:
        assert_single_and_in_registers(compiled(adjoint.inner_states, weights[0], *tape, mask, types.intp, floats(3)))


ONE_PRODUCT = [(name, False) for name, kind in numbarnn.cells.CELLS.items() if has_one_product(kind)]


@pytest.mark.parametrize(("name", "given"), [*ONE_PRODUCT, ("lstm", True)])
def test_passes_with_weights_in_registers(name, given, compiled):
    from numba import types

    from numbarnn.kernels.cuda.loops import RESIDENT

    kind = numbarnn.cells.CELLS[name]
    n_axes = [len(form_of(kind).shapes(1, 1, 1)[field]) for field in kind._fields]
    weights = types.NamedTuple([floats(n) for n in n_axes], kind), floats(1), floats(4)
    lengths = types.Array(types.intp, 1, "C")
    tape = lengths, floats(3), floats(4), *given_to(kind, given)
    bars = floats(3), floats(2), floats(4), floats(4), floats(3), floats(4)
    place = types.intp, types.intp, types.intp, lengths
    for ptx in (
        compiled(RESIDENT.forward, *weights, floats(4), *tape, *place),
        compiled(RESIDENT.adjoint, *weights, *tape, *bars, *place),
        compiled(RESIDENT.tangent, *weights, floats(4), floats(4), *tape, floats(3), floats(4), *place),
    ):
        assert_single_and_in_registers(ptx)
        assert len(re.findall(r"fma\.rn\.f32", ptx)) >= 2 * 33  # a thread's weights, each in a register
        assert "ld.global.nc" not in ptx  # h of other blocks is not read through a cache that never hears of it
        assert re.search(r"bar\.sync.*membar\.gl.*atom\.global\.add.*membar\.gl.*bar\.sync", ptx, re.DOTALL)
        assert re.findall(r"^\s+call", ptx, re.MULTILINE) == []


def test_products(compiled):
    from numba import types

    from numbarnn.kernels.cuda import product

    at, size = types.UniTuple(types.intp, 2), types.UniTuple(types.intp, 3)
    running, factors = types.Array(types.int8, 1, "C"), (floats(2), at, floats(2), at)
    for ptx in (
        compiled(product._add_product, floats(2), at, *factors, size, running),
        compiled(product._product_over_rows, floats(3), *factors, types.intp, running),
    ):
        assert_single_and_in_registers(ptx)
        assert len(re.findall(r"fma\.rn\.f32", ptx)) >= product.EACH**2


def test_normalisation(compiled):
    from numba import types

    from numbarnn.kernels.cuda import normalisation

    row, rows, running, size = floats(1), floats(2), types.Array(types.int8, 1, "C"), types.intp
    for ptx in (
        compiled(normalisation._centre, rows, rows),
        compiled(normalisation._normalise, rows, row, row, running),
        compiled(normalisation._add_tangent, rows, rows, rows, row, row, running),
        compiled(normalisation._reverse, rows, rows, row, running),
        compiled(normalisation._take_statistics, rows, size, size, size, running, rows),
        compiled(normalisation._set_products, rows, rows, rows, size, row, running),
    ):
        assert_single_and_in_registers(ptx)
