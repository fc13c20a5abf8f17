"""Recurrent masks, zoneout and clipping on the device: the three passes against the naive reference."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import numbarnn
from tests import grid
from tests.cuda.device import adjoint, assert_three_passes, down, needs_device, run, up
from tests.grid import assert_same_bits
from tests.test_recurrence_masks import masked_case

pytestmark = needs_device

CASES = [masked_case(name, "small", "float64", "everything") for name in grid.CELLS]
CASES += [
    masked_case(*case)
    for case in [
        ("lstm", "small", "float32", "everything"),
        ("layer_norm_lstm", "small", "float32", "everything"),
        ("lstm", "small", "float64", "recurrent"),
        ("lstm", "small", "float64", "zoneout"),
        ("lstm", "small", "float64", "preactivation_clip"),
        ("gru_reset_before", "small", "float64", "recurrent"),
        ("projected_lstm", "one_of_everything", "float32", "masks"),
    ]
]
CASE = CASES[list(grid.CELLS).index("lstm")]


def run_masked(case, **options):
    return run(case, masks=up(case.masks), preactivation_clip=case.preactivation_clip, **options)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_three_passes(case):
    y, bars = assert_three_passes(case, masks=up(case.masks), preactivation_clip=case.preactivation_clip)
    for outputs in (y.copy_to_host(), bars.x):
        assert_array_equal(outputs[~case.valid], 0)


def test_without_a_tape():
    assert_same_bits(down(run_masked(CASE, keep_tape=False)[:2]), down(run_masked(CASE)[:2]))


@pytest.mark.parametrize("name", ["lstm", "layer_norm_lstm"])
def test_missing_cotangents_are_zero(name):
    case = CASES[list(grid.CELLS).index(name)]
    cell, tape = up(case.cell), run_masked(case).tape
    h_bar, c_bar = (up(part) for part in case.state_bar)
    parts = [
        down(numbarnn.adjoint(cell, tape, *bars))
        for bars in [(up(case.y_bar),), (None, (h_bar, None)), (None, (None, c_bar))]
    ]
    sums = [sum(arrays) for arrays in zip(*map(grid.leaves, parts), strict=True)]
    case.assert_close(sums, grid.leaves(adjoint(case, tape)))
    without = numbarnn.adjoint(cell, tape, up(case.y_bar), inputs=False)
    assert without.x is None
    assert_same_bits(down(without.cell), parts[0].cell)


def test_no_mask_is_the_plain_pass():
    without = run(CASE, masks=numbarnn.RecurrentMasks(None, (None, None)))
    assert without.tape.masks is None
    assert_same_bits(down(without[:2]), down(run(CASE)[:2]))


def test_broadcast_zoneout():
    T, B, N = CASE.zoneout[0].shape
    expected = None
    for shape in [(1, 1, 1), (1, B, 1), (T, 1, N), (T, B, N)]:
        y, state, tape = run(CASE, masks=up(numbarnn.RecurrentMasks(None, (np.full(shape, 0.3), None))))
        bits = down((y, state)), adjoint(CASE, tape)
        assert_same_bits(bits, expected or bits)
        expected = bits


MASK, KEPT = np.ones((4, 5)), np.full((1, 1, 1), 0.1)
REFUSED = {
    "masks elsewhere": (lambda: numbarnn.RecurrentMasks(MASK), TypeError, "masks.recurrent must be a CUDA array"),
    "zoneout elsewhere": (
        lambda: numbarnn.RecurrentMasks(zoneout=(None, KEPT)),
        TypeError,
        "masks.zoneout[1] must be a CUDA array",
    ),
    "other dtype": (
        lambda: up(numbarnn.RecurrentMasks(MASK.astype("float32"))),
        TypeError,
        "masks.recurrent must be float64",
    ),
    "other shape": (
        lambda: up(numbarnn.RecurrentMasks(MASK[1:])),
        ValueError,
        "masks.recurrent must have shape (4, 5), got (3, 5)",
    ),
    "strides": (
        lambda: numbarnn.RecurrentMasks(up(np.ones((8, 5)))[::2]),
        ValueError,
        "masks.recurrent must be C-contiguous",
    ),
    "a NaN": (lambda: up(numbarnn.RecurrentMasks(np.nan * MASK)), ValueError, "masks.recurrent must be finite"),
    "no fraction": (
        lambda: up(numbarnn.RecurrentMasks(None, (KEPT, 20 * KEPT))),
        ValueError,
        "masks.zoneout[1] must lie in [0, 1]",
    ),
    "a NaN that stays": (
        lambda: up(numbarnn.RecurrentMasks(None, (np.nan * KEPT, KEPT))),
        ValueError,
        "masks.zoneout[0] must lie in",
    ),
}


@pytest.mark.parametrize("refused", REFUSED)
def test_invalid_masks(refused):
    masks, error, message = REFUSED[refused]
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        run(CASE, masks=masks())


def test_masks_on_the_device_of_a_cell_on_the_cpu():
    with pytest.raises(TypeError, match=r"masks\.recurrent must be a NumPy array"):
        numbarnn.forward(CASE.cell, CASE.x, masks=up(numbarnn.RecurrentMasks(MASK)))


def test_zoneout_of_a_normalised_cell():
    case = grid.case("layer_norm_lstm", "small", "float64")
    with pytest.raises(ValueError, match=r"^masks\.zoneout must be None for a LayerNormLSTM"):
        run(case, masks=up(numbarnn.RecurrentMasks(None, (KEPT, None))))


def test_invalid_bound():
    with pytest.raises(ValueError, match=r"^preactivation_clip must be above 0"):
        run(CASE, preactivation_clip=-1.0)


def test_changed_tape():
    tape = run_masked(CASE).tape
    with pytest.raises(ValueError, match=r"^tape\.record must be as forward left it"):
        adjoint(CASE, tape._replace(masks=tape.masks._replace(zoneout=None)))
    with pytest.raises(TypeError, match=r"^tape\.masks\.recurrent must be a CUDA array"):
        adjoint(CASE, tape._replace(masks=tape.masks._replace(recurrent=CASE.recurrent)))
