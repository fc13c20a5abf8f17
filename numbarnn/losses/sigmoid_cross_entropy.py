"""The loss of several labels per row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import expit

from numbarnn.kernels.backend import backend_of
from numbarnn.losses.base import RowLoss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class SigmoidCrossEntropy(RowLoss):
    r"""Cross-entropy of K independent sigmoids, summed over them.

    .. math:: \ell_n = \sum_k \max(z_{nk}, 0) - z_{nk} t_{nk} + \log(1 + e^{-|z_{nk}|}), \qquad
              \bar z_{nk} = w_n (\sigma(z_{nk}) - t_{nk})

    This form does not overflow (Goodfellow, Bengio and Courville 2016, *Deep Learning*, section 6.2.2.2). Targets
    (N, K) are one where the row has the label, and otherwise zero.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import Padded
    >>> from numbarnn.losses import SigmoidCrossEntropy
    >>> z, targets = Padded(np.zeros((1, 2))), np.array([[1.0, 0.0]])
    >>> value, z_bar = SigmoidCrossEntropy().value_and_gradient(z, targets, np.ones(1))
    >>> print(round(value, 4), z_bar)
    1.3863 [[-0.5  0.5]]
    """

    out_activation: ClassVar[str] = "logistic"

    def columns(self, n_targets: int) -> Array:  # noqa: ARG002
        """Refuse: this is a sum over labels."""
        raise TypeError(f"{type(self).__name__} is a sum over labels, not a mean over targets")

    def row_values_and_gradient(self, z: Array, targets: Array, weights: Array) -> tuple[Any, Array]:
        """Return the weighted loss of rows z (N, K) and its adjoint."""
        return backend_of(z).sigmoid_cross_entropy(z, targets, weights)

    def row_hessian_product(self, z: Array, z_dot: Array, targets: Array, weights: Array) -> Array:  # noqa: ARG002
        """Return the Hessian, which is diagonal, times z_dot."""
        return weights[:, np.newaxis] * self.output_adjoint(z, z_dot)

    def output(self, z: Array) -> Array:
        """Return the probabilities of the labels, the sigmoid of each z."""
        return expit(z)

    def output_adjoint(self, z: Array, output_bar: Array) -> Array:
        r"""Return :math:`\bar z_k = p_k (1 - p_k) \bar p_k`."""
        p = expit(z)
        return p * (1 - p) * output_bar
