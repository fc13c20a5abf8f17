"""Solvers against loops over their equations, PyTorch and scikit-learn; second-order methods at the minimum."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from numbarnn.data import Sequences
from numbarnn.layers import Dense, Model, Padded, Pooling, Stack
from numbarnn.losses import SquaredError
from numbarnn.optim import (
    LBFGS,
    SGD,
    Adam,
    Batch,
    BatchProblem,
    Examples,
    HessianFree,
    LeastSquares,
    Objective,
    Plateau,
    SumProblem,
    TrainingState,
    check_solver,
)
from numbarnn.optim.conjugate_gradients import conjugate_gradients
from numbarnn.optim.least_squares import Residuals
from tests.optim.problem import LOSS, MODEL, examples_of, model_of, run

N_STEPS = 20
SOLVERS = [Adam, SGD]
by_iterations = pytest.mark.parametrize("solver", [LBFGS, HessianFree, LeastSquares])


def gradients(n_parameters=9):
    return np.random.default_rng(0).standard_normal((N_STEPS, n_parameters))


def test_adam_by_its_equations():
    """Kingma and Ba 2015, algorithm 1."""
    theta, m, v = np.linspace(-1, 1, 9), np.zeros(9), np.zeros(9)
    ours = theta.copy()
    solver = Adam(9, "float64", beta_1=0.8, beta_2=0.99, epsilon=1e-3)
    for t, g in enumerate(gradients(), start=1):
        m, v = 0.8 * m + 0.2 * g, 0.99 * v + 0.01 * g**2
        theta = theta - 0.1 / t * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-3)
        solver.update(ours, g, 0.1 / t)
        assert_allclose(ours, theta, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_step_by_step_as_sklearn(momentum, nesterov):
    theta, their_theta = np.linspace(-1, 1, 9), np.linspace(-1, 1, 9)
    solver = SGD(9, "float64", momentum, nesterov)
    their_solver = SGDOptimizer([their_theta], 0.1, momentum=momentum, nesterov=nesterov)
    for step, gradient in enumerate(gradients()):
        their_solver.learning_rate = 0.1 / (step + 1)
        their_solver.update_params([their_theta], [gradient])
        solver.update(theta, gradient, 0.1 / (step + 1))
        assert_allclose(theta, their_theta, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("solver_class", SOLVERS)
def test_float32_follows_float64(solver_class):
    theta, narrow = np.linspace(-1, 1, 9), np.linspace(-1, 1, 9, dtype="float32")
    solver, narrow_solver = solver_class(9, "float64"), solver_class(9, "float32")
    for gradient in gradients():
        solver.update(theta, gradient, 0.01)
        narrow_solver.update(narrow, gradient.astype("float32"), 0.01)
    assert narrow.dtype == "float32"
    assert_allclose(narrow, theta, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("solver_class", SOLVERS)
def test_a_copy_goes_on_alone_and_a_new_solver_resumes(solver_class):
    first, second = gradients()[:2]
    theta = np.zeros(9)
    solver = solver_class(9, "float64")
    solver.update(theta, first, 0.1)
    clone, resumed = copy.deepcopy(solver), solver_class(9, "float64")
    resumed.resume(copy.deepcopy(solver))
    ends = []
    for other in (clone, resumed, solver):
        own = theta.copy()
        other.update(own, second, 0.1)
        ends.append(own)
    assert_array_equal(ends[0], ends[2])
    assert_array_equal(ends[1], ends[2])
    fresh = theta.copy()
    solver_class(9, "float64").update(fresh, second, 0.1)
    assert not np.array_equal(fresh, ends[2])


@pytest.mark.parametrize("solver_class", SOLVERS)
def test_sizes_that_do_not_fit(solver_class):
    with pytest.raises(ValueError, match=r"must have the shape \(9,\), got \(9,\) and \(8,\)"):
        solver_class(9, "float64").update(np.zeros(9), np.zeros(8), 0.1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("max_grad_norm", [0.5, 100.0, None])
def test_clipping(dtype, max_grad_norm):
    gradient = np.random.default_rng(0).standard_normal(1000).astype(dtype)
    clipped = gradient.copy()
    norm = SGD(1000, dtype, max_grad_norm=max_grad_norm).clip(clipped)
    assert_allclose(norm, np.linalg.norm(gradient.astype(float)), rtol=1e-12, atol=0)
    if max_grad_norm == 0.5:
        rtol = 1e-6 if dtype == "float32" else 1e-14
        assert_allclose(clipped / gradient, 0.5 / norm, rtol=rtol, atol=0)
    else:
        assert_array_equal(clipped, gradient)


def test_float32_squares_do_not_overflow():
    gradient = np.full(4, 1e30, "float32")
    assert_allclose(SGD(4, "float32", max_grad_norm=1.0).clip(gradient), 2e30, rtol=1e-6, atol=0)
    assert_allclose(gradient, 0.5, rtol=1e-6, atol=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_gradients_that_are_not_finite_are_reported_and_left(bad):
    gradient = np.array([1.0, bad, 2.0])
    assert not math.isfinite(SGD(3, "float64", max_grad_norm=1.0).clip(gradient))
    assert_array_equal(gradient, [1.0, bad, 2.0])


def least_squares():
    """A linear model of the means over time, whose minimum is known."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 6, 30)
    sequences = Sequences(rng.standard_normal((lengths.sum(), 3)), lengths)
    means = np.array([rows.mean(axis=0) for rows in np.split(sequences.values, np.cumsum(lengths)[:-1])])
    targets = means @ rng.standard_normal((3, 2)) + 0.1 * rng.standard_normal((30, 2))
    model = Model(Stack((("mean", Pooling("mean", 3)), ("readout", Dense(3, 2)))))
    return model, Examples(sequences, targets), np.column_stack([means, np.ones(30)])


@by_iterations
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_minimum_is_reached(dtype, solver):
    model, examples, features = least_squares()
    values = examples.sequences.values.astype(dtype)
    given = Examples(Sequences(values, examples.sequences.lengths), examples.targets.astype(dtype))
    state = TrainingState(np.zeros(model.n_parameters, dtype), solver(tol=1e-7), Plateau(tol=-np.inf))
    state = run(given, state, model, SquaredError(), max_iter=200, alpha=0)
    expected = np.linalg.lstsq(features, examples.targets, rcond=None)[0]
    views = model.views(state.theta)
    tolerance = 1e-5 if dtype == "float64" else 1e-3
    assert_allclose(np.vstack([views["readout.W"], views["readout.b"]]), expected, rtol=0, atol=tolerance)
    assert state.n_iter == len(state.loss_curve) < 200
    assert np.all(np.diff(state.loss_curve) <= 1e-7)
    if dtype == "float64":
        assert state.outcome == "converged"


@by_iterations
def test_stops_where_it_is_told_to(solver):
    model, examples, _ = least_squares()
    state = TrainingState(np.zeros(model.n_parameters), solver(), Plateau(tol=np.inf, n_iter_no_change=1))
    state = run(examples, state, model, SquaredError(), max_iter=50)
    assert (state.outcome, state.n_iter) == ("converged", 3)
    state = TrainingState(np.zeros(model.n_parameters), solver(), Plateau())
    state = run(examples, state, model, SquaredError(), max_iter=2)
    assert (state.outcome, state.n_iter) == ("max_iter", 2)


def test_conjugate_gradients():
    """Iterates have the value of the quadratic, which ends near its minimum, and solve a system of few eigenvalues."""
    rng = np.random.default_rng(0)
    b, Q = rng.standard_normal(40), np.linalg.qr(rng.standard_normal((40, 40)))[0]
    for scales in (np.logspace(0, 3, 40), np.repeat([1.0, 3.0, 10.0, 100.0], 10)):
        A = Q * scales @ Q.T
        solution = np.linalg.solve(A, b)
        iterates = conjugate_gradients(lambda v, A=A: A @ v, b, 0.5 * solution, max_iter=500)
        assert iterates[-1].value < 0.99 * (-0.5 * b @ solution)
        for x, value in iterates:
            assert_allclose(value, 0.5 * x @ A @ x - b @ x, rtol=1e-10, atol=0)
        assert np.all(np.diff([value for _, value in iterates]) <= 1e-12)
    assert_allclose(iterates[-1].x, solution, rtol=0, atol=1e-8)


@pytest.mark.parametrize("sequences", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["last", "sequences"])
def test_residuals_of_least_squares(sequences):
    """Half their sum of squares is the loss, J^T r its gradient, and J^T J the Gauss-Newton matrix."""
    rng = np.random.default_rng(0)
    model, lengths = model_of((3,), n_outputs=2, sequences=sequences), np.array([4, 2, 3])
    theta = 0.5 * rng.standard_normal(model.n_parameters)
    n_rows = 9 if sequences else 3
    batches = [
        Batch(Padded(rng.standard_normal((4, 3, 2)), lengths), rng.standard_normal((n_rows, 2)), rng.random(n_rows))
        for _ in range(2)
    ]
    objective = Objective(model, SquaredError(), alpha=0.3, mean_weight=2.0)
    whole = SumProblem([BatchProblem(objective, batch) for batch in batches])
    residuals = Residuals(whole, "float64")
    r, J = residuals(theta), residuals.jacobian(theta)
    value, gradient = whole.value_and_gradient(theta)
    assert_allclose(0.5 * r @ r, value, rtol=1e-12, atol=0)
    assert_allclose(J.rmatvec(r), gradient, rtol=1e-10, atol=1e-14)
    dense = J @ np.eye(theta.size)
    assert_allclose(dense.T @ dense, whole.gauss_newton(theta) @ np.eye(theta.size), rtol=1e-10, atol=1e-14)
    with pytest.raises(TypeError, match="needs the loss SquaredError"):
        Residuals(BatchProblem(Objective(model, LOSS), batches[0]), "float64")


def test_hessian_free_learns_from_batches_of_curvature():
    state = TrainingState(MODEL.init("float64", 0, sparse=True), HessianFree(damping=0.1), Plateau(tol=-np.inf))
    first, again = (run(examples_of(24), state, batch_size=8, max_iter=30) for _ in range(2))
    assert_array_equal(first.theta, again.theta)
    assert first.loss_curve[0] > 0.5
    assert first.loss_curve[-1] < 0.1
    assert np.all(np.diff(first.loss_curve) <= 0)


def test_a_faulty_solver_is_named():
    class Lazy(LBFGS):
        def minimize(self, problems, theta):
            return True

    with pytest.raises(TypeError, match=r"minimize must take \(problems, theta, max_iter, end_epoch\)"):
        check_solver(Lazy())
