"""Base of the adapters of classifiers and regressors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from numbarnn.data import SequenceScaler
from numbarnn.estimators import RNNClassifier, RNNRegressor


class EstimatorWrapper:
    """Fit an estimator to collections of series; a mixin for the base classes of sktime and aeon.

    Both libraries check and convert a collection before they call `_fit` and `_predict`.

    Parameters
    ----------
    estimator : estimator or None, default=None
        None is `_default_estimator`.
    """

    estimator_: Any

    def __init__(self, estimator: BaseEstimator | None = None):
        self.estimator = estimator
        super().__init__()

    @staticmethod
    def _default_estimator() -> BaseEstimator:
        raise NotImplementedError

    def _fit(self, X: NDArray | Sequence[Any], y: NDArray) -> Self:
        self.estimator_ = self._default_estimator() if self.estimator is None else clone(self.estimator)
        self.estimator_.fit(time_first(X), y)
        return self

    def _predict(self, X: NDArray | Sequence[Any]) -> NDArray:
        return self.estimator_.predict(time_first(X))


class ClassifierWrapper(EstimatorWrapper):
    """Fit a classifier to collections of series."""

    @staticmethod
    def _default_estimator() -> BaseEstimator:
        return make_pipeline(SequenceScaler(), RNNClassifier())

    def _predict_proba(self, X: NDArray | Sequence[Any]) -> NDArray:
        return self.estimator_.predict_proba(time_first(X))


class RegressorWrapper(EstimatorWrapper):
    """Fit a regressor to collections of series."""

    @staticmethod
    def _default_estimator() -> BaseEstimator:
        return TransformedTargetRegressor(make_pipeline(SequenceScaler(), RNNRegressor()), transformer=StandardScaler())


def time_first(X: NDArray | Sequence[Any]) -> NDArray | list[NDArray]:
    """Return series with their channels first as the sequences that the estimators take.

    Parameters
    ----------
    X : ndarray of shape (n, channels, T), or n ndarrays of shape (channels, T_i) or frames with one row per step

    Returns
    -------
    sequences : ndarray of shape (n, T, channels), or list of n ndarrays of shape (T_i, channels)
    """
    if isinstance(X, np.ndarray):
        return X.transpose(0, 2, 1)
    return [x.T if isinstance(x, np.ndarray) else x.to_numpy() for x in X]


def tiny_networks(kind: type[BaseEstimator]) -> list[dict[str, Any]]:
    """Return parameters of adapters for the checks of the libraries, whose networks train in no time."""
    settings = {"max_iter": 2, "random_state": 0}
    return [{"estimator": kind(2, **settings)}, {"estimator": kind(3, cell="lstm", **settings)}]
