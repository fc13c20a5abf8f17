"""Uncertainty of the parameters by a Laplace approximation, and what it adds to the uncertainty of predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbarnn.data import Sequences, time_major
from numbarnn.estimators.directions import Fitted, read_sequences
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.layers import Model
from numbarnn.losses import SquaredError
from numbarnn.optim import Examples
from numbarnn.prediction import predict

MAX_SIZE = 5000
"""Largest size of the dense matrix that is factorized, 200 MB."""

MAX_JACOBIAN = 2**27
"""Most numbers of the Jacobian of all training outputs that are kept, 1 GB."""

_BLOCK = 256


@dataclass(frozen=True)
class Laplace:
    r"""The Gaussian approximation of the posterior of the parameters of a network with squared error.

    Around the fitted parameters, the network is treated as linear (Immer et al. 2021 [1]_, eq. 10), which makes this a
    Bayesian linear regression on the rows :math:`J_n` of its Jacobian. With noise of variance :math:`\sigma^2` and a
    prior of precision :math:`\lambda / \sigma^2`, the variance of an output with Jacobian :math:`J_*` is (MacKay 1992
    [2]_, eqs. 2.12 and 4.1)

    .. math:: \sigma^2 (1 + J_* A^{-1} J_*^T), \qquad A = \sum_n w_n J_n^T J_n + \lambda I

    Here A is a P x P matrix for P parameters. If there are fewer training outputs, R, than parameters, the R x R matrix
    :math:`J J^T + \lambda I` is factorized in its place, by Woodbury's identity.

    Attributes
    ----------
    noise_variance : float
        :math:`\sigma^2`, the weighted sum of squared residuals, divided by the number of targets minus `n_effective`.
    n_effective : float
        Effective number of parameters, :math:`\gamma = P - \lambda \, \mathrm{tr} A^{-1}` (MacKay 1992 [2]_).
    prior_precision : float
        :math:`\lambda`.
    factor : ndarray of shape (P, P) or (R, R)
        Lower Cholesky factor of the matrix that is factorized.
    jacobian : ndarray of shape (R, P), or None
        Jacobian of the R training outputs, times the square roots of their weights, if the R x R matrix is factorized.

    References
    ----------
    .. [1] A. Immer, M. Korzepa and M. Bauer, "Improving predictions of Bayesian neural nets via local linearization",
       AISTATS 2021.
    .. [2] D. J. C. MacKay, "A practical Bayesian framework for backpropagation networks", Neural Computation 4, 1992.
    """

    noise_variance: float
    n_effective: float
    prior_precision: float
    factor: NDArray
    jacobian: NDArray | None = None

    def variance(self, rows: NDArray) -> NDArray:
        """Return the variance of outputs, noise included.

        Parameters
        ----------
        rows : ndarray of shape (m, P)
            Rows of the Jacobian.

        Returns
        -------
        variance : ndarray of shape (m,)
        """
        from scipy.linalg import solve_triangular  # noqa: PLC0415  (slow to import, and most fits do without)

        projected = rows if self.jacobian is None else rows @ self.jacobian.T
        squares = np.square(solve_triangular(self.factor, projected.T, lower=True)).sum(axis=0)
        if self.jacobian is not None:
            squares = np.maximum(np.square(rows).sum(axis=1) - squares, 0) / self.prior_precision
        return self.noise_variance * (1 + squares)


def laplace(model: Model, theta: NDArray, examples: Examples, prior_precision: float, n_threads: int = 1) -> Laplace:
    """Return the Laplace approximation at parameters that minimize the penalized squared error.

    Parameters
    ----------
    model : Model
    theta : ndarray of shape (P,)
    examples : Examples
        With targets of shape (N, K), or Sequences of them. Weights count as repetitions.
    prior_precision : float
        Precision of the prior of all parameters, in units of that of the noise: the strength of an L2 penalty on
        half the sum of squares.
    n_threads : int, default=1

    Returns
    -------
    Laplace

    Raises
    ------
    ValueError
        If the matrix is too large or, without a prior, singular, or the weights are too small for an estimate of the
        noise.
    """
    from scipy.linalg import cholesky, solve_triangular  # noqa: PLC0415  (slow to import, and most fits do without)

    z = predict(model, theta, examples.sequences, n_jobs=n_threads).z
    targets = examples.targets.values if isinstance(examples.targets, Sequences) else examples.targets
    weights = np.repeat(examples.row_weights, z.shape[1])
    counted = weights > 0
    n_rows = int(counted.sum())
    of_kernel = n_rows < theta.size and prior_precision > 0 and n_rows * theta.size <= MAX_JACOBIAN
    size = n_rows if of_kernel else theta.size
    if size > MAX_SIZE:
        raise ValueError(
            f"A Laplace approximation needs at most {MAX_SIZE} parameters, or at most {MAX_SIZE} training outputs "
            f"with at most {MAX_JACOBIAN} derivatives; got {theta.size} parameters and {n_rows} outputs. Use a smaller "
            "network, fewer sequences, or an ensemble."
        )
    roots, start = np.sqrt(weights), 0
    jacobian = np.empty((n_rows, theta.size)) if of_kernel else None
    matrix, filled = np.zeros((size, size)), 0
    for derivatives in jacobian_blocks(model, theta, examples.sequences, n_threads):
        block = slice(start, start + len(derivatives))
        rows, start = (derivatives * roots[block, np.newaxis])[counted[block]], block.stop
        if jacobian is None:
            matrix += rows.T @ rows
        else:
            jacobian[filled : filled + len(rows)] = rows
            filled += len(rows)
    if jacobian is not None:
        matrix = jacobian @ jacobian.T
    matrix.flat[:: size + 1] += prior_precision
    try:
        factor = cholesky(matrix, lower=True, overwrite_a=True)
    except np.linalg.LinAlgError:
        raise ValueError(
            "The Gauss-Newton matrix is singular: the data do not determine all parameters. Fit with a larger alpha."
        ) from None
    inverse = solve_triangular(factor, np.eye(size), lower=True)
    n_effective = size - prior_precision * float(np.square(inverse).sum())
    free = float(weights.sum()) - n_effective
    if free <= 0:
        raise ValueError(
            f"The weights add up to {weights.sum():.6g} targets, which {n_effective:.6g} effective parameters leave "
            "nothing to estimate the noise from. Give more sequences, or fit with a larger alpha."
        )
    squares = float(weights @ np.square(z.astype(float) - targets).reshape(-1))
    return Laplace(squares / free, n_effective, prior_precision, factor, jacobian)


def jacobian_blocks(model: Model, theta: NDArray, sequences: Sequences, n_threads: int = 1) -> Iterator[NDArray]:
    """Yield the rows of the Jacobian of all outputs by the parameters, in the order of the outputs.

    Parameters
    ----------
    model : Model
    theta : ndarray of shape (P,)
    sequences : Sequences
    n_threads : int, default=1

    Yields
    ------
    rows : ndarray of shape (m, P), float64
        Those of some sequences, K for each row of outputs, one for each of its numbers.
    """
    block: list[NDArray] = []
    for i in range(len(sequences)):
        block.append(_jacobian(model, theta, *time_major(sequences, np.array([i])), n_threads))
        if sum(map(len, block)) >= _BLOCK:
            yield np.concatenate(block)
            block = []
    if block:
        yield np.concatenate(block)


def _jacobian(model: Model, theta: NDArray, x: NDArray, lengths: Any, n_threads: int) -> NDArray:
    """Return the Jacobian of the outputs of one sequence: by adjoints, or by tangents if they are fewer."""
    z, _, tape = model.forward(theta, x, lengths, n_jobs=n_threads)
    n_rows, n_parameters = z.values.size, theta.size
    jacobian = np.empty((n_rows, n_parameters))
    if n_rows <= n_parameters:
        for row, unit in zip(jacobian, np.eye(n_rows, dtype=theta.dtype), strict=True):
            row[:] = model.adjoint(theta, tape, unit.reshape(z.values.shape), n_jobs=n_threads).theta
    else:
        for column, unit in zip(jacobian.T, np.eye(n_parameters, dtype=theta.dtype), strict=True):
            column[:] = model.tangent(theta, tape, unit, n_jobs=n_threads).z.reshape(-1)
    return jacobian


class LaplaceMixin:
    """A Laplace approximation for a regressor."""

    laplace_: Laplace

    def fit_laplace(self: Any, X: Any, y: Any, sample_weight: Any = None) -> Any:
        r"""Estimate the uncertainty of the fitted parameters, so that ``predict(X, return_std=True)`` is possible.

        It needs ``loss='squared_error'``. The network is linearized around `theta_` (Immer et al. [1]_), and treated as
        a Bayesian linear regression (MacKay [2]_). The noise is normal, with the same variance for all targets,
        estimated from the residuals. The prior of all parameters is normal with the strength of the penalty `alpha`
        (also for biases, which `fit` does not penalize). The standard deviations are then

        .. math:: \sigma \sqrt{1 + J_* \Big(\sum_n w_n J_n^T J_n + \alpha K I\Big)^{-1} J_*^T}

        with the Jacobians :math:`J_n` of the K outputs for the training sequences. Besides the noise, they include the
        uncertainty of a prediction for lack of similar training data. They are valid as far as the training has
        converged and the network is linear over the range of plausible parameters. If the variance of the noise
        depends on X, use ``loss='gaussian'``. A later `fit` or `partial_fit` discards the estimate.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The training sequences.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The targets, as in `fit`.
        sample_weight : array-like of shape (n,) or (n, T), or list of n array-likes of shape (T_i,), default=None
            Weights, as in `fit`; a weight of two counts as two sequences.

        Returns
        -------
        self : object
            With the attribute `laplace_`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it was fitted with another loss or is an ensemble; if X, y or the weights are not as in `fit`; if there
            are more than 5000 parameters and more than 5000 training outputs; or if the data do not determine the
            parameters.

        References
        ----------
        .. [1] A. Immer, M. Korzepa and M. Bauer, "Improving predictions of Bayesian neural nets via local
           linearization", AISTATS 2021.
        .. [2] D. J. C. MacKay, "A practical Bayesian framework for backpropagation networks", Neural Computation 4,
           1992.

        Examples
        --------
        A prediction far from the training data is less certain:

        >>> import numpy as np
        >>> from numbarnn import RNNRegressor
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(100, 4))
        >>> y = X[:, 2] + 0.1 * rng.normal(size=100)
        >>> reg = RNNRegressor(4, cell="elman", solver="lbfgs", random_state=0).fit(X, y).fit_laplace(X, y)
        >>> mean, std = reg.predict([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 5.0, 0.0]], return_std=True)
        >>> bool(0.05 < std[0] < 0.2 < std[1])
        True
        """
        sequences, _ = read_sequences(self, X)
        if not isinstance(self._head.loss, SquaredError):
            raise ValueError(
                f"fit_laplace needs loss='squared_error', but the fit had loss={self._fitted_loss!r}; losses that "
                "predict a distribution have return_std=True without it."
            )
        examples = self._encoded(self._given(sequences, y, sample_weight), self._head).patched(self.patch_)
        precision = self.alpha * self.n_outputs_
        self.laplace_ = laplace(self.network_, self.theta_, examples, precision, resolve_threads(self.n_jobs))
        return self


def predictive_std(estimator: Fitted, approximation: Laplace, patches: Sequences) -> NDArray:
    """Return the standard deviations of all outputs, in rows like those of `numbarnn.prediction.predict`."""
    n_threads = resolve_threads(estimator.n_jobs)
    blocks = jacobian_blocks(estimator.network_, estimator.theta_, patches, n_threads)
    variance = np.concatenate([approximation.variance(rows) for rows in blocks])
    return np.sqrt(variance).reshape(-1, estimator.network_.n_outputs).astype(estimator.theta_.dtype)
