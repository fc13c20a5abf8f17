"""Kernels compiled ahead of time are all that the estimators and the array API need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numbarnn
from numbarnn.compilation import compile_kernels

ROOT = Path(__file__).parents[1]
ASKED_FOR_LATER = """
import numpy as np
import numbarnn
from numbarnn.kernels.cpu.compile import KernelCache

numbarnn.compile_kernels("elman", "float64")
asked_for = []
load = KernelCache.load_overload

def load_and_note(cache, sig, context):
    asked_for.append(cache._name)
    return load(cache, sig, context)

KernelCache.load_overload = load_and_note
rng = np.random.default_rng(0)
quick = {"cell": "elman", "tol": 10.0, "n_iter_no_change": 1}
for n in 8, 50:
    X, y = rng.normal(size=(n, 5, 3)), np.arange(n) % 3
    numbarnn.RNNClassifier(5, **quick).fit(list(X), y).predict_proba(X[:1])
    numbarnn.RNNRegressor((5, 4), **quick).fit(X, X[:, 0, :2]).predict(list(X))
cell = numbarnn.Elman.init(3, 7, dtype="float64")
run = numbarnn.forward(cell, X)
numbarnn.adjoint(cell, run.tape, run.y)
print(asked_for)
"""


def test_nothing_more_is_asked_for():
    done = subprocess.run(
        [sys.executable, "-c", ASKED_FOR_LATER], cwd=ROOT, capture_output=True, text=True, check=False, timeout=250
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.fixture
def ran(monkeypatch):
    """What would be compiled, without compiling it."""
    noted = []

    def note_passes(kind, dtype, *, tangent, step):
        noted.append((kind.__name__, dtype.name, tangent, step))

    monkeypatch.setattr("numbarnn.compilation._run_passes", note_passes)
    monkeypatch.setattr("numbarnn.compilation._run_estimators", lambda kind, dtype: None)
    return noted


def test_the_default_is_what_estimators_need_by_default(ran):
    compile_kernels()
    expected = [(cell, dtype, False, False) for cell in ("GRU", "LSTM") for dtype in ("float32", "float64")]
    assert ran == expected


def test_one_or_several(ran):
    compile_kernels(numbarnn.Elman, np.float64, tangent=True)
    compile_kernels(["elman", numbarnn.LSTM], [np.dtype("float32")], step=True)
    assert ran == [
        ("Elman", "float64", True, False),
        ("Elman", "float32", False, True),
        ("LSTM", "float32", False, True),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["jordan", "projected_lstm"])
def test_cells_with_arguments_of_their_own(cell):
    compile_kernels(cell, "float32", tangent=True, step=True)


def test_verbose(ran, capsys):
    compile_kernels(["elman", "lstm"], "float64", verbose=True)
    shown = capsys.readouterr().err
    assert "LSTM float64" in shown
    assert "2/2" in shown
    compile_kernels("elman", "float64")
    assert capsys.readouterr() == ("", "")


def test_verbose_without_a_console(ran, monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    compile_kernels("elman", "float64", verbose=True)
    assert len(ran) == 1


@pytest.mark.parametrize(
    ("cells", "error", "message"),
    [
        ("lstn", ValueError, "cell must be .* got 'lstn'"),
        (["lstm", "lstn"], ValueError, "cell must be .* got 'lstn'"),
        (3, TypeError, "cell must be .* got int"),
        (numbarnn.Elman.init(1, 1), TypeError, "pass its class, Elman"),
    ],
)
def test_cells_that_are_none(cells, error, message, ran):
    with pytest.raises(error, match=message):
        compile_kernels(cells)
    assert ran == []


@pytest.mark.parametrize("dtypes", ["float16", "double precision", None, 5, ["float32", "int32"]])
def test_dtypes_that_are_none(dtypes, ran):
    with pytest.raises(ValueError, match="dtypes must be 'float32', 'float64' or a list of them, got"):
        compile_kernels("elman", dtypes)
    assert ran == []
