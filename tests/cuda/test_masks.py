"""Masks and clipping within the recurrence on the device: the three passes against the naive reference."""

from __future__ import annotations

import numpy as np
import pytest

import numbarnn
from tests import grid
from tests.cuda.device import adjoint, down, needs_device, run, tangent, up
from tests.grid import assert_same_bits
from tests.test_recurrence_masks import masked_case

pytestmark = needs_device

CASES = [masked_case(name, "small", "float64", "everything") for name in grid.CELLS]
CASES += [
    masked_case(*case)
    for case in [
        ("lstm", "small", "float32", "everything"),
        ("lstm", "small", "float64", "recurrent"),
        ("lstm", "small", "float64", "zoneout"),
        ("lstm", "small", "float64", "clip"),
        ("gru_reset_before", "small", "float64", "recurrent"),
        ("projected_lstm", "one_of_everything", "float32", "masks"),
    ]
]


def over(cases):
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in cases])


def run_masked(case, **options):
    return run(case, masks=up(case.masks), clip=case.clip, **options)


@over(CASES)
def test_three_passes(case):
    y, state, tape = run_masked(case)
    case.assert_close(down((y, state)), case.reference_forward)
    case.assert_close(tangent(case, tape), case.reference_tangent)
    cell_bar, x_bar, state_bar = adjoint(case, tape)
    case.assert_close((*cell_bar, x_bar, state_bar), case.reference_adjoint)
