"""The settings of the comparison: cells, shapes, and lengths of the sequences."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from benchmarks.measuring.places import Place

CELLS = ("LSTM", "GRU", "Elman")
PLACES = [Place(512, B, 64, H) for H, B in product((32, 64, 128, 160, 256, 512), (1, 8, 32, 128))]
QUICK = [Place(512, B, 64, H) for H, B in product((32, 128, 256), (1, 32))]
EQUAL, RAGGED = "equal", "ragged"
GOAL = 256  # number of units up to which there are goals


class Setting(NamedTuple):
    """One setting, in which both passes of all contenders are compared."""

    lengths: str
    cell: str
    place: Place


def settings(cells, places) -> list[Setting]:
    """Return all settings, those with goals first; a single sequence is never ragged."""
    found = [
        Setting(lengths, cell, place)
        for cell, lengths, place in product(cells, (EQUAL, RAGGED), places)
        if lengths == EQUAL or place.B > 1
    ]
    return sorted(found, key=lambda setting: setting.place.H > GOAL)


def draw_lengths(setting: Setting) -> np.ndarray | None:
    """Return decreasing lengths, drawn uniformly from T // 8 to T; None if all are T."""
    if setting.lengths == EQUAL:
        return None
    T, B = setting.place.T, setting.place.B
    lengths = np.sort(np.random.default_rng(0).integers(T // 8, T + 1, B))[::-1].astype(np.int64)
    lengths[0] = T
    return lengths
