"""Hessian-free optimization."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.optim.conjugate_gradients import Iterate, conjugate_gradients
from numbarnn.optim.problem import BatchProblem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.optim.problem import Problem
    from numbarnn.optim.solver import Problems

    Array = NDArray[Any]

_DECREASE = 1e-2
_SHRINK = 0.8
_MAX_TRIALS = 60
_ROUNDING = 10


class HessianFree:
    r"""Hessian-free optimization (Martens 2010 [1]_), with structural damping (Martens and Sutskever 2011 [2]_).

    Each iteration computes the gradient g over all training data, and the Gauss-Newton matrix G over one batch. It
    minimizes :math:`g^T p + \frac{1}{2} p^T (G + \lambda I + \lambda \mu S) p` by conjugate gradients, where S is the
    curvature of the hidden states; they start from `decay` times the previous solution. From the last of their iterates
    it goes back as long as the loss decreases, and then shortens the step until the loss decreases enough. The damping
    :math:`\lambda` is reduced by a third if the quadratic predicts the loss well (a reduction ratio above 3/4), and
    increased by half if it does not (below 1/4; the Levenberg-Marquardt rule, [1]_, section 4.1).

    Parameters
    ----------
    tol : float, default=1e-4
        Training has converged if no entry of the gradient is larger in absolute value, or if the decrease that the
        quadratic predicts is lost in rounding.
    damping : float, default=1.0
        The initial :math:`\lambda`.
    structural_damping : float, default=0.03
        The factor :math:`\mu`.
    decay : float, default=0.95
        Factor of the previous solution at the start of conjugate gradients.
    max_cg : int, default=250
        Maximum number of products with the matrix per iteration.

    References
    ----------
    .. [1] J. Martens, "Deep learning via Hessian-free optimization", ICML 2010.
    .. [2] J. Martens and I. Sutskever, "Learning recurrent neural networks with Hessian-free optimization", ICML 2011.
    """

    def __init__(
        self,
        tol: float = 1e-4,
        damping: float = 1.0,
        structural_damping: float = 0.03,
        decay: float = 0.95,
        max_cg: int = 250,
    ) -> None:
        self.tol = float(tol)
        self.damping = float(damping)
        self.structural_damping = float(structural_damping)
        self.decay = float(decay)
        self.max_cg = int(max_cg)

    def minimize(self, problems: Problems, theta: Array, *, max_iter: int, end_epoch: Callable[[float], bool]) -> bool:
        """Move theta in place; each iteration counts as an epoch.

        Raises
        ------
        ValueError
            If the loss or the gradient at the start is not finite.
        """
        whole, batches = problems.whole(), _batches(problems, theta)
        damping, start = self.damping, np.zeros(theta.size)
        value, gradient = _evaluated(whole, theta)
        for _ in range(max_iter):
            if np.abs(gradient).max() <= self.tol:
                return True
            product = self._product(next(batches), theta, damping)
            iterates = conjugate_gradients(product, -gradient, self.decay * start, self.max_cg)
            if -iterates[-1].value <= _ROUNDING * np.finfo(theta.dtype).eps * abs(value):
                return True
            start = iterates[-1].x
            best, trial = _backtracked(whole, theta, iterates)
            ratio = (trial[0] - value) / best.value
            if ratio < 0.25:
                damping *= 3 / 2
            elif ratio > 0.75:
                damping *= 2 / 3
            rate, trial = _line_search(whole, theta, best.x, value, float(gradient @ best.x), trial)
            if rate:
                theta += (rate * best.x).astype(theta.dtype)
                value, gradient = trial
            else:
                start = np.zeros(theta.size)
            if end_epoch(value):
                break
        return False

    def _product(self, problem: Problem, theta: Array, damping: float) -> Callable[[Array], Array]:
        """Return the product with the damped matrix of one batch."""
        if isinstance(problem, BatchProblem):
            matrix = problem.gauss_newton(theta, self.structural_damping * damping)
        else:
            matrix = problem.gauss_newton(theta)
        return lambda v: matrix.matvec(v).astype(float) + damping * v

    def end_epoch(self, n_seen: int) -> None:
        """Do nothing."""

    def answer_plateau(self) -> bool:
        """Return False: the damping is adapted anyway."""
        return False

    def resume(self, before: Any) -> None:
        """Do nothing: the damping starts anew."""


def _batches(problems: Problems, theta: Array) -> Iterator[Problem]:
    while True:
        yield from problems.epoch(theta)


def _evaluated(problem: Problem, theta: Array) -> tuple[float, Array]:
    value, gradient = problem.value_and_gradient(theta)
    gradient = gradient.astype(float)
    if not np.isfinite(gradient).all():
        raise ValueError("The gradient is not finite. Scale the inputs and targets.")
    return value, gradient


def _tried(problem: Problem, theta: Array, step: Array) -> tuple[float, Array]:
    """Return loss and gradient after a step; a loss of infinity where they are not finite."""
    try:
        return _evaluated(problem, theta + step.astype(theta.dtype))
    except ValueError:
        return np.inf, step


def _backtracked(whole: Problem, theta: Array, iterates: list[Iterate]) -> tuple[Iterate, tuple[float, Array]]:
    """Go back from the last iterate as long as the loss falls (Martens 2010, section 4.6)."""
    best, trial = iterates[-1], _tried(whole, theta, iterates[-1].x)
    for before in reversed(iterates[:-1]):
        earlier = _tried(whole, theta, before.x)
        if earlier[0] >= trial[0] and np.isfinite(trial[0]):
            break
        best, trial = before, earlier
    return best, trial


def _line_search(
    whole: Problem, theta: Array, step: Array, value: float, slope: float, trial: tuple[float, Array]
) -> tuple[float, tuple[float, Array]]:
    """Shorten a step until the loss falls by a share of what its slope promises; a rate of zero if it never does."""
    rate = 1.0
    for _ in range(_MAX_TRIALS):
        if trial[0] <= value + _DECREASE * rate * min(slope, 0):
            return rate, trial
        rate *= _SHRINK
        trial = _tried(whole, theta, rate * step)
    return 0.0, trial
