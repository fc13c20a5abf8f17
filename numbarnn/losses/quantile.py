"""The quantile loss, of several quantiles at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import expit

from numbarnn.kernels.cpu.losses import quantile
from numbarnn.kernels.devices import place_like, to_host
from numbarnn.layers.checks import check_number
from numbarnn.losses.base import RowLoss, blocks
from numbarnn.losses.softplus import softplus

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


@dataclass(frozen=True)
class Quantile(RowLoss):
    r"""The quantile (pinball) loss of Q quantiles, mean over targets and quantiles.

    For a predicted quantile q at the level :math:`\tau` and :math:`e = t - q` the loss is
    :math:`\max(\tau e, (\tau - 1) e)` (Koenker and Bassett 1978 [1]_, eq. 1.2). The quantiles of a target never cross:
    the median is z itself, and each one further out is found by adding or subtracting a step that is not negative,

    .. math:: q_{j+1} = q_j + \mathrm{softplus}(z_{j+1}), \qquad q_{j-1} = q_j - \mathrm{softplus}(z_{j-1})

    Loss and gradient see these quantiles. Two of them may be equal where a step is lost in rounding.

    Parameters
    ----------
    quantiles : tuple of float
        Levels in (0, 1), each once; 0.5 must be one of them. They are sorted.

    Raises
    ------
    TypeError, ValueError
        If the levels are not as described.

    References
    ----------
    .. [1] R. Koenker and G. Bassett, "Regression quantiles", Econometrica 46(1), 1978.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.losses import Quantile
    >>> loss = Quantile((0.1, 0.5, 0.9))
    >>> loss.output(np.zeros((1, 3))).round(3)
    array([[-0.693,  0.   ,  0.693]])
    """

    out_activation: ClassVar[str] = "quantiles"
    skips_nan: ClassVar[bool] = True

    quantiles: tuple[float, ...]

    def __post_init__(self) -> None:
        levels = tuple(self.quantiles)
        for level in levels:
            check_number("quantiles", level)
            if not 0 < level < 1:
                raise ValueError(f"quantiles must lie in (0, 1), got {self.quantiles!r}")
        if len(set(levels)) < len(levels):
            raise ValueError(f"quantiles must differ, got {self.quantiles!r}")
        if 0.5 not in levels:
            raise ValueError(
                f"quantiles must hold 0.5, the median, which is what predict returns; got {self.quantiles!r}"
            )
        object.__setattr__(self, "quantiles", tuple(sorted(float(level) for level in levels)))

    @property
    def median(self) -> int:
        """Place of the median among the quantiles."""
        return self.quantiles.index(0.5)

    def n_outputs(self, n_targets: int) -> int:
        """Return the number of targets times the number of quantiles."""
        return n_targets * len(self.quantiles)

    def row_values_and_gradient(self, z: Array, targets: Array, weights: Array) -> tuple[float, Array]:
        """Return the weighted loss of rows z (N, K) and its adjoint; a target that is NaN takes no part."""
        rows, host_targets, host_weights = to_host(z), to_host(targets), to_host(weights)
        value, z_bar = 0.0, np.empty_like(rows)
        for block in blocks(rows):
            part, steps, slopes = rows[block], softplus(rows[block]), expit(rows[block])
            given = host_targets[block], host_weights[block], np.array(self.quantiles), self.median
            added, z_bar[block] = quantile(part, steps, slopes, *given)
            value += added
        return value, place_like(z, z_bar)

    def row_hessian_product(self, z: Array, z_dot: Array, targets: Array, weights: Array) -> Array:  # noqa: ARG002
        """Return zeros: the loss is linear in the quantiles wherever it has a derivative."""
        return np.zeros_like(z_dot)

    def output(self, z: Array) -> Array:
        """Return the quantiles, those of each target side by side, of outputs (..., K * Q)."""
        outputs, m = self._by_target(z), self.median
        steps = softplus(outputs)
        quantiles = outputs.copy()
        for j in range(m + 1, len(self.quantiles)):
            quantiles[..., j] = quantiles[..., j - 1] + steps[..., j]
        for j in reversed(range(m)):
            quantiles[..., j] = quantiles[..., j + 1] - steps[..., j]
        return quantiles.reshape(z.shape)

    def point(self, z: Array) -> Array:
        """Return the median of each target."""
        return self._by_target(self.output(z))[..., self.median]

    def output_adjoint(self, z: Array, output_bar: Array) -> Array:
        """Return the adjoint of z for that of the quantiles."""
        outputs, m = self._by_target(z), self.median
        bars = self._by_target(output_bar).copy()
        # quantiles[j] = quantiles[j + 1] - steps[j]
        for j in range(m):
            bars[..., j + 1] += bars[..., j]
        # quantiles[j] = quantiles[j - 1] + steps[j]
        for j in reversed(range(m + 1, len(self.quantiles))):
            bars[..., j - 1] += bars[..., j]
        # steps = softplus(outputs)
        slopes = expit(outputs)
        slopes[..., :m] *= -1
        slopes[..., m] = 1
        bars *= slopes
        return bars.reshape(z.shape)

    def _by_target(self, values: Array) -> Array:
        n_quantiles = len(self.quantiles)
        return values.reshape(*values.shape[:-1], values.shape[-1] // n_quantiles, n_quantiles)
