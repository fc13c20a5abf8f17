"""Losses, one file each, and the heads that link them to the targets of an estimator."""

from __future__ import annotations

from numbarnn.losses.absolute_error import AbsoluteError
from numbarnn.losses.base import DistributionLoss, Loss, NumpyRowLoss, RowLoss, check_loss
from numbarnn.losses.ctc import CTC, CTCLosses, ctc_loss
from numbarnn.losses.gaussian import Gaussian
from numbarnn.losses.heads import ClassHead, Head, LabelsHead, NumberHead
from numbarnn.losses.huber import Huber
from numbarnn.losses.mixture import Mixture
from numbarnn.losses.negative_binomial import NegativeBinomial
from numbarnn.losses.observed import Observed
from numbarnn.losses.poisson import Poisson
from numbarnn.losses.quantile import Quantile
from numbarnn.losses.sigmoid_cross_entropy import SigmoidCrossEntropy
from numbarnn.losses.softmax_cross_entropy import SoftmaxCrossEntropy
from numbarnn.losses.squared_error import SquaredError
from numbarnn.losses.student_t import StudentT

__all__ = [
    "CTC",
    "AbsoluteError",
    "CTCLosses",
    "ClassHead",
    "DistributionLoss",
    "Gaussian",
    "Head",
    "Huber",
    "LabelsHead",
    "Loss",
    "Mixture",
    "NegativeBinomial",
    "NumberHead",
    "NumpyRowLoss",
    "Observed",
    "Poisson",
    "Quantile",
    "RowLoss",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "SquaredError",
    "StudentT",
    "check_loss",
    "ctc_loss",
]
