"""The absolute error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.losses.base import NumpyRowLoss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class AbsoluteError(NumpyRowLoss):
    r"""The absolute error, mean over the K outputs, whose best constant is the median.

    .. math:: \ell_n = \frac{1}{K} \sum_k |z_{nk} - t_{nk}|, \qquad
              \bar z_{nk} = w_n \, \mathrm{sign}(z_{nk} - t_{nk}) / K

    The derivative at the kink is zero. The second derivative is zero wherever there is one.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import Padded
    >>> from numbarnn.losses import AbsoluteError
    >>> z, targets = Padded(np.array([[1.0, 3.0]])), np.array([[1.0, 1.0]])
    >>> value, z_bar = AbsoluteError().value_and_gradient(z, targets, np.ones(1))
    >>> print(value, z_bar)
    1.0 [[0.  0.5]]
    """

    def losses_and_slopes(self, z: Array, targets: Array) -> tuple[Array, Array]:
        """Return the loss of each row, and its derivative."""
        error = z - targets
        return np.abs(error).mean(axis=1), np.sign(error) / z.dtype.type(z.shape[1])

    def row_hessian_product(self, z: Array, z_dot: Array, targets: Array, weights: Array) -> Array:  # noqa: ARG002
        """Return zeros."""
        return np.zeros_like(z_dot)
