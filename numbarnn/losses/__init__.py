"""Losses, one file each, and the heads that link them to the targets of an estimator."""

from __future__ import annotations

from numbarnn.losses.absolute_error import AbsoluteError
from numbarnn.losses.base import Loss, NumpyRowLoss, RowLoss, check_loss
from numbarnn.losses.gaussian import Gaussian
from numbarnn.losses.heads import ClassHead, Head, LabelsHead, NumberHead
from numbarnn.losses.huber import Huber
from numbarnn.losses.observed import Observed
from numbarnn.losses.poisson import Poisson
from numbarnn.losses.quantile import Quantile
from numbarnn.losses.sigmoid_cross_entropy import SigmoidCrossEntropy
from numbarnn.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from numbarnn.losses.squared_error import SquaredError

__all__ = [
    "AbsoluteError",
    "ClassHead",
    "Gaussian",
    "Head",
    "Huber",
    "LabelsHead",
    "Loss",
    "NumberHead",
    "NumpyRowLoss",
    "Observed",
    "Poisson",
    "Quantile",
    "RowLoss",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "check_loss",
]
