"""Classification with the interface of sktime."""

from __future__ import annotations

from typing import Any, ClassVar

from sktime.classification.base import BaseClassifier

from numbarnn.estimators import RNNClassifier
from numbarnn.interop.wrapper import ClassifierWrapper, tiny_networks


class RNNTimeSeriesClassifier(ClassifierWrapper, BaseClassifier):
    """Classify time series in the containers of sktime with a recurrent network.

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
    >>> from numbarnn.interop.sktime import RNNTimeSeriesClassifier
    >>> X = np.random.RandomState(0).standard_normal((100, 1, 6))
    >>> y = np.where(X[:, 0, -1] > X[:, 0, 0], "up", "down")
    >>> classifier = RNNTimeSeriesClassifier(RNNClassifier(8, learning_rate_init=0.03, random_state=0))
    >>> classifier.fit(X[:80], y[:80]).score(X[80:], y[80:]) > 0.7
    True
    """

    _tags: ClassVar[dict[str, Any]] = {
        "authors": "The numbarnn developers",
        "maintainers": "The numbarnn developers",
        # What is of none of these types becomes the first one.
        "X_inner_mtype": ["df-list", "numpy3D"],
        "capability:multivariate": True,
        "capability:unequal_length": True,
        "capability:predict_proba": True,
        "capability:categorical_in_X": False,
    }

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:  # noqa: ARG003
        """Return parameters for sktime's checks."""
        return tiny_networks(RNNClassifier)
