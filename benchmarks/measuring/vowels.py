"""JapaneseVowels (Kudo, Toyama & Shimbo 1999), from sktime: 270 + 370 utterances of nine speakers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Vowels(NamedTuple):
    """Ragged sequences (T_i, 12) of 7 to 29 steps, and the speakers."""

    X_train: list[np.ndarray]
    y_train: np.ndarray
    X_test: list[np.ndarray]
    y_test: np.ndarray


def load_vowels() -> Vowels:
    """Return the published split, in float32.

    Raises
    ------
    ImportError
        If sktime is not installed.
    """
    from sktime.datasets import load_japanese_vowels  # noqa: PLC0415  (an extra)

    parts = []
    for split in ("train", "test"):
        frames, speakers = load_japanese_vowels(split=split, return_type="df-list")
        parts += [[frame.to_numpy("float32") for frame in frames], np.asarray(speakers)]
    return Vowels(*parts)
