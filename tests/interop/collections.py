"""Collections of series, and small networks for them."""

from __future__ import annotations

import numpy as np

from numbarnn import RNNClassifier, RNNRegressor

SETTINGS = {"hidden_layer_sizes": 3, "max_iter": 5, "tol": 0.0, "random_state": 0}


def collection(kind, *, ragged=False):
    """Return series of shape (2, T) with the targets of a classifier or regressor, and such a network."""
    rng = np.random.RandomState(0)
    lengths = rng.randint(3, 7, size=12) if ragged else np.full(12, 5)
    series = [rng.standard_normal((2, length)) for length in lengths]
    numbers = np.array([x[0].max() for x in series])
    if kind == "classifier":
        return series, np.where(numbers > 1, "high", "low"), RNNClassifier(**SETTINGS)
    return series, numbers, RNNRegressor(**SETTINGS)


def results(estimator, X):
    """Return all that an estimator predicts, as one array."""
    return estimator.predict_proba(X) if hasattr(estimator, "predict_proba") else estimator.predict(X)
