"""A tiny comparison on the device, or with numbarnn in the simulator and PyTorch on the CPU."""

from __future__ import annotations

import os

import pytest

from tests.cuda.device import needs_device

pytestmark = needs_device


def test_a_comparison(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("NUMBA_CACHE_DIR", os.environ.get("NUMBA_CACHE_DIR", ""))  # `benchmarks` sets its own
    from benchmarks.gpu_rivals import comparison, grid, machine
    from benchmarks.gpu_rivals.row import CONTENDERS
    from benchmarks.measuring.places import Place

    where = machine.gpu()
    if machine.missing() is not None:
        where = where._replace(torch_device="cpu", wait=lambda: None)
    rows = []
    comparison.run(grid.settings(["LSTM"], [Place(3, 2, 2, 3)]), where, limit=100, most=0.001, rows=rows)
    assert [row.contender for row in rows] == 4 * [*CONTENDERS]
