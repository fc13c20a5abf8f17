"""scikit-learn on the outside, nothing numerical inside."""

from __future__ import annotations

from numbarnn.estimators.classifier import RNNClassifier
from numbarnn.estimators.language_model import RNNLanguageModel
from numbarnn.estimators.regressor import RNNRegressor

__all__ = ["RNNClassifier", "RNNLanguageModel", "RNNRegressor"]
