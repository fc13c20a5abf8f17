"""The comparison on a GPU, as far as it can be tested without one: settings, checks and output."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from benchmarks.gpu_rivals import __main__ as program
from benchmarks.gpu_rivals import comparison, entries, grid, machine, table
from benchmarks.gpu_rivals.row import CONTENDERS, CUDNN, TF32, Row, ratio
from benchmarks.measuring.places import Place
from benchmarks.rivals.row import OURS

CPU = machine.Machine("cpu", lambda array: array, lambda: None)
TINY = [Place(6, 1, 2, 3), Place(6, 4, 2, 3)]


def test_settings():
    settings = grid.settings(grid.CELLS, grid.PLACES)
    assert len(set(settings)) == len(settings) == 3 * (24 + 18)
    assert {(place.T, place.I) for *_, place in settings} == {(512, 64)}
    assert {place.B for lengths, _, place in settings if lengths == "equal"} == {1, 8, 32, 128}
    assert {place.B for lengths, _, place in settings if lengths == "ragged"} == {8, 32, 128}
    assert [place.H == 512 for *_, place in settings] == 105 * [False] + 21 * [True]
    assert {place.H for *_, place in settings} == {32, 64, 128, 160, 256, 512}


@pytest.mark.parametrize("setting", grid.settings(["LSTM"], grid.QUICK), ids=str)
def test_lengths(setting):
    lengths = grid.draw_lengths(setting)
    assert (lengths is None) == (setting.lengths == "equal")
    if lengths is not None:
        T, B = setting.place.T, setting.place.B
        assert lengths.shape == (B,)
        assert lengths[0] == T
        assert_array_equal(lengths, np.sort(lengths)[::-1])
        assert lengths[-1] >= T // 8
        assert lengths.mean() < 0.8 * T


def rows_of(times, lengths="equal", H=32):
    return [
        Row(lengths, "LSTM", "forward", 512, 8, 64, H, name, 1e-6, best, best, 1.0, 1.0) for name, best in times.items()
    ]


def test_a_line_of_the_table(capsys):
    table.header()
    table.line(rows_of({OURS: 1500.0, CUDNN: 3000.0, TF32: 2000.0}))
    table.line(rows_of({CUDNN: 3000.0}))
    table.line([])
    *_, whole, alone = capsys.readouterr().out.splitlines()
    assert " ".join(whole.split()) == "equal LSTM forward 512 8 64 32 1.500 3.000 2.000 2.00 1.0e-06"
    assert " ".join(alone.split()) == "equal LSTM forward 512 8 64 32 - 3.000 - - -"


def test_findings():
    rows = [
        *rows_of({OURS: 1.0, CUDNN: 32.0, TF32: 0.1}),
        *rows_of({OURS: 2.0, CUDNN: 1.0}, H=256),
        *rows_of({OURS: 4.0, CUDNN: 1.0}, H=512),
        *rows_of({OURS: 1.0, CUDNN: 5.0}, "ragged"),
        *rows_of({CUDNN: 5.0}, "ragged", H=64),
    ]
    assert ratio(rows[:3]) == 32
    assert ratio(rows[-1:]) is None
    found = table.findings(rows)
    assert_allclose([finding.value for finding in found], [0.5, 4.0, 0.25, 0.25, 5.0, 5.0], rtol=1e-15, atol=0)
    assert [finding.at_least for finding in found] == [1, 2, None, None, 1, 3]
    assert [" MISSED" in str(finding) for finding in found] == [True, *5 * [False]]


@pytest.mark.skipif(machine.missing() is None, reason="there is a GPU, and PyTorch")
def test_without_a_gpu(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gpu_rivals"])
    with pytest.raises(SystemExit, match=r"^no comparison: .+"):
        program.main()


def test_no_time_left(capsys):
    rows = []
    comparison.run(grid.settings(grid.CELLS, TINY), CPU, limit=0, most=1, rows=rows)
    assert rows == []
    assert "9 of 9 settings left out" in capsys.readouterr().out


@pytest.mark.slow
def test_a_comparison_on_the_cpu(monkeypatch, tmp_path, capsys):
    """PyTorch gets the weights and lengths of numbarnn: the results of each contender pass the check."""
    pytest.importorskip("torch")
    monkeypatch.setattr(sys, "argv", ["gpu_rivals", "--seconds", "0.001", "--out", str(tmp_path / "rows.csv")])
    for name, fake in {"missing": lambda: None, "description": lambda: "", "gpu": lambda: CPU}.items():
        monkeypatch.setattr(machine, name, fake)
    monkeypatch.setattr(grid, "PLACES", TINY)
    with pytest.raises(SystemExit, match=r"^0$"):
        program.main()
    header, *lines = (tmp_path / "rows.csv").read_text().splitlines()
    assert header.split(",") == [*Row._fields]
    assert len(lines) == 3 * 3 * 2 * len(CONTENDERS)
    assert max(float(line.split(",")[header.split(",").index("error")]) for line in lines if OURS in line) < 1e-5
    assert "not timed" not in capsys.readouterr().out


@pytest.mark.slow
def test_wrong_results_are_not_timed(monkeypatch, capsys):
    pytest.importorskip("torch")
    enter = entries.enter

    def enter_wrong(problem, lengths, where):
        contenders = enter(problem, lengths, where)
        theirs = contenders[CUDNN]
        wrong = theirs._replace(arrays=lambda results: tuple(1.01 * array for array in theirs.arrays(results)))
        return {**contenders, CUDNN: wrong}

    monkeypatch.setattr(entries, "enter", enter_wrong)
    rows = []
    comparison.run(grid.settings(["Elman"], TINY[:1]), CPU, limit=60, most=0.001, rows=rows)
    assert [row.contender for row in rows] == 2 * [OURS, TF32]
    assert capsys.readouterr().out.count("cuDNN differs in ") == 2
