"""A JIT cache for the digests."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path


def keep_cache() -> None:
    """Point Numba, before it is imported, to a cache for the sources that are compiled.

    These are the files of folders that compile something, without comments and docstrings. The cache of the other
    benchmarks depends on all sources, so a change in an estimator alone would compile every kernel again.
    """
    compiles = re.compile(r"^\s*(import numba\b|from numba[. ]|from \S+\.compile import)", re.MULTILINE)
    files = sorted(Path(find_spec("numbarnn").origin).parent.rglob("*.py"))
    folders = {file.parent for file in files if compiles.search(file.read_text(encoding="utf-8"))}
    name = hashlib.sha256(sys.prefix.encode())
    for file in files:
        if file.parent in folders:
            name.update(f"{file} {_code(file)}".encode())
    os.environ["NUMBA_CACHE_DIR"] = str(Path(os.environ["NUMBA_CACHE_DIR"]).parent / f"digests-{name.hexdigest()[:16]}")


def _code(file: Path) -> str:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)
