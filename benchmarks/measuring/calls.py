"""The passes of one layer as compiled calls without arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from inspect import signature
from typing import NamedTuple

import numbarnn
from benchmarks.measuring.cells import find
from benchmarks.measuring.places import Place
from benchmarks.measuring.problem import draw


class Calls(NamedTuple):
    """Passes with all arguments bound; `adjoint` and `tangent` use the same tape each time."""

    forward: Callable[[], object]
    forward_adjoint: Callable[[], object]
    adjoint: Callable[[], object]
    tangent: Callable[[], object]


@lru_cache(maxsize=1)
def prepared(
    cell: str, place: Place, dtype: str = "float32", n_threads: int = 1, checkpoint_memory_mb: float | None = None
) -> Calls:
    """Return compiled calls, the same ones each time: asv runs `setup` before every sample."""
    calls = bind(cell, place, dtype, n_threads, checkpoint_memory_mb)
    for call in calls:
        call()
    return calls


def bind(
    cell: str, place: Place, dtype: str = "float32", n_threads: int = 1, checkpoint_memory_mb: float | None = None
) -> Calls:
    """Return the calls on seeded arrays; the first call of each may compile it.

    Raises
    ------
    NotImplementedError
        If this commit has no such cell, or no tape of limited size.
    """
    if checkpoint_memory_mb is not None and "checkpoint_memory_mb" not in signature(numbarnn.forward).parameters:
        raise NotImplementedError("no checkpoints at this commit")
    limit = {} if checkpoint_memory_mb is None else {"checkpoint_memory_mb": checkpoint_memory_mb}
    weights, x, state, y_bar, state_bar = draw(find(cell), place, dtype)
    kept: list = []

    def tape():
        if not kept:
            kept.append(numbarnn.forward(weights, x, state, n_jobs=n_threads).tape)
        return kept[0]

    def forward():
        return numbarnn.forward(weights, x, state, keep_tape=False, n_jobs=n_threads)

    def forward_adjoint():
        new = numbarnn.forward(weights, x, state, n_jobs=n_threads, **limit).tape
        return numbarnn.adjoint(weights, new, y_bar, state_bar, n_jobs=n_threads)

    def adjoint():
        return numbarnn.adjoint(weights, tape(), y_bar, state_bar, n_jobs=n_threads)

    def tangent():
        return numbarnn.tangent(weights, tape(), weights, x, state, n_jobs=n_threads)

    return Calls(forward, forward_adjoint, adjoint, tangent)
