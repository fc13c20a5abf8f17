"""Classifier, regressor and forecaster with the interface of sktime (extra ``numbarnn[sktime]``)."""

from __future__ import annotations

try:
    import sktime  # noqa: F401
except ImportError as error:
    raise ImportError(
        "numbarnn.interop.sktime needs sktime, which is not installed: pip install 'numbarnn[sktime]'."
    ) from error

from numbarnn.interop.sktime.classifier import RNNTimeSeriesClassifier
from numbarnn.interop.sktime.forecaster import RNNTimeSeriesForecaster
from numbarnn.interop.sktime.regressor import RNNTimeSeriesRegressor

__all__ = ["RNNTimeSeriesClassifier", "RNNTimeSeriesForecaster", "RNNTimeSeriesRegressor"]
