"""Drawn arrays and lengths."""

from __future__ import annotations

from typing import Any

import numpy as np


def normal(rng: np.random.Generator, shape: Any, dtype: str, scale: float = 1.0) -> np.ndarray:
    """Return numbers of the normal distribution, times the scale."""
    return (scale * rng.standard_normal(shape)).astype(dtype)


def drawn_lengths(n_steps: int, n_sequences: int, shortest: int) -> np.ndarray:
    """Return lengths from the shortest to all steps, the first of them all steps."""
    return shortest + (n_steps - shortest - 5 * np.arange(n_sequences)) % (n_steps - shortest + 1)
