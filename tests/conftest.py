"""What every test may count on."""

from __future__ import annotations

import signal

import pytest


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
