"""Sizes and memory layouts at the edge of what NumPy has."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.testing import assert_allclose

import numbarnn
from tests import grid
from tests.grid import assert_same_bits, leaves

CASE = grid.case("lstm", "small", "float32")
T, B, I, H = CASE.spec[:4]
LENGTHS = CASE.lengths


def results(cell=CASE.cell, x=CASE.x, state=CASE.state, y_bar=CASE.y_bar, lengths=LENGTHS):
    """What the three passes return, without the tape."""
    run = numbarnn.forward(cell, x, state, lengths)
    bars = numbarnn.adjoint(cell, run.tape, y_bar, state)
    return run[:2], bars, numbarnn.tangent(cell, run.tape, cell, x, state)


def laid_out(layout):
    """All arrays of the case in another layout."""
    state = tuple(map(layout, CASE.state))
    return type(CASE.cell)(*map(layout, CASE.cell)), layout(CASE.x), state, layout(CASE.y_bar)


def misaligned(array):
    memory = np.zeros(array.nbytes + 1, np.uint8)
    view = memory[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned
    return view


def field_of_packed_records(array):
    records = np.zeros(array.shape, [("tag", "i1"), ("value", array.dtype)])
    records["value"] = array
    return records["value"]


def odd_strides_of_short_axes(array):
    """Where an axis has one number, its stride means nothing and may be anything."""
    strides = [7 if size == 1 else step for size, step in zip(array.shape, array.strides, strict=True)]
    return as_strided(array.copy(), strides=strides)


class Subclass(np.ndarray):
    """As careless as a subclass may be."""

    def reshape(self, *shape):
        return self

    def __getitem__(self, index):
        return 0


LAYOUTS = {
    "misaligned": misaligned,
    "fields of packed records": field_of_packed_records,
    "Fortran order": np.asfortranarray,
    "a subclass": lambda array: array.copy().view(Subclass),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts(layout):
    given = results(*laid_out(layout))
    assert_same_bits(given, results())
    assert {type(array) for array in leaves(given)} == {np.ndarray}


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_arrays_mapped_from_files(mode, tmp_path):
    def mapped(array):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.npy"
        np.save(path, array)
        return np.load(path, mmap_mode=mode)

    given = results(*laid_out(mapped))
    assert_same_bits(given, results())
    assert {type(array) for array in leaves(given)} == {np.ndarray}


def test_matrices():
    """`np.matrix` stays a matrix when it is reshaped to one axis."""
    W, R, *state = (array.copy().view(np.matrix) for array in (CASE.cell.W, CASE.cell.R, *CASE.state))
    cell, state = CASE.cell._replace(W=W, R=R), tuple(state)
    assert_same_bits(results(cell, state=state), results())


def test_one_of_everything_with_odd_strides():
    case = grid.case("lstm", "one_of_everything", "float32")
    given = type(case.cell)(*map(odd_strides_of_short_axes, case.cell)), odd_strides_of_short_axes(case.x)
    assert_same_bits(numbarnn.forward(*given)[:2], numbarnn.forward(case.cell, case.x)[:2])


def test_one_number_everywhere_and_overlapping_windows():
    zero_strides = np.broadcast_to(np.float32(0.5), (T, B, I))
    assert_same_bits(results(x=zero_strides), results(x=zero_strides.copy()))
    windows = sliding_window_view(np.linspace(0, 1, T + B * I - 1, dtype=np.float32), B * I).reshape(T, B, I)
    assert_same_bits(results(x=windows), results(x=windows.copy()))


@pytest.mark.parametrize("dtype", [">f4", ">f8", "float16", "longdouble", "complex64"])
def test_weights_of_another_kind(dtype):
    cell = type(CASE.cell)(*(array.astype(dtype) for array in CASE.cell))
    with pytest.raises(TypeError, match=r"cell\.W"):
        numbarnn.forward(cell, CASE.x.astype(dtype))


def test_masked_weights():
    with pytest.raises(TypeError, match=r"cell\.R"):
        numbarnn.forward(CASE.cell._replace(R=np.ma.masked_array(CASE.cell.R)), CASE.x)


@pytest.mark.parametrize("lengths", [[], np.zeros(0), np.zeros(0, int)])
def test_no_lengths_of_no_sequences(lengths):
    y, (h, c), _ = numbarnn.forward(CASE.cell, CASE.x[:, :0], lengths=lengths)
    assert (y.shape, h.shape, c.shape) == ((T, 0, H), (0, H), (0, H))


@pytest.mark.parametrize("n_steps", [0, T])
def test_sequences_that_are_all_empty(n_steps):
    x, y_bar, lengths = CASE.x[:n_steps], CASE.y_bar[:n_steps], np.zeros(B, int)
    (y, state), (cell_bar, x_bar, state_bar), _ = results(x=x, y_bar=y_bar, lengths=lengths)
    zeros = [np.zeros_like(array) for array in (y, *cell_bar, x_bar)]
    assert_same_bits((y, *cell_bar, x_bar), zeros)
    assert_same_bits((state, state_bar), (CASE.state, CASE.state))


@pytest.mark.parametrize("shape", [(1_000_000, 1, 1), (1, 1_000_000, 1)], ids=["steps", "sequences"])
def test_a_million(shape):
    single = grid.case("lstm", "one_of_everything", "float32").cell
    double = type(single)(*(array.astype(float) for array in single))
    x = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    bars = []
    for cell in (single, double):
        y, _, tape = numbarnn.forward(cell, x.astype(cell.W.dtype))
        bars.append(numbarnn.adjoint(cell, tape, np.ones_like(y)))
    for a, e in zip(leaves(bars[0]), leaves(bars[1]), strict=True):
        assert_allclose(a, e, rtol=1e-3, atol=1e-3 * np.abs(e).max())


def test_more_than_any_memory():
    x = np.broadcast_to(np.float32(0), (10**7, 10**7, I))
    with pytest.raises(MemoryError):
        numbarnn.forward(CASE.cell, x)
    with pytest.raises(MemoryError):
        numbarnn.LSTM.init(2**22, 2**22)


def test_lengths_may_be_written_over_once_forward_is_done():
    lengths = LENGTHS.copy()
    tape = numbarnn.forward(CASE.cell, CASE.x, lengths=lengths).tape
    expected = numbarnn.adjoint(CASE.cell, tape, CASE.y_bar)
    lengths[:] = 1
    assert_same_bits(numbarnn.adjoint(CASE.cell, tape, CASE.y_bar), expected)


def test_tapes_share_nothing():
    one, other = (numbarnn.forward(CASE.cell, CASE.x.copy()).tape for _ in range(2))
    assert not any(np.shares_memory(a, b) for a, b in zip(one.arrays, other.arrays, strict=True))


def test_pickled_tapes():
    """Also with their memory apart, which then is read-only."""
    expected = numbarnn.adjoint(CASE.cell, CASE.tape, CASE.y_bar)
    buffers = []
    apart = pickle.dumps(CASE.tape, 5, buffer_callback=buffers.append)
    for tape in (
        pickle.loads(pickle.dumps(CASE.tape)),
        pickle.loads(apart, buffers=[bytes(b.raw()) for b in buffers]),
    ):
        assert_same_bits(numbarnn.adjoint(CASE.cell, tape, CASE.y_bar), expected)


CHANGES = {
    "x": lambda tape: {"x": tape.x[:-1]},
    "lengths": lambda tape: {"lengths": tape.lengths[:1]},
    "h": lambda tape: {"h": tape.h[:-1].copy()},
    "h of another dtype": lambda tape: {"h": tape.h.astype(float)},
    "record": lambda tape: {"record": tape.record[:1].copy()},
}


@pytest.mark.parametrize("what", CHANGES)
def test_tapes_that_forward_did_not_leave(what):
    for function in (numbarnn.adjoint, numbarnn.tangent):
        with pytest.raises(ValueError, match="tape"):
            function(CASE.cell, CASE.tape._replace(**CHANGES[what](CASE.tape)))
