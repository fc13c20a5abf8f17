"""What the classifier and the regressor have in common: sequences in, one training, rows out."""

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

from numbarnn.data import Sequences
from numbarnn.data.forms import Form
from numbarnn.data.patches import resolve_patch, stack_patches, unstack_rows
from numbarnn.data.validation import relative_weights, validate_sequences
from numbarnn.estimators import parameters
from numbarnn.estimators.derivatives import DerivativesMixin
from numbarnn.estimators.ensemble import average, fit_members, over_members
from numbarnn.estimators.examples import GivenExamples, read_examples, read_targets, split, weighted_ones
from numbarnn.estimators.network import network
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.kernels.devices import check_cuda, to_device
from numbarnn.layers import Model
from numbarnn.losses import Head
from numbarnn.optim import Examples, TrainingState, Validation, train
from numbarnn.prediction import predict

State = tuple[tuple[NDArray, ...], ...]


class BaseRNN(DerivativesMixin, BaseEstimator, metaclass=ABCMeta):
    """Recurrent network with scikit-learn's conventions."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = parameters.CONSTRAINTS
    _masks_nan_targets: ClassVar[bool] = False
    _head: Head
    _state: TrainingState
    _random_state: np.random.RandomState
    network_: Model
    theta_: NDArray

    def __init__(
        self,
        hidden_layer_sizes: int | ArrayLike = (64,),
        *,
        cell: str | type = "lstm",
        projection_size: int | None = None,
        bidirectional: bool = False,
        return_sequences: bool = False,
        pooling: Literal["last", "mean", "max", "attention"] = "last",
        patch: int | Literal["auto"] = 1,
        learn_initial_state: bool = False,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_dropout: float = 0.0,
        zoneout: float | tuple[float, float] = 0.0,
        preactivation_clip: float | None = None,
        solver: Literal["adam", "sgd", "lbfgs"] = "adam",
        alpha: float = 1e-4,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        warmup_fraction: float = 0.05,
        max_iter: int = 200,
        max_fun: int = 15000,
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
        n_estimators: int = 1,
        dtype: DTypeLike | None = None,
        device: Literal["cpu", "cuda"] = "cpu",
        n_jobs: int | None = None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.cell = cell
        self.projection_size = projection_size
        self.bidirectional = bidirectional
        self.return_sequences = return_sequences
        self.pooling = pooling
        self.patch = patch
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
        self.warmup_fraction = warmup_fraction
        self.max_iter = max_iter
        self.max_fun = max_fun
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
        self.n_estimators = n_estimators
        self.dtype = dtype
        self.device = device
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the network to sequences and their targets.

        If it fails, the estimator stays as it was. Ctrl-C ends the training early; the estimator is fitted then, with
        the parameters of the last complete update.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences: one array, one series per row, or sequences of different lengths.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The targets; with `return_sequences` one per step, (n, T) or (n, T, K) if X is an array.
        sample_weight : array-like of shape (n,), or of shape (n, T) or list of n array-likes of shape (T_i,), \
                default=None
            Weight of each sequence or, with `return_sequences`, of each step. What has weight zero takes no part at
            all.

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
    def _check_targets(self, rows: NDArray) -> NDArray:
        """Return targets, one row per sequence or per step, as an array of a kind that can be learned."""

    @abstractmethod
    def _new_head(self, rows: NDArray) -> Head:
        """Return the head for targets of a first fit, and set the attributes that describe them."""

    @abstractmethod
    def _resumed_head(self, rows: NDArray) -> Head:
        """Return the head for targets of a later fit; those of another kind raise a ValueError."""

    @abstractmethod
    def _metric(self, rows: NDArray, predicted: NDArray, weights: NDArray | None) -> float:
        """Return the score of predicted rows; the larger the better."""

    @abstractmethod
    def _known_targets(self) -> dict[str, Any]:
        """Return what is known of the targets before the first fit, by the names of the attributes."""

    def _class_weights(self, rows: NDArray, weights: NDArray | None) -> NDArray | None:  # noqa: ARG002
        """Return the weights of the rows, times those of their classes if there are such."""
        return weights

    def _learn(self, X: Any, y: Any, sample_weight: Any, *, partial: bool = False) -> Self:
        if self.device == "cuda":
            check_cuda()
        if partial:
            self._validate_params()  # `_fit_context` does so before the first call only
        parameters.check_combinations(self, partial=partial)
        if self.n_estimators > 1:
            return fit_members(self, X, y, sample_weight, partial=partial)
        self.__dict__.pop("estimators_", None)
        resume = hasattr(self, "theta_") and (partial or self.warm_start)
        dtype = self.theta_.dtype if resume else self.dtype
        given = read_examples(self, X, y, sample_weight, reset=not resume, dtype=dtype)
        given = given._replace(weights=self._class_weights(given.rows, given.weights))
        dtype = given.sequences.values.dtype
        head = self._resumed_head(given.rows) if resume or self._knows_targets(partial) else self._new_head(given.rows)
        if not resume:
            self.patch_ = resolve_patch(self.patch, given.sequences.lengths)
        elif self.patch not in ("auto", self.patch_):
            raise ValueError(f"Training cannot go on with another patch: it was fitted with {self.patch_} steps.")
        examples = self._examples(given, head, dtype)
        model = network(self, examples.sequences.n_inputs, head.n_outputs, self.patch_)
        structure = network(self, examples.sequences.n_inputs, head.n_outputs, self.patch_, regularized=False)
        if resume:
            self._check_resumable(structure, head, dtype)
        goes_on = resume and partial
        rng = copy.deepcopy(self._random_state) if goes_on else check_random_state(self.random_state)
        self._random_state = rng
        self._set_fitted(model, structure, head, self._trained(model, head, examples, rng, resume, partial=partial))
        return self

    def _knows_targets(self, partial: bool) -> bool:  # noqa: ARG002
        """Return whether the kind of the targets is known before the first fit."""
        return False

    def _examples(self, given: GivenExamples, head: Head, dtype: DTypeLike) -> Examples:
        self._check_patched_lengths(given.sequences.lengths, "tbptt", needed=self.tbptt is not None)
        return weighted_ones(given.encoded(head.encode(given.rows, dtype), self.patch_))

    def _check_patched_lengths(self, lengths: NDArray[np.intp], name: str, *, needed: bool) -> None:
        """Refuse lengths that are no multiples of the patch where a patch must not be padded."""
        if needed and (lengths % self.patch_).any():
            raise ValueError(
                f"The lengths of the sequences must be multiples of patch={self.patch_} with {name}, "
                f"got {lengths[lengths % self.patch_ > 0][0]}."
            )

    def _check_resumable(self, structure: Model, head: Head, dtype: Any) -> None:
        dtype = np.dtype(self.dtype or dtype)
        same = structure == self._structure and head.loss.out_activation == self.out_activation_
        if not same or dtype != self.theta_.dtype:
            raise ValueError(
                f"Training cannot go on with another network. It was fitted as {self._structure} with "
                f"{self.out_activation_} outputs in {self.theta_.dtype}; the parameters and y now ask for "
                f"{structure} with {head.loss.out_activation} outputs in {dtype}."
            )

    def _trained(
        self, model: Model, head: Head, examples: Examples, rng: np.random.RandomState, resume: bool, *, partial: bool
    ) -> TrainingState:
        theta = self.theta_ if resume else self._drawn(model, examples.sequences.values.dtype, rng)
        validation = None
        if self.early_stopping:
            examples, held_out = split(examples, self.validation_fraction, rng)
            validation = Validation(held_out.sequences, self._scorer(held_out, head))
        n_sequences = len(examples.sequences)
        size, max_iter = parameters.batch_size(self, n_sequences), 1 if partial else self.max_iter
        solver = parameters.solver(self, theta.size, theta.dtype, max_iter * -(-n_sequences // size))
        state = TrainingState(theta, solver, parameters.plateau(self))
        if resume:
            if partial:
                solver.resume(self._state.solver)
            state = replace(self._state, theta=theta, solver=solver, plateau=state.plateau)
        state = train(
            model,
            head.loss,
            examples,
            state,
            max_iter=max_iter,
            batch_size=size,
            shuffle=self.shuffle,
            random_state=rng,
            alpha=self.alpha,
            tbptt=self.tbptt,
            checkpoint_memory_mb=self.checkpoint_memory_mb,
            device=self.device,
            validation=validation,
            verbose=bool(self.verbose),
            n_jobs=resolve_threads(self.n_jobs),
        )
        if state.outcome == "max_iter" and not partial and self.learning_rate != "cosine":
            warnings.warn(
                f"Maximum iterations ({self.max_iter}) reached and the training has not converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )
        return state

    def _drawn(self, model: Model, dtype: DTypeLike, rng: np.random.RandomState) -> NDArray:
        try:
            return model.init(dtype, rng)
        except MemoryError as error:
            raise MemoryError(f"hidden_layer_sizes={self.hidden_layer_sizes!r} is too large: {error}") from error

    def _scorer(self, examples: Examples, head: Head) -> Callable[[NDArray], float]:
        targets = examples.targets
        rows = targets.values if isinstance(targets, Sequences) else targets
        weights = None if examples.weights is None else examples.row_weights
        if weights is None or weights.all():
            return lambda z: self._metric(rows, head.predict(z), weights)
        counted = weights > 0
        return lambda z: self._metric(rows[counted], head.predict(z)[counted], weights[counted])

    def _set_fitted(self, model: Model, structure: Model, head: Head, state: TrainingState) -> None:
        self._state = state
        self._head = head
        self._structure = structure
        self.network_ = model
        self.theta_ = state.theta
        self.out_activation_ = head.loss.out_activation
        self.n_layers_ = np.size(self.hidden_layer_sizes) + 2
        self.n_outputs_ = head.n_outputs
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

    def _outputs(
        self, X: Any, state: State | None = None, *, return_state: bool = False
    ) -> tuple[NDArray, NDArray[np.intp], Form, Any]:
        """Return the outputs of the network, one row per sequence or per step, and the state after the last steps."""
        sequences, form = validate_sequences(self, X, reset=False, dtype=self.theta_.dtype)
        lengths, goes_on = sequences.lengths, state is not None or return_state
        if goes_on and self.bidirectional:
            raise ValueError("A network with bidirectional=True has no state to go on from.")
        self._check_patched_lengths(lengths, "a state", needed=goes_on)
        if goes_on and self.pooling != "last":
            raise ValueError(f"A network with pooling={self.pooling!r} has no state to go on from.")
        theta, sequences = self._placed(stack_patches(sequences, self.patch_))
        n_jobs = resolve_threads(self.n_jobs)
        z, final = predict(self.network_, theta, sequences, state, return_state=return_state, n_jobs=n_jobs)
        if self.return_sequences_ and self.patch_ > 1:
            z = unstack_rows(z.reshape(-1, self.patch_ * z.shape[1]), lengths, self.patch_)
        if not np.isfinite(z).all():
            raise ValueError("The outputs of the network are not finite: X holds numbers too large for it.")
        return z, lengths, form, final

    @property
    def return_sequences_(self) -> bool:
        """Whether the fitted network has one output per step."""
        return self.network_.returns_sequences

    def _placed(self, sequences: Sequences) -> tuple[NDArray, Sequences]:
        """Return the parameters and the sequences where `device` says."""
        if self.device != "cuda":
            return self.theta_, sequences
        check_cuda()
        return to_device(self.theta_), sequences.to_device()

    def _predict(
        self,
        X: Any,
        state: State | None,
        *,
        return_state: bool,
        output: Callable[[Any, NDArray], NDArray],
        combine: Callable[[list[NDArray]], NDArray] = average,
    ) -> Any:
        """Return what `output(estimator, z)` makes of the rows of outputs, in the form of X.

        Of an ensemble, `combine` makes one array of the arrays of its members.
        """
        check_is_fitted(self)
        if hasattr(self, "estimators_"):
            if state is not None or return_state:
                raise ValueError("An ensemble has no single state; use the members in `estimators_`.")
            return over_members(self.estimators_, X, output, combine)
        z, lengths, form, final = self._outputs(X, state, return_state=return_state)
        rows = output(self, z)
        y = form.restore(rows, lengths) if self.return_sequences_ else rows
        return (y, final) if return_state else y

    @staticmethod
    def _by_item(values: Any, function: Any) -> Any:
        """Return what a function makes of an array, or of each item of a list or of an object array."""
        if isinstance(values, list):
            return [function(item) for item in values]
        if values.dtype != object:
            return function(values)
        items = np.empty(len(values), dtype=object)
        for i, item in enumerate(values):
            items[i] = function(item)
        return items

    def _score(self, X: Any, y: Any, sample_weight: Any, predicted: Any) -> float:
        """Return the score of predictions in the form of X; masked steps do not count."""
        sequences, _ = validate_sequences(self, X, reset=False)
        lengths, per_step = sequences.lengths, self.return_sequences
        rows, weights = read_targets(self, y, sample_weight, lengths, per_step=per_step)
        found = np.concatenate([np.asarray(item) for item in predicted]) if per_step else predicted
        if weights is not None and not weights.all():
            counted = weights > 0
            rows, found, weights = rows[counted], found[counted], weights[counted]
        weights = None if weights is None else relative_weights(weights)
        return self._metric(rows, found, weights)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
