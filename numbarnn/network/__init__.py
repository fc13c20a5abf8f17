"""Layers in series, both directions, readout and losses: one flat parameter vector and its gradient."""

from __future__ import annotations

from numbarnn.network.losses import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy, SquaredError
from numbarnn.network.masks import NetworkMasks, draw_masks
from numbarnn.network.network import Network
from numbarnn.network.objective import Batch, Objective, evaluate, objective
from numbarnn.network.parameters import Parameters
from numbarnn.network.prediction import predict, predict_on
from numbarnn.network.regularization import Regularization
from numbarnn.network.results import Tape
from numbarnn.network.room import bytes_on_device
from numbarnn.network.truncation import checked_truncation, evaluate_windows, truncated_objective

__all__ = [
    "Batch",
    "Loss",
    "Network",
    "NetworkMasks",
    "Objective",
    "Parameters",
    "Regularization",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "Tape",
    "bytes_on_device",
    "checked_truncation",
    "draw_masks",
    "evaluate",
    "evaluate_windows",
    "objective",
    "predict",
    "predict_on",
    "truncated_objective",
]
