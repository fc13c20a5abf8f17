"""The embedding of codes: what is looked up, what codes may be, and what is learned."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from numbarnn.layers import Dense, Embedding, Model, Padded, Stack
from numbarnn.losses import SquaredError
from numbarnn.optim import Batch, BatchProblem, Objective

LAYER = Embedding(3, n_categories=(4, 2), n_dims=(2, 1), columns=(1, 0))
PARAMETERS = LAYER.init("float64", np.random.RandomState(0))
X = np.array([[1.0, 3.0, 0.5], [0.0, 0.0, -2.0]])


def test_other_inputs_come_first_and_vectors_in_the_order_of_the_columns():
    y = LAYER.forward(PARAMETERS, Padded(X)).y.values
    four, two = PARAMETERS.tables
    assert_array_equal(y, [[0.5, *four[3], *two[1]], [-2.0, *four[0], *two[0]]])


@pytest.mark.parametrize("lengths", [None, np.array([2, 1, 0])])
def test_outputs_are_contiguous_as_recurrent_layers_need_them(lengths):
    layer = Embedding(4, n_categories=(4,), n_dims=(1,), columns=(1,))
    parameters = layer.init("float64", np.random.RandomState(0))
    forward = layer.forward(parameters, Padded(np.ones((2, 3, 4)), lengths))
    assert forward.y.values.flags.c_contiguous
    for tangents in (None, parameters):
        assert layer.tangent(parameters, forward.tape, tangents).y.flags.c_contiguous


def test_adjoint_of_codes_is_zero_and_of_tables_a_sum():
    x = np.vstack([X, X[:1]])
    tape = LAYER.forward(PARAMETERS, Padded(x)).tape
    y_bar = np.arange(1.0, 13).reshape(3, 4)
    tables_bar, x_bar, _ = LAYER.adjoint(PARAMETERS, tape, y_bar)
    assert_array_equal(x_bar, [[0, 0, 1], [0, 0, 5], [0, 0, 9]])
    assert_array_equal(tables_bar.tables[0], [[6, 7], [0, 0], [0, 0], [2 + 10, 3 + 11]])
    assert_array_equal(tables_bar.tables[1], [[8], [4 + 12]])


@pytest.mark.parametrize("wrong", [4.0, -1.0, 1.5, np.nan, np.inf])
def test_codes_that_cannot_be(wrong):
    x = X.copy()
    x[1, 1] = wrong
    message = f"column 1 of x must hold codes of 4 categories, integers from 0 to 3, got {wrong}"
    with pytest.raises(ValueError, match=message):
        LAYER.forward(PARAMETERS, Padded(x))
    padded = np.stack([X, x])
    with pytest.raises(ValueError, match=message):
        LAYER.forward(PARAMETERS, Padded(padded, np.array([2, 2])))
    y = LAYER.forward(PARAMETERS, Padded(padded, np.array([2, 1]))).y.values  # it stands past the end
    assert_array_equal(y[1, 1], np.zeros(4))


def test_codes_of_float32_only():
    layer = Embedding(1, (200,), (3,), (0,))
    parameters = layer.init("float32", np.random.RandomState(0))
    y = layer.forward(parameters, Padded(np.arange(200, dtype="float32")[:, np.newaxis])).y.values
    assert y.dtype == "float32"
    assert_array_equal(y, parameters.tables[0])
    assert abs(np.square(y).sum(axis=1).mean() - 1) < 0.2


def test_gradient_descent_learns_a_value_for_each_category():
    model = Model(Stack((("embedding", Embedding(1, (3,), (2,), (0,))), ("readout", Dense(2, 1)))))
    theta = model.init("float64", random_state=0)
    assert list(model.views(theta)) == ["embedding.tables.0", "readout.W", "readout.b"]
    batch = Batch(Padded(np.array([[0.0], [1.0], [2.0]])), np.array([[1.0], [-2.0], [0.5]]), np.ones(3))
    problem = BatchProblem(Objective(model, SquaredError()), batch)
    for _ in range(300):
        value, gradient = problem.value_and_gradient(theta)
        theta -= 0.3 * gradient
    assert value < 1e-6
