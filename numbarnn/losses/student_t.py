"""Negative log-likelihood of Student's t distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import betaln, digamma, expit, polygamma

from numbarnn.losses.base import DistributionLoss
from numbarnn.losses.gaussian import SCALE_FLOOR
from numbarnn.losses.softplus import softplus

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

DEGREES_FLOOR = 2.001
"""Lower bound of the predicted degrees of freedom: above two, so that the variance is finite."""


class StudentT(DistributionLoss):
    r"""Negative log-likelihood of Student's t distribution, averaged over the K targets.

    Outliers have less influence on the location than on the mean of `Gaussian`, and the less, the fewer degrees of
    freedom there are. The first K outputs are the locations :math:`\mu`, the next K determine the scales
    :math:`\sigma`, and the last K the degrees of freedom :math:`\nu` (Lange, Little and Taylor 1989 [1]_; the softplus
    functions are those of Salinas et al. 2020 [2]_). For a target t with the outputs :math:`\mu`, s and d,
    :math:`e = (t - \mu) / \sigma` and the beta function B:

    .. math:: \sigma = \sigma_0 + \mathrm{softplus}(s), \qquad \nu = \nu_0 + \mathrm{softplus}(d), \qquad
              \ell = \log \mathrm{B}\left(\tfrac{\nu}{2}, \tfrac{1}{2}\right) + \tfrac{1}{2} \log \nu + \log \sigma
              + \frac{\nu + 1}{2} \log\left(1 + \frac{e^2}{\nu}\right)

    The lower bounds are :math:`\sigma_0` = ``SCALE_FLOOR = 1e-3``, in units of the target, and :math:`\nu_0` =
    ``DEGREES_FLOOR = 2.001``. The Gauss-Newton factor is the Fisher information ([1]_, appendix B). The loss is
    computed in double precision.

    References
    ----------
    .. [1] K. L. Lange, R. J. A. Little and J. M. G. Taylor, "Robust statistical modeling using the t distribution",
       Journal of the American Statistical Association 84, 1989.
    .. [2] D. Salinas, V. Flunkert, J. Gasthaus and T. Januschowski, "DeepAR: probabilistic forecasting with
       autoregressive recurrent networks", International Journal of Forecasting 36, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.losses import StudentT
    >>> StudentT().output(np.zeros((1, 3))).round(4)
    array([[0.    , 0.6941, 2.6941]])
    >>> StudentT().distribution(np.zeros((1, 3))).ppf(0.9).round(4)
    array([[1.1726]])
    """

    out_activation: ClassVar[str] = "student_t"

    def n_outputs(self, n_targets: int) -> int:
        """Return a location, a scale and degrees of freedom for each target."""
        return 3 * n_targets

    def columns(self, n_targets: int) -> Array:
        """Return the columns of location, scale and degrees of freedom of each target."""
        return np.arange(3 * n_targets).reshape(3, n_targets).T

    def losses_and_slopes(self, z: Array, targets: Array) -> tuple[Array, Array]:
        """Return the loss of each row, and its derivative."""
        outputs = z.astype(np.float64)
        location, scale, degrees = np.split(self.output(outputs), 3, axis=1)
        error = (targets - location) / scale
        square = error * error
        logarithm = np.log1p(square / degrees)
        losses = betaln(degrees / 2, 0.5) + np.log(degrees) / 2 + np.log(scale) + (degrees + 1) / 2 * logarithm
        pull = (degrees + 1) * error / (degrees + square)
        degrees_bar = digamma(degrees / 2) - digamma((degrees + 1) / 2) + 1 / degrees + logarithm
        degrees_bar = (degrees_bar - pull * error / degrees) / 2
        slopes = np.concatenate([-pull / scale, (1 - pull * error) / scale, degrees_bar], axis=1) / location.shape[1]
        z_bar = self.output_adjoint(outputs, slopes)
        return losses.mean(axis=1).astype(z.dtype), z_bar.astype(z.dtype)

    def row_hessian_product(self, z: Array, z_dot: Array, targets: Array, weights: Array) -> Array:  # noqa: ARG002
        """Return the Fisher information times z_dot."""
        outputs = z.astype(np.float64)
        _, scale, degrees = np.split(self.output(outputs), 3, axis=1)
        # the derivative of the output is diagonal, so its product with a tangent is that of its adjoint
        location_dot, scale_dot, degrees_dot = np.split(self.output_adjoint(outputs, z_dot), 3, axis=1)
        of_scale = 2 * degrees / ((degrees + 3) * scale * scale)
        of_both = -2 / ((degrees + 1) * (degrees + 3) * scale)
        trigammas = polygamma(1, degrees / 2) - polygamma(1, (degrees + 1) / 2)
        of_degrees = trigammas / 4 - (degrees + 5) / (2 * degrees * (degrees + 1) * (degrees + 3))
        # what the scale leaves of it is lost in rounding if there are very many degrees of freedom
        of_degrees = np.maximum(of_degrees, of_both * of_both / of_scale)
        product = np.concatenate(
            [
                (degrees + 1) / ((degrees + 3) * scale * scale) * location_dot,
                of_scale * scale_dot + of_both * degrees_dot,
                of_both * scale_dot + of_degrees * degrees_dot,
            ],
            axis=1,
        )
        return (weights[:, np.newaxis] * self.output_adjoint(outputs, product) / scale.shape[1]).astype(z.dtype)

    def output(self, z: Array) -> Array:
        """Return the locations, the scales and the degrees of freedom of outputs (..., 3 * K)."""
        n_targets = z.shape[-1] // 3
        output = z.copy()
        output[..., n_targets:] = softplus(z[..., n_targets:])
        output[..., n_targets : 2 * n_targets] += z.dtype.type(SCALE_FLOOR)
        output[..., 2 * n_targets :] += z.dtype.type(DEGREES_FLOOR)
        return output

    def point(self, z: Array) -> Array:
        """Return the locations, which are the means and the medians."""
        return z[..., : z.shape[-1] // 3]

    def output_adjoint(self, z: Array, output_bar: Array) -> Array:
        """Return the adjoint of z for those of the locations, the scales and the degrees of freedom."""
        n_targets = z.shape[-1] // 3
        z_bar = output_bar.astype(z.dtype)
        # scale = SCALE_FLOOR + softplus(s), degrees = DEGREES_FLOOR + softplus(d)
        z_bar[..., n_targets:] *= expit(z[..., n_targets:])
        return z_bar

    def distribution(self, z: Array) -> Any:
        """Return the frozen ``scipy.stats.t`` of each target."""
        from scipy.stats import t  # noqa: PLC0415  (slow to import, and training does without)

        location, scale, degrees = np.split(self.output(z.astype(np.float64)), 3, axis=-1)
        return t(degrees, location, scale)
