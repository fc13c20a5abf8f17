"""The parameters of the estimators: what is allowed, and the solver, schedule and batch size that they stand for."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from numbarnn.optim import LBFGS, SGD, Adam, Adaptive, Constant, Cosine, HessianFree, InverseScaling, LeastSquares
from numbarnn.optim.tbptt import checked_tbptt

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from numbarnn.optim import Schedule, Solver

_FRACTION = Interval(Real, 0, 1, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_AT_LEAST_ONE = Interval(Integral, 1, None, closed="left")

_PATIENCE = 500
"""Updates without an improvement after which training stops by default."""

ONE_BATCH = 32
"""Up to so many different sequences are one batch by default."""

CURVATURE_BATCH = 256
"""Least number of sequences from which Hessian-free optimization takes its curvature by default."""

BY_ITERATIONS = ("lbfgs", "hessian_free", "least_squares")
"""Solvers that use no learning rate; an iteration of theirs reads all training data."""

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", _AT_LEAST_ONE],
    "cell": [str, type],
    "projection_size": [None, _AT_LEAST_ONE],
    "bidirectional": ["boolean", StrOptions({"auto"})],
    "return_sequences": ["boolean"],
    "pooling": [StrOptions({"auto", "last", "mean", "max", "attention"})],
    "patch": [StrOptions({"auto"}), _AT_LEAST_ONE],
    "learn_initial_state": ["boolean"],
    "dropout": [_FRACTION],
    "input_dropout": [_FRACTION],
    "recurrent_dropout": [_FRACTION],
    "weight_dropout": [_FRACTION],
    "zoneout": [_FRACTION, tuple, list],
    "preactivation_clip": [None, _POSITIVE],
    "solver": [StrOptions({"adam", "sgd", *BY_ITERATIONS})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), _AT_LEAST_ONE],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive", "cosine"})],
    "learning_rate_init": [_POSITIVE],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "warmup_fraction": [_FRACTION],
    "max_iter": [None, _AT_LEAST_ONE],
    "max_fun": [_AT_LEAST_ONE],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [_FRACTION],
    "validation_split": [StrOptions({"random", "last"})],
    "validation_gap": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
    "beta_1": [_FRACTION],
    "beta_2": [_FRACTION],
    "epsilon": [_POSITIVE],
    "n_iter_no_change": [None, _AT_LEAST_ONE],
    "max_grad_norm": [None, _POSITIVE],
    "tbptt": [None, "array-like"],
    "checkpoint_memory_mb": [None, _POSITIVE],
    "n_estimators": [_AT_LEAST_ONE],
    "dtype": [
        None,
        StrOptions({"float32", "float64"}),
        Options(type, {np.float32, np.float64}),
        Options(np.dtype, {np.dtype("float32"), np.dtype("float64")}),
    ],
    "device": [StrOptions({"cpu", "cuda"})],
    "n_jobs": [None, Integral],
}


def check_combinations(estimator: Any, *, partial: bool) -> None:
    """Refuse parameters that do not go together.

    Raises
    ------
    ValueError
        The message names the parameters.
    """
    if estimator.return_sequences and estimator.pooling not in ("auto", "last"):
        raise ValueError(
            f"pooling must be 'last' with return_sequences=True, which has one output per step; got "
            f"{estimator.pooling!r}."
        )
    check_training(estimator, partial=partial)


def check_training(estimator: Any, *, partial: bool = False) -> None:
    """Refuse parameters of the training, or of that by `partial_fit`, that do not go together.

    Raises
    ------
    ValueError
        The message names the parameters.
    """
    if partial and estimator.early_stopping:
        raise ValueError("partial_fit does not support early_stopping=True.")
    if partial and estimator.solver in BY_ITERATIONS:
        raise ValueError(
            f"partial_fit does not support solver={estimator.solver!r}, which needs all data at once; use 'adam' or "
            "'sgd'."
        )
    if partial and estimator.learning_rate == "cosine":
        raise ValueError(
            "partial_fit does not support learning_rate='cosine', which needs the number of epochs; use 'constant'."
        )
    checked_tbptt(estimator.tbptt)
    if estimator.early_stopping and not estimator.validation_fraction:
        raise ValueError("validation_fraction must be above 0 with early_stopping=True, got 0.")
    if estimator.solver in BY_ITERATIONS:
        _check_iterations(estimator)


def _check_iterations(estimator: Any) -> None:
    """Refuse what a solver that needs an exact, deterministic loss does not support."""
    name = estimator.solver
    refused = ("dropout", "input_dropout", "recurrent_dropout", "weight_dropout", "zoneout", "tbptt")
    for parameter in refused:
        value = getattr(estimator, parameter)
        if np.any(value):
            raise ValueError(f"{parameter} must not be set with solver={name!r}, got {value!r}; use 'adam' or 'sgd'.")
    if estimator.device != "cpu":
        raise ValueError(f"device must be 'cpu' with solver={name!r}, got {estimator.device!r}.")
    loss = getattr(estimator, "loss", None)
    if name == "least_squares" and loss != "squared_error":
        given = f"a {type(estimator).__name__}" if loss is None else f"loss={loss!r}"
        raise ValueError(
            f"solver='least_squares' needs a regressor with loss='squared_error', got {given}; use 'lbfgs'."
        )
    if name == "hessian_free" and loss in ("absolute_error", "quantile"):
        raise ValueError(
            f"solver='hessian_free' needs a loss with curvature, got loss={loss!r}, which is linear; use 'lbfgs'."
        )


def solver(estimator: Any, n_parameters: int, dtype: DTypeLike, n_updates: int, tol: float) -> Solver:
    """Return the solver at its start.

    Parameters
    ----------
    estimator : RNNClassifier or RNNRegressor
    n_parameters : int
    dtype : dtype
        That of the parameters.
    n_updates : int
        Maximum number of updates of the whole training.
    tol : float
        The estimator's tolerance, in units of the loss.
    """
    if estimator.solver == "lbfgs":
        return LBFGS(tol=tol, max_fun=estimator.max_fun)
    if estimator.solver == "hessian_free":
        return HessianFree(tol=tol)
    if estimator.solver == "least_squares":
        return LeastSquares(tol=tol, max_fun=estimator.max_fun)
    options: dict[str, Any] = {
        "schedule": _schedule(estimator, n_updates),
        "max_grad_norm": estimator.max_grad_norm,
    }
    if estimator.solver == "adam":
        betas = {"beta_1": estimator.beta_1, "beta_2": estimator.beta_2}
        return Adam(n_parameters, dtype, **betas, epsilon=estimator.epsilon, **options)
    return SGD(n_parameters, dtype, momentum=estimator.momentum, nesterov=estimator.nesterovs_momentum, **options)


def training_options(estimator: Any) -> dict[str, Any]:
    """Return the arguments of `numbarnn.optim.train` that are parameters of an estimator."""
    names = ("shuffle", "alpha", "tbptt", "checkpoint_memory_mb", "device")
    return {name: getattr(estimator, name) for name in names} | {"verbose": bool(estimator.verbose)}


def _schedule(estimator: Any, n_updates: int) -> Schedule:
    if estimator.learning_rate == "invscaling":
        return InverseScaling(estimator.learning_rate_init, estimator.power_t)
    if estimator.learning_rate == "cosine":
        return Cosine(estimator.learning_rate_init, n_updates, round(estimator.warmup_fraction * n_updates))
    adaptive = estimator.learning_rate == "adaptive"
    return (Adaptive if adaptive else Constant)(estimator.learning_rate_init)


def max_iter(estimator: Any, n_updates: int) -> int:
    """Return the maximum number of epochs of so many updates, or of iterations."""
    if estimator.max_iter is not None:
        return estimator.max_iter
    return 200 if estimator.solver in BY_ITERATIONS else max(estimator._least_epochs, _epochs(2000, n_updates))


def n_iter_no_change(estimator: Any, n_updates: int) -> int:
    """Return how many epochs of so many updates, or iterations, may pass without an improvement."""
    if estimator.n_iter_no_change is not None:
        return estimator.n_iter_no_change
    return 10 if estimator.solver in BY_ITERATIONS else max(10, _epochs(_PATIENCE, n_updates))


def advice_on_few_updates(n_epochs: int, n_updates: int) -> str:
    """Return what to say of a training that has not converged in so many epochs of so many updates."""
    if n_epochs * n_updates >= _PATIENCE:
        return ""
    return (
        f" There were {n_epochs * n_updates} updates of the parameters, {n_updates} per epoch, and few networks "
        "learn with so few: increase max_iter or leave it at None, or make batch_size smaller."
    )


def _epochs(total: int, n_updates: int) -> int:
    return -(-total // n_updates)


def validation_gap(estimator: Any, head: Any) -> int:
    """Return how many sequences are left out between the training part and the last ones."""
    if estimator.validation_gap != "auto":
        return estimator.validation_gap
    return 0 if estimator.return_sequences else getattr(head, "n_targets", 1) - 1


def updates_per_epoch(estimator: Any, lengths: NDArray[np.intp], size: int) -> int:
    """Return the maximum number of updates of an epoch: one per batch, or per window of truncated BPTT."""
    n_batches = -(-len(lengths) // size)
    return n_batches if estimator.tbptt is None else n_batches * -(-int(lengths.max()) // estimator.tbptt[0])


def batch_size(estimator: Any, n_sequences: int) -> int:
    """Return the number of sequences per update; for Hessian-free optimization, per batch of its curvature."""
    if estimator.solver in ("lbfgs", "least_squares"):
        return min(200, n_sequences)
    if estimator.batch_size == "auto":
        if estimator.solver == "hessian_free":
            return min(n_sequences, max(CURVATURE_BATCH, n_sequences // 8))
        return n_sequences if n_sequences <= ONE_BATCH else max(8, min(64, n_sequences // 8))
    if estimator.batch_size > n_sequences:
        warnings.warn(
            f"batch_size={estimator.batch_size} is larger than the number of sequences, {n_sequences}. "
            "It is going to be clipped.",
            stacklevel=2,
        )
    return min(estimator.batch_size, n_sequences)
