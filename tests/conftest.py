"""What every test may count on."""

from __future__ import annotations

import signal

import pytest

SLOW_EXAMPLES = {"numbarnn.cells.jordan.Jordan.teacher_forced", "numbarnn.kernels.masks.RecurrentMasks"}
"""Examples in docstrings that compile the kernels of a cell for themselves alone."""

OF_AN_LSTM = "/tests/test_recurrence", "/tests/test_streaming", "/numbarnn/recurrence/"
OF_AN_ELMAN_CELL = "/tests/test_compilation.py", "/numbarnn/compilation.py", "/tests/cpu/test_inlining.py"
OF_BOTH = "/tests/optim/", "/tests/layers/", "/tests/cpu/test_processes", "/tests/test_sensitivity"


def pytest_configure():
    """Let Ctrl-C interrupt, here and in processes started here.

    A shell starts its background jobs, and many a build server its whole run, with SIGINT ignored; Python then installs
    no handler, and every process started from it ignores the signal too.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _threads_whatever_the_work(monkeypatch):
    """Let `n_jobs` be obeyed also where one thread would be faster."""
    monkeypatch.setattr("numbarnn.kernels.cpu.threads.LEAST_WORK", 0)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Give tests that need the same compiled kernels to the same process, where there are several."""
    for item in items:
        if item.name in SLOW_EXAMPLES:
            item.add_marker(pytest.mark.slow)
        item.add_marker(pytest.mark.xdist_group(_kernels_of(item)))


def _kernels_of(item):
    """Return the cell that a test runs, if the test's parameters tell it; otherwise its file."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    if hasattr(parameters.get("case"), "spec_name"):
        return parameters["case"].name
    path = item.path.as_posix()
    if path.endswith(OF_AN_ELMAN_CELL):
        return "elman"
    if any(part in path for part in OF_BOTH):
        return "lstm" if "lstm" in item.name else "elman"
    if any(part in path for part in OF_AN_LSTM):
        return "lstm"
    return path
