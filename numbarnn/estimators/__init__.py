"""scikit-learn on the outside, nothing numerical inside."""

from __future__ import annotations

from numbarnn.estimators.classifier import RNNClassifier
from numbarnn.estimators.ctc import CTCClassifier
from numbarnn.estimators.esn_classifier import ESNClassifier
from numbarnn.estimators.esn_regressor import ESNRegressor
from numbarnn.estimators.language_model import RNNLanguageModel
from numbarnn.estimators.regressor import RNNRegressor
from numbarnn.estimators.seq2seq_classifier import Seq2SeqClassifier
from numbarnn.estimators.seq2seq_regressor import Seq2SeqRegressor

__all__ = [
    "CTCClassifier",
    "ESNClassifier",
    "ESNRegressor",
    "RNNClassifier",
    "RNNLanguageModel",
    "RNNRegressor",
    "Seq2SeqClassifier",
    "Seq2SeqRegressor",
]
