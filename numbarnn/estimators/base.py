"""What the classifier and the regressor share: sequences in, one training, rows out."""

from __future__ import annotations

import copy
import warnings
from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import BaseEstimator, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted

from numbarnn.cells import CELLS
from numbarnn.data import Sequences
from numbarnn.data.forms import Form
from numbarnn.data.validation import validate_sample_weight, validate_sequences
from numbarnn.estimators import parameters
from numbarnn.estimators.derivatives import DerivativesMixin
from numbarnn.estimators.examples import read_examples, rows_of, split, target_rows, with_rows
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.kernels.devices import check_cuda, to_device
from numbarnn.layers import Model
from numbarnn.losses import Loss
from numbarnn.optim import Examples, Plateau, TrainingState, Validation, train
from numbarnn.prediction import predict

State = tuple[tuple[NDArray, ...], ...]


class BaseRNN(DerivativesMixin, BaseEstimator, metaclass=ABCMeta):
    """Recurrent network behind scikit-learn's conventions."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = parameters.CONSTRAINTS
    _loss: Loss
    _state: TrainingState
    _random_state: np.random.RandomState
    network_: Model
    theta_: NDArray

    def __init__(
        self,
        hidden_layer_sizes: int | ArrayLike = (64,),
        *,
        cell: str = "lstm",
        bidirectional: bool = False,
        return_sequences: bool = False,
        learn_initial_state: bool = False,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_dropout: float = 0.0,
        zoneout: float | tuple[float, float] = 0.0,
        preactivation_clip: float | None = None,
        solver: Literal["adam", "sgd"] = "adam",
        alpha: float = 1e-4,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive"] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        max_grad_norm: float | None = None,
        tbptt: tuple[int, int] | None = None,
        checkpoint_memory_mb: float | None = None,
        dtype: DTypeLike | None = None,
        device: Literal["cpu", "cuda"] = "cpu",
        n_jobs: int | None = None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.cell = cell
        self.bidirectional = bidirectional
        self.return_sequences = return_sequences
        self.learn_initial_state = learn_initial_state
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.recurrent_dropout = recurrent_dropout
        self.weight_dropout = weight_dropout
        self.zoneout = zoneout
        self.preactivation_clip = preactivation_clip
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_grad_norm = max_grad_norm
        self.tbptt = tbptt
        self.checkpoint_memory_mb = checkpoint_memory_mb
        self.dtype = dtype
        self.device = device
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the network to sequences and their targets.

        If it fails, the estimator stays as it was. Ctrl-C ends the training early; the estimator is
        fitted then, with the parameters of the last complete update.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences: one array, one series per row, or sequences of different lengths.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The targets; with `return_sequences` one per step, (n, T) or (n, T, K) if X is an array.
        sample_weight : array-like of shape (n,), default=None
            Weight of each sequence. Sequences of weight zero take no part at all.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If X, y, the weights or a parameter are not as described, or the training diverges.
        MemoryError
            If the network is too large, or what the training needs does not fit on the CUDA device.
        ImportError, RuntimeError
            If numba-cuda or a GPU is missing for `device='cuda'`.
        """
        return self._become(copy.copy(self)._learn(X, y, sample_weight))

    @abstractmethod
    def _check_targets(self, y: Any) -> NDArray:
        """Return targets, one row per sequence or per step, as an array."""

    @abstractmethod
    def _encode(self, rows: NDArray, dtype: DTypeLike, *, resume: bool) -> tuple[Loss, NDArray, int]:
        """Return the loss, the targets as it takes them and the number of outputs; set what decodes them."""

    @abstractmethod
    def _metric(self, rows: NDArray, predicted: NDArray, weights: NDArray | None) -> float:
        """Return the score of predicted rows; the larger the better."""

    @abstractmethod
    def _choose(self, z: NDArray) -> NDArray:
        """Return the predictions, encoded as the targets are, for outputs z of the network."""

    @abstractmethod
    def _decode(self, targets: NDArray) -> NDArray:
        """Return encoded predictions as `y` has them."""

    def _learn(self, X: Any, y: Any, sample_weight: ArrayLike | None, *, partial: bool = False) -> Self:
        if self.device == "cuda":
            check_cuda()
        resume = hasattr(self, "theta_") and (partial or self.warm_start)
        if partial:
            self._validate_params()  # `_fit_context` does so before the first call only
            if self.early_stopping:
                raise ValueError("partial_fit does not support early_stopping=True.")
        dtype = self.theta_.dtype if resume else self.dtype
        examples = read_examples(self, X, y, sample_weight, reset=not resume, dtype=dtype)
        dtype = examples.sequences.values.dtype
        loss, rows, n_outputs = self._encode(rows_of(examples)[0], dtype, resume=resume or partial)
        examples = with_rows(examples, rows)
        network = self._network(examples.sequences.n_inputs, n_outputs)
        if resume:
            self._check_resumable(network, loss)
        goes_on = resume and partial
        rng = copy.deepcopy(self._random_state) if goes_on else check_random_state(self.random_state)
        self._random_state = rng
        state = self._resumed(partial) if resume else self._started(network, dtype, rng)
        self._set_fitted(network, loss, self._trained(network, loss, examples, state, rng, partial=partial))
        return self

    def _network(self, n_inputs: int, n_outputs: int) -> Model:
        return parameters.network(self, n_inputs, n_outputs)

    def _check_resumable(self, network: Network, loss: Loss) -> None:
        fitted = replace(self.network_, regularization=network.regularization)  # which may change
        same = network == fitted and loss.out_activation == self.out_activation_
        dtype = np.dtype(self.dtype or self.theta_.dtype)
        if not same or dtype != self.theta_.dtype:
            raise ValueError(
                f"Training cannot go on with another network. It was fitted as {self.network_} with "
                f"{self.out_activation_} outputs in {self.theta_.dtype}; the parameters and y now ask for "
                f"{network} with {loss.out_activation} outputs in {dtype}."
            )

    def _started(self, network: Network, dtype: DTypeLike, rng: np.random.RandomState) -> TrainingState:
        try:
            theta = network.init(dtype, rng)
            solver = parameters.solver(self, theta.size, dtype)
        except MemoryError as error:
            raise MemoryError(f"hidden_layer_sizes={self.hidden_layer_sizes!r} is too large: {error}") from error
        return TrainingState(theta, solver, parameters.schedule(self), self._plateau())

    def _resumed(self, partial: bool) -> TrainingState:
        state = replace(self._state, theta=self.theta_)
        if partial:
            return state
        solver = parameters.solver(self, self.theta_.size, self.theta_.dtype)
        return replace(state, solver=solver, schedule=parameters.schedule(self), plateau=self._plateau())

    def _plateau(self) -> Plateau:
        return Plateau(self.tol, self.n_iter_no_change)

    def _trained(
        self,
        network: Network,
        loss: Loss,
        examples: Examples,
        state: TrainingState,
        rng: np.random.RandomState,
        *,
        partial: bool,
    ) -> TrainingState:
        validation = None
        if self.early_stopping:
            examples, held_out = split(examples, self.validation_fraction, rng)
            validation = Validation(held_out.sequences, self._scorer(held_out))
        state = train(
            network,
            loss,
            examples,
            state,
            max_iter=1 if partial else self.max_iter,
            batch_size=parameters.batch_size(self, len(examples.sequences)),
            shuffle=self.shuffle,
            random_state=rng,
            alpha=self.alpha,
            max_grad_norm=self.max_grad_norm,
            tbptt=self.tbptt,
            checkpoint_memory_mb=self.checkpoint_memory_mb,
            device=self.device,
            validation=validation,
            verbose=bool(self.verbose),
            n_jobs=resolve_threads(self.n_jobs),
        )
        if state.outcome == "max_iter" and not partial:
            warnings.warn(
                f"Maximum iterations ({self.max_iter}) reached and the training has not converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )
        return state

    def _scorer(self, examples: Examples) -> Callable[[NDArray], float]:
        rows, weights = rows_of(examples)
        return lambda z: self._metric(rows, self._choose(z), weights)

    def _set_fitted(self, network: Network, loss: Loss, state: TrainingState) -> None:
        self._state = state
        self._loss = loss
        self.network_ = network
        self.theta_ = state.theta
        self.out_activation_ = loss.out_activation
        self.n_layers_ = len(network.hidden_layer_sizes) + 2
        self.n_outputs_ = network.n_outputs
        self.n_iter_ = state.n_iter
        self.t_ = state.n_seen
        self.loss_curve_ = state.loss_curve
        self.loss_ = state.loss_curve[-1] if state.loss_curve else np.inf
        self.best_loss_ = state.best_loss
        self.validation_scores_ = state.validation_scores if self.early_stopping else None
        self.best_validation_score_ = state.best_validation_score if self.early_stopping else None

    def _become(self, fitted: Self) -> Self:
        """Take over what a copy has learned; a fit that fails leaves the estimator as it was."""
        self.__dict__ = fitted.__dict__
        return self

    def _outputs(self, X: Any) -> tuple[NDArray, NDArray[np.intp], Form]:
        """Return the network's outputs, one row per sequence or per step."""
        check_is_fitted(self)
        sequences, form = validate_sequences(self, X, reset=False, dtype=self.theta_.dtype)
        theta, sequences = self._placed(sequences)
        z = predict(self.network_, theta, sequences, n_jobs=resolve_threads(self.n_jobs))
        return _finite(z), sequences.lengths, form

    def _outputs_on(self, X: Any, state: State | None) -> tuple[NDArray, NDArray[np.intp], Form, State]:
        """Return what `_outputs` does, the network running on from a state, and the state after it."""
        check_is_fitted(self)
        sequences, form = validate_sequences(self, X, reset=False, dtype=self.theta_.dtype)
        theta, sequences = self._placed(sequences)
        n_threads = resolve_threads(self.n_jobs)
        z, state = predict_on(self.network_, theta, sequences, state, n_jobs=n_threads)
        return _finite(z), sequences.lengths, form, state

    def _placed(self, sequences: Sequences) -> tuple[NDArray, Sequences]:
        """Return the parameters and the sequences where `device` says."""
        if self.device != "cuda":
            return self.theta_, sequences
        check_cuda()
        return to_device(self.theta_), sequences.to_device()

    def _in_form(self, rows: NDArray, lengths: NDArray[np.intp], form: Form) -> NDArray | list[NDArray]:
        return form.restore(rows, lengths) if self.network_.return_sequences else rows

    def _predict(self, X: Any, state: State | None, *, return_state: bool, decode: Callable[[NDArray], NDArray]) -> Any:
        if state is None and not return_state:
            z, lengths, form = self._outputs(X)
            return self._in_form(decode(z), lengths, form)
        z, lengths, form, state = self._outputs_on(X, state)
        y = self._in_form(decode(z), lengths, form)
        return (y, state) if return_state else y

    def _score(self, X: Any, y: Any, sample_weight: ArrayLike | None) -> float:
        z, lengths, _ = self._outputs(X)
        rows = target_rows(y, lengths, per_step=self.network_.return_sequences)
        weights = validate_sample_weight(sample_weight, len(lengths))
        if weights is not None and self.network_.return_sequences:
            weights = np.repeat(weights, lengths)
        return self._metric(rows, self._decode(self._choose(z)), weights)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _finite(z: NDArray) -> NDArray:
    if not np.isfinite(z).all():
        raise ValueError("The outputs of the network are not finite: X holds numbers too large for it.")
    return z
