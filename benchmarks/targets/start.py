"""Time of a new process to import numbarnn, and to fit for the first time."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from benchmarks.measuring.cache import REPOSITORY
from benchmarks.targets.finding import Finding

REPEATS = 5
IMPORT = "import numbarnn"
FIT = """
import numpy as np
from numbarnn import RNNClassifier
X = np.random.default_rng(0).normal(size=(64, 20, 3))
RNNClassifier(
    (16,), cell="lstm", bidirectional=False, pooling="last", patch=1,
    max_iter=2, batch_size=32, tol=0, n_iter_no_change=2,
).fit(X, X[:, -1, 0] > 0)
"""


def findings() -> Iterator[Finding]:
    """Measure whole processes; the start of the interpreter is subtracted for the import only."""
    bare = min(_seconds("pass") for _ in range(REPEATS))
    imported = min(_seconds(IMPORT) for _ in range(REPEATS))
    yield Finding("import numbarnn", imported - bare, "s", at_most=0.5)
    with tempfile.TemporaryDirectory() as cache:
        yield Finding("process with a first fit, cold cache", _seconds(FIT, cache), "s", at_most=6)
        warm = min(_seconds(FIT, cache) for _ in range(REPEATS))
        yield Finding("process with a first fit, warm cache", warm, "s", at_most=1)


def _seconds(program: str, cache: str = "") -> float:
    environment = os.environ | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    start = time.perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, cwd=REPOSITORY, env=environment)
    return time.perf_counter() - start
