"""Language models: the probability of sequences of labels, and sequences drawn from it."""

from __future__ import annotations

import copy
from collections.abc import Hashable
from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from numbarnn import decoding, metrics
from numbarnn.cells import cell_class
from numbarnn.data import Vocabulary
from numbarnn.data.validation import Labels, validate_labels
from numbarnn.decoding import Hypothesis, NetworkSteps
from numbarnn.estimators import parameters
from numbarnn.estimators.network import Architecture, layer_sizes, network
from numbarnn.estimators.symbol_stream import SymbolStream
from numbarnn.estimators.symbols import in_pieces, log_likelihoods, next_symbols, target_log_probabilities
from numbarnn.estimators.trained import TrainedNetwork
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.kernels.devices import check_cuda
from numbarnn.layers import Embedding, Model, Stack
from numbarnn.layers.checks import check_sizes
from numbarnn.losses import ClassHead, Head
from numbarnn.optim import Examples, Validation

_LARGEST_VECTOR = 512
"""Largest dimension of the vectors of labels that `embedding_size='auto'` stands for."""


class RNNLanguageModel(TrainedNetwork):
    r"""Learn the probability of sequences of labels, such as texts, names or melodies, with a recurrent network.

    The network reads a sequence label by label, and predicts the next label or the end of the sequence by a softmax
    [1]_ [2]_. With :math:`y_1 .. y_N` the labels and :math:`y_{N+1}` the end,

    .. math:: \log p(y) = \sum_{n=1}^{N+1} \log p(y_n \mid y_1 .. y_{n-1})

    Training maximises the mean of the terms. A sequence is a list of hashable labels, or a string, which is a sequence
    of characters. For a model of words pass lists of words, such as ``text.split()``.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(128,)
        Hidden units of each recurrent layer.
    cell : str or type, default='lstm'
        The recurrent cell, a name or a class, as in `RNNClassifier`.
    embedding_size : int or 'auto', default='auto'
        Dimension of the vectors that stand for the labels in the network. 'auto' is half the number of labels, rounded
        up, and at least 16, but no more than the units of the first layer or 512.
    labels : array-like or None, default=None
        All labels that sequences may have. None is those of the first training.
    projection_size : int or None, default=None
        Outputs of each layer of a cell with a projection, such as 'projected_lstm'.
    learn_initial_state : bool, default=False
        Whether the state before the first step is learned rather than zero.
    dropout, input_dropout, recurrent_dropout, weight_dropout : float, default=0.0
        Probability that an output of a recurrent layer, an input of it, what its recurrent weights see, or a recurrent
        weight is dropped, as in `RNNClassifier`.
    zoneout : float or tuple of two floats, default=0.0
        Probability that a unit keeps its previous state, as in `RNNClassifier`.
    preactivation_clip : float or None, default=None
        The pre-activations of the gates are clipped to [-clip, clip].
    solver : {'adam', 'sgd'}, default='adam'
        Adam, or stochastic gradient descent with momentum.
    alpha : float, default=0.0
        Strength of the L2 penalty on the weights, divided by the number of symbols of a batch.
    batch_size : int or 'auto', default='auto'
        Sequences (or pieces of sequences, see Notes) per update. 'auto' is all of them up to 32, and beyond that an
        eighth of them, at most 64.
    learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine'}, default='constant'
        Schedule of the learning rate, as in `RNNClassifier`. For a given number of epochs 'cosine' is usually best.
    learning_rate_init : float, default=0.003
        The initial learning rate; the largest one for 'cosine'.
    power_t : float, default=0.5
        Exponent of the 'invscaling' schedule.
    warmup_fraction : float, default=0.05
        Share of the updates in which the learning rate of the 'cosine' schedule rises.
    max_iter : int or None, default=None
        Maximum number of epochs. None is as many as make 2000 updates, and at least 10.
    shuffle : bool, default=True
        Whether to draw the batches of each epoch at random.
    random_state : int, RandomState instance or None, default=None
        Draws the initial weights, the batches, the validation part and what is dropped.
    tol : float, default=1e-4
        Smallest decrease of the loss, or increase of the validation score, that counts as an improvement.
    verbose : bool or int, default=False
        Whether to show a progress bar with the current loss.
    warm_start : bool, default=False
        Whether `fit` starts from the parameters of the previous call.
    momentum : float, default=0.9
        Momentum of 'sgd'.
    nesterovs_momentum : bool, default=True
        Whether 'sgd' uses Nesterov's momentum.
    early_stopping : bool, default=False
        Whether to set aside part of the sequences (or pieces) for validation, or to take the `validation_data` of
        `fit`, to stop when their mean log-likelihood per symbol no longer improves, and to keep the best parameters.
    validation_fraction : float, default=0.1
        Share of the sequences (or pieces) that `early_stopping` sets aside at random without `validation_data`.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of 'adam', in [0, 1).
    epsilon : float, default=1e-8
        Number that 'adam' adds to its denominator.
    n_iter_no_change : int or None, default=None
        Training stops after more than this number of epochs in a row without an improvement by `tol`. None is as many
        as make 500 updates, and at least 10.
    max_grad_norm : float or None, default=1.0
        Longer gradients are scaled to this norm. None clips nothing.
    tbptt : tuple of two ints or None, default=(100, 100)
        Truncated backpropagation through time [3]_: `(k1, k2)`. The parameters are updated after every k1 steps, by
        the gradient of the loss of these steps through the last k2 steps, and the state is carried on. Sequences of up
        to k1 steps have their exact gradient. None uses the exact gradient of sequences of any length.
    checkpoint_memory_mb : float or None, default=None
        Limit in MB of the memory for intermediate results of a batch. None is no limit.
    dtype : {'float32', 'float64'}, default='float32'
        Precision of all computations.
    device : {'cpu', 'cuda'}, default='cpu'
        Where to fit; 'cuda' needs ``tbptt=None``. Scores and samples are computed on the CPU.
    n_jobs : int or None, default=None
        Number of threads. None means 1 unless in a `joblib.parallel_config` context, -1 means all processors. The
        results do not depend on it.

    Attributes
    ----------
    vocabulary_ : numbarnn.data.Vocabulary
        The labels and their codes.
    theta_ : ndarray of shape (P,)
        All parameters in one vector. ``network_.views(theta_)`` returns its parts by their names.
    network_ : numbarnn.layers.Model
        The network as a function of `theta_`, with its derivatives.
    embedding_size_ : int
        Dimension of the vectors of the labels.
    n_iter_ : int
        Epochs of the last `fit` or `partial_fit`.
    t_ : int
        Number of training sequences, or pieces, read in all epochs.
    loss_ : float
        Training loss of the last epoch: the mean negative log-likelihood per symbol, plus the penalty.
    best_loss_ : float
        Smallest training loss of an epoch.
    loss_curve_ : list of float
        Training loss of each epoch.
    validation_scores_ : list of float or None
        Mean log-likelihood per symbol of the validation part after each epoch. None without `early_stopping`.
    best_validation_score_ : float or None
        Largest validation score of the last fit. None without `early_stopping`.
    n_layers_ : int
        Number of layers, inputs and outputs included.
    n_outputs_ : int
        Number of outputs of the network: one for each label, and one for the end.
    out_activation_ : str
        'softmax'.

    See Also
    --------
    RNNClassifier : Classifies sequences of vectors.
    numbarnn.decoding : Sampling and beam search for other models.

    Notes
    -----
    Long sequences are cut into pieces, so that a batch has enough rows: each piece has 25 windows of k1 steps, or
    fewer where there are only few and short sequences. A piece starts from the initial state, with the last label of
    the one before as its input; within a piece the state is carried from window to window. Scores do not depend on
    this: they carry the state through the whole sequence.

    References
    ----------
    .. [1] T. Mikolov, M. Karafiat, L. Burget, J. Cernocky and S. Khudanpur, "Recurrent neural network based language
       model", Interspeech 2010.
    .. [2] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850, 2013.
    .. [3] R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line training of recurrent network
       trajectories", Neural Computation 2, 1990.

    Examples
    --------
    >>> from numbarnn.estimators import RNNLanguageModel
    >>> model = RNNLanguageModel(8, learning_rate="cosine", learning_rate_init=0.03, max_iter=100, dtype="float64")
    >>> model = model.set_params(random_state=0).fit(["hello", "help", "hold"])
    >>> model.perplexity(["help"]) < model.perplexity(["pleh"])
    True
    >>> sequences, scores = model.beam_search("he", n_beams=2)
    >>> sorted(sequences)
    ['hello', 'help']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            name: constraint
            for name, constraint in parameters.CONSTRAINTS.items()
            if name
            not in {
                "bidirectional",
                "return_sequences",
                "pooling",
                "patch",
                "max_fun",
                "validation_split",
                "validation_gap",
                "n_estimators",
            }
        },
        "embedding_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "labels": ["array-like", None],
        "solver": [StrOptions({"adam", "sgd"})],
    }
    # Parameters of other estimators, of which a language model has only one value.
    validation_split: ClassVar[str] = "random"
    validation_gap: ClassVar[int] = 0
    _least_epochs: ClassVar[int] = 10

    vocabulary_: Vocabulary
    _of_text: bool

    def __init__(
        self,
        hidden_layer_sizes: int | ArrayLike = (128,),
        *,
        cell: str | type = "lstm",
        embedding_size: int | Literal["auto"] = "auto",
        labels: Any = None,
        projection_size: int | None = None,
        learn_initial_state: bool = False,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_dropout: float = 0.0,
        zoneout: float | tuple[float, float] = 0.0,
        preactivation_clip: float | None = None,
        solver: Literal["adam", "sgd"] = "adam",
        alpha: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "constant",
        learning_rate_init: float = 0.003,
        power_t: float = 0.5,
        warmup_fraction: float = 0.05,
        max_iter: int | None = None,
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
        n_iter_no_change: int | None = None,
        max_grad_norm: float | None = 1.0,
        tbptt: tuple[int, int] | None = (100, 100),
        checkpoint_memory_mb: float | None = None,
        dtype: DTypeLike = "float32",
        device: Literal["cpu", "cuda"] = "cpu",
        n_jobs: int | None = None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.cell = cell
        self.embedding_size = embedding_size
        self.labels = labels
        self.projection_size = projection_size
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
    def fit(self, X: Any, y: None = None, *, validation_data: Any = None) -> Self:  # noqa: ARG002
        """Fit the network to sequences.

        If it fails, the estimator stays as it was. Ctrl-C ends the training early; the estimator is fitted then, with
        the parameters of the last complete update.

        Parameters
        ----------
        X : list of n sequences of labels
            Each is a list of hashable labels, a one-dimensional array, or a string. A long text is one sequence:
            ``fit([text])``.
        y : None
            Ignored.
        validation_data : list of sequences of labels, default=None
            Sequences by whose score `early_stopping` decides; all of X is trained on then. It needs
            ``early_stopping=True``.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If X or `validation_data` are not as described, a label is unknown, a parameter is not as described, or the
            training diverges.
        MemoryError
            If the network is too large.
        ImportError, RuntimeError
            If numba-cuda or a GPU is missing for `device='cuda'`.

        Warns
        -----
        ConvergenceWarning
            If the training has not converged in `max_iter` epochs.
        """
        return self._become(self._learned(X, validation_data=validation_data))

    def partial_fit(self, X: Any, y: None = None) -> Self:  # noqa: ARG002
        """Train for one epoch, going on where the last call stopped.

        Parameters
        ----------
        X : list of n sequences of labels
            As in `fit`. Labels that are not in those of the first call, or in `labels`, are refused.
        y : None
            Ignored.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            As `fit` does; also with `early_stopping` or ``learning_rate='cosine'``.
        """
        return self._become(self._learned(X, partial=True))

    def _learned(self, X: Any, *, validation_data: Any = None, partial: bool = False) -> Self:
        """Return a copy that has learned."""
        if validation_data is not None and not self.early_stopping:
            raise ValueError(
                "validation_data needs early_stopping=True: without it, training does not look at a validation score."
            )
        if self.device == "cuda":
            check_cuda()
        if partial:
            self._validate_params()  # `_fit_context` does so before `fit` only
        parameters.check_training(self, partial=partial)
        resume = (partial or self.warm_start) and hasattr(self, "theta_")
        learner = copy.copy(self) if resume else self._unfitted()
        learner._fit_network(X, validation_data, resume=resume, partial=partial)
        return learner

    def _fit_network(self, X: Any, validation_data: Any, *, resume: bool, partial: bool) -> None:
        sequences = validate_labels(X)
        if not sequences:
            raise ValueError("X must have at least one sequence, got none.")
        if not resume:
            self._of_text = all(isinstance(sequence, str) for sequence in sequences)
            given = self.labels is not None
            self.vocabulary_ = Vocabulary.of([self.labels], name="labels") if given else Vocabulary.of(sequences)
        dtype = self.theta_.dtype if resume else np.dtype(self.dtype)
        head = ClassHead(np.arange(self.vocabulary_.n_labels + 1))
        plan = self._planned()
        if resume:
            self._check_resumable(plan, head)
        examples = self._pieces(sequences, dtype, "X")
        held_out = None
        if validation_data is not None:
            held_out = self._pieces(validate_labels(validation_data, name="validation_data"), dtype, "validation_data")
        model = self._network(plan)
        rng = copy.deepcopy(self._random_state) if resume and partial else check_random_state(self.random_state)
        theta = self.theta_ if resume else self._drawn(model, dtype, rng)
        state = self._trained(model, head, examples, held_out, theta, rng, 1.0, resume=resume, partial=partial)
        self._architecture, self._random_state = plan, rng
        self.network_ = model
        self._set_head(head)
        self._set_state(state)

    def _planned(self) -> Architecture:
        """Return the architecture of the recurrent layers, and set `embedding_size_`."""
        sizes, n_labels = layer_sizes(self.hidden_layer_sizes), self.vocabulary_.n_labels
        automatic = min(max(16, (n_labels + 1) // 2), sizes[0], _LARGEST_VECTOR)
        size = automatic if self.embedding_size == "auto" else int(self.embedding_size)
        fitted = getattr(self, "embedding_size_", size)
        if size != fitted:
            raise ValueError(f"Training cannot go on with embedding_size={size}: the network was fitted with {fitted}.")
        self.embedding_size_ = size
        return Architecture(
            hidden_layer_sizes=sizes,
            cell=cell_class(self.cell),
            projection_size=self.projection_size,
            bidirectional=False,
            return_sequences=True,
            pooling="last",
            patch=1,
            learn_initial_state=bool(self.learn_initial_state),
        )

    def _network(self, plan: Architecture) -> Model:
        vocabulary, size = self.vocabulary_, self.embedding_size_
        embedding = Embedding(1, (vocabulary.start + 1,), (size,), (0,))
        layers: Any = network(self, plan, size, vocabulary.n_labels + 1).layer
        return Model(Stack((("embedding", embedding), *layers.steps)))

    def _pieces(self, sequences: list[Labels], dtype: DTypeLike, name: str) -> Examples:
        """Return what is learned from, or validated with: long sequences in pieces."""
        if not sequences:
            raise ValueError(f"{name} must have at least one sequence, got none.")
        examples = next_symbols(self.vocabulary_.encode(sequences, name=name), self.vocabulary_, dtype)
        return examples if self.tbptt is None else in_pieces(examples, self.tbptt[0])

    def _validation(self, examples: Examples, head: Head) -> Validation:  # noqa: ARG002
        targets: Any = examples.targets

        def reduce(z: NDArray, indices: NDArray[np.intp]) -> NDArray:
            return target_log_probabilities(z, targets.take(indices).values)

        return Validation(examples.sequences, lambda rows: float(np.mean(rows, dtype=np.float64)), reduce)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return the log-likelihood of each sequence, its end included.

        Parameters
        ----------
        X : list of n sequences of labels

        Returns
        -------
        log_likelihoods : ndarray of shape (n,)
            Natural logarithms of the probabilities of the sequences.

        Raises
        ------
        ValueError, TypeError
            If X is empty or not as described, or a label is unknown; the message names it.
        """
        return self._scored(X)[0]

    def score(self, X: Any, y: None = None) -> float:  # noqa: ARG002
        """Return the mean log-likelihood per symbol; each label and each end of a sequence is a symbol.

        Parameters
        ----------
        X : list of n sequences of labels
        y : None
            Ignored.

        Returns
        -------
        score : float
            In nats; divided by the logarithm of 2, its negative is the number of bits per symbol.
        """
        log_likelihoods, n_symbols = self._scored(X)
        return float(log_likelihoods.sum() / n_symbols.sum())

    def perplexity(self, X: Any) -> float:
        """Return the perplexity, the exponential of the negative `score`; see `numbarnn.metrics.perplexity`.

        Parameters
        ----------
        X : list of n sequences of labels

        Returns
        -------
        perplexity : float
        """
        return metrics.perplexity(*self._scored(X))

    def _scored(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Return the log-likelihood and the number of symbols of each sequence."""
        check_is_fitted(self)
        codes = self.vocabulary_.encode(X)
        if not len(codes):
            raise ValueError("X must have at least one sequence, got none.")
        examples = next_symbols(codes, self.vocabulary_, self.theta_.dtype)
        n_jobs = resolve_threads(self.n_jobs)
        return log_likelihoods(self.network_, self.theta_, examples, n_jobs=n_jobs), examples.sequences.lengths

    def sample(
        self,
        n_samples: int = 1,
        *,
        max_length: int = 100,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        prompt: Any = (),
        random_state: int | np.random.RandomState | None = None,
    ) -> list[Any]:
        """Draw sequences from the model.

        Parameters
        ----------
        n_samples : int, default=1
            Number of sequences.
        max_length : int, default=100
            Maximum number of labels that are drawn. A sequence that has not ended before is cut there.
        temperature : float, default=1.0
            Below one, probable labels become more probable; zero takes the most probable one of each step.
        top_k : int, default=None
            Draw from this number of most probable symbols only.
        top_p : float, default=None
            Draw from the most probable symbols whose probabilities have this sum only (nucleus sampling).
        prompt : sequence of labels, default=()
            What all sequences begin with.
        random_state : int, RandomState or None, default=None
            Draws the symbols.

        Returns
        -------
        sequences : list of n_samples str or list
            The prompt and what was drawn, without the end; strings if the training sequences were strings.

        Raises
        ------
        ValueError, TypeError
            If an argument is not as described, or a label of the prompt is unknown.
        """
        check_is_fitted(self)
        check_sizes(n_samples=n_samples, max_length=max_length)
        codes = self.vocabulary_.encode_one(prompt, name="prompt")
        steps = self._steps
        drawn = decoding.sample(
            steps,
            n_samples,
            max_length=max_length,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            beginning=steps.after(codes, n_samples),
            random_state=random_state,
        )
        return [self._decoded(codes, hypothesis) for hypothesis in drawn]

    def beam_search(
        self, prompt: Any = (), *, n_beams: int = 5, max_length: int = 100
    ) -> tuple[list[Any], NDArray[np.float64]]:
        """Search for the most probable sequences that begin with a prompt.

        Parameters
        ----------
        prompt : sequence of labels, default=()
            What the sequences begin with.
        n_beams : int, default=5
            Number of hypotheses that are kept at each step.
        max_length : int, default=100
            Maximum number of labels behind the prompt. A sequence of so many labels ends there.

        Returns
        -------
        sequences : list of at most n_beams str or list
            The prompt and its continuation, the most probable one first.
        scores : ndarray of shape (n_beams,)
            Log-probabilities of the continuations, their ends included.

        Raises
        ------
        ValueError, TypeError
            If an argument is not as described, or a label of the prompt is unknown.
        """
        check_is_fitted(self)
        codes = self.vocabulary_.encode_one(prompt, name="prompt")
        steps = self._steps
        (found,) = decoding.beam_search(steps, n_beams=n_beams, max_length=max_length, beginning=steps.after(codes))
        return [self._decoded(codes, hypothesis) for hypothesis in found], np.array([each.score for each in found])

    def stream(self, prompt: Any = ()) -> SymbolStream:
        """Return a stream that reads a sequence label by label, and predicts the next one each time.

        Parameters
        ----------
        prompt : sequence of labels, default=()
            What has been read already.

        Returns
        -------
        SymbolStream

        Examples
        --------
        >>> import numpy as np
        >>> from numbarnn.estimators import RNNLanguageModel
        >>> model = RNNLanguageModel(8, learning_rate="cosine", learning_rate_init=0.03, max_iter=50, dtype="float64")
        >>> model = model.set_params(random_state=0).fit(["ababab"])
        >>> stream = model.stream()
        >>> for label in "aba":
        ...     log_probabilities = stream.step(label)
        >>> model.vocabulary_.labels[np.argmax(log_probabilities)]
        'b'
        """
        check_is_fitted(self)
        codes = self.vocabulary_.encode_one(prompt, name="prompt")
        return SymbolStream(self._steps, self.vocabulary_, self._steps.after(codes))

    @property
    def _steps(self) -> NetworkSteps:
        return NetworkSteps(self.network_, self.theta_)

    def _decoded(self, prompt: NDArray[np.intp], hypothesis: Hypothesis) -> str | list[Hashable]:
        labels = self.vocabulary_.decode(np.concatenate((prompt, hypothesis.codes)))
        return "".join(map(str, labels)) if self._of_text else labels

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags
