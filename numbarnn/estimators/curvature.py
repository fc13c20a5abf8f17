"""The curvature of the training objective at the fitted parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numbarnn.estimators.directions import Fitted, read_sequences
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.optim.epochs import whole_problem
from numbarnn.optim.problem import Objective
from numbarnn.recurrence.arguments import checked_tape_bytes

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator


class CurvatureMixin:
    """Products with the Gauss-Newton matrix of the training objective."""

    def gauss_newton(self: Fitted, X: Any, y: Any, sample_weight: Any = None) -> LinearOperator:
        r"""Return the Gauss-Newton matrix of the training objective at `theta_`, as a linear operator.

        It is the sum over all outputs z of :math:`J^T H J`, where J is the Jacobian of z with respect to `theta_`, and
        H the positive semi-definite curvature of the loss with respect to z (Schraudolph [1]_, section 3). Weights and
        L2 penalty are those of `fit`: the sum becomes a weighted mean over the rows, and penalized parameters have
        ``alpha / sum(sample_weight)`` added on the diagonal. Dropout is not applied. Each product costs one tangent and
        one adjoint pass.

        Apart from the penalty, the matrix is also the Fisher information if the loss is a negative log-likelihood and H
        its Fisher information with respect to z (Martens [2]_, section 9). That holds for the cross-entropies of
        `RNNClassifier`, for 'poisson', 'gaussian' and 'student_t', for 'squared_error' with a variance of one, and for
        the mean of 'negative_binomial'; with K targets, the matrix is the information of all of them divided by K. For
        `CTCClassifier`, it is the information of the complete data, the paths. For 'huber', H is the second derivative
        of the loss. For 'absolute_error' and 'quantile', which are linear in the predictions, H is zero.

        Products with the exact Hessian are not offered: they also need the second derivatives of the cells.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The targets, as in `fit`.
        sample_weight : array-like of shape (n,) or (n, T), or list of n array-likes of shape (T_i,), default=None
            Weights, as in `fit`.

        Returns
        -------
        matrix : scipy.sparse.linalg.LinearOperator of shape (P, P)
            Symmetric and positive semi-definite, in the dtype of `theta_`. The intermediate results of all sequences
            are computed once, and kept in memory as long as the operator exists.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X, y or the weights are not as in `fit`, or this is an ensemble.

        References
        ----------
        .. [1] N. N. Schraudolph, "Fast curvature matrix-vector products for second-order gradient descent", Neural
           Computation 14(7), 2002.
        .. [2] J. Martens, "New insights and perspectives on the natural gradient method", Journal of Machine Learning
           Research 21, 2020.

        Examples
        --------
        The largest eigenvalues of the curvature:

        >>> import numpy as np
        >>> from numbarnn import RNNRegressor
        >>> from scipy.sparse.linalg import eigsh
        >>> X = np.random.default_rng(0).normal(size=(50, 4))
        >>> reg = RNNRegressor(4, learning_rate_init=0.05, random_state=0).fit(X, X[:, 2])
        >>> matrix = reg.gauss_newton(X, X[:, 2])
        >>> matrix.shape == (reg.theta_.size, reg.theta_.size)
        True
        >>> bool(np.all(eigsh(matrix, k=3, return_eigenvectors=False) > 0))
        True
        """
        sequences, _ = read_sequences(self, X)
        given = self._encoded(self._given(sequences, y, sample_weight), self._head)
        examples, mean_weight = given.patched(self.patch_).normalized()
        tape_bytes = checked_tape_bytes(self.checkpoint_memory_mb)
        n_threads = resolve_threads(self.n_jobs)
        objective = Objective(self.network_, self._head.loss, self.alpha, mean_weight, tape_bytes, n_threads)
        return whole_problem(objective, examples).gauss_newton(self.theta_)
