"""Kernels and their threads in the ways that processes are started, shared and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cpu.work import digest

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def start(code, **environment):
    """Start Python on the code, in which `digest` is known; what it warns of is an error, forks with threads aside."""
    return subprocess.Popen(
        [sys.executable, "-W", "error::UserWarning", "-c", f"from tests.cpu.work import digest\n{code}"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output(process, timeout=240):
    """Return the words that the process prints, once it has ended well and in time."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0, err
    return out.split()


def assert_ready(process):
    if process.stdout.readline() != "ready\n":
        pytest.fail(process.communicate()[1])


def assert_all_right(words, n):
    assert words == [digest()] * n


THREADS = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    print(*pool.map(digest, range({n})))
"""


@pytest.mark.slow
def test_two_processes_and_their_threads_start_cold_on_one_cache(tmp_path):
    processes = [start(THREADS.format(n=4), NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    for process in processes:
        assert_all_right(output(process), 4)
    assert list(tmp_path.rglob("*.nbc"))


USE_OF_OWN_CELL = """
import numpy as np
import numbarnn
from own import Own

own = Own(*numbarnn.Elman.init(3, 5, random_state=0))
run = numbarnn.forward(own, np.ones((2, 1, 3), np.float32))
numbarnn.adjoint(own, run.tape, run.y)
print(digest())
"""


@pytest.mark.slow
def test_a_cell_that_is_gone_leaves_the_cache_readable(tmp_path):
    tmp_path.joinpath("own.py").write_text("import numbarnn\nclass Own(numbarnn.Elman): pass\n")
    shared = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    assert_all_right(output(start(USE_OF_OWN_CELL, PYTHONPATH=str(tmp_path), **shared)), 1)
    assert_all_right(output(start("print(digest())", **shared)), 1)


@pytest.mark.slow
def test_threads_on_threads():
    assert_all_right(output(start(THREADS.format(n=400))), 400)


FORK = """
import os
print(digest(), flush=True)
if (child := os.fork()) == 0:
    print(digest(), flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(digest())
"""


@forks
def test_fork_after_use():
    assert_all_right(output(start(FORK)), 3)


POOL = """
import multiprocessing
if __name__ == "__main__":
    print(digest())
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        print(*pool.map(digest, range(4)))
    print(digest())
"""


@pytest.mark.parametrize("method", [pytest.param("fork", marks=forks), pytest.param("spawn", marks=pytest.mark.slow)])
def test_multiprocessing_after_use(method):
    assert_all_right(output(start(POOL.format(method=method))), 6)


INTERRUPTED = """
expected = digest()
for round in range(100):
    try:
        print("ready", flush=True)
        while True:
            digest()
    except KeyboardInterrupt:
        assert digest() == expected
print(expected)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT")
def test_ctrl_c_while_threads_run():
    process = start(INTERRUPTED)
    for n in range(100):
        assert_ready(process)
        time.sleep(0.005 + 0.0001 * n)
        process.send_signal(signal.SIGINT)
    assert_all_right(output(process), 1)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT")
def test_ctrl_c_that_nobody_catches_ends_the_process():
    process = start("digest()\nprint('ready', flush=True)\nwhile True: digest()")
    assert_ready(process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=240)
    assert process.returncode == -signal.SIGINT
    assert err.strip().endswith("KeyboardInterrupt")


NESTED = """
import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from numbarnn import RNNRegressor

if __name__ == "__main__":
    X = np.random.default_rng(0).standard_normal((16, 6, 3))
    y = X[:, -1, 0]
    model = RNNRegressor((5,), cell="elman", tol=1e9, n_iter_no_change=3, random_state=0, n_jobs=2)
    fitted = Parallel(n_jobs=2, backend={backend!r})(delayed(clone(model).fit)(X, y) for _ in range(4))
    expected = model.fit(X, y).predict(X).tobytes()
    assert all(m.predict(X).tobytes() == expected for m in fitted)
    print(digest())
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_fits_under_joblib(backend):
    assert_all_right(output(start(NESTED.format(backend=backend))), 1)
