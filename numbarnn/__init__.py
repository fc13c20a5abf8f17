"""Recurrent neural networks as a Numba array library with hand-derived adjoints, under scikit-learn estimators."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from numbarnn.cells import (
    GRU,
    LSTM,
    CoupledLSTM,
    CoupledPeepholeLSTM,
    Elman,
    ElmanReLU,
    GRUResetBefore,
    Jordan,
    LayerNormLSTM,
    LeakyElman,
    PeepholeLSTM,
    ProjectedLSTM,
)
from numbarnn.kernels.masks import RecurrentMasks

if TYPE_CHECKING:
    from numbarnn.recurrence import Stream, adjoint, forward, step, stream, tangent

__version__ = "0.1.0"

# Imported at first use: scikit-learn costs most of a second, which the array API alone does not need, and what makes
# the kernels three quarters of the time of `import numbarnn`.
_LAZY = {
    "CTCClassifier": "numbarnn.estimators",
    "ESNClassifier": "numbarnn.estimators",
    "ESNRegressor": "numbarnn.estimators",
    "RNNClassifier": "numbarnn.estimators",
    "RNNLanguageModel": "numbarnn.estimators",
    "RNNRegressor": "numbarnn.estimators",
    "Seq2SeqClassifier": "numbarnn.estimators",
    "Seq2SeqRegressor": "numbarnn.estimators",
    "SequencePatches": "numbarnn.data",
    "SequenceScaler": "numbarnn.data",
    "SlidingWindow": "numbarnn.data",
    "Stream": "numbarnn.recurrence",
    "adjoint": "numbarnn.recurrence",
    "attend": "numbarnn.layers",
    "attend_adjoint": "numbarnn.layers",
    "attend_tangent": "numbarnn.layers",
    "compile_kernels": "numbarnn.compilation",
    "ctc_loss": "numbarnn.losses",
    "forward": "numbarnn.recurrence",
    "gradient_flow": "numbarnn.analysis",
    "lyapunov_exponents": "numbarnn.analysis",
    "step": "numbarnn.recurrence",
    "stream": "numbarnn.recurrence",
    "tangent": "numbarnn.recurrence",
    "ConformalForecaster": "numbarnn.forecasting",
    "RNNForecaster": "numbarnn.forecasting",
    "backtest": "numbarnn.forecasting",
    "decoding": "",
    "metrics": "",
    "plotting": "",
    "forecasting": "",
    "testing": "",
}

__all__ = [
    "GRU",
    "LSTM",
    "CTCClassifier",
    "ConformalForecaster",
    "CoupledLSTM",
    "CoupledPeepholeLSTM",
    "ESNClassifier",
    "ESNRegressor",
    "Elman",
    "ElmanReLU",
    "GRUResetBefore",
    "Jordan",
    "LayerNormLSTM",
    "LeakyElman",
    "PeepholeLSTM",
    "ProjectedLSTM",
    "RNNClassifier",
    "RNNForecaster",
    "RNNLanguageModel",
    "RNNRegressor",
    "RecurrentMasks",
    "Seq2SeqClassifier",
    "Seq2SeqRegressor",
    "SequencePatches",
    "SequenceScaler",
    "SlidingWindow",
    "Stream",
    "adjoint",
    "attend",
    "attend_adjoint",
    "attend_tangent",
    "backtest",
    "compile_kernels",
    "ctc_loss",
    "decoding",
    "forecasting",
    "forward",
    "gradient_flow",
    "lyapunov_exponents",
    "metrics",
    "plotting",
    "step",
    "stream",
    "tangent",
    "testing",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not _LAZY[name]:
        return importlib.import_module(f"numbarnn.{name}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value  # the next access costs no call
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
