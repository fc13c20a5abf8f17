"""Measurement of the newest commits with a selection of the benchmarks."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.dashboard.publish import CONFIG

SOME_FAILED = 2  # asv's exit status, when the results are written all the same

BENCHMARKS = r"Length\.time_forward_adjoint|Checkpoints|peakmem|growth|accuracy|estimators|startup|streaming"


def measure(n_commits: int) -> None:
    """Run asv at those of the newest commits that have no results, each benchmark in one process instead of two."""
    asv = [sys.executable, "-m", "asv"]
    config = ["--config", str(CONFIG)]
    subprocess.run([*asv, "machine", "--yes", *config], check=True)
    options = ["--bench", BENCHMARKS, "--attribute", "rounds=1", "--skip-existing-commits"]
    ended = subprocess.run([*asv, "run", *config, *options, f"HEAD --max-count={n_commits}"], check=False)
    if ended.returncode not in {0, SOME_FAILED}:
        ended.check_returncode()
