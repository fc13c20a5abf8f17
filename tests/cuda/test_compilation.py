"""The PTX of the kernels for a GPU of compute capability 9.0; no GPU is needed to compile it."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

import numbarnn
from numbarnn.cells.form import form_of
from tests.cuda.device import has_one_product
from tests.cuda.test_cells_of_users import FourOfThemRecurrent, redefined

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


def bundle(kind, *parts):
    """Return the type of a NamedTuple of the given class."""
    from numba import types

    return types.BaseTuple.from_types(parts, kind)


def cell_type(kind):
    from numba.cuda.typing.typeof import typeof

    return typeof(kind.init(2, 3))


def modifiers_type(kind, masked):
    """The type of no modifiers, or of all of them; a normalised cell has no zoneout."""
    from numba import types

    from numbarnn.kernels.cuda.operands import Modifiers

    nothing = types.Tuple(())
    if not masked:
        return bundle(Modifiers, nothing, nothing, nothing)
    zoneout = nothing if form_of(kind).normalisation else types.UniTuple(floats(3), kind.state_size)
    return bundle(Modifiers, types.UniTuple(floats(2), 1), zoneout, types.UniTuple(types.float32, 1))


def weights_type():
    from numbarnn.kernels.cuda.operands import Weights

    return bundle(Weights, floats(1), floats(4))


def tape_types():
    from numba import types

    return types.Array(types.intp, 1, "C"), floats(3), floats(4)


@pytest.mark.parametrize("masked", [False, True], ids=["plain", "masked"])
@pytest.mark.parametrize("name", numbarnn.cells.CELLS)
def test_passes(name, masked, compiled):
    assert_passes(numbarnn.cells.CELLS[name], masked, compiled)


def assert_passes(kind, masked, compiled):
    from numba import types

    from numbarnn.kernels.cuda import adjoint, operands
    from numbarnn.kernels.cuda.loops import loops_of

    cell, normalised, loops = cell_type(kind), bool(form_of(kind).normalisation), loops_of(kind)
    weights, arrays, modifiers = weights_type(), tape_types(), modifiers_type(kind, masked)
    tape = bundle(operands.TapeArrays, *arrays)
    dots, bars = (floats(4), floats(4), floats(3), floats(4)), (floats(3), floats(2), *3 * [floats(4)])
    if normalised:
        taped = bundle(operands.NormalisedTape, *arrays, floats(3))
        dots, bars = (
            bundle(operands.NormalisedDots, *dots, floats(4)),
            bundle(operands.NormalisedBars, *bars, floats(4)),
        )
    else:
        taped, dots, bars = tape, bundle(operands.Dots, *dots), bundle(operands.Bars, *bars, floats(3))
    for loop, *operands_of_pass in (
        (loops.forward, tape, modifiers, floats(4)),
        (loops.adjoint, taped, modifiers, bars),
        (loops.tangent, taped, modifiers, dots),
    ):
        assert_single_and_in_registers(compiled(loop, cell, weights, types.boolean, *operands_of_pass, floats(2)))
    if form_of(kind).inner_gates:
        states = cell, tape, types.UniTuple(floats(2), 1) if masked else types.Tuple(()), types.intp, floats(3)
        assert_single_and_in_registers(compiled(adjoint.inner_states, *states))


def test_a_cell_of_five_gates(compiled):
    assert_passes(FourOfThemRecurrent, masked=False, compiled=compiled)


def test_classes_of_one_name(compiled):
    from numba import types

    from numbarnn.kernels.cuda import forward, operands

    arguments = weights_type(), types.boolean, bundle(operands.TapeArrays, *tape_types())
    ptx = [
        compiled(forward.forward, bundle(kind, floats(2), floats(2), floats(1)), *arguments, *rest)
        for kind in (redefined(1), redefined(2))
        for rest in [(modifiers_type(kind, masked=False), floats(4), floats(2))]
    ]
    assert n_additions(ptx[1]) > n_additions(ptx[0])


def n_additions(ptx):
    return len(re.findall(r"^\s+add(?:\.rn)?\.f32", ptx, re.MULTILINE))


ONE_PRODUCT = [(name, False) for name, kind in numbarnn.cells.CELLS.items() if has_one_product(kind)]


@pytest.mark.parametrize(("name", "masked"), [*ONE_PRODUCT, ("lstm", True)])
def test_passes_with_weights_in_registers(name, masked, compiled):
    from numba import types

    from numbarnn.kernels.cuda import launch, operands
    from numbarnn.kernels.cuda.loops import RESIDENT

    kind = numbarnn.cells.CELLS[name]
    tape = bundle(operands.TapeArrays, *tape_types())
    common = cell_type(kind), weights_type(), tape, modifiers_type(kind, masked)
    dots = bundle(operands.Dots, floats(4), floats(4), floats(3), floats(4))
    bars = bundle(operands.Bars, floats(3), floats(2), floats(4), floats(4), floats(4), floats(3))
    slices = bundle(launch.Slices, types.intp, types.intp, types.intp), types.Array(types.intp, 1, "C")
    for ptx in (
        compiled(RESIDENT.forward, *common, floats(4), *slices),
        compiled(RESIDENT.adjoint, *common, bars, *slices),
        compiled(RESIDENT.tangent, *common, dots, *slices),
    ):
        assert_single_and_in_registers(ptx)
        assert len(re.findall(r"fma\.rn\.f32", ptx)) >= 2 * 33  # a thread's weights, each in a register
        assert "ld.global.nc" not in ptx  # h of other blocks must not be read through the cache for constant data
        assert re.search(r"bar\.sync.*membar\.gl.*atom\.global\.add.*membar\.gl.*bar\.sync", ptx, re.DOTALL)
        assert re.findall(r"^\s+call", ptx, re.MULTILINE) == []


def test_products(compiled):
    from numba import types

    from numbarnn.kernels.cuda import product

    at, size = types.UniTuple(types.intp, 2), types.UniTuple(types.intp, 3)
    valid, factors = types.Array(types.int8, 1, "C"), (floats(2), at, floats(2), at)
    for ptx in (
        compiled(product._add_product, floats(2), at, *factors, size, valid),
        compiled(product._product_over_rows, floats(3), *factors, types.intp, valid),
    ):
        assert_single_and_in_registers(ptx)
        assert len(re.findall(r"fma\.rn\.f32", ptx)) >= product.EACH**2


def test_normalisation(compiled):
    from numba import types

    from numbarnn.kernels.cuda import normalisation

    row, rows, valid, size = floats(1), floats(2), types.Array(types.int8, 1, "C"), types.intp
    for ptx in (
        compiled(normalisation._centre, rows, rows),
        compiled(normalisation._normalise, rows, row, row, valid),
        compiled(normalisation._add_tangent, rows, rows, rows, row, row, valid),
        compiled(normalisation._reverse, rows, rows, row, valid),
        compiled(normalisation._take_statistics, rows, size, size, size, valid, rows),
        compiled(normalisation._set_products, rows, rows, rows, size, row, valid),
    ):
        assert_single_and_in_registers(ptx)
