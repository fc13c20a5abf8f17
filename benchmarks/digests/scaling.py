"""Scalers of sequences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import numbarnn
from benchmarks.digests.forms import forms
from benchmarks.digests.names import Case

SCALINGS: dict[str, dict[str, Any]] = {
    "without_mean": {"with_mean": False},
    "without_std": {"with_std": False},
    "by_weight": {"sample_weight": np.arange(6) / 4},
}


def scalings() -> Iterator[Case]:
    """Yield scaled sequences."""
    ragged, constant = forms()["list_ragged"], np.ones((2, 3, 1))
    for name, options in SCALINGS.items():
        yield f"scaler/{name}/scaled", lambda o=options: fitted_scaler(ragged, **o).transform(ragged)
        yield f"scaler/{name}/unscaled", lambda o=options: fitted_scaler(ragged, **o).inverse_transform(ragged)
    yield "scaler/constant/scaled", lambda: fitted_scaler(constant).transform(constant)


def fitted_scaler(X: Any, *, sample_weight: Any = None, with_mean: bool = True, with_std: bool = True) -> Any:
    """Return a fitted scaler."""
    scaler = numbarnn.SequenceScaler(with_mean=with_mean, with_std=with_std)
    return scaler.fit(X, y=None, sample_weight=sample_weight)
