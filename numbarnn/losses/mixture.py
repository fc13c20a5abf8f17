"""The mixture of the distributions that the members of an ensemble predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]


class Mixture:
    """Mixture of distributions with equal weights, with the methods of a frozen SciPy distribution that forecasts need.

    Parameters
    ----------
    members : sequence of frozen distributions of scipy.stats
        All of the same kind and shape, such as what `Gaussian.distribution` returns for each member of an ensemble.

    Examples
    --------
    >>> from scipy.stats import norm
    >>> from numbarnn.losses import Mixture
    >>> mixture = Mixture([norm(-3, 1), norm(3, 1)])
    >>> print(mixture.mean(), mixture.std().round(4), mixture.ppf(0.75).round(4))
    0.0 3.1623 3.0
    """

    def __init__(self, members: Sequence[Any]) -> None:
        self.members = list(members)

    def mean(self) -> Array:
        """Return the mean of the means."""
        return np.mean([member.mean() for member in self.members], axis=0)

    def std(self) -> Array:
        """Return the standard deviation, which grows as the means differ."""
        means = np.array([member.mean() for member in self.members])
        stds = np.array([member.std() for member in self.members])
        return np.sqrt(np.mean(stds * stds + np.square(means - means.mean(axis=0)), axis=0))

    def cdf(self, x: ArrayLike) -> Array:
        """Return the probability of values up to x, the mean over the members."""
        return np.mean([member.cdf(x) for member in self.members], axis=0)

    def ppf(self, q: ArrayLike) -> Array:
        """Return the quantiles of levels q.

        They lie between the smallest and the largest quantile of the members, and are found by bisection: of counts
        exactly, of other numbers to 1e-12 times the distance of the two.
        """
        from scipy.stats import rv_discrete  # noqa: PLC0415  (slow to import)

        quantiles = np.array([member.ppf(q) for member in self.members])
        low, high = quantiles.min(axis=0), quantiles.max(axis=0)
        if not isinstance(self.members[0].dist, rv_discrete):
            for _ in range(40):
                middle = (low + high) / 2
                reached = self.cdf(middle) >= q
                low, high = np.where(reached, low, middle), np.where(reached, middle, high)
            return high
        while (low < high).any():
            middle = np.floor((low + high) / 2)
            reached = self.cdf(middle) >= q
            low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
        return high

    def rvs(self, size: Any = None, random_state: int | np.random.Generator | None = None) -> Array:
        """Return random values, each of a member that is drawn for it."""
        random = np.random.default_rng(random_state)
        values = np.array([member.rvs(size=size, random_state=random) for member in self.members])
        drawn = random.integers(len(self.members), size=values.shape[1:])
        return np.take_along_axis(values, drawn[np.newaxis], axis=0)[0]
