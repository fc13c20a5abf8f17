"""Weights in registers, and units spread over blocks that wait for each other, in each arrangement of blocks."""

from __future__ import annotations

import numpy as np
import pytest

import numbarnn
from tests import grid
from tests.cuda.device import (
    adjoint,
    assert_three_passes,
    down,
    expected,
    has_one_product,
    needs_device,
    run,
    tangent,
    up,
)
from tests.grid import assert_same_bits
from tests.test_recurrence_masks import masked_case

pytestmark = needs_device


CELLS = [name for name in grid.CELLS if has_one_product(numbarnn.cells.CELLS[name])]
ALONE = {"RESIDENT_THREADS": 1000}
SPREAD = {"RESIDENT_THREADS": 1000, "units_of_block": lambda *_: 2, "n_multiprocessors": lambda: 6}
ARRANGEMENTS = {
    "all units, a few sequences": ALONE | {"n_multiprocessors": lambda: 2},
    "all units, sequences in turns": ALONE | {"n_multiprocessors": lambda: 1, "RESIDENT_ROWS": 3},
    "units spread": SPREAD | {"n_multiprocessors": lambda: 3, "RESIDENT_ROWS": 3},
    "units and batch spread": SPREAD,
}


def three_passes(case):
    y, state, tape = run(case)
    return [down((y, state)), adjoint(case, tape), tangent(case, tape)]


@pytest.fixture
def arrange(monkeypatch):
    """Return a function that sets the limits of launches and returns a list of the grids of resident blocks."""
    from numbarnn.kernels.cuda import compile as compiling
    from numbarnn.kernels.cuda import launch
    from numbarnn.kernels.cuda.shim import SIMULATED

    def arrange(limits):
        for name, value in limits.items():
            monkeypatch.setattr(launch, name, value)
        return grids

    def spy(kernel, configuration, arguments):
        fits = launch_resident(kernel, configuration, arguments)
        grids.append((fits, configuration[0]))
        return fits

    grids, launch_resident = [], compiling.Kernel.launch_resident
    monkeypatch.setattr(compiling.Kernel, "launch_resident", spy)
    if SIMULATED:
        monkeypatch.setattr(compiling, "n_resident", lambda *_: 1000)
    return arrange


@grid.over(cells=CELLS, specs=["small"], dtypes=["float64"])
def test_three_passes(case, arrange):
    grids = arrange(SPREAD)
    assert_three_passes(case)
    assert grids == [(True, (3, 2))] * 3


@pytest.mark.parametrize("name", ["lstm", "gru"])
@pytest.mark.parametrize("limits", [ALONE, SPREAD], ids=["all units", "units spread"])
def test_masks_and_clip(name, limits, arrange):
    case = masked_case(name, "small", "float64", "everything")
    grids = arrange(limits)
    assert_three_passes(case, masks=up(case.masks), preactivation_clip=case.preactivation_clip)
    assert len(grids) == 3


@grid.over(cells=["lstm", "gru"], specs=["small"], dtypes=["float32"])
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_no_bit_depends_on_the_arrangement(case, arrangement, arrange):
    grids = arrange({"RESIDENT_THREADS": 0})
    expected = three_passes(case)
    assert grids == []
    arrange(ARRANGEMENTS[arrangement])
    assert_same_bits(three_passes(case), expected)
    assert len(grids) == 3
    assert all(fits for fits, _ in grids)


def test_without_a_tape_and_from_run_to_run(arrange):
    case = grid.case("lstm", "small", "float64")
    arrange(SPREAD)
    kept, again, without = (down(run(case, keep_tape=keep)[:2]) for keep in (True, True, False))
    assert_same_bits(again, kept)
    assert_same_bits(without, kept)


def test_blocks_that_cannot_all_run_at_once_are_not_launched(arrange, monkeypatch):
    from numbarnn.kernels.cuda import compile as compiling

    case = grid.case("elman", "small", "float64")
    grids = arrange(SPREAD)
    monkeypatch.setattr(compiling, "n_resident", lambda *_: 5)
    y, state, _ = run(case)
    case.assert_close(down((y, state)), expected(case)[0])
    assert grids == [(False, (3, 2))]


SIZES = [(1, 1), (32, 64), (1000, 64), (1, 512), (32, 512), (256, 700), (32, 3000)]


@pytest.mark.parametrize(("B", "H"), SIZES)
@pytest.mark.parametrize("n_products", [1, 3, 4])
def test_launches_fit_the_device(B, H, n_products, monkeypatch):
    from numbarnn.kernels.cuda import launch

    limits = {"PART": 33, "RESIDENT_THREADS": 256, "n_multiprocessors": lambda: 132, "shared_bytes": lambda: 227 * 1024}
    for name, value in limits.items():
        monkeypatch.setattr(launch, name, value)
    weights = np.lib.stride_tricks.as_strided(np.zeros(1, "float32"), (n_products * H * H,), (0,))
    for depth in (H, n_products * H):
        found = launch.resident(B, H, depth, weights)
        if found is None:
            assert 4 * n_products * H * H > 132 * 40 * 1024  # far more than some registers of each block
            continue
        (n_slices, n_batch), threads, _, n_bytes = found.configuration
        slices = found.slices
        n_columns, n_parts = slices.n_units * n_products * H // depth, -(-depth // 33)
        assert n_slices * n_batch <= 132
        assert n_slices * slices.n_units >= H > (n_slices - 1) * slices.n_units
        assert n_batch * slices.n_rows >= B > (n_batch - 1) * slices.n_rows
        assert n_parts * -(-n_columns // 2) <= threads <= 256
        assert threads >= slices.n_units
        assert n_bytes == 4 * slices.n_at_once * n_parts * (33 + n_columns) <= 227 * 1024
        assert found.arrivals.size == (n_batch if n_slices > 1 or slices.n_at_once < slices.n_rows else 0)
