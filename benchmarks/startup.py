"""Start of new processes, without a cache and with one."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

FIT = """
import numpy as np
from numbarnn import RNNClassifier
X = np.random.default_rng(0).normal(size=(64, 20, 3))
one_way = {"bidirectional": False, "pooling": "last", "patch": 1}
RNNClassifier((16,), cell="lstm", **one_way, max_iter=2, batch_size=32, tol=0).fit(X, X[:, -1, 0] > 0).predict(X)
"""
COLD = """
import os, tempfile
folder = tempfile.TemporaryDirectory()
os.environ["NUMBA_CACHE_DIR"] = folder.name
"""


class Startup:
    """A new process each time; the start of the interpreter is not included."""

    number = 1
    repeat = 3
    warmup_time = 0
    timeout = 300

    def timeraw_import(self):
        """Return the timed code."""
        return "import numbarnn"

    def timeraw_cold_fit(self):
        """Return the timed code: all kernels of a small float64 LSTM are compiled."""
        return COLD + FIT

    timeraw_import.pretty_name = "import numbarnn"
    timeraw_cold_fit.pretty_name = "First fit and predict, everything compiled"


class WarmStartup:
    """A first fit and predict with kernels from a cache."""

    number = 1
    repeat = 3
    warmup_time = 0
    timeout = 300

    def setup(self):
        """Fill the cache."""
        _fill_cache()

    def timeraw_warm_fit(self):
        """Return the timed code."""
        return FIT

    timeraw_warm_fit.pretty_name = "First fit and predict, kernels from the cache"


@cache
def _fill_cache():
    subprocess.run([sys.executable, "-W", "ignore", "-c", FIT], check=True)
