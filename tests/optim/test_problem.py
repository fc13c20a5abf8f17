"""Problems: values and gradients by central differences, Gauss-Newton matrices column by column, weights, penalty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neural_network import MLPRegressor

from numbarnn.cells import CELLS
from numbarnn.layers import Bidirectional, Model, Padded, Stack
from numbarnn.losses import (
    CTC,
    Gaussian,
    Huber,
    NegativeBinomial,
    Observed,
    Poisson,
    Quantile,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SquaredError,
    StudentT,
)
from numbarnn.optim import Batch, BatchProblem, Objective, SumProblem
from numbarnn.optim.epochs import whole_problem
from tests.optim.problem import LOSS, MODEL, examples_of, model_of

LENGTHS = np.array([5, 2, 3, 1])
LOSSES = [SoftmaxCrossEntropy(), SquaredError(), Gaussian(), Quantile((0.5, 0.9))]
CURVED = [*LOSSES[:3], SigmoidCrossEntropy(), Huber(), Poisson(), NegativeBinomial(), StudentT()]
DROPPING = {"input_dropout": 0.3, "weight_dropout": 0.2}
over_losses = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
over_curved_losses = pytest.mark.parametrize("loss", CURVED, ids=lambda loss: type(loss).__name__)
over_sequences = pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequences"])


def draw(loss, sequences=False, lengths=LENGTHS, seed=0, **options):
    """A model, parameters, biases too, and a batch of four weighted sequences."""
    rng = np.random.default_rng(seed)
    n_targets = 3 if isinstance(loss, SoftmaxCrossEntropy | SquaredError) else 1
    model = model_of(**{"sizes": (3,)} | options, n_outputs=loss.n_outputs(n_targets), sequences=sequences)
    n_rows = int(lengths.sum()) if sequences else 4
    targets = rng.standard_normal((n_rows, n_targets))
    if isinstance(loss, SoftmaxCrossEntropy):
        targets = rng.integers(0, 3, n_rows)
    elif isinstance(loss, SigmoidCrossEntropy | Poisson | NegativeBinomial):
        targets = (targets > 0).astype(float)
    theta = 0.5 * rng.standard_normal(model.n_parameters)
    x = Padded(rng.standard_normal((5, 4, 2)), lengths)
    return model, theta, Batch(x, targets, 0.5 + rng.random(n_rows))


def taken(batch, rows):
    """The sequences of a batch of one row each."""
    x = Padded(np.ascontiguousarray(batch.x.values[:, rows]), LENGTHS[rows])
    return Batch(x, batch.targets[rows], batch.weights[rows])


def central_differences(function, theta, step=1e-5):
    moves = step * np.eye(theta.size)
    return np.array([(function(theta + move) - function(theta - move)) / (2 * step) for move in moves])


@over_sequences
@over_losses
def test_gradient_by_central_differences(loss, sequences):
    model, theta, batch = draw(loss, sequences)
    problem = BatchProblem(Objective(model, loss, alpha=0.3, mean_weight=2.0), batch)
    _, gradient = problem.value_and_gradient(theta)
    differences = central_differences(lambda t: problem.value_and_gradient(t)[0], theta)
    assert_allclose(gradient, differences, rtol=1e-6, atol=1e-9)


def jacobian(model, theta, batch):
    """The outputs, and their Jacobian, one row by each adjoint pass."""
    z, _, tape = model.forward(theta, batch.x.values, batch.x.lengths, masks=batch.masks)
    units = np.eye(z.values.size).reshape(-1, *z.values.shape)
    return z, np.array([model.adjoint(theta, tape, unit).theta for unit in units])


def assert_is_gauss_newton(model, loss, theta, batch):
    """G is J^T H J, with H by products with unit vectors, and the penalty; symmetric and positive semi-definite."""
    problem = BatchProblem(Objective(model, loss, alpha=0.3), batch)
    G = problem.gauss_newton(theta) @ np.eye(theta.size)
    z, J = jacobian(model, theta, batch)
    units = np.eye(z.values.size).reshape(-1, *z.values.shape)
    weights = batch.weights / len(batch.weights)
    H = np.array([loss.hessian_product(z, unit, batch.targets, weights).ravel() for unit in units]).T
    expected = J.T @ H @ J
    assert np.abs(expected).max() > 1e-3
    diagonal = np.arange(model.layout.n_decaying)
    expected[diagonal, diagonal] += 0.3 / problem.weight
    assert_allclose(G, expected, rtol=1e-10, atol=1e-12)
    assert_allclose(G, G.T, rtol=1e-10, atol=1e-12)
    assert np.linalg.eigvalsh(G).min() > -1e-12


@over_sequences
@over_curved_losses
def test_gauss_newton(loss, sequences):
    model, theta, batch = draw(loss, sequences)
    assert_is_gauss_newton(model, loss, theta, batch)


@over_sequences
def test_gauss_newton_of_missing_targets(sequences):
    model, theta, batch = draw(SquaredError(), sequences)
    batch.targets[::3, 1] = np.nan
    assert_is_gauss_newton(model, Observed(SquaredError()), theta, batch)


def test_gauss_newton_of_ctc():
    model, theta, batch = draw(SoftmaxCrossEntropy(), sequences=True)
    targets = np.empty(4, object)
    targets[:] = [[1, 2], [1], [], [2, 1]]  # the last one does not fit in one step
    batch = batch._replace(targets=targets, weights=np.array([1.0, 0.5, 2.0, 1.0]))
    assert_is_gauss_newton(model, CTC(on_impossible="zero"), theta, batch)


def assert_masks_count(loss, **options):
    """Gauss-Newton of a network that drops, by masks drawn once."""
    model, theta, batch = draw(loss, sequences=True, dropout=0.3, **options)
    batch = batch._replace(masks=model.draw_masks(5, 4, "float64", 0))
    assert_is_gauss_newton(model, loss, theta, batch)


def test_gauss_newton_under_dropout():
    assert_masks_count(SquaredError(), **DROPPING)


@pytest.mark.slow
def test_gauss_newton_under_recurrent_dropout_and_zoneout():
    options = DROPPING | {"recurrent_dropout": 0.3, "zoneout": 0.2}
    assert_masks_count(SquaredError(), cell=CELLS["lstm"], sizes=(3, 2), bidirectional=True, **options)


@pytest.mark.slow  # the passes of every cell have their own tests
@pytest.mark.parametrize("cell", ["gru_reset_before", "layer_norm_lstm", "projected_lstm"])
def test_gauss_newton_of_cells_of_other_forms(cell):
    model, theta, batch = draw(SquaredError(), sequences=True, cell=CELLS[cell], sizes=(3, 2), bidirectional=True)
    assert_is_gauss_newton(model, SquaredError(), theta, batch)


@pytest.mark.parametrize("bidirectional", [False, True], ids=["ahead", "both ways"])
def test_structural_damping(bidirectional):
    """It adds the curvature of all outputs of both recurrent layers."""
    model, theta, batch = draw(SquaredError(), sizes=(3, 2), bidirectional=bidirectional)
    problem = BatchProblem(Objective(model, SquaredError(), alpha=0.3), batch)
    added = (problem.gauss_newton(theta, 0.7) - problem.gauss_newton(theta)) @ np.eye(theta.size)
    expected, places, values = np.zeros_like(added), model.views(np.arange(float(theta.size))), model.views(theta)
    (first, layer0), (second, layer1), _ = model.layer.steps
    inner = layer1.layer if bidirectional else layer1
    every = replace(inner, return_sequences=True)
    layer1 = Bidirectional(every) if bidirectional else every
    for steps in [((first, layer0),), ((first, layer0), (second, layer1))]:
        part = Model(Stack(steps))
        own, own_places = np.empty((2, part.n_parameters))
        for name, view in part.views(own).items():
            view[:], part.views(own_places)[name][:] = values[name], places[name]
        _, J = jacobian(part, own, batch)
        expected[np.ix_(own_places.astype(int), own_places.astype(int))] += J.T @ J
    expected *= 0.7 / 4
    assert np.abs(expected).max() > 0.1
    assert_allclose(added, expected, rtol=1e-10, atol=1e-12)


def test_sum_is_the_whole():
    loss = SquaredError()
    model, theta, batch = draw(loss)
    objective = Objective(model, loss)
    parts = [taken(batch, [0]), taken(batch, [1, 2, 3])]
    whole, total = BatchProblem(objective, batch), SumProblem([BatchProblem(objective, part) for part in parts])
    assert total.weight == whole.weight
    for ours, expected in zip(total.value_and_gradient(theta), whole.value_and_gradient(theta), strict=True):
        assert_allclose(ours, expected, rtol=1e-12, atol=1e-14)
    v = np.random.default_rng(1).standard_normal(theta.size)
    assert_allclose(total.gauss_newton(theta) @ v, whole.gauss_newton(theta) @ v, rtol=1e-12, atol=1e-14)


def test_whole_problem_in_parts(monkeypatch):
    """The penalty counts once, however many batches there are."""
    examples, mean_weight = examples_of(12, np.linspace(0.5, 2.0, 12)).normalized()
    objective = Objective(MODEL, LOSS, alpha=0.3, mean_weight=mean_weight)
    theta = MODEL.init("float64", 0)
    one = whole_problem(objective, examples)
    monkeypatch.setattr("numbarnn.optim.epochs._MAX_STEPS", 20)
    several = whole_problem(objective, examples)
    assert (len(one.parts), one.weight) == (1, several.weight)
    assert len(several.parts) > 2
    for ours, expected in zip(several.value_and_gradient(theta), one.value_and_gradient(theta), strict=True):
        assert_allclose(ours, expected, rtol=1e-12, atol=1e-14)
    v = np.random.default_rng(1).standard_normal(theta.size)
    assert_allclose(several.gauss_newton(theta) @ v, one.gauss_newton(theta) @ v, rtol=1e-12, atol=1e-14)


def test_weight_zero_is_removal():
    loss = SquaredError()
    model, theta, batch = draw(loss)
    batch.weights[1] = 0
    without = taken(batch, [0, 2, 3])
    with_zero, removed = (BatchProblem(Objective(model, loss, alpha=0.3), b) for b in (batch, without))
    assert with_zero.weight == removed.weight == 3
    for ours, expected in zip(with_zero.value_and_gradient(theta), removed.value_and_gradient(theta), strict=True):
        assert_allclose(ours, expected, rtol=1e-12, atol=1e-14)
    junk = batch._replace(targets=np.where([[0], [1], [0], [0]], 1e9, batch.targets))
    ours, expected = (BatchProblem(Objective(model, loss), b).value_and_gradient(theta) for b in (junk, batch))
    assert ours[0] == expected[0]
    assert_array_equal(ours[1], expected[1])


def test_weights_of_nothing():
    loss = SquaredError()
    model, _, batch = draw(loss)
    with pytest.raises(ValueError, match="weights must be positive for at least one row, got only zeros"):
        BatchProblem(Objective(model, loss), batch._replace(weights=np.zeros(4)))


def test_penalty_is_sklearns():
    """A model whose recurrence adds nothing to its readout has the loss that MLPRegressor computes."""
    model = model_of((2,), 1, 1)
    theta = np.zeros(model.n_parameters)
    views = model.views(theta)
    views["readout.W"][:] = [[2.0], [-3.0]]
    views["readout.b"][:] = 5.0
    weights = np.array([1.0, 0.5, 2.0])
    mean = weights.mean()
    batch = Batch(Padded(np.zeros((1, 3, 1))), np.array([[4.0], [5.0], [7.0]]), weights / mean)
    problem = BatchProblem(Objective(model, SquaredError(), alpha=0.7, mean_weight=mean), batch)
    value, gradient = problem.value_and_gradient(theta)

    mlp = MLPRegressor(hidden_layer_sizes=(2,), activation="tanh", alpha=0.7, solver="sgd", max_iter=1)
    mlp.partial_fit(np.zeros((3, 1)), batch.targets[:, 0])
    mlp.coefs_ = [np.zeros((1, 2)), views["readout.W"].copy()]
    mlp.intercepts_ = [np.zeros(2), np.array([5.0])]
    mlp.partial_fit(np.zeros((3, 1)), batch.targets[:, 0], sample_weight=weights)
    assert_allclose(value, mlp.loss_, rtol=1e-14, atol=0)
    bars = model.views(gradient)
    assert_allclose(bars["readout.W"][:, 0], 0.7 * np.array([2.0, -3.0]) / 3.5, rtol=1e-14, atol=0)
    assert_allclose(bars["readout.b"], (1.0 - 4.0) / 3.5, rtol=1e-14, atol=0)


def test_biases_are_not_penalized():
    loss = SquaredError()
    model, theta, batch = draw(loss)
    plain, penalized = (
        BatchProblem(Objective(model, loss, alpha=a), batch).value_and_gradient(theta) for a in (0.0, 1.0)
    )
    added, views = model.views(penalized[1] - plain[1]), model.views(theta)
    for name, view in views.items():
        expected = 0 * view if name.endswith(".b") else view / 4
        assert_allclose(added[name], expected, rtol=1e-12, atol=1e-14, err_msg=name)


def test_a_loss_that_is_not_finite():
    loss = SquaredError()
    model, theta, batch = draw(loss)
    problem = BatchProblem(Objective(model, loss), batch._replace(targets=np.full((4, 3), np.inf)))
    with pytest.raises(ValueError, match=r"The loss is inf, not finite.*lower the learning rate"):
        problem.value_and_gradient(theta)
