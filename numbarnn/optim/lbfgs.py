"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.optim.solver import Problems

    Array = NDArray[Any]

_MEMORY = 20  # SciPy's 10 need up to two thirds more iterations for recurrent networks


class LBFGS:
    """The limited-memory quasi-Newton method of SciPy (Byrd, Lu, Nocedal and Zhu 1995), on all training data at once.

    It suits small data sets. Nothing is dropped at random while it runs.

    Parameters
    ----------
    tol : float, default=1e-4
        It converges where no entry of the gradient is larger.
    max_fun : int, default=15000
        Maximum number of evaluations of loss and gradient.

    References
    ----------
    .. [1] R. H. Byrd, P. Lu, J. Nocedal and C. Zhu, "A limited memory algorithm for bound constrained optimization",
       SIAM Journal on Scientific Computing 16(5), 1995.
    """

    def __init__(self, tol: float = 1e-4, max_fun: int = 15000) -> None:
        self.tol = float(tol)
        self.max_fun = int(max_fun)

    def minimize(self, problems: Problems, theta: Array, *, max_iter: int, end_epoch: Callable[[float], bool]) -> bool:
        """Move theta in place; each iteration counts as an epoch.

        Raises
        ------
        ValueError
            If a loss or a gradient is not finite.
        """
        from scipy.optimize import minimize  # noqa: PLC0415  (slow to import, and most fits do without)
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415

        problem = problems.whole()
        stopped, trial = False, theta.copy()

        def value_and_gradient(vector: Array) -> tuple[float, Array]:
            trial[:] = vector
            value, gradient = problem.value_and_gradient(trial)
            return value, gradient.astype(float, copy=False)

        def end_iteration(intermediate_result: Any) -> None:
            nonlocal stopped
            theta[:] = intermediate_result.x
            stopped = end_epoch(float(intermediate_result.fun))
            if stopped:
                raise StopIteration

        options = {"maxiter": max_iter, "maxfun": self.max_fun, "gtol": self.tol, "maxcor": _MEMORY}
        with threadpool_limits(1, user_api="blas"):  # SciPy's small products take several times as long on more
            result = minimize(
                value_and_gradient,
                theta.astype(float),
                jac=True,
                method="L-BFGS-B",
                callback=end_iteration,
                options=options,
            )
        theta[:] = result.x
        return not stopped and bool(result.success)

    def end_epoch(self, n_seen: int) -> None:
        """Do nothing."""

    def answer_plateau(self) -> bool:
        """Return False: there is no learning rate to lower."""
        return False

    def resume(self, before: Any) -> None:
        """Do nothing: the approximation of the Hessian starts anew."""
