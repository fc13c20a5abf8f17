"""The backend for arrays on a CUDA device; see `numbarnn.kernels.backend.Backend`."""

from __future__ import annotations

from numbarnn.kernels.cuda.arrays import (
    columns,
    concatenated,
    for_each,
    joined,
    sum_over_sequences,
    times,
    total,
    zeros,
)
from numbarnn.kernels.cuda.batches import take, take_sequences, time_major, valid_rows, valid_steps
from numbarnn.kernels.cuda.clipping import clip
from numbarnn.kernels.cuda.dense import dense_adjoint, dense_forward, dense_tangent, step_mask
from numbarnn.kernels.cuda.finite import all_finite, all_fractions
from numbarnn.kernels.cuda.losses import sigmoid_cross_entropy, softmax_cross_entropy, squared_error
from numbarnn.kernels.cuda.passes import adjoint, forward, tangent
from numbarnn.kernels.cuda.penalty import add_penalty
from numbarnn.kernels.cuda.reversal import reverse, reversed_steps
from numbarnn.kernels.cuda.solvers import adam, sgd

__all__ = [
    "adam",
    "add_penalty",
    "adjoint",
    "all_finite",
    "all_fractions",
    "clip",
    "columns",
    "concatenated",
    "dense_adjoint",
    "dense_forward",
    "dense_tangent",
    "for_each",
    "forward",
    "joined",
    "reverse",
    "reversed_steps",
    "sgd",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "squared_error",
    "step_mask",
    "sum_over_sequences",
    "take",
    "take_sequences",
    "tangent",
    "time_major",
    "times",
    "total",
    "valid_rows",
    "valid_steps",
    "zeros",
]
