"""The base class of the classifier and the regressor."""

from __future__ import annotations

import copy
from abc import abstractmethod
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from numbarnn.data import Sequences
from numbarnn.data.patches import stack_patches, unstack_rows
from numbarnn.data.validation import validate_sequences, warn_of_dated_targets
from numbarnn.estimators import parameters
from numbarnn.estimators.curvature import CurvatureMixin
from numbarnn.estimators.derivatives import DerivativesMixin
from numbarnn.estimators.ensemble import fit_members, new_members, resumed_members
from numbarnn.estimators.examples import GivenExamples, read_targets, weighted_metric
from numbarnn.estimators.network import Architecture, architecture, network
from numbarnn.estimators.outputs import Outputs
from numbarnn.estimators.scale import Moments, warn_of_scale
from numbarnn.estimators.trained import TrainedNetwork
from numbarnn.estimators.validation import read_validation_data, warn_of_overlap
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.kernels.devices import check_cuda, to_device
from numbarnn.losses import Head
from numbarnn.optim import Examples, Validation
from numbarnn.prediction import predict

State = tuple[tuple[NDArray, ...], ...]


class BaseRNN(CurvatureMixin, DerivativesMixin, TrainedNetwork):
    """Recurrent network with scikit-learn's conventions."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = parameters.CONSTRAINTS
    _masks_nan_targets: ClassVar[bool] = False
    _has_step_targets: ClassVar[bool] = True  # whether a network with one output per step has one target per step
    estimators_: list[Any]
    patch_: int

    def __init__(
        self,
        hidden_layer_sizes: int | ArrayLike = (64,),
        *,
        cell: str | type = "lstm",
        projection_size: int | None = None,
        bidirectional: bool | Literal["auto"] = "auto",
        return_sequences: bool = False,
        pooling: Literal["auto", "last", "mean", "max", "attention"] = "auto",
        patch: int | Literal["auto"] = "auto",
        learn_initial_state: bool = False,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_dropout: float = 0.0,
        zoneout: float | tuple[float, float] = 0.0,
        preactivation_clip: float | None = None,
        solver: Literal["adam", "sgd", "lbfgs", "hessian_free", "least_squares"] = "adam",
        alpha: float = 1e-4,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "constant",
        learning_rate_init: float = 0.003,
        power_t: float = 0.5,
        warmup_fraction: float = 0.05,
        max_iter: int | None = None,
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
        validation_split: Literal["random", "last"] = "random",
        validation_gap: int | Literal["auto"] = "auto",
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int | None = None,
        max_grad_norm: float | None = 1.0,
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
        self.validation_split = validation_split
        self.validation_gap = validation_gap
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
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None) -> Self:
        """Fit the network to sequences and their targets.

        If it fails, the estimator stays as it was. Ctrl-C ends the training early; the estimator is fitted then, with
        the parameters of the last complete update. An ensemble stays as it was then, too, and KeyboardInterrupt is
        raised.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences: one array, one series per row, or sequences of different lengths.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The targets; with `return_sequences` one per step, (n, T) or (n, T, K) if X is an array. For `CTCClassifier`
            a list of n sequences of labels: lists of hashable labels, or strings, which are sequences of characters.
        sample_weight : array-like of shape (n,), or of shape (n, T) or list of n array-likes of shape (T_i,), \
                default=None
            Weight of each sequence or, with `return_sequences`, of each step. Sequences of weight zero are left out; a
            step of weight zero is still read by the network, but its target does not count.
        validation_data : tuple (X_val, y_val) or (X_val, y_val, sample_weight_val), default=None
            Sequences, targets and weights, in the forms of X and y, by whose score `early_stopping` decides; all of X
            is trained on then. It needs ``early_stopping=True``. A pipeline passes it on as it is: give it sequences
            that its earlier steps have transformed.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If X, y, the weights, `validation_data` or a parameter are not as described, or the training diverges.
        MemoryError
            If the network is too large, or what the training needs does not fit on the CUDA device.
        ImportError, RuntimeError
            If numba-cuda or a GPU is missing for `device='cuda'`.

        Warns
        -----
        UserWarning
            If X is a frame, or a 3-D array, whose axes look like others than expected, or `early_stopping` sets aside
            overlapping windows at random.
        ConvergenceWarning
            If X or y are so far from zero mean and unit variance that a network learns slowly, or the training has not
            converged in `max_iter` epochs.

        Examples
        --------
        Early stopping by the last 50 values of a series, and by scaled windows in a pipeline:

        >>> import numpy as np
        >>> from numbarnn import RNNRegressor, SequenceScaler, SlidingWindow
        >>> from sklearn.pipeline import make_pipeline
        >>> series, window = np.sin(0.3 * np.arange(200)), SlidingWindow(length=10)
        >>> X, y = window.make_xy(series[:-50])
        >>> X_val, y_val = window.make_xy(series[-60:])
        >>> reg = RNNRegressor(8, early_stopping=True, learning_rate_init=0.02, random_state=0)
        >>> reg.fit(X, y, validation_data=(X_val, y_val)).best_validation_score_ > 0.9
        True
        >>> model = make_pipeline(SequenceScaler(), reg)
        >>> scaled = model[:-1].fit(X).transform(X_val)
        >>> model.fit(X, y, rnnregressor__validation_data=(scaled, y_val))[-1].best_validation_score_ > 0.9
        True
        """
        self._check_validation_data(validation_data)
        return self._become(self._learned(X, y, sample_weight, validation_data=validation_data))

    @abstractmethod
    def _check_targets(self, rows: NDArray) -> NDArray:
        """Return targets, one row per sequence or per step, as an array of a kind that can be learned."""

    @abstractmethod
    def _new_head(self, rows: NDArray, classes: NDArray | None) -> Head:
        """Return the head for the targets of a first fit; `classes` are all of them, if they are known."""

    @abstractmethod
    def _resumed_head(self, rows: NDArray) -> Head:
        """Return the head for the targets of a later fit; those of another kind raise a ValueError."""

    @abstractmethod
    def _decoded(self, outputs: Outputs) -> NDArray:
        """Return the predictions, one row per sequence or per step, in the user's terms."""

    @abstractmethod
    def _metric(self, rows: NDArray, predicted: NDArray, weights: NDArray | None) -> float:
        """Return the score of predicted rows; the larger the better."""

    def _moments(self, rows: NDArray, weights: NDArray | None) -> Moments | None:  # noqa: ARG002
        """Return mean and standard deviation of encoded targets that the outputs must come near to; else None."""
        return None

    def _loss_unit(self, targets: Moments | None) -> float:  # noqa: ARG002
        """Return the unit in which a decrease of the training loss is compared with `tol`."""
        return 1.0

    def _weighted(self, given: GivenExamples, head: Head) -> GivenExamples:  # noqa: ARG002
        """Return examples with encoded targets, their weights times those of the classes if there are such."""
        return given

    def _learned(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        validation_data: Any = None,
        partial: bool = False,
        classes: NDArray | None = None,
    ) -> Self:
        """Return a copy that has learned."""
        if self.device == "cuda":
            check_cuda()
        if partial:
            self._validate_params()  # `_fit_context` does so before the first call only
        parameters.check_combinations(self, partial=partial)
        resume = (partial or self.warm_start) and (hasattr(self, "theta_") or hasattr(self, "estimators_"))
        learner = copy.copy(self) if resume else self._unfitted()
        if resume:
            self._check_size_of_ensemble()
        fit = learner._fit_members if self.n_estimators > 1 else learner._fit_network
        fit(X, y, sample_weight, resume=resume, validation_data=validation_data, partial=partial, classes=classes)
        return learner

    def _check_size_of_ensemble(self) -> None:
        n_fitted = len(getattr(self, "estimators_", [self]))
        if n_fitted != self.n_estimators:
            raise ValueError(
                f"Training cannot go on with n_estimators={self.n_estimators}: it was fitted with {n_fitted}."
            )

    def _fit_members(self, X: Any, y: Any, sample_weight: Any, *, resume: bool, **options: Any) -> None:
        def fit_member(member: Self) -> Self:
            fitted = member._learned(X, y, sample_weight, **options)
            if fitted._state.outcome == "interrupted":
                raise KeyboardInterrupt
            return fitted

        members = resumed_members(self) if resume else new_members(self)
        self.estimators_ = fit_members(members, fit_member, n_jobs=self.n_jobs)
        first = self.estimators_[0]
        for name in ("n_features_in_", "feature_names_in_", "_series_per_row", "patch_", "n_layers_", "t_"):
            if hasattr(first, name):
                setattr(self, name, getattr(first, name))
        self._set_head(first._head)
        self.n_iter_ = max(member.n_iter_ for member in self.estimators_)
        self.loss_ = float(np.mean([member.loss_ for member in self.estimators_]))

    def _fit_network(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        resume: bool,
        validation_data: Any,
        partial: bool,
        classes: NDArray | None,
    ) -> None:
        wanted = self.theta_.dtype if resume else self.dtype
        sequences, form = validate_sequences(self, X, reset=not resume, dtype=wanted)
        if not resume:
            warn_of_dated_targets(X, y, form)
        given = self._given(sequences, y, sample_weight)
        dtype = sequences.values.dtype
        head = self._resumed_head(given.rows) if resume else self._new_head(given.rows, classes)
        plan = architecture(self, given.sequences.lengths, self._architecture if resume else None)
        if resume:
            self._check_resumable(plan, head)
        encoded = self._encoded(given, head)
        if self.tbptt is not None:
            plan.check_truncation(encoded.sequences.lengths, "tbptt")
        examples = encoded.patched(plan.patch)
        held_out = None
        if validation_data is not None:
            held_out = self._read_validation_data(validation_data, head, plan, dtype)
        elif self.early_stopping and self.validation_split == "random":
            warn_of_overlap(encoded.sequences)
        targets = self._moments(encoded.rows, encoded.weights)
        if not resume and not partial:
            warn_of_scale(Moments.of(encoded.sequences.values), targets)
        model = network(self, plan, examples.sequences.n_inputs, head.n_outputs)
        unit = self._loss_unit(targets)
        self._train(model, plan, head, examples, held_out, dtype, unit, resume=resume, partial=partial)
        self.patch_ = plan.patch

    def _given(self, sequences: Sequences, y: Any, sample_weight: Any) -> GivenExamples:
        per_step = self.return_sequences and self._has_step_targets
        rows, weights = self._read_targets(y, sample_weight, sequences.lengths, per_step=per_step)
        return GivenExamples(sequences, rows, weights, per_step).with_weight()

    def _encoded(self, given: GivenExamples, head: Head) -> GivenExamples:
        rows = head.encode(given.rows, given.sequences.values.dtype)
        return self._weighted(given._replace(rows=rows), head).with_weight()

    def _read_validation_data(self, validation_data: Any, head: Head, plan: Architecture, dtype: DTypeLike) -> Examples:
        def read(X: Any, y: Any, sample_weight: Any) -> Examples:
            sequences, _ = validate_sequences(self, X, reset=False, dtype=dtype)
            return self._encoded(self._given(sequences, y, sample_weight), head).patched(plan.patch)

        return read_validation_data(validation_data, read)

    def _read_targets(
        self, y: Any, sample_weight: Any, lengths: NDArray[np.intp], *, per_step: bool
    ) -> tuple[NDArray, NDArray | None]:
        if y is None:
            raise ValueError(f"This {type(self).__name__} requires y to be passed, but the target y is None.")
        options: dict[str, Any] = {"allow_nan": self._masks_nan_targets, "check": self._check_targets}
        return read_targets(y, sample_weight, lengths, per_step=per_step, **options)

    def _validation(self, examples: Examples, head: Head) -> Validation:
        targets = examples.targets
        rows = targets.values if isinstance(targets, Sequences) else targets
        weights = None if examples.weights is None else examples.row_weights
        return Validation(examples.sequences, lambda z: weighted_metric(self._metric, rows, head.predict(z), weights))

    def _outputs(self, X: Any, state: State | None = None, *, return_state: bool = False) -> Outputs:
        """Return the outputs of the fitted networks for sequences, and the state after the last steps."""
        check_is_fitted(self)
        networks = getattr(self, "estimators_", [self])
        first = networks[0]
        sequences, form = validate_sequences(self, X, reset=False, dtype=first.theta_.dtype)
        lengths, plan = sequences.lengths, first._architecture
        if state is not None or return_state:
            if len(networks) > 1:
                raise ValueError("An ensemble has no single state; use one of its members, such as estimators_[0].")
            plan.check_state(lengths)
        patches = stack_patches(sequences, plan.patch)
        if self.device == "cuda":
            check_cuda()
            patches = patches.to_device()
        n_jobs, z, final = resolve_threads(self.n_jobs), [], None
        for each in networks:
            theta = to_device(each.theta_) if self.device == "cuda" else each.theta_
            rows, final = predict(each.network_, theta, patches, state, return_state=return_state, n_jobs=n_jobs)
            if plan.return_sequences and plan.patch > 1:
                rows = unstack_rows(rows.reshape(-1, plan.patch * rows.shape[1]), lengths, plan.patch)
            if not np.isfinite(rows).all():
                raise ValueError("The outputs of the network are not finite: X holds numbers too large for it.")
            z.append(rows)
        return Outputs(z, lengths, form, plan.return_sequences, final)

    def _score(self, X: Any, y: Any, sample_weight: Any) -> float:
        """Return the score of the predictions."""
        outputs = self._outputs(X)
        rows, weights = self._read_targets(y, sample_weight, outputs.lengths, per_step=outputs.per_step)
        return weighted_metric(self._metric, rows, self._decoded(outputs), weights)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
