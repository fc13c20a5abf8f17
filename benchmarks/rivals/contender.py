"""What takes part in the race."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measuring.problem import Problem


class Contender(NamedTuple):
    """A library's two calls for one problem; it computes all that `names` lists.

    The calls return what the library returns; `arrays` turns that, untimed, into numbarnn's order and shapes.
    """

    forward: Callable[[], Any]
    forward_adjoint: Callable[[], Any] | None
    arrays: Callable[[Any], tuple[np.ndarray, ...]]


def names(problem: Problem) -> list[str]:
    """Return the names of all results; a forward call gives those up to `y` and the final state."""
    state = ["h", "c"][: len(problem.state)]
    return ["y", *state, *(f"{field}_bar" for field in problem.cell._fields), "x_bar", *(f"{s}_0_bar" for s in state)]


# Each with the module that it needs, and the one here that calls it.
RIVALS = {
    "PyTorch": ("torch", "pytorch"),
    "JAX": ("jax", "jax_scan"),
    "ONNX Runtime": ("onnxruntime", "onnx_runtime"),
}


def enter_rivals(problem: Problem, n_threads: int) -> dict[str, Contender]:
    """Return the rivals that are installed and have such a cell, ready for a problem."""
    rivals = {
        name: import_module(f"benchmarks.rivals.{module}").enter(problem, n_threads)
        for name, (library, module) in RIVALS.items()
        if find_spec(library) is not None
    }
    return {name: rival for name, rival in rivals.items() if rival is not None}
