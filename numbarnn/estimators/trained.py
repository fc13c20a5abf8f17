"""Base class of the estimators that train a network."""

from __future__ import annotations

import copy
import warnings
from abc import ABCMeta, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from numbarnn.estimators import parameters
from numbarnn.estimators.fitted_copy import FittedByCopy
from numbarnn.estimators.network import Architecture
from numbarnn.estimators.validation import split
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.kernels.devices import check_cuda
from numbarnn.layers import Model
from numbarnn.losses import Head
from numbarnn.optim import Examples, Plateau, Solver, TrainingState, Validation, train


class TrainedNetwork(FittedByCopy, BaseEstimator, metaclass=ABCMeta):
    """An estimator with a network that `numbarnn.optim` trains.

    A fit works on a copy of the estimator, whose attributes the estimator takes over in the end: if it fails, nothing
    has changed. Parameters have the names and the meaning that they have in `RNNClassifier`.
    """

    _least_epochs: ClassVar[int] = 200
    """Least number of epochs that `max_iter=None` stands for."""
    attention_penalty: float = 0.0
    _head: Head
    _architecture: Architecture
    _state: TrainingState
    _random_state: np.random.RandomState
    network_: Model
    theta_: NDArray

    @abstractmethod
    def _validation(self, examples: Examples, head: Head) -> Validation:
        """Return what tells the score of the network for the validation part."""

    def _feed(self, model: Model) -> Any:  # noqa: ARG002
        """Return what `train` applies to the inputs of each batch, or None."""
        return None

    def _check_validation_data(self, validation_data: Any) -> None:
        """Refuse validation data that training would not look at."""
        if validation_data is not None and not self.early_stopping:
            raise ValueError(
                "validation_data needs early_stopping=True: without it, training does not look at a validation score."
            )

    def _fitted_copy(self, *data: Any, validation_data: Any = None, partial: bool = False) -> Self:
        """Return a copy whose `_fit_network` has been given the data."""
        self._check_validation_data(validation_data)
        if self.device == "cuda":
            check_cuda()
        if partial:
            self._validate_params()  # `_fit_context` does so before `fit` only
        parameters.check_training(self, partial=partial)
        resume = (partial or self.warm_start) and hasattr(self, "theta_")
        learner: Any = copy.copy(self) if resume else self._unfitted()
        learner._fit_network(*data, validation_data=validation_data, resume=resume, partial=partial)
        return learner

    def _check_resumable(self, plan: Architecture, head: Head) -> None:
        """Refuse parameters with which the fitted numbers would mean something else."""
        self._architecture.check_same(plan)
        if self.dtype is not None and np.dtype(self.dtype) != self.theta_.dtype:
            raise ValueError(
                f"Training cannot go on with dtype={np.dtype(self.dtype).name!r}: the network was fitted in "
                f"{self.theta_.dtype}."
            )
        if _meaning(head) != _meaning(self._head):
            raise ValueError(
                f"Training cannot go on with other outputs. The network was fitted with {_meaning(self._head)}; "
                f"y and the loss now ask for {_meaning(head)}."
            )

    def _drawn(self, model: Model, dtype: DTypeLike, rng: np.random.RandomState) -> NDArray:
        try:
            return model.init(dtype, rng, sparse=self.solver == "hessian_free")
        except MemoryError as error:
            raise MemoryError(f"hidden_layer_sizes={self.hidden_layer_sizes!r} is too large: {error}") from error

    def _train(
        self,
        model: Model,
        plan: Any,
        head: Head,
        examples: Examples,
        held_out: Examples | None,
        dtype: DTypeLike,
        loss_unit: float = 1.0,
        *,
        resume: bool,
        partial: bool,
    ) -> None:
        """Train a network of the architecture `plan`, and set the attributes that describe it.

        `held_out` is what `early_stopping` decides by; None sets a part of the examples aside for it.
        """
        rng = copy.deepcopy(self._random_state) if resume and partial else check_random_state(self.random_state)
        theta = self.theta_ if resume else self._drawn(model, dtype, rng)
        validation = None
        if self.early_stopping and held_out is None:
            gap = parameters.validation_gap(self, head)
            examples, held_out = split(examples, self.validation_fraction, rng, how=self.validation_split, gap=gap)
        if held_out is not None:
            validation = self._validation(held_out, head)
        if self.batch_size == "auto":
            examples = examples.merged(parameters.ONE_BATCH)
        size = parameters.batch_size(self, len(examples.sequences))
        n_updates = parameters.updates_per_epoch(self, examples.sequences.lengths, size)
        max_iter = 1 if partial else parameters.max_iter(self, n_updates)
        tol = self.tol * loss_unit
        solver = parameters.solver(self, theta.size, theta.dtype, max_iter * n_updates, tol)
        plateau = Plateau(tol if validation is None else self.tol, parameters.n_iter_no_change(self, n_updates))
        state = TrainingState(theta, solver, plateau)
        if resume:
            state = self._resumed_state(theta, solver, plateau, partial=partial)
        state = train(
            model,
            head.loss,
            examples,
            state,
            max_iter=max_iter,
            batch_size=size,
            random_state=rng,
            validation=validation,
            n_jobs=resolve_threads(self.n_jobs),
            feed=self._feed(model),
            attention_penalty=self.attention_penalty,
            **parameters.training_options(self),
        )
        by_iterations = self.solver in parameters.BY_ITERATIONS
        runs_to_the_end = self.learning_rate == "cosine" and not by_iterations
        if state.outcome == "max_iter" and not partial and not runs_to_the_end:
            few = "" if by_iterations else parameters.advice_on_few_updates(max_iter, n_updates)
            warnings.warn(
                f"Maximum iterations ({max_iter}) reached and the training has not converged yet.{few}",
                ConvergenceWarning,
                stacklevel=6,
            )
        self._architecture, self._random_state, self.network_ = plan, rng, model
        self._set_head(head)
        self._set_state(state)

    def _resumed_state(self, theta: NDArray, solver: Solver, plateau: Plateau, *, partial: bool) -> TrainingState:
        """Return the state of the last fit, with the present parameters of the solver and of the stopping criterion.

        `partial_fit` goes on where the last call stopped; `fit` starts the solver and the stopping criterion anew.
        """
        before = self._state
        if partial:
            solver.resume(before.solver)
            solver.end_epoch(before.n_seen)  # by which a schedule that is new or has changed sets its rate
            if self.validation_scores_ is None:  # the same quantity was watched
                plateau = replace(plateau, best=before.plateau.best, count=before.plateau.count)
        return replace(before, theta=theta, solver=solver, plateau=plateau)

    def _set_head(self, head: Head) -> None:
        """Set the attributes that describe the targets."""
        self._head = head
        self.out_activation_ = head.loss.out_activation
        self.n_outputs_ = head.n_outputs

    def _set_state(self, state: TrainingState) -> None:
        """Set the attributes that describe the training, and discard what was computed for other parameters."""
        self.__dict__.pop("laplace_", None)
        self._state = state
        self.theta_ = state.theta
        self.n_layers_ = len(self._architecture.hidden_layer_sizes) + 2
        self.n_iter_ = state.n_iter
        self.t_ = state.n_seen
        self.loss_curve_ = state.loss_curve
        self.loss_ = state.loss_curve[-1] if state.loss_curve else np.inf
        self.best_loss_ = state.best_loss
        self.validation_scores_ = state.validation_scores if self.early_stopping else None
        self.best_validation_score_ = state.best_validation_score if self.early_stopping else None


def _meaning(head: Head) -> str:
    """Return what the outputs of a network stand for, in words."""
    levels = getattr(head.loss, "quantiles", None)
    kind = head.loss.out_activation if levels is None else f"quantiles {list(levels)}"
    return f"{head.n_outputs} outputs ({kind})"
