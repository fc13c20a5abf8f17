"""Libraries that are compared."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measuring.problem import Problem


class Contender(NamedTuple):
    """The calls of a library for one problem, which compute everything that `names` lists.

    The calls return the library's own results; `arrays`, which is not timed, gives them numbarnn's order and shapes.
    """

    forward: Callable[[], Any]
    forward_adjoint: Callable[[], Any] | None
    arrays: Callable[[Any], tuple[np.ndarray, ...]]


def names(problem: Problem) -> list[str]:
    """Return the names of all results; a forward call has `y` and the final state only."""
    state = ["h", "c"][: len(problem.state)]
    return ["y", *state, *(f"{field}_bar" for field in problem.cell._fields), "x_bar", *(f"{s}_0_bar" for s in state)]


# The module that each needs, and the module here that calls it.
RIVALS = {
    "PyTorch": ("torch", "pytorch"),
    "JAX": ("jax", "jax_scan"),
    "ONNX Runtime": ("onnxruntime", "onnx_runtime"),
}


def enter_rivals(problem: Problem, n_threads: int) -> dict[str, Contender]:
    """Return the calls of the libraries that are installed and have such a cell."""
    rivals = {
        name: import_module(f"benchmarks.rivals.{module}").enter(problem, n_threads)
        for name, (library, module) in RIVALS.items()
        if find_spec(library) is not None
    }
    return {name: rival for name, rival in rivals.items() if rival is not None}
