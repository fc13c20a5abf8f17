"""The backend for NumPy arrays; see `numbarnn.kernels.backend.Backend`."""

from __future__ import annotations

from numbarnn.kernels.cpu.arrays import columns, concatenated, for_each, joined, sum_over_sequences, times, total, zeros
from numbarnn.kernels.cpu.batches import take, take_sequences, time_major, valid_rows, valid_steps
from numbarnn.kernels.cpu.clipping import clip
from numbarnn.kernels.cpu.dense import dense_adjoint, dense_forward, dense_tangent, step_mask
from numbarnn.kernels.cpu.finite import all_finite, all_fractions
from numbarnn.kernels.cpu.losses import sigmoid_cross_entropy, softmax_cross_entropy, squared_error
from numbarnn.kernels.cpu.passes import adjoint, forward, tangent
from numbarnn.kernels.cpu.penalty import add_penalty
from numbarnn.kernels.cpu.reversal import reverse, reversed_steps
from numbarnn.kernels.cpu.solvers import adam, sgd

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
