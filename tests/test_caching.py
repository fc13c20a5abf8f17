"""Kernels run without their cache on disk, and with one whose files are damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numbarnn
from numbarnn.kernels.cpu.compile import KernelCache, kernel
from numbarnn.kernels.cpu.squares import sum_of_squares

ROOT = Path(__file__).parents[1]
SQUARES = """
import numpy as np
from numbarnn.kernels.cpu.squares import sum_of_squares
print(sum_of_squares(np.ones(4)), len(sum_of_squares.stats.cache_hits))
"""
FORWARD = """
import numpy as np, numbarnn
print(numbarnn.forward(numbarnn.Elman.init(1, 1, random_state=0), np.zeros((1, 1, 1), np.float32)).y.item(), 0)
"""


def run(code, **environment):
    """Return the numbers that Python prints, and what it warns of."""
    variables = {**{k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}, **environment}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return [float(word) for word in done.stdout.split()], done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("code", [SQUARES, FORWARD], ids=["a kernel", "a pass"])
def test_no_folder_can_be_written_to(code, tmp_path):
    package = tmp_path / "numbarnn"
    ignored = {"cuda", "__pycache__"}
    for path in (ROOT / "numbarnn").rglob("*.py"):
        if not ignored & set(path.parts):
            copy = package / path.relative_to(ROOT / "numbarnn")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
            (copy.parent / "__pycache__").touch()
    environment = {"HOME": os.devnull, "XDG_CACHE_HOME": os.devnull, "PYTHONPATH": str(tmp_path)}
    numbers, warnings = run(f"import os; os.chdir({str(tmp_path)!r})\n{code}", **environment)
    assert numbers[1] == 0
    assert warnings.count("NUMBA_CACHE_DIR") == 1
    assert warnings.count("Warning") == 1


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("kept", [0, 20])
def test_truncated_files_are_written_again(suffix, kept, tmp_path):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path)}
    assert run(SQUARES, **cache) == ([4.0, 0.0], "")
    assert run(SQUARES, **cache) == ([4.0, 1.0], "")
    (path,) = tmp_path.rglob(f"squares.sum_of_squares-*.{suffix}")
    path.write_bytes(path.read_bytes()[:kept])
    assert run(SQUARES, **cache) == ([4.0, 0.0], "")
    assert run(SQUARES, **cache) == ([4.0, 1.0], "")


def double(x):
    return x + x


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """A function that makes a kernel with its cache in a folder of its own."""
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))
    return lambda: kernel(double)


def test_a_truncated_index(cached, tmp_path):
    assert cached()(1) == 2
    (index,) = tmp_path.rglob("*.nbi")
    index.write_bytes(index.read_bytes()[:30])
    again, loaded = cached(), cached()
    assert again(1) == loaded(1) == 2
    assert (len(again.stats.cache_hits), len(loaded.stats.cache_hits)) == (0, 1)


def test_a_disk_that_is_full(cached, monkeypatch):
    def fail(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile.save", fail)
    warn_once = numbarnn.kernels.cpu.compile._warn_of_no_cache
    warn_once.cache_clear()
    with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR") as warnings:
        assert cached()(1) == cached()(1) == 2
    assert len(warnings) == 1
    warn_once.cache_clear()


def test_kernels_have_this_cache():
    assert isinstance(sum_of_squares._cache, KernelCache)
    assert sum_of_squares(np.ones(4)) == 4.0
