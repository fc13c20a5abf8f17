"""Gradient flow and Lyapunov exponents of single layers."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numbarnn
from benchmarks.digests.arrays import drawn_lengths
from benchmarks.digests.layer import Layer
from benchmarks.digests.names import CLIP, DTYPES, TAPE, Case


def analyses() -> Iterator[Case]:
    """Yield analyses of recurrences."""
    for cell in ("elman", "lstm", "gru_reset_before"):
        for dtype in DTYPES:
            yield f"analysis/gradient_flow/{cell}/{dtype}", functools.partial(_flow, cell, dtype, {})
            yield f"analysis/exponents/{cell}/{dtype}", functools.partial(_exponents, cell, dtype)
    yield "analysis/gradient_flow_with_tape/lstm", functools.partial(_flow, "lstm", "float32", {TAPE: 0.006})
    yield "analysis/gradient_flow_with_clip/lstm", functools.partial(_flow, "lstm", "float32", {CLIP: 0.5})


def _flow(cell: str, dtype: str, changes: dict[str, Any]) -> Any:
    layer = Layer(cell, dtype)
    tape = layer.forward(changes).tape
    return numbarnn.gradient_flow(layer.cell, tape, y_bar=layer.y_bar, state_bar=layer.state_bar, n_jobs=1)


def _exponents(cell: str, dtype: str) -> Any:
    layer = Layer(cell, dtype, n_steps=20)
    given = {"n_exponents": 3, "n_warmup": 0, "interval": 2, "lengths": drawn_lengths(20, 9, 1), "n_jobs": 1}
    return numbarnn.lyapunov_exponents(layer.cell, layer.x, state=layer.state, **given)
