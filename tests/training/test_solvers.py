from __future__ import annotations

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from numbarnn.training import SGD, Adam

N_STEPS = 20
SOLVERS = [Adam, SGD]


def gradients(n_parameters=9):
    return np.random.default_rng(0).standard_normal((N_STEPS, n_parameters))


def test_adam_step_by_step_as_pytorch():
    torch = pytest.importorskip("torch")
    theta = np.linspace(-1, 1, 9)
    their_theta = torch.tensor(theta.copy())
    solver = Adam(9, "float64", beta_1=0.8, beta_2=0.99, epsilon=1e-3)
    their_solver = torch.optim.Adam([their_theta], lr=0.1, betas=(0.8, 0.99), eps=1e-3)
    for step, theta_bar in enumerate(gradients()):
        learning_rate = 0.1 / (step + 1)
        their_solver.param_groups[0]["lr"] = learning_rate
        their_theta.grad = torch.tensor(theta_bar)
        their_solver.step()
        solver.update(theta, theta_bar, learning_rate)
        assert_allclose(theta, their_theta.numpy(), rtol=1e-13, atol=1e-15)


def test_first_adam_step_is_the_learning_rate():
    """Kingma and Ba 2015, section 2.1: a step is at most about alpha, and alpha for a steady gradient."""
    theta = np.zeros(3)
    Adam(3, "float64").update(theta, np.array([1e-3, -1.0, 1e3]), 0.01)
    assert_allclose(theta, [-0.01, 0.01, -0.01], rtol=2e-5, atol=0)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_step_by_step_as_sklearn(momentum, nesterov):
    theta, their_theta = np.linspace(-1, 1, 9), np.linspace(-1, 1, 9)
    solver = SGD(9, "float64", momentum, nesterov)
    their_solver = SGDOptimizer([their_theta], 0.1, momentum=momentum, nesterov=nesterov)
    for step, theta_bar in enumerate(gradients()):
        their_solver.learning_rate = 0.1 / (step + 1)
        their_solver.update_params([their_theta], [theta_bar])
        solver.update(theta, theta_bar, 0.1 / (step + 1))
        assert_allclose(theta, their_theta, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("solver_class", SOLVERS)
def test_float32_follows_float64(solver_class):
    theta, narrow = np.linspace(-1, 1, 9), np.linspace(-1, 1, 9, dtype="float32")
    solver, narrow_solver = solver_class(9, "float64"), solver_class(9, "float32")
    for theta_bar in gradients():
        solver.update(theta, theta_bar, 0.01)
        narrow_solver.update(narrow, theta_bar.astype("float32"), 0.01)
    assert narrow.dtype == "float32"
    assert_allclose(narrow, theta, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("solver_class", SOLVERS)
def test_a_copy_goes_on_alone(solver_class):
    theta_bar = gradients()[0]
    theta, theta_of_copy = np.zeros(9), np.zeros(9)
    solver = solver_class(9, "float64")
    solver.update(theta, theta_bar, 0.1)
    theta_of_copy[:] = theta
    clone = copy.deepcopy(solver)
    clone.update(theta_of_copy, theta_bar, 0.1)
    clone.update(theta_of_copy, theta_bar, 0.1)
    solver.update(theta, theta_bar, 0.1)
    solver.update(theta, theta_bar, 0.1)
    assert_array_equal(theta, theta_of_copy)


@pytest.mark.parametrize("solver_class", SOLVERS)
def test_sizes_that_do_not_fit(solver_class):
    with pytest.raises(ValueError, match=r"must have the shape \(9,\), got \(9,\) and \(8,\)"):
        solver_class(9, "float64").update(np.zeros(9), np.zeros(8), 0.1)
