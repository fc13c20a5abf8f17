"""Arguments that passes take as they are."""

from __future__ import annotations

import numpy as np
import pytest
from numba import typeof
from numpy.testing import assert_array_equal

import numbarnn
from numbarnn.kernels.masks import RecurrentMasks, n_recorded
from numbarnn.kernels.tape import Tape
from numbarnn.layers import Padded, Recurrent
from numbarnn.recurrence.plain import adjoint_takes, forward_takes

CELL = numbarnn.LSTM.init(3, 5, random_state=0)
X = np.zeros((4, 2, 3), np.float32)
STATE = (np.zeros((2, 5), np.float32), np.zeros((2, 5), np.float32))
TAPE = Tape(
    X,
    np.full(2, 4, np.intp),
    np.zeros((5, 2, 5), np.float32),
    np.zeros((5, 2, n_recorded(CELL, None), 5), np.float32),
    numbarnn.LSTM,
)


class Array(np.ndarray):
    pass


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


OTHERS = {
    "a list": np.ndarray.tolist,
    "another class": lambda array: array.view(Array),
    "a mask": np.ma.masked_array,
    "read-only": read_only,
    "strided": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "another dtype": lambda array: array.astype(np.float64),
    "another byte order": lambda array: array.astype(array.dtype.newbyteorder()),
    "too long": lambda array: np.concatenate([array, array]),
    "too wide": lambda array: np.concatenate([array, array], axis=-1),
    "one axis more": lambda array: array[np.newaxis],
    "nothing": lambda array: None,
}
each = pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)


def test_what_fits():
    assert forward_takes(CELL, X, None)
    assert forward_takes(CELL, X, STATE)
    assert forward_takes(CELL, X[:0], STATE)
    for y_bar in None, np.zeros((4, 2, 5), np.float32):
        for state_bar in None, STATE:
            assert adjoint_takes(CELL, TAPE, y_bar, state_bar)


@each
def test_one_argument_that_does_not(change):
    assert not forward_takes(CELL, X, (STATE[0], change(STATE[1])))
    assert not adjoint_takes(CELL, TAPE, None, (STATE[0], change(STATE[1])))
    for field, array in CELL._asdict().items():
        assert not forward_takes(CELL._replace(**{field: change(array)}), X, STATE)
    for field in "x", "lengths", "h", "record":
        changed = TAPE._replace(**{field: change(getattr(TAPE, field))})
        assert not adjoint_takes(CELL, changed, None, None)


@each
def test_inputs_and_cotangents(change):
    assert forward_takes(CELL, change(X), None) == (change is OTHERS["too long"])
    y_bar = np.zeros((4, 2, 5), np.float32)
    assert adjoint_takes(CELL, TAPE, change(y_bar), None) == (change is OTHERS["nothing"])


@pytest.mark.parametrize("cell", [tuple(CELL), None, (), (1, 2, 3), CELL[:2]], ids=range(5))
def test_no_cell(cell):
    assert not forward_takes(cell, X, STATE)
    assert not adjoint_takes(cell, TAPE, None, None)


@pytest.mark.parametrize("state", [list(STATE), STATE[:1], (*STATE, STATE[0]), 1], ids=range(4))
def test_no_state(state):
    assert not forward_takes(CELL, X, state)
    assert not adjoint_takes(CELL, TAPE, None, state)


def test_no_tape():
    assert not adjoint_takes(CELL, None, None, None)
    assert not adjoint_takes(CELL, TAPE._replace(cell_type=numbarnn.GRU), None, None)
    assert not adjoint_takes(CELL, TAPE._replace(masks=RecurrentMasks()), None, None)


def test_types_of_arguments_follow_from_the_cell_and_its_dtype(monkeypatch):
    """Kernels that are called without a look at the types get the same ones in all calls."""
    seen: dict = {}

    def entry_for(cell, kernel):
        def call(*args):
            seen.setdefault(kernel, set()).add(tuple(map(typeof, args)))
            return kernel(*args)

        return call

    monkeypatch.setattr("numbarnn.kernels.cpu.passes.entry_for", entry_for)
    for state in None, STATE:
        for lengths in None, [4, 2]:
            numbarnn.forward(CELL, X, state, lengths, keep_tape=False)
            y, _, tape = numbarnn.forward(CELL, X, state, lengths)
            numbarnn.adjoint(CELL, tape, y, state, n_jobs=2)
            numbarnn.adjoint(CELL, tape, None, (None, STATE[1]), inputs=False)
            numbarnn.adjoint(CELL, numbarnn.forward(CELL, X, state, lengths, checkpoint_memory_mb=7e-4).tape, y)
    assert [len(types) for types in seen.values()] == [1, 1]


@pytest.mark.parametrize("change", [np.asfortranarray, lambda a: np.repeat(a, 2, axis=-1)[..., ::2]])
def test_layers_start_from_states_of_any_layout(change):
    layer = Recurrent(numbarnn.LSTM, 3, 5)
    parameters = layer.init("float32", np.random.RandomState(0))
    state = tuple(np.random.default_rng(i).normal(size=(2, 5)).astype(np.float32) for i in range(2))
    expected = layer.forward(parameters, Padded(X), state).y.values
    assert_array_equal(layer.forward(parameters, Padded(X), tuple(map(change, state))).y.values, expected)
