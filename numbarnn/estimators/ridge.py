"""Ridge regression on rows that arrive in parts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from sklearn.linear_model import Ridge


class Readout(NamedTuple):
    """A linear function of rows: ``rows @ coef.T + intercept``.

    Attributes
    ----------
    coef : ndarray of shape (K, F)
    intercept : ndarray of shape (K,)
    """

    coef: NDArray
    intercept: NDArray


class NormalEquations:
    """Sums of products of features and targets, from which ridge regression is solved.

    Rows are kept until there are as many as features: as long as there are fewer, scikit-learn's `Ridge` solves the
    smaller problem of the rows, and beyond that products of large blocks are fast. The products are those of deviations
    from the mean, merged as by Chan et al. 1983, eq. 2.1 with vectors for numbers, so that no digits cancel. All sums
    are in float64.

    Parameters
    ----------
    n_features, n_targets : int

    References
    ----------
    T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance: analysis and
    recommendations", The American Statistician 37(3), 1983.
    M. Lukosevicius, "A practical guide to applying echo state networks", in "Neural Networks: Tricks of the Trade",
    Springer, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.estimators.ridge import NormalEquations
    >>> rows = np.random.default_rng(0).standard_normal((20, 3))
    >>> equations = NormalEquations(3, 1)
    >>> for part in np.split(rows, 4):
    ...     equations.add(part, part[:, :1] - part[:, 2:] + 5)
    >>> coef, intercept = equations.solve(1e-9)
    >>> np.allclose(coef, [[1, 0, -1]]), np.allclose(intercept, 5)
    (True, True)
    """

    def __init__(self, n_features: int, n_targets: int) -> None:
        self._total = 0.0
        self._means = np.zeros(n_features + n_targets)
        self._products = np.zeros((0, 0))
        self._n_features = n_features
        self._waiting: list[tuple[NDArray, NDArray, NDArray]] = []

    def add(self, rows: NDArray, targets: NDArray, weights: NDArray | None = None) -> None:
        """Add rows (N, F) with targets (N, K) and positive weights (N,); None is one each. The arrays are kept."""
        weights = np.ones(len(rows)) if weights is None else weights
        # A new list, so that a shallow copy of the equations stays as it is.
        rows, targets = rows.astype(np.float64, copy=False), targets.astype(np.float64, copy=False)
        self._waiting = [*self._waiting, (rows, targets, weights)]
        if sum(len(rows) for rows, _, _ in self._waiting) > self._n_features:
            self._merge()

    def solve(self, alpha: float) -> Readout:
        """Return the solution with the penalty ``alpha * (coef ** 2).sum()``, the intercept without one.

        It is `W_out = Y X^T (X X^T + alpha I)^-1` (Lukosevicius 2012, eq. 9) of the deviations from the means.
        """
        if not self._total:
            rows, targets, weights = self._joined()
            ridge = Ridge(alpha).fit(rows, targets, sample_weight=weights)
            return Readout(np.atleast_2d(ridge.coef_), np.atleast_1d(ridge.intercept_))
        if self._waiting:
            self._merge()
        n = self._n_features
        matrix, right = self._products[:n, :n] + alpha * np.eye(n), self._products[:n, n:]
        try:
            coef = cho_solve(cho_factor(matrix), right).T
        except LinAlgError:  # alpha is below the rounding errors of the products
            coef = np.linalg.lstsq(matrix, right)[0].T
        return Readout(coef, self._means[n:] - coef @ self._means[:n])

    def _joined(self) -> tuple[NDArray, NDArray, NDArray]:
        rows, targets, weights = (np.concatenate(parts) for parts in zip(*self._waiting, strict=True))
        self._waiting = [(rows, targets, weights)]
        return rows, targets, weights

    def _merge(self) -> None:
        """Add the products of the waiting rows to those of the rows before."""
        rows, targets, weights = self._joined()
        self._waiting = []
        table = np.concatenate([rows, targets], axis=1)
        total = weights.sum()
        means = weights @ table / total
        table -= means
        table *= np.sqrt(weights)[:, np.newaxis]
        products = table.T @ table
        if self._total:
            change = means - self._means
            products += self._products + self._total * total / (self._total + total) * np.outer(change, change)
            means = self._means + total / (self._total + total) * change
        self._total += total
        self._means, self._products = means, products
