"""Numbers of threads."""

from __future__ import annotations

import joblib
import pytest

from numbarnn.kernels.cpu import threads
from numbarnn.kernels.cpu.threads import checked_threads, n_ranges


@pytest.fixture(autouse=True)
def least_work(monkeypatch):
    monkeypatch.setattr(threads, "LEAST_WORK", 10)


def test_the_number_of_joblib_counts_where_there_is_work_for_threads():
    with joblib.parallel_config("threading", n_jobs=3):
        n_threads = checked_threads(None)
        assert (n_ranges(8, n_threads, 10), n_ranges(2, n_threads, 10)) == (3, 2)
        assert (n_ranges(8, n_threads, 9), n_ranges(1, n_threads, 10)) == (1, 1)
        assert n_ranges(8, checked_threads(2), 10) == 2


def test_joblib_is_not_asked_where_one_thread_does_all(monkeypatch):
    monkeypatch.setattr(joblib, "effective_n_jobs", None)
    assert (n_ranges(8, checked_threads(None), 9), n_ranges(1, checked_threads(None), 10)) == (1, 1)
