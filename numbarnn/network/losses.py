"""Losses of the readout's rows z (N, K), each with its output activation and its adjoint.

A loss is called as ``value, z_bar = loss(z, targets, weights)``: the sum of weight times loss over the rows,
and its derivative with respect to z. Weights that sum to one make it scikit-learn's weighted mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from scipy.special import expit, softmax

from numbarnn.kernels.cpu import losses
from numbarnn.kernels.devices import beside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class Loss(Protocol):
    """What training needs of a loss."""

    out_activation: ClassVar[str]

    def __call__(self, z: Array, targets: Array, weights: Array) -> tuple[float, Array]:
        """Return the weighted sum of the rows' losses and its adjoint z_bar."""
        ...

    def output(self, z: Array) -> Array:
        """Return the output activation of z, over the last axis."""
        ...


class SoftmaxCrossEntropy:
    r"""Cross-entropy of a softmax over K classes.

    .. math:: \ell_n = \log \sum_k e^{z_{nk}} - z_{n y_n}, \qquad
              \bar z_{nk} = w_n (\mathrm{softmax}(z_n)_k - [k = y_n])

    The sum is shifted by the row's maximum, so it does not overflow (Goodfellow, Bengio and Courville 2016,
    *Deep Learning*, section 4.1).

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.network import SoftmaxCrossEntropy
    >>> value, z_bar = SoftmaxCrossEntropy()(np.zeros((1, 2)), np.array([0]), np.ones(1))
    >>> print(round(value, 4), z_bar)
    0.6931 [[-0.5  0.5]]
    """

    out_activation: ClassVar[str] = "softmax"

    def __call__(self, z: Array, targets: Array, weights: Array) -> tuple[float, Array]:
        """Return the weighted loss and its adjoint.

        Parameters
        ----------
        z : ndarray of shape (N, K)
        targets : ndarray of shape (N,), dtype intp
            Class of each row, 0 to K - 1.
        weights : ndarray of shape (N,), dtype of z

        Returns
        -------
        value : float
        z_bar : ndarray of shape (N, K)
        """
        _check_rows(z, targets, weights, target_shape=z.shape[:1])
        return beside(z, losses).softmax_cross_entropy(z, targets, weights)

    def output(self, z: Array) -> Array:
        """Return the classes' probabilities, the softmax over the last axis."""
        return softmax(z, axis=-1)


class SigmoidCrossEntropy:
    r"""Cross-entropy of K independent sigmoids (several labels at once), summed over them.

    .. math:: \ell_n = \sum_k \max(z_{nk}, 0) - z_{nk} t_{nk} + \log(1 + e^{-|z_{nk}|}), \qquad
              \bar z_{nk} = w_n (\sigma(z_{nk}) - t_{nk})

    This form does not overflow (Goodfellow, Bengio and Courville 2016, *Deep Learning*, section 6.2.2.2).

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.network import SigmoidCrossEntropy
    >>> value, z_bar = SigmoidCrossEntropy()(np.zeros((1, 2)), np.array([[1.0, 0.0]]), np.ones(1))
    >>> print(round(value, 4), z_bar)
    1.3863 [[-0.5  0.5]]
    """

    out_activation: ClassVar[str] = "logistic"

    def __call__(self, z: Array, targets: Array, weights: Array) -> tuple[float, Array]:
        """Return the weighted loss and its adjoint.

        Parameters
        ----------
        z : ndarray of shape (N, K)
        targets : ndarray of shape (N, K), dtype of z
            One where the row has the label, else zero.
        weights : ndarray of shape (N,), dtype of z

        Returns
        -------
        value : float
        z_bar : ndarray of shape (N, K)
        """
        _check_rows(z, targets, weights, target_shape=z.shape)
        return beside(z, losses).sigmoid_cross_entropy(z, targets, weights)

    def output(self, z: Array) -> Array:
        """Return the labels' probabilities, the sigmoid of each z."""
        return expit(z)


class SquaredError:
    r"""Half the squared error, mean over the K outputs (the loss of scikit-learn's MLPRegressor).

    .. math:: \ell_n = \frac{1}{2K} \sum_k (z_{nk} - t_{nk})^2, \qquad \bar z_{nk} = w_n (z_{nk} - t_{nk}) / K

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.network import SquaredError
    >>> value, z_bar = SquaredError()(np.array([[1.0, 3.0]]), np.array([[1.0, 1.0]]), np.ones(1))
    >>> print(value, z_bar)
    1.0 [[0. 1.]]
    """

    out_activation: ClassVar[str] = "identity"

    def __call__(self, z: Array, targets: Array, weights: Array) -> tuple[float, Array]:
        """Return the weighted loss and its adjoint.

        Parameters
        ----------
        z : ndarray of shape (N, K)
        targets : ndarray of shape (N, K), dtype of z
        weights : ndarray of shape (N,), dtype of z

        Returns
        -------
        value : float
        z_bar : ndarray of shape (N, K)
        """
        _check_rows(z, targets, weights, target_shape=z.shape)
        return beside(z, losses).squared_error(z, targets, weights)

    def output(self, z: Array) -> Array:
        """Return z itself."""
        return z


def _check_rows(z: Array, targets: Array, weights: Array, target_shape: tuple[int, ...]) -> None:
    if targets.shape != target_shape:
        raise ValueError(f"targets must have the shape {target_shape} for z {z.shape}, got {targets.shape}")
    if weights.shape != z.shape[:1]:
        raise ValueError(f"weights must have the shape {z.shape[:1]} for z {z.shape}, got {weights.shape}")
