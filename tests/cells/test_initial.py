"""Initial weights."""

from __future__ import annotations

import copy
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils import check_random_state

from numbarnn.cells import (
    CELLS,
    LSTM,
    CoupledLSTM,
    CoupledPeepholeLSTM,
    LayerNormLSTM,
    PeepholeLSTM,
    ProjectedLSTM,
)
from numbarnn.cells.form import form_of
from numbarnn.cells.initial import draw_sparse, random_of

PARAMETRIZE = pytest.mark.parametrize("kind", CELLS.values(), ids=CELLS)


@PARAMETRIZE
def test_shapes_and_dtype(kind):
    form = form_of(kind)
    for dtype in ("float32", np.float64, np.dtype("float32")):
        cell = kind.init(3, 5, dtype, random_state=0)
        assert cell.W.shape == (3, 5 * len(form.input_gates))
        assert cell.R.shape == (5, 5 * len(form.recurrent_gates))
        assert cell.b.shape == (5 * kind.n_gates,)
        assert {getattr(cell, name).shape for name in form.unit_parameters} <= {(5,)}
        assert [getattr(cell, name).shape for name in form.projection] == [(5, 5), (5,)][: len(form.projection)]
        assert [getattr(cell, name).shape for name in form.normalisation] in ([], [(20,), (20,), (5,), (5,)])
        assert {array.dtype for array in cell} == {np.dtype(dtype)}


@PARAMETRIZE
def test_input_weights_are_glorot_uniform_gate_by_gate(kind):
    cell = kind.init(60, 40, "float64", random_state=0)
    bound = np.sqrt(6 / 100)
    for gate in np.split(cell.W, cell.W.shape[1] // 40, axis=1):
        assert np.abs(gate).max() <= bound
        assert_allclose(gate.std(), bound / np.sqrt(3), rtol=0.05, atol=0)
        assert_allclose(gate.mean(), 0, rtol=0, atol=0.05 * bound)


@PARAMETRIZE
def test_recurrent_weights_are_orthogonal_gate_by_gate(kind):
    cell = kind.init(3, 17, "float64", random_state=0)
    for gate in np.split(cell.R, cell.R.shape[1] // 17, axis=1):
        assert_allclose(gate.T @ gate, np.eye(17), rtol=0, atol=1e-14)


BIASES = {
    **dict.fromkeys([LSTM, PeepholeLSTM, ProjectedLSTM, LayerNormLSTM], (0, 1, 0, 0)),
    **dict.fromkeys([CoupledLSTM, CoupledPeepholeLSTM], (-1, 0, 0)),
}


@PARAMETRIZE
def test_bias_is_zero_but_for_the_forget_gate(kind):
    assert_array_equal(kind.init(3, 2).b, np.repeat(BIASES.get(kind, [0] * kind.n_gates), 2))


@PARAMETRIZE
def test_unit_parameters_are_zero(kind):
    cell = kind.init(3, 2)
    for name in form_of(kind).unit_parameters:
        assert_array_equal(getattr(cell, name), 0)


def test_a_normalisation_begins_as_the_identity():
    cell = LayerNormLSTM.init(3, 2)
    for gain, size in ((cell.gain_x, 8), (cell.gain_h, 8), (cell.gain_c, 2)):
        assert_array_equal(gain, np.ones(size))
    assert_array_equal(cell.b_c, np.zeros(2))


@PARAMETRIZE
def test_seeds(kind):
    first, same, other = (kind.init(3, 5, "float64", random_state=seed) for seed in (1, 1, 2))
    rounded = kind.init(3, 5, "float32", random_state=1)
    for name in ("W", "R"):
        assert_array_equal(getattr(first, name), getattr(same, name))
        assert_array_equal(getattr(first, name).astype("float32"), getattr(rounded, name))
        assert not np.array_equal(getattr(first, name), getattr(other, name))


@pytest.mark.parametrize("seed", [0, np.int64(3), np.random.RandomState(5)], ids=str)
def test_seeds_draw_what_scikit_learn_draws(seed):
    expected = check_random_state(copy.deepcopy(seed)).standard_normal(3)
    assert_array_equal(random_of(seed).standard_normal(3), expected)


def test_no_seed_is_the_global_state():
    assert random_of(None) is random_of(np.random) is check_random_state(None)


def test_generators_and_what_is_no_seed():
    first, same = (LSTM.init(2, 3, random_state=np.random.default_rng(1)) for _ in range(2))
    assert_array_equal(first.W, same.W)
    with pytest.raises(ValueError, match=r"random_state must be .*got 'seed'"):
        LSTM.init(2, 3, random_state="seed")


def test_no_import_of_scikit_learn():
    code = "import sys, numbarnn; numbarnn.LSTM.init(2, 3); print('sklearn' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False"]


def test_sparse_weights():
    rng = np.random.RandomState(0)
    shapes = {"layer0.W": (20, 120), "layer0.R": (40, 120), "layer0.b": (120,), "readout.W": (40, 50)}
    views = {name: np.ones(shape) for name, shape in shapes.items()}
    draw_sparse(views, rng)
    for name in ("layer0.W", "layer0.R", "readout.W"):
        assert_array_equal(np.count_nonzero(views[name], axis=0), 15)
    for gate in np.split(views["layer0.R"], 3, axis=1):
        assert_allclose(np.abs(np.linalg.eigvals(gate)).max(), 1.1, rtol=1e-10, atol=0)
    assert_allclose(np.square(views["readout.W"]).sum(axis=0).mean(), 1, rtol=0.1, atol=0)
    assert_allclose(np.square(views["layer0.W"]).sum(axis=0).mean(), 0.01, rtol=0.1, atol=0)
    assert_array_equal(views["layer0.b"], 1)
