"""The estimators' parameters: what is allowed, and the objects of the training room that they stand for."""

from __future__ import annotations

import warnings
from dataclasses import fields
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from numbarnn.cells import CELLS
from numbarnn.network import Regularization
from numbarnn.training import SGD, Adam, Adaptive, Constant, InverseScaling

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from numbarnn.estimators.base import BaseRNN
    from numbarnn.training import Schedule, Solver

_FRACTION = Interval(Real, 0, 1, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_AT_LEAST_ONE = Interval(Integral, 1, None, closed="left")

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", _AT_LEAST_ONE],
    "cell": [StrOptions(set(CELLS))],
    "bidirectional": ["boolean"],
    "return_sequences": ["boolean"],
    "learn_initial_state": ["boolean"],
    "dropout": [_FRACTION],
    "input_dropout": [_FRACTION],
    "recurrent_dropout": [_FRACTION],
    "weight_dropout": [_FRACTION],
    "zoneout": [_FRACTION, tuple, list],
    "preactivation_clip": [None, _POSITIVE],
    "solver": [StrOptions({"adam", "sgd"})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), _AT_LEAST_ONE],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [_POSITIVE],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [_AT_LEAST_ONE],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_FRACTION],
    "beta_1": [_FRACTION],
    "beta_2": [_FRACTION],
    "epsilon": [_POSITIVE],
    "n_iter_no_change": [_AT_LEAST_ONE],
    "max_grad_norm": [None, _POSITIVE],
    "tbptt": [None, "array-like"],
    "checkpoint_memory_mb": [None, _POSITIVE],
    "dtype": [None, StrOptions({"float32", "float64"}), Options(type, {np.float32, np.float64})],
    "device": [StrOptions({"cpu", "cuda"})],
    "n_jobs": [None, Integral],
}


def layer_sizes(estimator: BaseRNN) -> tuple[int, ...]:
    """Return `hidden_layer_sizes` as a tuple.

    Raises
    ------
    ValueError
        If there is no layer, or a size is not a positive integer.
    """
    sizes = np.atleast_1d(estimator.hidden_layer_sizes)
    if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or sizes.size == 0 or sizes.min() < 1:
        raise ValueError(
            "hidden_layer_sizes must be a positive integer, or one for each layer, "
            f"got {estimator.hidden_layer_sizes!r}."
        )
    return tuple(sizes.tolist())


def regularization(estimator: BaseRNN) -> Regularization:
    """Return what is dropped in training, and what is clipped."""
    return Regularization(**{field.name: getattr(estimator, field.name) for field in fields(Regularization)})


def solver(estimator: BaseRNN, n_parameters: int, dtype: DTypeLike) -> Solver:
    """Return the solver, at its start."""
    if estimator.solver == "adam":
        betas = {"beta_1": estimator.beta_1, "beta_2": estimator.beta_2}
        return Adam(n_parameters, dtype, **betas, epsilon=estimator.epsilon)
    return SGD(n_parameters, dtype, momentum=estimator.momentum, nesterov=estimator.nesterovs_momentum)


def schedule(estimator: BaseRNN) -> Schedule:
    """Return the schedule of the learning rate, at its start."""
    if estimator.learning_rate == "invscaling":
        return InverseScaling(estimator.learning_rate_init, estimator.power_t)
    adaptive = estimator.learning_rate == "adaptive"
    return (Adaptive if adaptive else Constant)(estimator.learning_rate_init)


def batch_size(estimator: BaseRNN, n_sequences: int) -> int:
    """Return the number of sequences per update."""
    if estimator.batch_size == "auto":
        return min(200, n_sequences)
    if estimator.batch_size > n_sequences:
        warnings.warn(
            f"batch_size={estimator.batch_size} is larger than the number of sequences, {n_sequences}. "
            "It is going to be clipped.",
            stacklevel=2,
        )
    return min(estimator.batch_size, n_sequences)
