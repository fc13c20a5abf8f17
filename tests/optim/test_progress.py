"""The progress bar, and what it says while kernels are compiled."""

from __future__ import annotations

import numba
import pytest
from numba.core import event

from numbarnn.kernels.cpu.lock import WAITING
from numbarnn.optim.progress import progress_bar
from tests.optim.problem import run

KINDS = ["numba:compile", WAITING]


def listeners():
    return [list(event._registered[kind]) for kind in KINDS]


def test_loss_and_epoch(capsys):
    run(verbose=True, max_iter=3)
    shown = capsys.readouterr().err
    assert "9/9" in shown
    assert "epoch 3" in shown
    assert "loss=" in shown
    run(max_iter=3)
    assert capsys.readouterr() == ("", "")


def test_no_bar_without_standard_error(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    assert run(verbose=True, max_iter=1).n_iter == 1


def test_a_function_is_compiled(capsys):
    with progress_bar(2, verbose=True) as bar:
        assert "compiling" not in capsys.readouterr().err
        assert numba.njit(lambda x: x + x)(1) == 2
        assert "compiling: " in capsys.readouterr().err
        bar.update()
    assert "epoch 1: " in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_nested_compilations(kind):
    with progress_bar(2, verbose=True) as bar:
        with event.trigger_event(kind):
            with event.trigger_event("numba:compile"):
                pass
            assert "compiling" in bar.desc
        assert "epoch 1" in bar.desc


def test_a_compilation_of_another_thread_that_started_before():
    with progress_bar(2, verbose=True) as bar:
        event.end_event("numba:compile")
        assert "epoch 1" in bar.desc
        with event.trigger_event("numba:compile"):
            assert "compiling" in bar.desc


def test_it_listens_only_while_it_is_shown():
    before = listeners()
    with progress_bar(2, verbose=False):
        assert listeners() == before
    with progress_bar(2, verbose=True):
        assert all(len(now) == len(then) + 1 for now, then in zip(listeners(), before, strict=True))
    assert listeners() == before
    with pytest.raises(ZeroDivisionError), progress_bar(2, verbose=True):
        1 / 0  # noqa: B018
    assert listeners() == before
