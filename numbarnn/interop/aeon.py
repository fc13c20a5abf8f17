"""Classifier and regressor with the interface of aeon (extra ``numbarnn[aeon]``)."""

from __future__ import annotations

from typing import Any, ClassVar

from numbarnn.estimators import RNNClassifier, RNNRegressor
from numbarnn.interop.wrapper import ClassifierWrapper, RegressorWrapper, tiny_networks

try:
    from aeon.classification import BaseClassifier
    from aeon.regression import BaseRegressor
except ImportError as error:
    raise ImportError(
        "numbarnn.interop.aeon needs aeon, which is not installed: pip install 'numbarnn[aeon]'."
    ) from error

__all__ = ["RNNTimeSeriesClassifier", "RNNTimeSeriesRegressor"]

_TAGS = {
    "X_inner_type": ["np-list", "numpy3D"],
    "capability:multivariate": True,
    "capability:unequal_length": True,
    "algorithm_type": "deeplearning",
}


class RNNTimeSeriesClassifier(ClassifierWrapper, BaseClassifier):
    """Classify time series in the containers of aeon with a recurrent network.

    Series may have several channels and different lengths.

    Parameters
    ----------
    estimator : RNNClassifier, pipeline that ends in one, or None, default=None
        The network and its training; a clone of it is fitted. Its parameters are nested ones here, such as
        ``estimator__cell``. None is ``make_pipeline(SequenceScaler(), RNNClassifier())``.

    Attributes
    ----------
    estimator_ : RNNClassifier or pipeline
        The fitted estimator. It reads sequences of shape (T, channels).

    See Also
    --------
    numbarnn.RNNClassifier : Its own interface also has partial fits, derivatives and one label per step.

    Examples
    --------
    Does a series end above its start?

    >>> import numpy as np
    >>> from numbarnn import RNNClassifier
    >>> from numbarnn.interop.aeon import RNNTimeSeriesClassifier
    >>> X = np.random.RandomState(0).standard_normal((100, 1, 6))
    >>> y = np.where(X[:, 0, -1] > X[:, 0, 0], "up", "down")
    >>> classifier = RNNTimeSeriesClassifier(RNNClassifier(8, learning_rate_init=0.03, random_state=0))
    >>> classifier.fit(X[:80], y[:80]).score(X[80:], y[80:]) > 0.7
    True
    """

    _tags: ClassVar[dict[str, Any]] = _TAGS

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:  # noqa: ARG003
        return tiny_networks(RNNClassifier)


class RNNTimeSeriesRegressor(RegressorWrapper, BaseRegressor):
    """Predict numbers from time series in the containers of aeon with a recurrent network.

    Series may have several channels and different lengths.

    Parameters
    ----------
    estimator : RNNRegressor, pipeline that ends in one, or None, default=None
        The network and its training; a clone of it is fitted. Its parameters are nested ones here, such as
        ``estimator__cell``. None scales inputs and targets, ``TransformedTargetRegressor(make_pipeline(
        SequenceScaler(), RNNRegressor()), transformer=StandardScaler())``.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator. It reads sequences of shape (T, channels).

    See Also
    --------
    numbarnn.RNNRegressor : Its own interface also has several targets, quantiles, partial fits and derivatives.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import RNNRegressor
    >>> from numbarnn.interop.aeon import RNNTimeSeriesRegressor
    >>> X = np.random.RandomState(0).standard_normal((100, 1, 6))
    >>> y = X[:, 0].max(axis=1)
    >>> regressor = RNNTimeSeriesRegressor(RNNRegressor(8, learning_rate_init=0.03, random_state=0))
    >>> regressor.fit(X[:80], y[:80]).score(X[80:], y[80:]) > 0.7
    True
    """

    _tags: ClassVar[dict[str, Any]] = _TAGS

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:  # noqa: ARG003
        return tiny_networks(RNNRegressor)
