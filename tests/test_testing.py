"""The public tests pass what is right and name what is wrong, in cells, layers, models and losses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

import numbarnn
from numbarnn.layers import Adjoint, Dense, Forward, Model, Padded, Parameter, Tangent
from numbarnn.layers.base import DEFAULTS
from numbarnn.losses import SquaredError
from numbarnn.testing import certify, dot_test, taylor_test

X = np.random.default_rng(0).standard_normal((4, 9, 2))
LENGTHS = np.array([4, 0, 1, 3, 2, 4, 1, 3, 4])


@dataclass(frozen=True)
class Squares:
    """A layer by hand, y = parameters * sum of x**2 over time, with faults."""

    tangent_factor: float = 1.0
    parameters_factor: float = 1.0
    x_factor: float = 1.0
    fault: str = ""

    n_inputs = n_outputs = 2
    parameters = (Parameter((2,), decays=True),)
    state_widths = ()

    def init(self, dtype, random_state):
        return (random_state.standard_normal(2).astype(dtype),)

    def output_rows(self, rows):
        return rows[1:]

    def draw_masks(self, rows, generator):
        return None

    def slice_masks(self, masks, steps):
        return None

    def forward(self, parameters, x, state=None, *, masks=None, settings=DEFAULTS):
        valid = np.ones(x.values.shape[:2], bool)
        if x.lengths is not None and self.fault != "reads past the ends":
            valid = np.arange(len(x.values))[:, None] < x.lengths
        values = np.where(valid[..., None], x.values, 0)
        if self.fault == "companions":
            values = values * (1 + 1e-15 * values.shape[1])
        if self.fault == "threads" and settings.n_threads > 1:
            values = values * (1 + 1e-15)
        if self.fault == "changes its input":
            x.values[...] = 0
        y = parameters[0] * np.add.accumulate(values**2, axis=0)[-1]
        return Forward(Padded(y), (), values)

    def tangent(self, parameters, tape, parameters_dot=None, x_dot=None, state_dot=None, *, n_threads=1):
        y_dot = np.zeros_like(tape[0])
        if parameters_dot is not None:
            y_dot += parameters_dot[0] * np.add.accumulate(tape**2, axis=0)[-1]
        if x_dot is not None:
            y_dot += parameters[0] * np.add.accumulate(np.where(tape != 0, 2 * tape * x_dot, 0), axis=0)[-1]
        if self.fault == "None is one" and x_dot is None:
            y_dot += 1
        return Tangent(self.tangent_factor * y_dot, ())

    def adjoint(self, parameters, tape, y_bar=None, state_bar=None, *, inputs=True, n_threads=1):
        y_bar = np.zeros_like(tape[0]) if y_bar is None else y_bar
        q_bar = np.add.reduce(y_bar * np.add.accumulate(tape**2, axis=0)[-1])
        x_bar = 2 * tape * parameters[0] * y_bar
        return Adjoint((self.parameters_factor * q_bar,), self.x_factor * x_bar, ())


def test_right_derivatives_pass():
    assert dot_test(Squares(), X, random_state=0) < 1e-14
    assert 1.99 < taylor_test(Squares(), X, random_state=0) < 2.01
    certificate = certify(Squares(), X, lengths=LENGTHS, random_state=0)
    assert certificate.n_slices == 2
    assert math.isnan(certificate.hessian_rate)


@pytest.mark.parametrize("wrong", [-1.0, 0.0, 1 + 1e-9, math.nan])
def test_a_wrong_adjoint_is_named(wrong):
    for test in (dot_test, certify):
        with pytest.raises(AssertionError, match=r"parameters\.0"):
            test(Squares(parameters_factor=wrong), X, random_state=0)
        with pytest.raises(AssertionError, match=r"\bx\b") as error:
            test(Squares(x_factor=wrong), X, random_state=0)
        assert "parameters" not in str(error.value)


@pytest.mark.parametrize("wrong", [-1.0, 0.0, 1.01, math.nan])
def test_a_wrong_tangent_fails_the_taylor_test(wrong):
    with pytest.raises(AssertionError, match="Taylor rate"):
        taylor_test(Squares(tangent_factor=wrong), X, random_state=0)


def test_a_wrong_tangent_with_a_fitting_adjoint_passes_the_dot_test_only():
    both = Squares(tangent_factor=2.0, parameters_factor=2.0, x_factor=2.0)
    assert dot_test(both, X, random_state=0) < 1e-14
    for test in (taylor_test, certify):
        with pytest.raises(AssertionError, match="Taylor rate 1"):
            test(both, X, random_state=0)


FAULTS = {
    "reads past the ends": "past the ends of the sequences",
    "companions": "whether a sequence is alone",
    "threads": "whether there are 2 threads",
    "changes its input": "an argument|read-only|not the derivative",
    "None is one": "y is not as for zeros with a direction of x that is None",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_that_only_certify_finds(fault):
    x, lengths = X.copy(), None if fault == "companions" else LENGTHS
    error = ValueError if fault == "changes its input" else AssertionError
    with pytest.raises((error, AssertionError), match=FAULTS[fault]):
        certify(Squares(fault=fault), x, lengths=lengths, random_state=0)


def test_a_reference():
    def right(parameters, x, state, lengths):
        valid = np.arange(len(x))[:, None] < lengths
        return parameters[0] * np.sum((x * valid[..., None]) ** 2, axis=0), ()

    certify(Squares(), X, lengths=LENGTHS, reference=right, random_state=0)
    with pytest.raises(AssertionError, match="y of the outputs is not the reference's"):
        certify(Squares(), X, lengths=LENGTHS, reference=lambda *a: (1.001 * right(*a)[0], ()), random_state=0)


def test_tolerances_are_the_callers():
    almost = Squares(tangent_factor=1 + 1e-6)
    with pytest.raises(AssertionError, match=r"at most 1\.0e-12"):
        dot_test(almost, X, random_state=0)
    assert 1e-8 < dot_test(almost, X, rtol=1e-3, random_state=0) < 1e-5
    with pytest.raises(AssertionError, match=r"at least 2\.5"):
        taylor_test(Squares(), X, min_rate=2.5, random_state=0)


def test_seeds_repeat():
    for test in (dot_test, taylor_test, certify):
        assert str(test(Squares(), X, random_state=3)) == str(test(Squares(), X, random_state=np.random.RandomState(3)))


def test_given_parameters_are_taken():
    for test in (dot_test, taylor_test, certify):
        with pytest.raises(AssertionError):
            test(Squares(), X, parameters=(np.array([1.0, math.nan]),))


def test_a_model_and_a_linear_layer():
    model = Model(Dense(2, 3))
    assert dot_test(model, X, lengths=LENGTHS, random_state=0) <= 1e-12
    assert taylor_test(model, X, lengths=LENGTHS, random_state=0) >= 1.9
    theta = np.zeros(model.n_parameters)
    assert certify(model, X, lengths=LENGTHS, parameters=theta, random_state=0).n_slices == 2


class WrongGradient(SquaredError):
    def value_and_gradient(self, z, targets, weights):
        value, gradient = super().value_and_gradient(z, targets, weights)
        return value, 1.1 * gradient


class WrongHessian(SquaredError):
    def hessian_product(self, z, z_dot, targets, weights):
        return z_dot[..., ::-1] * [1.0, 2.0]


class NegativeHessian(SquaredError):
    def hessian_product(self, z, z_dot, targets, weights):
        return -z_dot


class WrongOutput(SquaredError):
    def output(self, z):
        return z**2


def test_losses():
    given = {"targets": np.zeros((9, 2)), "random_state": 0}
    assert taylor_test(SquaredError(), X[0], **given) >= 1.9
    assert dot_test(SquaredError(), X[0], **given) <= 1e-12
    with pytest.raises(AssertionError, match="Taylor rate 1"):
        taylor_test(WrongGradient(), X[0], **given)
    with pytest.raises(AssertionError, match="not the transpose"):
        dot_test(WrongHessian(), X[0], **given)
    for loss, fault in (
        (WrongGradient(), "gradient is not the derivative"),
        (WrongHessian(), "not the transpose"),
        (NegativeHessian(), "Hessian product is negative"),
        (WrongOutput(), "adjoint is not the adjoint of output"),
    ):
        with pytest.raises(AssertionError, match=fault):
            certify(loss, X[0], **given)
    with pytest.raises(AssertionError, match="is not the reference's"):
        certify(SquaredError(), X[0], reference=1.0, **given)


@pytest.mark.parametrize("seed", [6, 7, 25, 43])
def test_outputs_of_a_loss_may_cancel(seed):
    # There a random combination of the outputs is much smaller than its terms, and so than their rounding errors.
    rng = np.random.RandomState(seed)
    z, targets = rng.standard_normal((6, 2)), rng.standard_normal((6, 2))
    certify(SquaredError(), z, targets=targets, random_state=seed)


def test_a_cell_without_a_state_in_float32():
    cell = numbarnn.LSTM.init(2, 5, "float32", random_state=0)
    x = X.astype("float32")
    assert dot_test(cell, x, lengths=LENGTHS, random_state=0) <= 1e-5
    assert taylor_test(cell, x, lengths=LENGTHS, random_state=0) >= 1.9
    assert math.isnan(certify(cell, x, lengths=LENGTHS, random_state=0).taylor_rate)


def test_a_linear_pass_has_an_infinite_rate_and_an_empty_batch_no_error():
    cell = numbarnn.Elman.init(2, 5, "float64", random_state=0)
    assert taylor_test(cell, X, lengths=[0] * 9, random_state=0) == math.inf
    assert dot_test(cell, X, lengths=[0] * 9, random_state=0) <= 1e-15
    assert dot_test(cell, X[:, :0], random_state=0) == 0
    assert taylor_test(cell, X[:, :0], random_state=0) == math.inf


def test_what_belongs_to_another_kind_is_refused():
    cell = numbarnn.Elman.init(2, 5, "float64", random_state=0)
    for test in (dot_test, taylor_test, certify):
        with pytest.raises(ValueError, match="parameters must be None for a cell"):
            test(cell, X, parameters=np.zeros(3))
        with pytest.raises(ValueError, match="preactivation_clip must be None for a layer or a model"):
            test(Squares(), X, preactivation_clip=1.0)
        with pytest.raises(ValueError, match="targets must be None for a layer or a model"):
            test(Squares(), X, targets=np.zeros(3))
        with pytest.raises(ValueError, match="state must be None for a loss"):
            test(SquaredError(), X[0], [np.zeros(3)], targets=np.zeros((9, 2)))
        with pytest.raises(TypeError, match="is no layer"):
            test("lstm", X)
