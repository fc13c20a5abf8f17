"""The contract of a solver, and what stochastic solvers share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from numbarnn.kernels.backend import backend_of
from numbarnn.protocols import check_protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.optim.problem import Problem
    from numbarnn.optim.schedules import Schedule

    Array = NDArray[Any]


class Problems(Protocol):
    """Where a solver gets its problems from."""

    def epoch(self, theta: Array) -> Iterable[Problem]:
        """Return the problems of one epoch in turn: batches, or windows of batches."""
        ...

    def whole(self) -> Problem:
        """Return the problem over all training data."""
        ...


class Solver(Protocol):
    """A method that moves the parameter vector so that the loss becomes small.

    The loop over epochs is the solver's, since methods differ in how often they evaluate a problem; whether training
    stops is decided by `end_epoch`, which takes note of the loss.
    """

    def minimize(self, problems: Problems, theta: Array, *, max_iter: int, end_epoch: Callable[[float], bool]) -> bool:
        """Move theta in place; return whether the method itself has converged.

        Parameters
        ----------
        problems : Problems
        theta : ndarray of shape (P,)
            Parameters; changed. They are usable after every epoch, and when an exception leaves the method.
        max_iter : int
            Maximum number of epochs (or of iterations, if each reads all data).
        end_epoch : callable
            Takes the loss of an epoch, and returns whether to stop.
        """
        ...

    def end_epoch(self, n_seen: int) -> None:
        """Take note that an epoch is over and `n_seen` training sequences have been read in all."""
        ...

    def answer_plateau(self) -> bool:
        """Change what may help where the loss no longer falls, and return True; or return False to stop."""
        ...

    def resume(self, before: Any) -> None:
        """Go on from where another solver stopped, as far as it is of the same kind."""
        ...


class StochasticSolver(ABC):
    """A solver that moves the parameters once per problem, against its gradient.

    Parameters
    ----------
    schedule : Schedule
        Gives the learning rate.
    max_grad_norm : float or None
        Longer gradients are scaled to this Euclidean norm over all parameters (Pascanu, Mikolov and Bengio 2013,
        algorithm 1). None clips nothing.
    """

    def __init__(self, schedule: Schedule, max_grad_norm: float | None) -> None:
        self.schedule = schedule
        self.max_grad_norm = max_grad_norm

    @abstractmethod
    def update(self, theta: Array, gradient: Array, learning_rate: float) -> None:
        """Move theta in place by one step against the gradient."""

    def minimize(self, problems: Problems, theta: Array, *, max_iter: int, end_epoch: Callable[[float], bool]) -> bool:
        """Move theta in place, once per problem.

        The loss of an epoch is the mean of the losses by their weight, each before its update.

        Raises
        ------
        ValueError
            If a loss or a gradient is not finite; the parameters are those of the last update.
        """
        for _ in range(max_iter):
            total = total_weight = 0.0
            for problem in problems.epoch(theta):
                value, gradient = problem.value_and_gradient(theta)
                norm = self.clip(gradient)
                if not math.isfinite(norm):
                    raise ValueError(
                        f"The gradient's norm is {norm}, not finite. "
                        "Scale the inputs and targets, or lower the learning rate."
                    )
                self.update(theta, gradient, self.schedule.learning_rate)
                self.schedule.end_update()
                total += value * problem.weight
                total_weight += problem.weight
            if end_epoch(total / total_weight):
                break
        return False

    def clip(self, gradient: Array) -> float:
        """Scale a gradient in place to the maximum norm, and return the norm before."""
        return backend_of(gradient).clip(gradient, math.inf if self.max_grad_norm is None else self.max_grad_norm)

    def end_epoch(self, n_seen: int) -> None:
        """Tell the schedule."""
        self.schedule.end_epoch(n_seen)

    def answer_plateau(self) -> bool:
        """Lower the learning rate if the schedule does so."""
        return self.schedule.lower()

    def resume(self, before: Any) -> None:
        """Go on with the schedule of another stochastic solver."""
        if isinstance(before, StochasticSolver):
            self.schedule.resume(before.schedule)


def check_solver(solver: Any) -> None:
    """Check that an object offers what the `Solver` protocol asks for.

    Parameters
    ----------
    solver : object

    Raises
    ------
    TypeError
        If a method is missing or has other parameters. The message names all of them.

    Examples
    --------
    >>> from numbarnn.optim import LBFGS, check_solver
    >>> check_solver(LBFGS())
    """
    check_protocol(solver, Solver, "solver")


def check_sizes(moment: Array, theta: Array, gradient: Array) -> None:
    """Refuse arrays of another size than the parameters that a solver was made for.

    Raises
    ------
    ValueError
    """
    if not theta.shape == gradient.shape == moment.shape:
        raise ValueError(
            f"theta and gradient must have the shape {moment.shape}, got {theta.shape} and {gradient.shape}"
        )
