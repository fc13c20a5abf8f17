"""The import contract of pyproject.toml, and what importing numbarnn costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import numbarnn

ROOT = Path(__file__).parents[1]


def test_imports_point_down(monkeypatch):
    importlinter = pytest.importorskip("importlinter.cli")
    monkeypatch.chdir(ROOT)
    assert importlinter.lint_imports(no_cache=True) == 0


def test_public_names_are_there():
    assert [name for name in numbarnn.__all__ if not hasattr(numbarnn, name)] == []


def test_neither_other_engines_nor_what_is_slow_to_import_is_imported():
    unwanted = {"torch", "jax", "tensorflow", "pandas", "polars", "matplotlib", "sklearn", "numbarnn.kernels.cpu"}
    code = f"import sys, numbarnn; print(*{unwanted} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
