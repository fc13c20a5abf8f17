"""Speed of a cell's step and of its adjoint on numbers that stay in the first cache, without any product.

With the products at the speed of the register tile, this is the least time that a pass can take.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from benchmarks.measuring.places import Place
from benchmarks.measuring.roofline import lanes_of
from numbarnn.cells.form import form_of
from numbarnn.kernels.cpu import adjoint, forward
from numbarnn.kernels.cpu.masks import modifiers_of
from numbarnn.kernels.cpu.operands import Bars, Steps
from numbarnn.kernels.cpu.packing import sizes_of
from numbarnn.kernels.cpu.passes import packed, unit_parameters
from numbarnn.kernels.cpu.units import panel
from numbarnn.kernels.masks import n_recorded

ROWS = 48
REPEATS = 50


class Gates:
    """A call that steps the units of one panel forward and, for an adjoint pass, backward, `ROWS` times `REPEATS`."""

    def __init__(self, cell_type: Any, *, adjoint: bool, dtype: str = "float32") -> None:
        self._width = lanes_of(np.empty(1, dtype))
        self._blocks = panel(cell_type.init(1, 1, dtype=dtype, random_state=0))[1]
        size = self._blocks * self._width
        cell = cell_type.init(1, size, dtype=dtype, random_state=0)
        rng = np.random.default_rng(0)

        def normal(*shape: int) -> np.ndarray:
            return rng.standard_normal(shape, dtype)

        h, record = normal(2, ROWS, size), normal(2 if adjoint else 1, ROWS, n_recorded(cell, None), size)
        record = record if adjoint else np.ascontiguousarray(record[:, :, : cell.state_size - 1])
        steps = Steps(normal(1, ROWS, 1), np.ones(ROWS, np.intp), h, record)
        bars = Bars(
            normal(1, ROWS, size), normal(ROWS, size), normal(ROWS, cell.state_size - 1, size), normal(1, ROWS, 1)
        )
        weights, modifiers, units = packed(cell), modifiers_of(None, None), unit_parameters(cell, sizes_of(cell))
        a = normal(1, ROWS, weights.packed.shape[2])
        units_bar = np.zeros((1, *units.shape), dtype)
        self._forward = lambda: _step(weights, steps, modifiers, a)
        self._adjoint = (lambda: _step_back(cell, units, steps, modifiers, bars, units_bar, a)) if adjoint else None
        self()

    def __call__(self) -> None:
        """Step."""
        self._forward()
        if self._adjoint is not None:
            self._adjoint()

    def share(self, place: Place) -> float:
        """Return how many of these calls make the steps of a place."""
        return place.T * place.B * -(-place.H // self._width) / (ROWS * REPEATS * self._blocks)


def has_bound(cell_type: Any) -> bool:
    """Return whether a step of the cell is one round over the units."""
    form = form_of(cell_type)
    return not (form.inner_gates or form.projection or form.normalisation)


@njit(nogil=True, error_model="numpy")
def _step(weights, steps, modifiers, a):
    scratch = forward._scratch(weights, steps.h, modifiers.mask, ROWS)
    scratch.a[:1] = a
    none, one, rows = np.intp(0), np.intp(1), np.intp(ROWS)
    for _ in range(REPEATS):
        forward._step(weights, steps, modifiers, scratch, (none, none), (none, one), none, rows, none, none)


@njit(nogil=True, error_model="numpy")
def _step_back(cell, units, steps, modifiers, bars, units_bar, a):
    origins = np.zeros((ROWS, 2), np.intp)
    for row in range(ROWS):
        origins[row, 1] = row
    block = adjoint.Block(a, a, a[0], origins, a[0])
    none, rows = np.intp(0), np.intp(ROWS)
    for _ in range(REPEATS):
        adjoint.reverse_step(cell, units, steps, modifiers, bars, units_bar, block, (none, none), none, rows)
