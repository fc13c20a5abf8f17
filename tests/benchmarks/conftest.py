"""Importing `benchmarks` sets a JIT cache of its own; the tests keep theirs."""

from __future__ import annotations

import os

import pytest

with pytest.MonkeyPatch.context() as patch:
    patch.setenv("NUMBA_CACHE_DIR", os.environ.get("NUMBA_CACHE_DIR", ""))
    import benchmarks  # noqa: F401
