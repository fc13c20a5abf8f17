"""The squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from numbarnn.kernels.backend import backend_of
from numbarnn.losses.base import RowLoss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class SquaredError(RowLoss):
    r"""Half the squared error, mean over the K outputs (the loss of scikit-learn's MLPRegressor).

    .. math:: \ell_n = \frac{1}{2K} \sum_k (z_{nk} - t_{nk})^2, \qquad \bar z_{nk} = w_n (z_{nk} - t_{nk}) / K

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import Padded
    >>> from numbarnn.losses import SquaredError
    >>> z, targets = Padded(np.array([[1.0, 3.0]])), np.array([[1.0, 1.0]])
    >>> value, z_bar = SquaredError().value_and_gradient(z, targets, np.ones(1))
    >>> print(value, z_bar)
    1.0 [[0. 1.]]
    """

    def row_values_and_gradient(self, z: Array, targets: Array, weights: Array) -> tuple[Any, Array]:
        """Return the weighted loss of rows z (N, K) and its adjoint."""
        return backend_of(z).squared_error(z, targets, weights)

    def row_hessian_product(self, z: Array, z_dot: Array, targets: Array, weights: Array) -> Array:  # noqa: ARG002
        """Return the Hessian, the weights over K, times z_dot."""
        return weights[:, np.newaxis] * z_dot / z.dtype.type(z.shape[1])
