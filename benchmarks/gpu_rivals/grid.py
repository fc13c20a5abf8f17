"""What is raced: cells, shapes, and how long the sequences are."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from benchmarks.measuring.places import Place

CELLS = ("LSTM", "GRU", "Elman")
PLACES = [Place(512, B, 64, H) for H, B in product((32, 64, 128, 160, 256, 512), (1, 8, 32, 128))]
QUICK = [Place(512, B, 64, H) for H, B in product((32, 128, 256), (1, 32))]
EQUAL, RAGGED = "equal", "ragged"
GOAL = 256  # the units up to which there are goals


class Heat(NamedTuple):
    """What all who are compared have in common, but for the passes."""

    lengths: str
    cell: str
    place: Place


def heats(cells, places) -> list[Heat]:
    """Return all that is raced, what has goals first; a sequence alone is never ragged."""
    found = [
        Heat(lengths, cell, place)
        for cell, lengths, place in product(cells, (EQUAL, RAGGED), places)
        if lengths == EQUAL or place.B > 1
    ]
    return sorted(found, key=lambda heat: heat.place.H > GOAL)


def draw_lengths(heat: Heat) -> np.ndarray | None:
    """Return falling lengths from T down to T // 8, evenly drawn; None where all are T."""
    if heat.lengths == EQUAL:
        return None
    T, B = heat.place.T, heat.place.B
    lengths = np.sort(np.random.default_rng(0).integers(T // 8, T + 1, B))[::-1].astype(np.int64)
    lengths[0] = T
    return lengths
