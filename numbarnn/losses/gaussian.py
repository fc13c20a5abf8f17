"""The loss of a mean and a scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import expit

from numbarnn.losses.base import DistributionLoss
from numbarnn.losses.softplus import softplus

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

SCALE_FLOOR = 1e-3
"""Smallest standard deviation that is predicted, in units of the target."""


class Gaussian(DistributionLoss):
    r"""Negative log-likelihood of a normal distribution with a predicted mean and scale, mean over the K targets.

    The first K outputs are the means :math:`\mu`, the others make the standard deviations (Nix and Weigend 1994 [1]_,
    eq. 4, with another function that keeps them positive):

    .. math:: \sigma = \sigma_0 + \mathrm{softplus}(s), \qquad
              \ell = \frac{1}{2} \log(2 \pi \sigma^2) + \frac{(t - \mu)^2}{2 \sigma^2}

    The floor :math:`\sigma_0` is ``SCALE_FLOOR = 1e-3``, in units of the target: without it the likelihood of a target
    that is met exactly has no bound. The Gauss-Newton factor is the Fisher information of mean and scale.

    References
    ----------
    .. [1] D. A. Nix and A. S. Weigend, "Estimating the mean and variance of the target probability distribution",
       ICNN 1994.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.losses import Gaussian
    >>> Gaussian().output(np.zeros((1, 2))).round(4)
    array([[0.    , 0.6941]])
    """

    out_activation: ClassVar[str] = "gaussian"

    def n_outputs(self, n_targets: int) -> int:
        """Return a mean and a scale for each target."""
        return 2 * n_targets

    def columns(self, n_targets: int) -> Array:
        """Return the columns of the mean and of the scale of each target."""
        return np.arange(2 * n_targets).reshape(2, n_targets).T

    def losses_and_slopes(self, z: Array, targets: Array) -> tuple[Array, Array]:
        """Return the loss of each row, and its derivative."""
        mean, scale = np.split(self.output(z), 2, axis=1)
        error = (mean - targets) / scale
        losses = (np.log(scale) + z.dtype.type(0.5 * math.log(2 * math.pi)) + error * error / 2).mean(axis=1)
        slopes = np.concatenate([error / scale, (1 - error * error) / scale], axis=1) / z.dtype.type(mean.shape[1])
        return losses, self.output_adjoint(z, slopes)

    def row_hessian_product(self, z: Array, z_dot: Array, targets: Array, weights: Array) -> Array:  # noqa: ARG002
        """Return the Fisher information times z_dot."""
        n_targets = z.shape[1] // 2
        scale, slope = self.output(z)[:, n_targets:], expit(z[:, n_targets:])
        mean_dot, s_dot = np.split(z_dot, 2, axis=1)
        product = np.concatenate([mean_dot, 2 * slope * slope * s_dot], axis=1) / np.tile(scale * scale, 2)
        return weights[:, np.newaxis] * product / z.dtype.type(n_targets)

    def output(self, z: Array) -> Array:
        """Return the means and the standard deviations of outputs (..., 2 * K)."""
        n_targets = z.shape[-1] // 2
        output = z.copy()
        output[..., n_targets:] = z.dtype.type(SCALE_FLOOR) + softplus(z[..., n_targets:])
        return output

    def point(self, z: Array) -> Array:
        """Return the means."""
        return z[..., : z.shape[-1] // 2]

    def output_adjoint(self, z: Array, output_bar: Array) -> Array:
        """Return the adjoint of z for those of the means and of the standard deviations."""
        n_targets = z.shape[-1] // 2
        z_bar = output_bar.copy()
        # scale = SCALE_FLOOR + softplus(s)
        z_bar[..., n_targets:] *= expit(z[..., n_targets:])
        return z_bar

    def distribution(self, z: Array) -> Any:
        """Return the frozen ``scipy.stats.norm`` of each target."""
        from scipy.stats import norm  # noqa: PLC0415  (slow to import, and training does without)

        return norm(*np.split(self.output(z.astype(np.float64)), 2, axis=-1))
