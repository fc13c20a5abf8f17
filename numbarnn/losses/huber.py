"""Huber's loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.layers.checks import check_number
from numbarnn.losses.base import NumpyRowLoss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


@dataclass(frozen=True)
class Huber(NumpyRowLoss):
    r"""Huber's loss: quadratic near the target, linear far away, mean over the K outputs.

    With :math:`e = z_{nk} - t_{nk}` (Huber 1964 [1]_, example (iii)):

    .. math:: \rho(e) = \begin{cases} e^2 / 2 & |e| \le \delta \\ \delta |e| - \delta^2 / 2 & |e| > \delta \end{cases},
              \qquad \rho'(e) = \max(-\delta, \min(\delta, e))

    Parameters
    ----------
    delta : float, default=1.0
        Error from which the loss is linear, in units of the target.

    Raises
    ------
    TypeError, ValueError
        If delta is not a positive, finite number.

    References
    ----------
    .. [1] P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35(1), 1964.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import Padded
    >>> from numbarnn.losses import Huber
    >>> z, targets = Padded(np.array([[0.5, 3.0]])), np.zeros((1, 2))
    >>> value, z_bar = Huber(delta=1.0).value_and_gradient(z, targets, np.ones(1))
    >>> print(value, z_bar)
    1.3125 [[0.25 0.5 ]]
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        check_number("delta", self.delta)
        if not 0 < self.delta < math.inf:
            raise ValueError(f"delta must be above 0 and finite, got {self.delta!r}")

    def losses_and_slopes(self, z: Array, targets: Array) -> tuple[Array, Array]:
        """Return the loss of each row, and its derivative."""
        error, delta = z - targets, z.dtype.type(self.delta)
        slope = np.clip(error, -delta, delta)
        return (slope * (error - slope / 2)).mean(axis=1), slope / z.dtype.type(z.shape[1])

    def row_hessian_product(self, z: Array, z_dot: Array, targets: Array, weights: Array) -> Array:
        """Return the Hessian, the weights over K where the loss is quadratic, times z_dot."""
        quadratic = np.abs(z - targets) <= self.delta
        return weights[:, np.newaxis] * np.where(quadratic, z_dot, 0) / z.dtype.type(z.shape[1])
