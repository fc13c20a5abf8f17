"""Negative log-likelihood of the negative binomial distribution, for overdispersed counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import betaln, digamma, expit

from numbarnn.losses.base import DistributionLoss
from numbarnn.losses.softplus import softplus

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

DISPERSION_FLOOR = 1e-6
"""Lower bound of the predicted dispersion: its reciprocal stays small enough not to lose the loss in rounding."""


class NegativeBinomial(DistributionLoss):
    r"""Negative log-likelihood of the negative binomial distribution, averaged over the K targets.

    The first K outputs are the logarithms of the means :math:`\mu`, and the last K determine the dispersions
    :math:`\alpha`. The variance is :math:`\mu + \alpha \mu^2`, so the distribution tends to a Poisson distribution as
    :math:`\alpha` tends to zero (Salinas et al. 2020 [1]_, section 3.1, but with the log link of `Poisson` for the
    mean; Snyder et al. 2012 [2]_ for intermittent demand). For a target t with the outputs m and a,
    :math:`r = 1 / \alpha` and the beta function B:

    .. math:: \mu = e^m, \qquad \alpha = \alpha_0 + \mathrm{softplus}(a), \qquad x = \log(\alpha \mu), \qquad
              \ell = \log \mathrm{B}(r, t + 1) + \log(r + t) + (r + t) \, \mathrm{softplus}(x) - t x

    The lower bound is :math:`\alpha_0` = ``DISPERSION_FLOOR = 1e-6``. Targets must be counts, that is, non-negative
    integers. The Gauss-Newton factor is diagonal, as is the Fisher information. For the mean it is the Fisher
    information. For the dispersion, whose Fisher information has no closed form, it is the squared derivative of the
    loss, whose expectation is the Fisher information. The loss is computed in double precision.

    References
    ----------
    .. [1] D. Salinas, V. Flunkert, J. Gasthaus and T. Januschowski, "DeepAR: probabilistic forecasting with
       autoregressive recurrent networks", International Journal of Forecasting 36, 2020.
    .. [2] R. D. Snyder, J. K. Ord and A. Beaumont, "Forecasting the intermittent demand for slow-moving inventories: a
       modelling approach", International Journal of Forecasting 28, 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.losses import NegativeBinomial
    >>> z = np.array([[np.log(5.0), 0.0]])
    >>> NegativeBinomial().output(z).round(4)
    array([[5.    , 0.6931]])
    >>> NegativeBinomial().distribution(z).ppf([0.1, 0.5, 0.9])
    array([[ 0.,  4., 11.]])
    """

    out_activation: ClassVar[str] = "negative_binomial"

    def check_targets(self, targets: Array) -> None:
        """Check that all targets are counts."""
        wrong = targets[(targets < 0) | (targets != np.floor(targets))]
        if wrong.size:
            raise ValueError(f"y must hold counts, 0, 1, 2, ..., with loss='negative_binomial', got {wrong[0]}")

    def n_outputs(self, n_targets: int) -> int:
        """Return a mean and a dispersion for each target."""
        return 2 * n_targets

    def columns(self, n_targets: int) -> Array:
        """Return the columns of the mean and of the dispersion of each target."""
        return np.arange(2 * n_targets).reshape(2, n_targets).T

    def losses_and_slopes(self, z: Array, targets: Array) -> tuple[Array, Array]:
        """Return the loss of each row, and its derivative."""
        m, a = np.split(z.astype(np.float64), 2, axis=1)
        r, x, excess = self._parts(m, a)
        total = r + targets
        losses = betaln(r, targets + 1.0) + np.log(total) + total * excess - targets * x
        x_bar = total * expit(x) - targets
        alpha_bar = self._alpha_bar(r, targets, excess, x_bar)
        slopes = np.concatenate([x_bar, alpha_bar * expit(a)], axis=1) / m.shape[1]
        return losses.mean(axis=1).astype(z.dtype), slopes.astype(z.dtype)

    def row_hessian_product(self, z: Array, z_dot: Array, targets: Array, weights: Array) -> Array:
        """Return the Fisher information of the mean, and the square of the dispersion's derivative, times z_dot."""
        m, a = np.split(z.astype(np.float64), 2, axis=1)
        r, x, excess = self._parts(m, a)
        share = expit(x)
        a_bar = self._alpha_bar(r, targets, excess, (r + targets) * share - targets) * expit(a)
        product = np.concatenate([r * share, a_bar * a_bar], axis=1) * z_dot
        return (weights[:, np.newaxis] * product / m.shape[1]).astype(z.dtype)

    def output(self, z: Array) -> Array:
        """Return the means, infinite where they overflow, and the dispersions of outputs (..., 2 * K)."""
        n_targets = z.shape[-1] // 2
        output = np.empty_like(z)
        with np.errstate(over="ignore"):
            output[..., :n_targets] = np.exp(z[..., :n_targets])
        output[..., n_targets:] = z.dtype.type(DISPERSION_FLOOR) + softplus(z[..., n_targets:])
        return output

    def point(self, z: Array) -> Array:
        """Return the means."""
        return self.output(z)[..., : z.shape[-1] // 2]

    def output_adjoint(self, z: Array, output_bar: Array) -> Array:
        """Return the adjoint of z for those of the means and of the dispersions."""
        n_targets = z.shape[-1] // 2
        z_bar = output_bar.astype(z.dtype)
        # mean = exp(m)
        z_bar[..., :n_targets] *= self.point(z)
        # dispersion = DISPERSION_FLOOR + softplus(a)
        z_bar[..., n_targets:] *= expit(z[..., n_targets:])
        return z_bar

    def distribution(self, z: Array) -> Any:
        """Return the frozen ``scipy.stats.nbinom`` of each target."""
        from scipy.stats import nbinom  # noqa: PLC0415  (slow to import, and training does without)

        r, x, _ = self._parts(*np.split(z.astype(np.float64), 2, axis=-1))
        return nbinom(r, expit(-x))

    @staticmethod
    def _parts(m: Array, a: Array) -> tuple[Array, Array, Array]:
        """Return 1 / alpha, x = log(alpha mu) and log(1 + alpha mu)."""
        alpha = DISPERSION_FLOOR + softplus(a)
        x = m + np.log(alpha)
        return 1 / alpha, x, softplus(x)

    @staticmethod
    def _alpha_bar(r: Array, targets: Array, excess: Array, x_bar: Array) -> Array:
        """Return the derivative of the loss by alpha, on which r = 1 / alpha and x = m + log(alpha) depend."""
        return r * (r * (digamma(r + targets) - digamma(r) - excess) + x_bar)
