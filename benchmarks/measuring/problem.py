"""Seeded arrays for one layer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

import numbarnn
from benchmarks.measuring.places import Place


class Problem(NamedTuple):
    """A cell, its inputs and initial state, and cotangents of its outputs and final state."""

    cell: tuple
    x: np.ndarray
    state: tuple[np.ndarray, ...]
    y_bar: np.ndarray
    state_bar: tuple[np.ndarray, ...]


def draw(cell_type: type, place: Place, dtype: DTypeLike = "float32") -> Problem:
    """Return the same problem at each call, without zero biases, states or cotangents."""
    T, B, I, H = place
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype) * np.dtype(dtype).type(0.5)

    cell = cell_type.init(I, H, dtype=dtype, random_state=0)
    cell = cell._replace(b=cell.b + normal(*cell.b.shape))
    one_step = numbarnn.forward(cell, np.zeros((1, B, I), dtype), keep_tape=False)
    state = tuple(normal(*part.shape) for part in one_step.state)
    state_bar = tuple(normal(*part.shape) for part in one_step.state)
    return Problem(cell, normal(T, B, I), state, normal(T, *one_step.y.shape[1:]), state_bar)
