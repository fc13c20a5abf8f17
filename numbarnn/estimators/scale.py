"""The scale of sequences and targets: how large they are, and a warning where a network learns them only slowly."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

_LARGE = 50.0
"""Root mean square of targets, or mean of a feature, from which on training takes long or fails."""
_SMALL_TARGETS, _SMALL_INPUTS = 0.05, 0.005
"""Standard deviations below which the first outputs, and the penalty on the weights, outweigh what is to be learned."""


class Moments(NamedTuple):
    """Mean and standard deviation of each column of rows.

    Attributes
    ----------
    mean, std : ndarray of shape (K,)
        In float64. The standard deviation of a column that is constant but for rounding is zero.
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    @classmethod
    def of(cls, rows: NDArray, weights: NDArray | None = None) -> Moments:
        """Return the moments of rows (N, K) with weights (N,); NaN does not count.

        Examples
        --------
        >>> import numpy as np
        >>> from numbarnn.estimators.scale import Moments
        >>> Moments.of(np.array([[1.0], [3.0], [9.0]]), np.array([1.0, 1.0, 0.0]))
        Moments(mean=array([2.]), std=array([1.]))
        """
        observed = ~np.isnan(rows)
        x = np.where(observed, rows, 0).astype(np.float64)
        share = observed if weights is None else observed * (weights / weights.max())[:, np.newaxis]
        total = np.maximum(share.sum(axis=0), np.finfo(np.float64).tiny)
        with np.errstate(over="ignore", invalid="ignore"):  # such targets make the loss infinite, which is an error
            mean = (share * x).sum(axis=0) / total
            std = np.sqrt((share * np.square(x - mean)).sum(axis=0) / total)
        rounding = 10 * np.finfo(rows.dtype).eps * np.abs(mean)
        return cls(mean, np.where(std > rounding, std, 0.0))


def warn_of_scale(inputs: Moments, targets: Moments | None) -> None:
    """Warn of inputs or targets that are far from zero mean and unit variance.

    Parameters
    ----------
    inputs : Moments
        Of the features, over all steps.
    targets : Moments or None
        None for targets that are not learned as numbers.

    Warns
    -----
    ConvergenceWarning
        One for both.
    """
    sentences = [*_about_targets(targets), *_about_inputs(inputs)]
    if sentences:
        warnings.warn(" ".join(sentences), ConvergenceWarning, stacklevel=6)


def loss_unit(loss: str, targets: Moments | None, huber_delta: float) -> float:
    """Return the unit of a loss for targets of given moments: what a constant prediction loses, or 1.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.estimators.scale import Moments, loss_unit
    >>> loss_unit("squared_error", Moments(np.zeros(2), np.array([1.0, 3.0])), 1.0)
    5.0
    """
    std = np.zeros(1) if targets is None else targets.std
    if loss in ("absolute_error", "quantile"):
        unit = std
    elif loss == "huber":
        unit = np.where(std <= huber_delta, std**2, huber_delta * (2 * std - huber_delta))
    elif loss == "squared_error":
        unit = std**2
    else:
        unit = np.ones(1)
    mean = float(np.mean(unit))
    return mean if 0 < mean < np.inf else 1.0


def _about_targets(targets: Moments | None) -> list[str]:
    if targets is None:
        return []
    size = np.hypot(targets.mean, targets.std)
    k = int(np.argmax(size))
    if not size[k] > _LARGE:
        k = int(np.argmax(targets.std))
        if not 0 < targets.std[k] < _SMALL_TARGETS:
            return []
    return [
        (
            f"The targets y are not scaled ({_shown(targets, k)}). The outputs of a network start near zero, and reach "
            "targets of another size only slowly or not at all. Scale them to about zero mean and unit variance: "
            "scikit-learn's TransformedTargetRegressor(regressor, transformer=StandardScaler()) does so and scales the "
            "predictions back. SlidingWindow(scaling=...) scales window by window, and RNNForecaster by itself."
        )
    ]


def _about_inputs(inputs: Moments) -> list[str]:
    k = int(np.argmax(np.abs(inputs.mean)))
    if not abs(inputs.mean[k]) > _LARGE:
        k = int(np.argmax(inputs.std))
        if not 0 < inputs.std[k] < _SMALL_INPUTS:
            return []
    return [
        (
            f"The sequences X are not scaled (feature {k}: {_shown(inputs, k)}), so that the units of the network are "
            "saturated or see next to nothing. Scale them: make_pipeline(SequenceScaler(), estimator)."
        )
    ]


def _shown(moments: Moments, k: Any) -> str:
    return f"mean {moments.mean[k]:.3g}, standard deviation {moments.std[k]:.3g}"
