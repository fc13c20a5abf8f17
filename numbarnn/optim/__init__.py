"""Training: problems, solvers, schedules, and the loop over epochs."""

from __future__ import annotations

from numbarnn.optim.adam import Adam
from numbarnn.optim.examples import Examples
from numbarnn.optim.hard_attention import HardAttentionProblem
from numbarnn.optim.hessian_free import HessianFree
from numbarnn.optim.lbfgs import LBFGS
from numbarnn.optim.least_squares import LeastSquares
from numbarnn.optim.plateau import Plateau
from numbarnn.optim.problem import Batch, BatchProblem, Objective, Problem, SumProblem
from numbarnn.optim.schedules import Adaptive, Constant, Cosine, InverseScaling, Schedule
from numbarnn.optim.sgd import SGD
from numbarnn.optim.solver import Problems, Solver, StochasticSolver, check_solver
from numbarnn.optim.state import TrainingState
from numbarnn.optim.tbptt import WindowProblem, window_problems
from numbarnn.optim.training import train
from numbarnn.optim.validation import Validation

__all__ = [
    "LBFGS",
    "SGD",
    "Adam",
    "Adaptive",
    "Batch",
    "BatchProblem",
    "Constant",
    "Cosine",
    "Examples",
    "HardAttentionProblem",
    "HessianFree",
    "InverseScaling",
    "LeastSquares",
    "Objective",
    "Plateau",
    "Problem",
    "Problems",
    "Schedule",
    "Solver",
    "StochasticSolver",
    "SumProblem",
    "TrainingState",
    "Validation",
    "WindowProblem",
    "check_solver",
    "train",
    "window_problems",
]
