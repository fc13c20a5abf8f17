"""Nonlinear least squares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.losses import SquaredError
from numbarnn.optim.problem import BatchProblem

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse.linalg import LinearOperator

    from numbarnn.optim.problem import Batch, Problem
    from numbarnn.optim.solver import Problems

    Array = NDArray[Any]


class LeastSquares:
    """SciPy's trust-region method for sums of squares (Branch, Coleman and Li 1999), on all training data at once.

    Its steps solve linearized problems by LSMR (Fong and Saunders 2011), which needs only products with the Jacobian,
    by tangent and adjoint passes. It suits small networks with squared error. Dropout is not applied.

    Parameters
    ----------
    tol : float, default=1e-4
        Training has converged if no entry of the gradient is larger in absolute value.
    max_fun : int, default=15000
        Maximum number of evaluations of the residuals.

    References
    ----------
    .. [1] M. A. Branch, T. F. Coleman and Y. Li, "A subspace, interior, and conjugate gradient method for large-scale
       bound-constrained minimization problems", SIAM Journal on Scientific Computing 21(1), 1999.
    .. [2] D. C.-L. Fong and M. Saunders, "LSMR: an iterative algorithm for sparse least-squares problems", SIAM Journal
       on Scientific Computing 33(5), 2011.
    """

    def __init__(self, tol: float = 1e-4, max_fun: int = 15000) -> None:
        self.tol = float(tol)
        self.max_fun = int(max_fun)

    def minimize(self, problems: Problems, theta: Array, *, max_iter: int, end_epoch: Callable[[float], bool]) -> bool:
        """Move theta in place; each iteration, that is each accepted step, counts as an epoch.

        Raises
        ------
        TypeError
            If the loss is not the squared error.
        ValueError
            If a residual is not finite.
        """
        from scipy.optimize import least_squares  # noqa: PLC0415  (slow to import, and most fits do without)

        residuals = Residuals(problems.whole(), theta.dtype)
        n_ended = -1  # the first Jacobian is that of the start

        def jacobian(vector: Array) -> LinearOperator:
            nonlocal n_ended
            if n_ended >= 0:
                theta[:] = vector
                if end_epoch(0.5 * float(np.square(residuals(vector)).sum())) or n_ended + 1 >= max_iter:
                    raise _EndError
            n_ended += 1
            return residuals.jacobian(vector)

        options: dict[str, Any] = {"tr_solver": "lsmr", "gtol": self.tol, "ftol": None, "xtol": None}
        try:
            result = least_squares(residuals, theta.astype(float), jacobian, max_nfev=self.max_fun, **options)
        except _EndError:
            return False
        theta[:] = result.x
        return bool(result.success)

    def end_epoch(self, n_seen: int) -> None:
        """Do nothing."""

    def answer_plateau(self) -> bool:
        """Return False: there is no learning rate to lower."""
        return False

    def resume(self, before: Any) -> None:
        """Do nothing: the trust region starts anew."""


class _EndError(Exception):
    """The training ends, though the method has not converged."""


class Residuals:
    r"""Residuals: half the sum of their squares is the regularized mean loss.

    With the weights :math:`w_n` of N rows of K outputs, they are :math:`\sqrt{w_n / (N K)} (z_{nk} - t_{nk})`, zero
    past the ends of sequences, and the penalized parameters times the square root of the strength of the penalty. The
    former are the derivative with respect to z of the squared-error loss with the weights :math:`\sqrt{w_n K / N}`, and
    the Hessian of that loss is their derivative with respect to z.

    Parameters
    ----------
    whole : SumProblem
    dtype : dtype
        That of the parameters.
    """

    def __init__(self, whole: Problem, dtype: Any) -> None:
        self._parts: list[BatchProblem] = []
        for part in getattr(whole, "parts", [whole]):
            if not isinstance(part, BatchProblem) or not isinstance(part.objective.loss, SquaredError):
                raise TypeError("solver='least_squares' needs the loss SquaredError, and batches without truncation")
            self._parts.append(part)
        self._dtype = np.dtype(dtype)
        objective = self._parts[0].objective
        self._layout, self._layer, self._loss = objective.model.layout, objective.model.layer, objective.loss
        self._options: dict[str, Any] = {"n_threads": objective.n_threads}
        self._settings = objective.settings
        alpha = sum(part.objective.alpha for part in self._parts)
        self._penalty = np.sqrt(alpha / (whole.weight * objective.mean_weight))
        factor = objective.model.n_outputs / whole.weight
        self._weights = [np.sqrt(part.batch.weights * factor).astype(self._dtype) for part in self._parts]

    def __call__(self, vector: Array) -> Array:
        """Return the residuals at a vector of parameters, float64."""
        parameters, errors = self._layout.views(vector.astype(self._dtype)), []
        settings = self._settings._replace(keep_tape=False)
        for batch, weights in self._batches():
            z = self._layer.forward(parameters, batch.x, masks=batch.masks, settings=settings).y
            errors.append(self._loss.value_and_gradient(z, batch.targets, weights)[1].reshape(-1))
        return np.concatenate([*errors, self._penalty * vector[: self._layout.n_decaying]])

    def jacobian(self, vector: Array) -> LinearOperator:
        """Return the Jacobian at a vector of parameters; each product takes one tangent or one adjoint pass."""
        from scipy.sparse.linalg import LinearOperator  # noqa: PLC0415  (slow to import, and most fits do without)

        parameters, n_decaying = self._layout.views(vector.astype(self._dtype)), self._layout.n_decaying
        passes = []
        for batch, weights in self._batches():
            z, _, tape = self._layer.forward(parameters, batch.x, masks=batch.masks, settings=self._settings)
            passes.append((z, tape, batch.targets, weights))

        def product(direction: Array) -> Array:
            theta_dot = self._layout.views(direction.ravel().astype(self._dtype))
            errors_dot = []
            for z, tape, targets, weights in passes:
                z_dot = self._layer.tangent(parameters, tape, theta_dot, **self._options).y
                errors_dot.append(self._loss.hessian_product(z, z_dot, targets, weights).reshape(-1))
            return np.concatenate([*errors_dot, self._penalty * direction.ravel()[:n_decaying]])

        def transposed(errors_bar: Array) -> Array:
            errors_bar, start = errors_bar.ravel(), 0
            theta_bar = np.zeros(vector.size)
            for z, tape, targets, weights in passes:
                own = errors_bar[start : start + z.values.size].reshape(z.values.shape).astype(self._dtype)
                start += z.values.size
                # errors = hessian_product(z), a symmetric function
                z_bar = self._loss.hessian_product(z, own, targets, weights)
                adjoint = self._layer.adjoint(parameters, tape, z_bar, inputs=False, **self._options)
                theta_bar += self._layout.flatten(adjoint.parameters)
            theta_bar[:n_decaying] += self._penalty * errors_bar[start:]
            return theta_bar

        n_residuals = sum(z.values.size for z, *_ in passes) + n_decaying
        return LinearOperator((n_residuals, vector.size), matvec=product, rmatvec=transposed, dtype=float)

    def _batches(self) -> Iterator[tuple[Batch, Array]]:
        return zip((part.batch for part in self._parts), self._weights, strict=True)
