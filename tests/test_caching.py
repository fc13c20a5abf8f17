"""Kernels run without their cache on disk, with one whose files are damaged, and with one that processes share."""

from __future__ import annotations

import errno
import os
import runpy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from numba.core import event, types

import numbarnn
from numbarnn.kernels.cpu.compile import KernelCache, kernel
from numbarnn.kernels.cpu.lock import WAITING, process_lock
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


def test_fractions_of_the_second_in_which_a_source_was_changed(tmp_path, monkeypatch):
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))
    path = tmp_path / "source.py"
    path.write_text("def double(x):\n    return x + x\n")
    for changed, hits in (1000.75, 0), (1000, 1):
        os.utime(path, (changed, changed))
        doubled = kernel(runpy.run_path(str(path))["double"])
        assert doubled(1) == 2
        assert len(doubled.stats.cache_hits) == hits


def test_another_version_of_the_sources(cached, monkeypatch):
    for digest, hits in ("an older one", 0), ("this one", 0), ("this one", 1):
        monkeypatch.setattr(numbarnn.kernels.cpu.compile, "_digest_of_sources", lambda digest=digest: digest)
        doubled = cached()
        assert doubled(1) == 2
        assert len(doubled.stats.cache_hits) == hits


def test_kernels_have_this_cache():
    assert isinstance(sum_of_squares._cache, KernelCache)
    assert sum_of_squares(np.ones(4)) == 4.0


COLD = """
from numbarnn.kernels.cpu.compile import kernel
@kernel
def double(x):
    return x + x
print("ready", flush=True)
input()
print(double(1), len(double.stats.cache_hits))
"""
HOLDER = """
import sys
from pathlib import Path
from numbarnn.kernels.cpu.lock import WAITING, process_lock
lock = process_lock(Path(sys.argv[1]))
lock.acquire()
print("ready" if lock.held else "refused", flush=True)
input()
"""


class Waiting(event.Listener):
    """Tells when a process begins to wait for another one."""

    def __init__(self):
        self.began = Event()

    def on_start(self, _):
        self.began.set()

    def on_end(self, _):
        pass


def start(tmp_path, code, *args):
    """Start a process that says when it is ready, and then waits for a line."""
    script = tmp_path / "script.py"
    if not script.exists():
        script.write_text(code)
    return subprocess.Popen(
        [sys.executable, script, *args],
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_one_of_two_processes_compiles(tmp_path):
    processes = [start(tmp_path, COLD) for _ in range(2)]
    assert [process.stdout.readline() for process in processes] == ["ready\n", "ready\n"]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert sorted(process.communicate()[0] for process in processes) == ["2 0\n", "2 1\n"]


def test_a_killed_process_holds_nobody_up(cached, tmp_path):
    doubled = cached()
    waiting = Waiting()
    with (
        start(tmp_path, HOLDER, doubled._cache.lock_of((types.int64,))._path) as holder,
        ThreadPoolExecutor(1) as pool,
        event.install_listener(WAITING, waiting),
    ):
        assert holder.stdout.readline() == "ready\n"
        result = pool.submit(doubled, 1)
        assert waiting.began.wait(timeout=60)
        assert not result.done()
        holder.kill()
        assert result.result(timeout=60) == 2
    assert not doubled._cache.held


def test_an_interrupted_compilation_holds_nobody_up(cached, monkeypatch):
    doubled = cached()

    def interrupt(*args):
        assert doubled._cache.held
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(doubled._compiler, "compile", interrupt)
        with pytest.raises(KeyboardInterrupt):
            doubled(1)
    assert not doubled._cache.held
    assert doubled(1) == 2


def test_a_compilation_within_another(cached, monkeypatch):
    doubled = cached()
    compile_now = doubled._compiler.compile

    def compile_another_first(args, return_type):
        monkeypatch.setattr(doubled._compiler, "compile", compile_now)
        assert len(doubled._cache.held) == 1
        assert doubled(1.5) == 3.0
        assert len(doubled._cache.held) == 1
        return compile_now(args, return_type)

    monkeypatch.setattr(doubled._compiler, "compile", compile_another_first)
    assert doubled(1) == 2
    assert not doubled._cache.held
    again = cached()
    assert again(1) == 2
    assert again(1.5) == 3.0
    assert len(again.stats.cache_hits) == 2


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EAGAIN], ids=["no locks", "a holder that was stopped"])
def test_a_lock_that_is_not_to_be_had(number, cached, monkeypatch):
    def fail(file):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("numbarnn.kernels.cpu.lock._lock_now", fail)
    monkeypatch.setattr("numbarnn.kernels.cpu.lock._PATIENCE", 0.05)
    assert cached()(1) == 2


def test_a_lock_in_a_folder_that_cannot_be_written_to(tmp_path):
    lock = process_lock(tmp_path / "missing" / "lock")
    lock.acquire()
    assert not lock.held
    lock.release()
