"""One step at a time gives what one call over the whole sequence gives."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys

import joblib
import numba
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbarnn
from numbarnn.recurrence.streaming import _advance
from tests import grid
from tests.grid import assert_same_bits


@numba.njit
def run_compiled(stream, x, y):
    for t in range(x.shape[0]):
        y[t] = numbarnn.step(stream, x[t])


def whole(case):
    """One pass over all steps of all sequences."""
    return numbarnn.forward(case.cell, case.x, case.state, keep_tape=False)


SPECS = ["one_of_everything", "small", "no_sequences", "several_tiles", "wide"]
STEPPED = [
    pytest.param(case, id=case.id, marks=grid.marks(case, quick=[]))
    for case in (
        *(grid.case(name, spec, "float64") for name in grid.CELLS for spec in SPECS),
        *(grid.case("lstm", spec, "float32") for spec in SPECS),
    )
]


@pytest.mark.parametrize("case", STEPPED)
def test_steps_are_one_pass(case):
    stream = numbarnn.stream(case.cell, case.spec.B, case.state)
    y = [numbarnn.step(stream, x_t) for x_t in case.x]
    assert_same_bits((np.array(y), stream.state), whole(case)[:2])


@pytest.mark.slow
@grid.over(["elman", "lstm"], specs=["small"], quick=[])
def test_in_compiled_code(case):
    stream, y = numbarnn.stream(case.cell, case.spec.B, case.state), np.empty_like(case.y_bar)
    run_compiled(stream, case.x, y)
    assert_same_bits((y, stream.state), whole(case)[:2])


@grid.over(specs=["small"], quick=[])
def test_a_stream_continues_another_call(case):
    first = numbarnn.forward(case.cell, case.x[:2], case.state)
    stream = numbarnn.stream(case.cell, case.spec.B, first.state)
    y = [numbarnn.step(stream, x_t) for x_t in case.x[2:]]
    assert_same_bits((np.array(y), stream.state), (whole(case).y[2:], whole(case).state))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dtype"), [("lstm", "float64"), *((name, "float32") for name in grid.CELLS)])
def test_masks_and_clip(name, dtype):
    case = grid.case(name, "small", dtype)
    recurrent = np.where(np.arange(case.y_bar[0].size) % 3 == 0, 0, 1.5).astype(dtype).reshape(case.y_bar[0].shape)
    zoneout = np.full((1, 1, 1), 0.2, dtype), *[None] * (len(case.state) - 1)
    given = {
        "masks": numbarnn.RecurrentMasks(recurrent, None if name == "layer_norm_lstm" else zoneout),
        "preactivation_clip": 0.8,
    }
    stream = numbarnn.stream(case.cell, case.spec.B, case.state, **given)
    first, second = np.array([numbarnn.step(stream, x_t) for x_t in case.x[:2]]), np.empty_like(case.y_bar[2:])
    run_compiled(pickle.loads(pickle.dumps(stream)), case.x[2:], second)
    assert_same_bits(np.concatenate([first, second]), numbarnn.forward(case.cell, case.x, case.state, **given).y)


CASE = grid.case("lstm", "small", "float32")


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda stream: pickle.loads(pickle.dumps(stream))])
def test_a_copy_is_independent(copied):
    stream = numbarnn.stream(CASE.cell, CASE.spec.B)
    numbarnn.step(stream, CASE.x[0])
    other = copied(stream)
    expected = numbarnn.step(stream, CASE.x[1])
    numbarnn.step(stream, CASE.x[2])
    assert_array_equal(numbarnn.step(other, CASE.x[1]), expected)


def test_outputs_are_copies():
    stream = numbarnn.stream(CASE.cell, CASE.spec.B)
    first = numbarnn.step(stream, CASE.x[0])
    kept = first.copy()
    numbarnn.step(stream, CASE.x[1])
    assert_array_equal(first, kept)


def n_compiled():
    """How many kernels the steps of streams have been compiled to."""
    return len(_advance.signatures)


def test_strided_and_read_only_inputs_compile_nothing():
    expected, n_before = numbarnn.stream(CASE.cell, CASE.spec.B).step(CASE.x[0]), n_compiled()
    strided = np.repeat(CASE.x[0], 2, axis=1)[:, ::2]
    read_only = CASE.x[0].copy()
    read_only.flags.writeable = False
    unaligned = np.frombuffer(b" " + CASE.x[0].tobytes(), np.float32, offset=1).reshape(read_only.shape)
    for inputs in (strided, read_only, unaligned, np.asfortranarray(CASE.x[0])):
        assert_array_equal(numbarnn.stream(CASE.cell, CASE.spec.B).step(inputs), expected)
    assert n_compiled() == n_before


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_stream_in_a_mapped_file(mode, tmp_path):
    stream = numbarnn.stream(CASE.cell, CASE.spec.B)
    stream.step(CASE.x[0])
    joblib.dump(stream, tmp_path / "stream")
    before, n_before = (tmp_path / "stream").read_bytes(), n_compiled()
    loaded = joblib.load(tmp_path / "stream", mmap_mode=mode)
    assert_array_equal(loaded.step(CASE.x[1]), stream.step(CASE.x[1]))
    assert n_compiled() == n_before
    assert (tmp_path / "stream").read_bytes() == before


SAVE = """
import pickle, sys, numbarnn
pickle.dump(numbarnn.stream(numbarnn.LSTM.init(2, 4, random_state=0)), open(sys.argv[1], "wb"))
"""
LOAD = """
import pickle, sys, numba, numpy as np, numbarnn

@numba.njit(cache=True)
def total(stream, x):
    y = 0.0
    for t in range(x.shape[0]):
        y += numbarnn.step(stream, x[t]).sum()
    return y

print(total(pickle.load(open(sys.argv[1], "rb")), np.ones((5, 1, 2), np.float32)), len(total.stats.cache_hits))
"""


@pytest.mark.slow
def test_a_stream_of_another_process_in_compiled_code(tmp_path):
    """Without numbarnn.stream having been called, and the second time with the caller from the cache on disk."""
    (tmp_path / "save.py").write_text(SAVE)
    (tmp_path / "load.py").write_text(LOAD)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run(script):
        command = [sys.executable, str(tmp_path / script), str(tmp_path / "stream")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=200)
        assert done.returncode == 0, done.stderr
        return [float(word) for word in done.stdout.split()]

    run("save.py")
    (first, _), (second, n_loaded) = run("load.py"), run("load.py")
    assert_allclose([first, second], 5.386, rtol=0, atol=1e-3)
    assert n_loaded == 1


@numba.njit
def run_method(stream, x, y):
    for t in range(x.shape[0]):
        y[t] = stream.step(x[t])


@pytest.mark.slow
def test_the_method_in_compiled_code():
    stream, y = numbarnn.stream(CASE.cell, CASE.spec.B, CASE.state), np.empty_like(CASE.y_bar)
    run_method(stream, CASE.x, y)
    assert_same_bits((y, stream.state), whole(CASE)[:2])


def test_masked_inputs_are_refused():
    with pytest.raises(TypeError, match=r"x_t must be an array of float32 .* got MaskedArray"):
        numbarnn.stream(CASE.cell, CASE.spec.B).step(np.ma.masked_array(CASE.x[0]))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_leave_the_state_unchanged(bad):
    stream = numbarnn.stream(CASE.cell, CASE.spec.B)
    numbarnn.step(stream, CASE.x[0])
    before = stream.state
    x_t = CASE.x[1].copy()
    x_t[-1, -1] = bad
    with pytest.raises(ValueError, match="x_t must be finite"):
        numbarnn.step(stream, x_t)
    with pytest.raises(ValueError, match="x_t must be finite"):
        run_compiled(stream, x_t[None], np.empty((1, CASE.spec.B, CASE.spec.H), np.float32))
    assert_same_bits(stream.state, before)


def test_wrong_inputs():
    stream = numbarnn.stream(CASE.cell, CASE.spec.B)
    with pytest.raises(TypeError, match="stream must come from"):
        numbarnn.step(CASE.cell, CASE.x[0])
    with pytest.raises(TypeError, match="x_t must be an array of float32"):
        numbarnn.step(stream, CASE.x[0].astype(float))
    with pytest.raises(TypeError, match="x_t must be an array of float32"):
        numbarnn.step(stream, CASE.x[0].tolist())
    with pytest.raises(ValueError, match="x_t must have shape"):
        numbarnn.step(stream, CASE.x[0][:1])


def test_wrong_inputs_in_compiled_code():
    stream, y = numbarnn.stream(CASE.cell, CASE.spec.B), np.empty_like(CASE.y_bar)
    with pytest.raises(ValueError, match="x_t must have the stream's shape"):
        run_compiled(stream, CASE.x[:, :1].copy(), y)
    with pytest.raises(numba.TypingError, match="x_t must be a two-dimensional array of float32"):
        run_compiled(stream, CASE.x.astype(float), y)
    with pytest.raises(numba.TypingError, match="stream must come from"):
        run_compiled(CASE.cell, CASE.x, y)


def test_wrong_streams():
    with pytest.raises(TypeError, match="cell must be a cell"):
        numbarnn.stream(None)
    with pytest.raises(TypeError, match="n_sequences must be an integer"):
        numbarnn.stream(CASE.cell, 1.5)
    with pytest.raises(ValueError, match="n_sequences must be at least 0"):
        numbarnn.stream(CASE.cell, -1)
    with pytest.raises(ValueError, match="state"):
        numbarnn.stream(CASE.cell, 1, CASE.state)
    with pytest.raises(ValueError, match="preactivation_clip must be above 0"):
        numbarnn.stream(CASE.cell, preactivation_clip=0)
    drawn = np.zeros((5, 1, CASE.spec.H), np.float32)
    with pytest.raises(ValueError, match=r"masks.zoneout\[0\] must have shape \(1, 1, 5\)"):
        numbarnn.stream(CASE.cell, masks=numbarnn.RecurrentMasks(zoneout=(drawn, None)))
