"""Rocket and the nearest neighbour under dynamic time warping, as aeon has them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.classification.sets import Sequences, Split


def rocket(split: Split, seed: int) -> float:
    """Return the test accuracy of Rocket (Dempster et al. 2020); shorter sequences are padded with zeros.

    Raises
    ------
    ImportError
        If aeon is not installed.
    """
    from aeon.classification.convolution_based import RocketClassifier  # noqa: PLC0415  (an extra)

    length = max(len(x) for x in split.X_train + split.X_test)
    model = RocketClassifier(random_state=seed).fit(_padded(split.X_train, length), split.y_train)
    return _accuracy(model.predict(_padded(split.X_test, length)), split.y_test)


def nearest_neighbour(split: Split) -> float:
    """Return the test accuracy of the nearest neighbour under dynamic time warping without a window.

    Raises
    ------
    ImportError
        If aeon is not installed.
    """
    from aeon.classification.distance_based import KNeighborsTimeSeriesClassifier  # noqa: PLC0415  (an extra)

    model = KNeighborsTimeSeriesClassifier(distance="dtw").fit(_channels_first(split.X_train), split.y_train)
    return _accuracy(model.predict(_channels_first(split.X_test)), split.y_test)


def _padded(X: Sequences, length: int) -> NDArray[Any]:
    return np.array([np.pad(x, ((0, length - len(x)), (0, 0))).T for x in X], dtype="float64")


def _channels_first(X: Sequences) -> list[NDArray[Any]]:
    return [np.ascontiguousarray(x.T, dtype="float64") for x in X]


def _accuracy(predicted: NDArray[Any], y: NDArray[Any]) -> float:
    return float(np.mean(predicted == y))
