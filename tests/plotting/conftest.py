"""No window for any figure, and none left open."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def _closed_figures():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")
