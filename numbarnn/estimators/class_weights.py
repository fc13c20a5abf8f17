"""Weights of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from numbarnn.estimators.examples import GivenExamples
from numbarnn.losses import ClassHead, LabelsHead


def times_class_weights(
    given: GivenExamples, class_weight: Any, targets: NDArray, head: ClassHead | LabelsHead
) -> GivenExamples:
    """Return examples, the weights of observed rows times those of their classes; `targets` are encoded."""
    factors = class_factors(class_weight, targets, head)
    weights = np.zeros(len(given.rows))
    weights[given.observed] = factors if given.weights is None else factors * given.weights[given.observed]
    return given._replace(weights=weights)


def class_factors(class_weight: Any, targets: NDArray, head: ClassHead | LabelsHead) -> NDArray[np.float64]:
    """Return the factor of each row's weight.

    Parameters
    ----------
    class_weight : dict, list of dict, or "balanced"
        As in `RNNClassifier`.
    targets : ndarray of shape (N,) or (N, K)
        Targets as the head encodes them; those of masked steps left out.
    head : ClassHead or LabelsHead

    Returns
    -------
    factors : ndarray of shape (N,)

    Raises
    ------
    ValueError
        If `class_weight` does not fit the targets, or holds a weight that is negative or not finite, or leaves no row a
        weight.
    """
    if isinstance(head, LabelsHead):
        factors = compute_sample_weight(class_weight, targets.astype(int))
    elif isinstance(class_weight, list):
        raise ValueError("class_weight must be a dict or 'balanced' for one class per row of y, got a list.")
    else:
        present = np.unique(targets) if class_weight == "balanced" else np.arange(len(head.classes))
        weights = compute_class_weight(class_weight, classes=head.classes[present], y=head.classes[targets])
        by_class = np.zeros(len(head.classes))
        by_class[present] = weights
        factors = by_class[targets]
    if not (np.isfinite(factors) & (factors >= 0)).all():
        raise ValueError(f"class_weight must hold finite weights that are not negative, got {class_weight!r}.")
    if not factors.any():
        raise ValueError(f"class_weight must leave a weight to a class of y, got {class_weight!r}.")
    return factors
