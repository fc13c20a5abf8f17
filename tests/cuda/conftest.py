"""Patches of the simulator that make it fast and complete; without the simulator nothing is patched."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True, scope="session")
def _simulator():
    if os.environ.get("NUMBA_ENABLE_CUDASIM", "0") in ("", "0"):
        yield
        return
    from tests.cuda.simulator import install

    with pytest.MonkeyPatch.context() as patch:
        install(patch)
        yield
