"""A layer with drawn arguments, and what changes them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

import numbarnn
from benchmarks.digests.arrays import drawn_lengths, normal
from benchmarks.digests.names import CLIP, MASKS, NARROW, TAPE
from numbarnn.cells import CELLS

FORWARD = {"state": None, "lengths": None, "keep_tape": True, "masks": None, CLIP: None, TAPE: None, "n_jobs": 1}


class Layer:
    """A cell and the arguments of its passes, all drawn at random."""

    def __init__(
        self,
        cell: str,
        dtype: str,
        *,
        n_steps: int = 7,
        n_sequences: int = 9,
        n_inputs: int = 3,
        n_units: int = 5,
        scale: float = 1.0,
    ) -> None:
        self.name, self.rng = cell, np.random.default_rng(0)
        self.normal = functools.partial(normal, self.rng, dtype=dtype)
        like = initial_cell(cell, dtype, n_inputs, n_units)
        self.cell, self.cell_dot = (
            type(like)(*(self.normal(a.shape, scale=1 / np.sqrt(len(a))) for a in like)) for _ in range(2)
        )
        self.x, self.x_dot = (self.normal((n_steps, n_sequences, n_inputs), scale=s) for s in (scale, 1.0))
        parts = numbarnn.forward(self.cell, self.x[:0], **FORWARD).state
        self.state, self.state_dot, self.state_bar = (tuple(self.normal(p.shape) for p in parts) for _ in range(3))
        self.shapes = [(n_steps, *part.shape) for part in parts]
        self.y_bar = self.normal(self.shapes[0])
        self.lengths = drawn_lengths(n_steps, n_sequences, 0)

    def forward(self, changes: dict[str, Any]) -> Any:
        """Run forward."""
        given = {"state": self.state, "lengths": self.lengths}
        return numbarnn.forward(self.cell, self.x, **{**FORWARD, **given, **changes})

    def adjoint(self, changes: dict[str, Any], **others: Any) -> Any:
        """Run forward and backward."""
        n_jobs = changes.get("n_jobs", 1)
        given = {"y_bar": self.y_bar, "state_bar": self.state_bar, "inputs": True, "n_jobs": n_jobs}
        return numbarnn.adjoint(self.cell, self.forward(changes).tape, **{**given, **others})

    def tangent(self, changes: dict[str, Any], **others: Any) -> Any:
        """Run forward, then along the directions."""
        n_jobs = changes.get("n_jobs", 1)
        given = {"cell_dot": self.cell_dot, "x_dot": self.x_dot, "state_dot": self.state_dot, "n_jobs": n_jobs}
        return numbarnn.tangent(self.cell, self.forward(changes).tape, **{**given, **others})

    def recurrent(self) -> np.ndarray:
        """Draw a mask of recurrent dropout."""
        return ((self.rng.random(self.shapes[0][1:]) < 0.7) / 0.7).astype(self.x.dtype)

    def zoneout(self) -> tuple[np.ndarray, ...]:
        """Draw a mask of zoneout for each part of the state."""
        return tuple((self.rng.random(shape) < 0.3).astype(self.x.dtype) for shape in self.shapes)

    def expected_zoneout(self) -> tuple[Any, ...]:
        """Return the probability for the last part of the state, the same for all units."""
        return *[None] * (len(self.shapes) - 1), np.full((1, 1, 1), 0.3, self.x.dtype)


def initial_cell(cell: str, dtype: str, n_inputs: int, n_units: int) -> Any:
    """Return the cell with its initial weights."""
    more = {"n_outputs": n_units // 2 + 1} if cell in NARROW else {}
    return CELLS[cell].init(n_inputs=n_inputs, n_units=n_units, dtype=dtype, random_state=0, **more)


def masks(recurrent: Any = None, zoneout: Any = None) -> dict[str, Any]:
    """Return masks as an option of a pass."""
    return {"masks": getattr(numbarnn, MASKS)(recurrent=recurrent, zoneout=zoneout)}


def everything(layer: Layer) -> dict[str, Any]:
    """Return dropout, zoneout and clipping together; cells with normalisation have no zoneout."""
    zoneout = None if layer.name == "layer_norm_lstm" else layer.zoneout()
    return {**masks(layer.recurrent(), zoneout), CLIP: 0.5}


def little(layer: Layer) -> dict[str, Any]:
    """Return a limit of the tape under which most cells keep checkpoints."""
    return {TAPE: 0.0015 * layer.x.itemsize}


def unread(layer: Layer) -> dict[str, Any]:
    """Put NaN into the padding."""
    beyond = np.arange(len(layer.x))[:, np.newaxis] >= layer.lengths
    for array in (layer.x, layer.x_dot, layer.y_bar):
        array[beyond] = np.nan
    return {}


def strided(layer: Layer) -> dict[str, Any]:
    """Give the inputs Fortran order."""
    layer.x, layer.y_bar = np.asfortranarray(layer.x), np.asfortranarray(layer.y_bar)
    return {}
