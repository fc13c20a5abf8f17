"""Regression with the interface of sktime."""

from __future__ import annotations

from typing import Any, ClassVar

from sktime.regression.base import BaseRegressor

from numbarnn.estimators import RNNRegressor
from numbarnn.interop.wrapper import RegressorWrapper, tiny_networks


class RNNTimeSeriesRegressor(RegressorWrapper, BaseRegressor):
    """Predict numbers from time series in the containers of sktime with a recurrent network.

    Series may have several channels and different lengths, and there may be several targets.

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
    numbarnn.RNNRegressor : Its own interface also has quantiles, partial fits, derivatives and one output per step.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn import RNNRegressor
    >>> from numbarnn.interop.sktime import RNNTimeSeriesRegressor
    >>> X = np.random.RandomState(0).standard_normal((100, 1, 6))
    >>> y = X[:, 0].max(axis=1)
    >>> regressor = RNNTimeSeriesRegressor(RNNRegressor(8, learning_rate_init=0.03, random_state=0))
    >>> regressor.fit(X[:80], y[:80]).score(X[80:], y[80:]) > 0.7
    True
    """

    _tags: ClassVar[dict[str, Any]] = {
        "authors": "The numbarnn developers",
        "maintainers": "The numbarnn developers",
        # What is of none of these types becomes the first one.
        "X_inner_mtype": ["df-list", "numpy3D"],
        "y_inner_mtype": ["numpy2D", "numpy1D"],
        "capability:multioutput": True,
        "capability:multivariate": True,
        "capability:unequal_length": True,
        "capability:categorical_in_X": False,
    }

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:  # noqa: ARG003
        """Return parameters for sktime's checks."""
        return tiny_networks(RNNRegressor)
