"""Streams: their outputs, and their state at the end."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numbarnn
from benchmarks.digests.layer import Layer, masks
from benchmarks.digests.names import CLIP, Case
from numbarnn.cells import CELLS


def streams() -> Iterator[Case]:
    """Yield streams: their outputs, and where they end."""
    for cell in CELLS:
        yield f"stream/{cell}", functools.partial(_stream, cell, lambda _: {})
    yield "stream/lstm/float64", functools.partial(_stream, "lstm", lambda _: {}, dtype="float64")
    changes = {
        "zero_state": lambda _: {"state": None},
        "recurrent": lambda layer: masks(layer.recurrent()),
        "zoneout": lambda layer: masks(None, layer.expected_zoneout()),
        "clip": lambda _: {CLIP: 0.5},
    }
    for name, change in changes.items():
        yield f"stream/lstm/{name}", functools.partial(_stream, "lstm", change)
    yield "stream/lstm/no_sequence", functools.partial(_stream, "lstm", lambda _: {}, n_sequences=0)
    yield "stream/lstm/compiled", _compiled_stream


def _stream(cell: str, change: Any, dtype: str = "float32", **sizes: int) -> Any:
    layer = Layer(cell, dtype, **sizes)
    stream = _started(layer, change(layer))
    return [numbarnn.step(stream, x_t) for x_t in layer.x], stream.state


def _started(layer: Layer, changes: dict[str, Any]) -> Any:
    given = {"n_sequences": layer.x.shape[1], "state": layer.state, "masks": None, CLIP: None}
    return numbarnn.stream(layer.cell, **{**given, **changes})


def _compiled_stream() -> Any:
    import numba  # noqa: PLC0415

    @numba.njit
    def last(stream, x):
        for t in range(len(x)):
            y_t = numbarnn.step(stream, x[t])
        return y_t.copy()

    layer = Layer("lstm", "float32")
    stream = _started(layer, {})
    return last(stream, layer.x), stream.state
