"""The loss of counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from numbarnn.losses.base import DistributionLoss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class Poisson(DistributionLoss):
    r"""Negative log-likelihood of counts whose mean is :math:`e^z`, mean over the K outputs.

    .. math:: \ell_n = \frac{1}{K} \sum_k (e^{z_{nk}} - t_{nk} z_{nk}), \qquad
              \bar z_{nk} = w_n (e^{z_{nk}} - t_{nk}) / K

    Half the Poisson deviance up to what does not depend on z (McCullagh and Nelder 1989, *Generalized Linear Models*,
    section 6.2; scikit-learn's ``HalfPoissonLoss``). Targets must not be negative.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import Padded
    >>> from numbarnn.losses import Poisson
    >>> value, z_bar = Poisson().value_and_gradient(Padded(np.zeros((1, 1))), np.array([[3.0]]), np.ones(1))
    >>> print(value, z_bar)
    1.0 [[-2.]]
    """

    out_activation: ClassVar[str] = "exponential"

    def check_targets(self, targets: Array) -> None:
        """Refuse negative targets."""
        if (targets < 0).any():
            raise ValueError(f"y must not be negative with loss='poisson', got {targets.min()}")

    def losses_and_slopes(self, z: Array, targets: Array) -> tuple[Array, Array]:
        """Return the loss of each row, and its derivative."""
        mean = self.output(z)
        return (mean - targets * z).mean(axis=1), (mean - targets) / z.dtype.type(z.shape[1])

    def row_hessian_product(self, z: Array, z_dot: Array, targets: Array, weights: Array) -> Array:  # noqa: ARG002
        """Return the Hessian, the means times the weights over K, times z_dot."""
        return weights[:, np.newaxis] * self.output(z) * z_dot / z.dtype.type(z.shape[1])

    def output(self, z: Array) -> Array:
        """Return the means, the exponential of each z; infinite where it overflows."""
        with np.errstate(over="ignore"):
            return np.exp(z)

    def output_adjoint(self, z: Array, output_bar: Array) -> Array:
        r"""Return :math:`\bar z = e^z \bar p`."""
        return self.output(z) * output_bar

    def distribution(self, z: Array) -> Any:
        """Return the frozen ``scipy.stats.poisson`` of each target."""
        from scipy.stats import poisson  # noqa: PLC0415  (slow to import, and training does without)

        return poisson(self.output(z.astype(np.float64)))
