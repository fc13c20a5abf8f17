"""Windows of long series."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

import numbarnn
from benchmarks.digests.forms import series
from benchmarks.digests.names import CUT, NEWEST, Case


def windows() -> Iterator[Case]:
    """Yield windows, and pairs of windows and targets."""
    for form, values in series().items():
        for what in ("all", "pairs", "last"):
            yield f"windows/{form}/{what}", functools.partial(_windows, values, what)
    others = {"itself": None, "one": np.arange(11.0), "several": np.arange(22.0).reshape(11, 2)}
    for name, y in others.items():
        for horizon, step in ((1, 2), (3, 1), (3, 2)):
            how = {"y": y, "horizon": horizon, "step": step}
            for form in ("array", "array_flat"):
                yield (
                    f"windows/{form}/of_{name}/{horizon}_by_{step}",
                    functools.partial(_windows, series()[form], "pairs", **how),
                )


def _windows(values: Any, what: str, *, y: Any = None, horizon: int = 1, step: int = 1) -> Any:
    window = numbarnn.SlidingWindow(length=4, horizon=horizon, step=step)
    if what == "pairs":
        return getattr(window, CUT)(values, y=y)
    return window.fit(values, y=None).transform(values) if what == "all" else getattr(window, NEWEST)(values)
