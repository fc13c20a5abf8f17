"""Time of a new process to import numbarnn, and to fit and predict for the first time.

What `import numpy, numba, sklearn.base` takes is not included, and of three processes the fastest counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from benchmarks.measuring.cache import REPOSITORY
from benchmarks.targets.finding import Finding

REPEATS = 3
PROGRAM = """
import time
import numpy, numba, sklearn.base

start = time.perf_counter()
import numbarnn

imported = time.perf_counter()
X = numpy.random.default_rng(0).normal(size=(64, 20, 3))

def fit_and_predict(cell):
    numbarnn.RNNClassifier(
        (16,), cell=cell, bidirectional=False, pooling="last", patch=1,
        max_iter=2, batch_size=32, tol=0, n_iter_no_change=2,
    ).fit(X, X[:, -1, 0] > 0).predict(X)

fit_and_predict("lstm")
first = time.perf_counter()
fit_and_predict("gru")
print(imported - start, first - start, time.perf_counter() - first)
"""


def findings() -> Iterator[Finding]:
    """Measure each process first with an empty cache of kernels, then with the cache that it left."""
    cold, warm = [], []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as cache:
            cold.append(_seconds(cache))
            warm.append(_seconds(cache))
    _, first_cold, second_cold = map(min, zip(*cold, strict=True))
    imported, first_warm, _ = map(min, zip(*warm, strict=True))
    yield Finding("import numbarnn", imported, "s", at_most=0.06)
    yield Finding("import, first fit and predict of an LSTM, cold cache", first_cold, "s", at_most=5)
    yield Finding("first fit and predict of a second cell, cold cache", second_cold, "s", at_most=3)
    yield Finding("import, first fit and predict of an LSTM, warm cache", first_warm, "s", at_most=0.6)


def _seconds(cache: str) -> list[float]:
    """Return the seconds that the program prints; Python may keep its bytecode, as that of an installed package."""
    environment = os.environ | {"NUMBA_CACHE_DIR": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    run = subprocess.run(command, check=True, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    return [float(word) for word in run.stdout.split()]
