"""Passes of single layers, and their initial weights."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numbarnn
from benchmarks.digests.layer import FORWARD, Layer, everything, initial_cell, little, masks, strided, unread
from benchmarks.digests.names import CLIP, DTYPES, OF_EACH_FORM, Case
from numbarnn.cells import CELLS

PASSES = {
    "forward": lambda layer, changes: layer.forward(changes)[:2],
    "adjoint": Layer.adjoint,
    "tangent": Layer.tangent,
}
PARTIAL_PASSES = {
    "adjoint_of_y": functools.partial(Layer.adjoint, state_bar=None),
    "adjoint_of_state": functools.partial(Layer.adjoint, y_bar=None),
    "adjoint_without_inputs": functools.partial(Layer.adjoint, inputs=False),
    "tangent_of_weights": functools.partial(Layer.tangent, x_dot=None, state_dot=None),
    "tangent_of_inputs": functools.partial(Layer.tangent, cell_dot=None, state_dot=None),
    "tangent_of_state": functools.partial(Layer.tangent, cell_dot=None, x_dot=None),
}
LARGE = {"n_steps": 20, "n_sequences": 64, "n_inputs": 32, "n_units": 64}  # enough work for a second thread
WITH_ZONEOUT = [name for name in OF_EACH_FORM if name != "layer_norm_lstm"]

# Sizes, options, cells and dtypes of each.
SITUATIONS: dict[str, tuple[dict[str, Any], Callable[[Layer], dict[str, Any]], Any, list[str]]] = {
    "plain": ({}, lambda _: {}, CELLS, DTYPES),
    "wide": ({"n_units": 19}, lambda _: {}, CELLS, DTYPES),
    "tape": ({"n_steps": 40}, little, CELLS, DTYPES),
    "tape_in_pieces": ({"n_steps": 300}, little, OF_EACH_FORM, ["float32"]),
    "one_sequence": ({"n_sequences": 1}, lambda _: {}, CELLS, ["float32"]),
    "no_sequence": ({"n_sequences": 0}, lambda _: {}, CELLS, ["float32"]),
    "no_step": ({"n_steps": 0}, lambda _: {}, CELLS, ["float32"]),
    "saturated": ({"scale": 50.0}, lambda _: {}, CELLS, ["float32"]),
    "everything": ({}, everything, CELLS, ["float64"]),
    "everything_and_tape": ({"n_steps": 40}, lambda layer: everything(layer) | little(layer), CELLS, ["float64"]),
    "recurrent": ({}, lambda layer: masks(layer.recurrent()), OF_EACH_FORM, ["float32"]),
    "zoneout": ({}, lambda layer: masks(None, layer.zoneout()), WITH_ZONEOUT, ["float32"]),
    "expected_zoneout": ({}, lambda layer: masks(None, layer.expected_zoneout()), WITH_ZONEOUT, ["float32"]),
    "no_masks": ({}, lambda _: masks(), OF_EACH_FORM, ["float32"]),
    "clip": ({}, lambda _: {CLIP: 0.5}, OF_EACH_FORM, ["float32"]),
    "zero_state": ({}, lambda _: {"state": None}, OF_EACH_FORM, ["float32"]),
    "equal_lengths": ({}, lambda _: {"lengths": None}, OF_EACH_FORM, ["float32"]),
    "listed_lengths": ({}, lambda layer: {"lengths": layer.lengths.tolist()}, ["lstm"], ["float32"]),
    "unread": ({}, unread, OF_EACH_FORM, ["float32"]),
    "strided": ({}, strided, ["lstm"], ["float32"]),
    "one_thread": (LARGE, lambda _: {"n_jobs": 1}, OF_EACH_FORM, ["float32"]),
    "two_threads": (LARGE, lambda _: {"n_jobs": 2}, OF_EACH_FORM, ["float32"]),
}


def passes() -> Iterator[Case]:
    """Yield the passes of single layers."""
    for situation, (sizes, changes, cells, dtypes) in SITUATIONS.items():
        of_situation = {**PASSES, **PARTIAL_PASSES} if situation == "plain" else PASSES
        for cell in cells:
            for dtype in dtypes:
                for name, run in of_situation.items():
                    yield (
                        f"layer/{situation}/{cell}/{dtype}/{name}",
                        functools.partial(_pass, run, cell, dtype, sizes, changes),
                    )


def _pass(run: Any, cell: str, dtype: str, sizes: dict[str, Any], changes: Any) -> Any:
    layer = Layer(cell, dtype, **sizes)
    return run(layer, changes(layer))


def other_calls() -> Iterator[Case]:
    """Yield initial weights, and other calls with single layers."""
    for cell in CELLS:
        for dtype in DTYPES:
            yield f"layer/init/{cell}/{dtype}", functools.partial(initial_cell, cell, dtype, 3, 5)
    for cell in OF_EACH_FORM:
        yield f"layer/no_tape/{cell}", lambda cell=cell: Layer(cell, "float32").forward({"keep_tape": False})[:2]
        yield f"layer/dot_test/{cell}", functools.partial(_tested, cell, numbarnn.testing.dot_test, rtol=None)
        yield (
            f"layer/taylor_test/{cell}",
            functools.partial(_tested, cell, numbarnn.testing.taylor_test, step=None, min_rate=1.5),
        )
    yield "layer/teacher_forced/jordan", _teacher_forced


def _tested(cell: str, test: Any, **others: Any) -> Any:
    layer = Layer(cell, "float64")
    given = {"masks": None, CLIP: None, "random_state": 0}
    return test(layer.cell, layer.x, state=layer.state, lengths=layer.lengths, **given, **others)


def _teacher_forced() -> Any:
    layer = Layer("jordan", "float32")
    cell, x = layer.cell.teacher_forced(layer.x, layer.y_bar)
    return numbarnn.forward(cell, x, **FORWARD)[:2]
