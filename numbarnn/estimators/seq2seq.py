"""Base class of the sequence-to-sequence estimators."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from numbarnn.cells import cell_class
from numbarnn.data import SequencePairs, Sequences, bounded_batches
from numbarnn.decoding import EncoderDecoderSteps, ScheduledSampling
from numbarnn.estimators import parameters
from numbarnn.estimators.examples import with_weight
from numbarnn.estimators.network import check_same, layer_sizes
from numbarnn.estimators.scale import Moments, warn_of_scale
from numbarnn.estimators.sources import Source, VectorSource
from numbarnn.estimators.trained import TrainedNetwork
from numbarnn.estimators.validation import read_validation_data
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.layers import (
    AttentionDecoder,
    Bidirectional,
    Dense,
    Dropout,
    EncoderDecoder,
    Layer,
    Model,
    Recurrent,
    Stack,
)
from numbarnn.losses import Head
from numbarnn.optim import Examples
from numbarnn.prediction import padded, widest

_MAX_NUMBERS = 2**22
"""Maximum size of an array of the sources that are decoded together."""

_SHARED = (
    "hidden_layer_sizes",
    "cell",
    "bidirectional",
    "dropout",
    "recurrent_dropout",
    "weight_dropout",
    "preactivation_clip",
    "alpha",
    "batch_size",
    "learning_rate",
    "learning_rate_init",
    "power_t",
    "warmup_fraction",
    "max_iter",
    "shuffle",
    "random_state",
    "tol",
    "verbose",
    "warm_start",
    "momentum",
    "nesterovs_momentum",
    "early_stopping",
    "validation_fraction",
    "beta_1",
    "beta_2",
    "epsilon",
    "n_iter_no_change",
    "max_grad_norm",
    "dtype",
    "n_jobs",
)
"""Parameters that are those of `RNNClassifier`."""


class Seq2SeqArchitecture(NamedTuple):
    """All that decides what the numbers of a parameter vector mean; the fields have the names of the parameters."""

    hidden_layer_sizes: tuple[int, ...]
    cell: Any
    attention: str | None
    bidirectional: bool
    embedding_size: int | str

    def check_same(self, wanted: Seq2SeqArchitecture) -> None:
        """Refuse another architecture for a fitted parameter vector.

        Raises
        ------
        ValueError
            The message names the parameter.
        """
        check_same(self, wanted)


class BaseSeq2Seq(TrainedNetwork):
    """Base of the estimators that make a sequence of another length from each item of X."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{name: parameters.CONSTRAINTS[name] for name in _SHARED},
        "attention": [StrOptions({"additive", "general", "dot"}), None],
        "attention_penalty": [Interval(Real, 0, None, closed="left")],
        "embedding_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "teacher_forcing": [Interval(Real, 0, 1, closed="both")],
        "solver": [StrOptions({"adam", "sgd"})],
    }
    # Parameters of other estimators, of which these have only one value.
    validation_split: ClassVar[str] = "random"
    validation_gap: ClassVar[int] = 0
    tbptt: ClassVar[None] = None
    checkpoint_memory_mb: ClassVar[None] = None
    device: ClassVar[str] = "cpu"
    _least_epochs: ClassVar[int] = 10
    _feedback: ClassVar[Literal["draw", "outputs"]]
    """Prediction that replaces a true input of the decoder in scheduled sampling, as in `ScheduledSampling`."""

    source_: Source
    _architecture: Any

    def __init__(
        self,
        hidden_layer_sizes: int | ArrayLike,
        *,
        cell: str | type,
        attention: Literal["additive", "general", "dot"] | None,
        attention_penalty: float,
        bidirectional: bool | Literal["auto"],
        embedding_size: int | Literal["auto"],
        teacher_forcing: float,
        dropout: float,
        recurrent_dropout: float,
        weight_dropout: float,
        preactivation_clip: float | None,
        solver: Literal["adam", "sgd"],
        alpha: float,
        batch_size: int | Literal["auto"],
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"],
        learning_rate_init: float,
        power_t: float,
        warmup_fraction: float,
        max_iter: int | None,
        shuffle: bool,
        random_state: int | np.random.RandomState | None,
        tol: float,
        verbose: bool | int,
        warm_start: bool,
        momentum: float,
        nesterovs_momentum: bool,
        early_stopping: bool,
        validation_fraction: float,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        n_iter_no_change: int | None,
        max_grad_norm: float | None,
        dtype: DTypeLike,
        n_jobs: int | None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.cell = cell
        self.attention = attention
        self.attention_penalty = attention_penalty
        self.bidirectional = bidirectional
        self.embedding_size = embedding_size
        self.teacher_forcing = teacher_forcing
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.weight_dropout = weight_dropout
        self.preactivation_clip = preactivation_clip
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.warmup_fraction = warmup_fraction
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
        self.dtype = dtype
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None) -> Self:
        """Fit the network to pairs of a source and a target sequence.

        If it fails, the estimator stays as it was. Ctrl-C ends the training early; the estimator is fitted then, with
        the parameters of the last complete update.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, I), list of n array-likes of shape (T_i, I), or list of n sequences \
                of labels
            The sources. An array of two axes has one vector per row. Lists of labels are lists of hashable labels or
            strings, such as integers; lists of floats are numbers, not labels.
        y : list of n sequences
            The targets, each of a length of its own; see the class for what they hold.
        sample_weight : array-like of shape (n,), default=None
            Weight of each pair. Pairs of weight zero are left out, as if they were not in X and y.
        validation_data : tuple (X_val, y_val) or (X_val, y_val, sample_weight_val), default=None
            Sources, targets and weights by whose score `early_stopping` decides; all of X is trained on then. It needs
            ``early_stopping=True``.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If X, y, the weights or `validation_data` are not as described, a label is unknown, a parameter is not as
            described, or the training diverges.
        MemoryError
            If the network is too large.

        Warns
        -----
        ConvergenceWarning
            If the training has not converged in `max_iter` epochs.
        """
        return self._become(self._fitted_copy(X, y, sample_weight, validation_data=validation_data))

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch, going on where the last call stopped.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`. Labels that are not in those of the first call are refused.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            As `fit` does; also with `early_stopping` or ``learning_rate='cosine'``.
        """
        return self._become(self._fitted_copy(X, y, sample_weight, partial=True))

    @abstractmethod
    def _read_targets(self, y: Any, *, reset: bool) -> Any:
        """Return checked targets; with `reset`, set what is known of them from a first fit on."""

    @abstractmethod
    def _new_head(self, targets: Any) -> Head:
        """Return the head for the targets of a fit."""

    @abstractmethod
    def _shifted(self, targets: Any, head: Head, dtype: DTypeLike) -> Examples:
        """Return what the decoder reads, the targets one step late, with the encoded targets."""

    @abstractmethod
    def _decoder_inputs(self, plan: Seq2SeqArchitecture, head: Head) -> tuple[Layer | None, int]:
        """Return the layer that the inputs of the decoder go through, and how many inputs it has then."""

    @abstractmethod
    def _know(self, targets: Any) -> None:
        """Set what later predictions need to know of the targets of a fit."""

    def _moments(self, targets: Any, weights: NDArray | None) -> Moments | None:  # noqa: ARG002
        """Return mean and standard deviation of targets that are numbers; else None."""
        return None

    def _loss_unit(self, moments: Moments | None) -> float:  # noqa: ARG002
        """Return the unit in which a decrease of the training loss is compared with `tol`."""
        return 1.0

    def _fit_network(
        self, X: Any, y: Any, sample_weight: Any, *, validation_data: Any, resume: bool, partial: bool
    ) -> None:
        if y is None:
            raise ValueError(f"This {type(self).__name__} requires y to be passed, but the target y is None.")
        if self.attention_penalty and self.attention is None:
            raise ValueError(
                f"attention_penalty={self.attention_penalty:g} needs attention, but the estimator has attention=None."
            )
        weights, X, y = with_weight(sample_weight, X, y)
        dtype = self.theta_.dtype if resume else np.dtype(self.dtype)
        if not resume:
            self.source_ = Source.of(X)
        source = self.source_.read(self, X, reset=not resume, dtype=dtype)
        targets = self._read_targets(y, reset=not resume)
        head = self._new_head(targets)
        examples = self._paired(source, targets, head)._replace(weights=weights)
        plan: Any = self._planned()
        if resume:
            self._check_resumable(plan, head)
        held_out = None
        if validation_data is not None:

            def read(X: Any, y: Any, sample_weight: Any) -> Examples:
                weights, X, y = with_weight(sample_weight, X, y)
                return self._read_pairs(X, y, head, dtype)._replace(weights=weights)

            held_out = read_validation_data(validation_data, read)
        moments = self._moments(targets, weights)
        if not resume and not partial:
            warn_of_scale(self.source_.moments(source), moments)
        model = self._network(plan, source.n_inputs, head)
        unit = self._loss_unit(moments)
        self._train(model, plan, head, examples, held_out, dtype, unit, resume=resume, partial=partial)
        self._know(targets)
        self.n_layers_ += 1

    def _paired(self, source: Sequences, targets: Any, head: Head) -> Examples:
        shifted = self._shifted(targets, head, source.values.dtype)
        n = len(shifted.sequences)
        if n != len(source):
            raise ValueError(f"Found input variables with inconsistent numbers of samples: {[len(source), n]}")
        return shifted._replace(sequences=SequencePairs(source, shifted.sequences))

    def _read_pairs(self, X: Any, y: Any, head: Head, dtype: DTypeLike) -> Examples:
        """Return sources and targets after the first fit, or after it has read its own."""
        source = self.source_.read(self, X, reset=False, dtype=dtype)
        return self._paired(source, self._read_targets(y, reset=False), head)

    def _planned(self) -> Seq2SeqArchitecture:
        """Return the architecture that the parameters describe."""
        vectors, dot = isinstance(self.source_, VectorSource), self.attention == "dot"
        both = not (vectors or dot) if self.bidirectional == "auto" else bool(self.bidirectional)
        return Seq2SeqArchitecture(
            hidden_layer_sizes=layer_sizes(self.hidden_layer_sizes),
            cell=cell_class(self.cell),
            attention=self.attention,
            bidirectional=both,
            embedding_size=self.embedding_size,
        )

    def _network(self, plan: Seq2SeqArchitecture, n_inputs: int, head: Head) -> Model:
        """Return the network: an encoder-decoder and a linear readout."""
        names = ("recurrent_dropout", "weight_dropout", "preactivation_clip")
        options = {name: getattr(self, name) for name in names}
        encoder: list[tuple[str, Layer]] = []
        table = self.source_.embedding(plan.embedding_size, plan.hidden_layer_sizes[0])
        if table is not None:
            encoder.append(("embedding", table))
            n_inputs = table.n_outputs
        for i, n_units in enumerate(plan.hidden_layer_sizes):
            if encoder and self.dropout:
                encoder.append((f"dropout{i}", Dropout(self.dropout, n_inputs)))
            layer = Recurrent(plan.cell, n_inputs, n_units, **options)
            encoder.append((f"layer{i}", Bidirectional(layer) if plan.bidirectional else layer))
            n_inputs = encoder[-1][1].n_outputs
        n_units = plan.hidden_layer_sizes[-1]
        embedding, n_read = self._decoder_inputs(plan, head)
        decoder: Any
        if plan.attention is None:
            decoder = Recurrent(plan.cell, n_read, n_units, **options)
        else:
            decoder = AttentionDecoder(plan.cell, n_read, n_units, n_inputs, plan.attention, **options)
        layers: list[tuple[str, Any]] = [("seq2seq", EncoderDecoder(Stack(tuple(encoder)), decoder, embedding))]
        if self.dropout:
            layers.append(("dropout", Dropout(self.dropout, decoder.n_outputs)))
        return Model(Stack((*layers, ("readout", Dense(decoder.n_outputs, head.n_outputs)))))

    def _feed(self, model: Model) -> ScheduledSampling | None:
        if self.teacher_forcing == 1:
            return None
        return ScheduledSampling(model, float(self.teacher_forcing), self._feedback)

    def _read_sources(self, X: Any) -> Sequences:
        """Return the sources of a fitted estimator."""
        check_is_fitted(self)
        return self.source_.read(self, X, reset=False, dtype=self.theta_.dtype)

    def _batches(self, source: Sequences) -> Any:
        """Yield the indices of sources that are decoded together, and the steps of their decoder."""
        n_threads = resolve_threads(self.n_jobs)
        for indices in bounded_batches(source.lengths, max(1, _MAX_NUMBERS // widest(self.network_))):
            batch: Any = padded(source, indices)
            yield indices, EncoderDecoderSteps(self.network_, self.theta_, batch, n_threads)

    def _attention(self, pairs: SequencePairs) -> list[NDArray]:
        """Return the attention's weights (T_out, T_in) of each pair of a source and what the decoder has read."""
        self._check_attention()
        stack: Any = self.network_.layer
        own, layer = self.network_.parameters(self.theta_)[0], stack.layers[0]
        weights: list[Any] = [None] * len(pairs)
        for indices in bounded_batches(pairs.longest, max(1, _MAX_NUMBERS // widest(self.network_))):
            tape = layer.forward(own, padded(pairs, indices)).tape
            of_batch = layer.attention_weights(tape)
            for b, i in enumerate(indices):
                weights[i] = of_batch[: pairs.target.lengths[i], b, : pairs.source.lengths[i]].copy()
        return weights

    def _check_attention(self) -> None:
        if self._architecture.attention is None:
            raise ValueError("return_attention=True needs attention, but the estimator was fitted with attention=None.")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.target_tags.required = True
        return tags
