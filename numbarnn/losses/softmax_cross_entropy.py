"""The loss of one class per row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import softmax

from numbarnn.kernels.backend import backend_of
from numbarnn.losses.base import RowLoss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbarnn.layers.base import Padded

    Array = NDArray[Any]


class SoftmaxCrossEntropy(RowLoss):
    r"""Cross-entropy of a softmax over K classes.

    .. math:: \ell_n = \log \sum_k e^{z_{nk}} - z_{n y_n}, \qquad
              \bar z_{nk} = w_n (p_{nk} - [k = y_n]), \qquad p_n = \mathrm{softmax}(z_n)

    The sum is shifted by the row's maximum, so it does not overflow (Goodfellow, Bengio and Courville 2016,
    *Deep Learning*, section 4.1). Targets are the classes (N,), integers from 0 to K - 1. The Hessian is
    :math:`w_n (\mathrm{diag}(p_n) - p_n p_n^T)`.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.layers import Padded
    >>> from numbarnn.losses import SoftmaxCrossEntropy
    >>> value, z_bar = SoftmaxCrossEntropy().value_and_gradient(Padded(np.zeros((1, 2))), np.array([0]), np.ones(1))
    >>> print(round(value, 4), z_bar)
    0.6931 [[-0.5  0.5]]
    """

    out_activation: ClassVar[str] = "softmax"

    def columns(self, n_targets: int) -> Array:  # noqa: ARG002
        """Refuse: this is a loss of one class per row."""
        raise TypeError(f"{type(self).__name__} is a loss of one class per row, not a mean over targets")

    def value_and_gradient(self, z: Padded, targets: Array, weights: Array) -> tuple[Any, Array]:
        """Return the weighted loss and its adjoint, as `RowLoss` does.

        Of sequences on the processor, targets and weights are brought into the order of z rather than z into theirs:
        it is much larger. What lies past the ends has the weight zero.
        """
        if not z.is_sequence or not isinstance(z.values, np.ndarray):
            return super().value_and_gradient(z, targets, weights)
        n_steps, n_sequences, n_classes = z.values.shape
        rows = z.values.reshape(-1, n_classes)
        lengths = np.full(n_sequences, n_steps) if z.lengths is None else z.lengths
        self._check_rows(rows[: lengths.sum()], targets, weights)
        valid = np.arange(n_steps) < lengths[:, np.newaxis]
        targets, weights = (_by_step(values, valid) for values in (targets, weights))
        value, rows_bar = self.row_values_and_gradient(rows, targets, weights)
        return value, rows_bar.reshape(z.values.shape)

    def row_values_and_gradient(self, z: Array, targets: Array, weights: Array) -> tuple[Any, Array]:
        """Return the weighted loss of rows z (N, K) and its adjoint."""
        return backend_of(z).softmax_cross_entropy(z, targets, weights)

    def row_hessian_product(self, z: Array, z_dot: Array, targets: Array, weights: Array) -> Array:  # noqa: ARG002
        """Return the Hessian times z_dot."""
        return weights[:, np.newaxis] * self.output_adjoint(z, z_dot)

    def output(self, z: Array) -> Array:
        """Return the probabilities of the classes, the softmax over the last axis."""
        return softmax(z, axis=-1)

    def output_adjoint(self, z: Array, output_bar: Array) -> Array:
        r"""Return :math:`\bar z_k = p_k (\bar p_k - \sum_j p_j \bar p_j)`."""
        p = softmax(z, axis=-1)
        return p * (output_bar - np.sum(p * output_bar, axis=-1, keepdims=True))


def _by_step(values: Array, valid: Array) -> Array:
    """Return values of the steps of sequence after sequence in the order (T, B), zero where not `valid (B, T)`."""
    ordered = np.zeros(valid.shape[::-1], values.dtype)
    ordered.T[valid] = values
    return ordered.ravel()
