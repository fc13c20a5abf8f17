"""Language models: probabilities of sequences of labels, and sampling of new sequences."""

from __future__ import annotations

from collections.abc import Hashable
from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from numbarnn import decoding, metrics
from numbarnn.cells import cell_class
from numbarnn.data import Vocabulary
from numbarnn.data.validation import Labels, relative_weights, validate_labels, validate_sample_weight
from numbarnn.decoding import Hypothesis, NetworkSteps
from numbarnn.estimators import parameters
from numbarnn.estimators.examples import with_weight
from numbarnn.estimators.network import Architecture, layer_sizes, network
from numbarnn.estimators.sources import vector_size
from numbarnn.estimators.symbol_stream import SymbolStream
from numbarnn.estimators.symbols import decoded, in_pieces, likelihood_validation, log_likelihoods, next_symbols
from numbarnn.estimators.trained import TrainedNetwork
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.layers import EmbeddedRecurrent, Embedding, Model, Stack
from numbarnn.layers.checks import check_sizes
from numbarnn.losses import ClassHead, Head
from numbarnn.optim import Examples, Validation


class RNNLanguageModel(TrainedNetwork):
    r"""Recurrent language model of sequences of labels, such as texts, names or melodies.

    The network reads a sequence label by label. At each step, a softmax predicts the next label or the end of the
    sequence [1]_ [2]_. For labels :math:`y_1 .. y_N` and the end :math:`y_{N+1}`,

    .. math:: \log p(y) = \sum_{n=1}^{N+1} \log p(y_n \mid y_1 .. y_{n-1})

    Training maximises the mean of these terms. A sequence is a list of hashable labels, or a string, which is a
    sequence of characters. For a model of words, pass lists of words, such as ``text.split()``.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(128,)
        Hidden units of each recurrent layer.
    cell : str or type, default='lstm'
        The recurrent cell, a name or a class, as in `RNNClassifier`.
    embedding_size : int or 'auto', default='auto'
        Dimension of the embedding of the labels. 'auto' is half the number of labels, rounded up, but at least 16, and
        at most the smaller of 512 and the number of units of the first layer.
    labels : array-like or None, default=None
        All labels that may occur. None means the labels of the training sequences; with `partial_fit` or `warm_start`,
        those of the first call.
    projection_size : int or None, default=None
        Number of outputs of each layer if the cell has a projection, such as 'projected_lstm'.
    learn_initial_state : bool, default=False
        Whether the state before the first step is learned rather than zero.
    dropout, input_dropout, recurrent_dropout, weight_dropout : float, default=0.0
        Probabilities that an output of a recurrent layer, an input of the layer, an input of its recurrent weights, or
        a recurrent weight is dropped, as in `RNNClassifier`.
    zoneout : float or tuple of two floats, default=0.0
        Probability that a unit keeps its previous state, as in `RNNClassifier`.
    preactivation_clip : float or None, default=None
        The pre-activations of the gates are clipped to [-clip, clip]. None clips nothing.
    solver : {'adam', 'sgd'}, default='adam'
        'adam' is Adam; 'sgd' is stochastic gradient descent with momentum.
    alpha : float, default=0.0
        Strength of the L2 penalty on the weights. The penalty is divided by the number of symbols in the batch.
    batch_size : int or 'auto', default='auto'
        Sequences (or pieces of sequences, see Notes) per update. 'auto' is all of them if there are at most 32.
        Otherwise it is an eighth of them, but at least 8 and at most 64.
    learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine'}, default='constant'
        Schedule of the learning rate, as in `RNNClassifier`. For a fixed number of epochs, 'cosine' is usually best.
    learning_rate_init : float, default=0.003
        Initial learning rate; with 'cosine', the largest one.
    power_t : float, default=0.5
        Exponent of the 'invscaling' schedule.
    warmup_fraction : float, default=0.05
        Share of the updates during which the learning rate of the 'cosine' schedule rises.
    max_iter : int or None, default=None
        Maximum number of epochs. None means enough epochs for 2000 updates, but at least 10.
    shuffle : bool, default=True
        Whether to draw the batches of each epoch at random.
    random_state : int, RandomState instance or None, default=None
        Seed or generator for the initial weights, the batches, the validation part and dropout.
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
        Whether to stop when the mean log-likelihood per symbol of a validation part no longer improves, and to keep the
        best parameters. The validation part is the `validation_data` of `fit` or, without it, some of the sequences
        (or pieces), which are not trained on.
    validation_fraction : float, default=0.1
        Share of the sequences (or pieces) that `early_stopping` sets aside at random if there is no `validation_data`.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of the moving averages in 'adam', in [0, 1).
    epsilon : float, default=1e-8
        Constant that 'adam' adds to its denominator, for numerical stability.
    n_iter_no_change : int or None, default=None
        Training stops after more than this number of epochs in a row without an improvement by `tol`. None means
        enough epochs for 500 updates, but at least 10.
    max_grad_norm : float or None, default=1.0
        Gradients with a larger norm are scaled down to this norm. None disables the clipping.
    tbptt : tuple of two ints or None, default=(100, 100)
        Truncated backpropagation through time [3]_, `(k1, k2)`. The parameters are updated after every k1 steps, with
        the gradient of the loss of these steps through the last k2 steps, and the state is carried over. The gradient
        of sequences of up to k1 steps is exact. With None, it is exact for sequences of any length.
    checkpoint_memory_mb : float or None, default=None
        Limit, in MB, of the memory for the intermediate results of a batch. None means no limit.
    dtype : {'float32', 'float64'}, default='float32'
        Precision of all computations.
    device : {'cpu', 'cuda'}, default='cpu'
        Device to fit on; 'cuda' needs ``tbptt=None``. Scores and samples are computed on the CPU.
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
        Dimension of the embedding of the labels.
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
        Number of layers, including the input and the output.
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
    For training, long sequences are cut into pieces, so that a batch has enough rows. A piece has at most 25 windows of
    k1 steps; for few and short sequences, the limit is lower, down to 4 windows. A piece starts from the initial state,
    and its first input is the last label of the piece before. Within a piece, the state is carried from window to
    window. Scores are computed without pieces: the state is carried through the whole sequence.

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
    # Parameters of other estimators that are fixed for a language model.
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
    def fit(self, X: Any, y: None = None, sample_weight: Any = None, *, validation_data: Any = None) -> Self:  # noqa: ARG002
        """Fit the network to sequences.

        If `fit` fails, the estimator stays as it was. Ctrl-C ends the training early and leaves a fitted estimator,
        with the parameters after the last complete update.

        Parameters
        ----------
        X : list of n sequences of labels
            Each is a list of hashable labels, a one-dimensional array, or a string. A long text is one sequence:
            ``fit([text])``.
        y : None
            Ignored.
        sample_weight : array-like of shape (n,), default=None
            Weight of each sequence. Sequences of weight zero are left out, as if they were not in X.
        validation_data : list of sequences of labels, or tuple (X_val, None, sample_weight_val), default=None
            Sequences on which `early_stopping` computes its score, so that all of X is used for training. Needs
            ``early_stopping=True``.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If X, the weights, `validation_data` or a parameter is not as described, a label is unknown, or the training
            diverges.
        MemoryError
            If the network is too large.
        ImportError, RuntimeError
            If numba-cuda or a GPU is missing for `device='cuda'`.

        Warns
        -----
        ConvergenceWarning
            If the training has not converged in `max_iter` epochs.
        """
        return self._become(self._fitted_copy(X, sample_weight, validation_data=validation_data))

    def partial_fit(self, X: Any, y: None = None, sample_weight: Any = None) -> Self:  # noqa: ARG002
        """Train for one more epoch, starting from the result of the last call.

        Parameters
        ----------
        X : list of n sequences of labels
            As in `fit`. Labels other than those of the first call, or of the parameter `labels`, raise a ValueError.
        y : None
            Ignored.
        sample_weight : array-like of shape (n,), default=None
            As in `fit`.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            As in `fit`, and if `early_stopping` is true or ``learning_rate='cosine'``.
        """
        return self._become(self._fitted_copy(X, sample_weight, partial=True))

    def _fit_network(self, X: Any, sample_weight: Any, *, validation_data: Any, resume: bool, partial: bool) -> None:
        sequences = validate_labels(X)
        if not sequences:
            raise ValueError("X must have at least one sequence, got none.")
        weights, sequences = with_weight(sample_weight, sequences)
        if not resume:
            self._of_text = all(isinstance(sequence, str) for sequence in sequences)
            given = self.labels is not None
            self.vocabulary_ = Vocabulary.of([self.labels], name="labels") if given else Vocabulary.of(sequences)
        dtype = self.theta_.dtype if resume else np.dtype(self.dtype)
        head = ClassHead(np.arange(self.vocabulary_.n_labels + 1))
        plan = self._planned()
        if resume:
            self._check_resumable(plan, head)
        examples = self._pieces(sequences, weights, dtype, "X")
        held_out = None if validation_data is None else self._read_validation_data(validation_data, dtype)
        model = self._network(plan)
        self._train(model, plan, head, examples, held_out, dtype, resume=resume, partial=partial)

    def _planned(self) -> Architecture:
        """Return the architecture of the recurrent layers, and set `embedding_size_`."""
        sizes = layer_sizes(self.hidden_layer_sizes)
        size = vector_size(self.embedding_size, self.vocabulary_.n_labels, sizes[0])
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
        (_, first), *others = layers.steps
        return Model(Stack((("layer0", EmbeddedRecurrent.of(embedding, first)), *others)))

    def _read_validation_data(self, validation_data: Any, dtype: DTypeLike) -> Examples:
        X, sample_weight = validation_data, None
        if isinstance(validation_data, tuple) and len(validation_data) in (2, 3) and validation_data[1] is None:
            X, _, sample_weight = (*validation_data, None)[:3]
        sequences = validate_labels(X, name="validation_data")
        weights, sequences = with_weight(sample_weight, sequences)
        return self._pieces(sequences, weights, dtype, "validation_data")

    def _pieces(self, sequences: list[Labels], weights: NDArray | None, dtype: DTypeLike, name: str) -> Examples:
        """Return the examples for training or validation, long sequences cut into pieces."""
        if not sequences:
            raise ValueError(f"{name} must have at least one sequence, got none.")
        examples = next_symbols(self.vocabulary_.encode(sequences, name=name), self.vocabulary_, dtype)
        examples = examples._replace(weights=weights)
        return examples if self.tbptt is None else in_pieces(examples, self.tbptt[0])

    def _validation(self, examples: Examples, head: Head) -> Validation:  # noqa: ARG002
        return likelihood_validation(examples)

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

    def score(self, X: Any, y: None = None, sample_weight: Any = None) -> float:  # noqa: ARG002
        """Return the mean log-likelihood per symbol.

        Each label is a symbol, and so is the end of each sequence.

        Parameters
        ----------
        X : list of n sequences of labels
        y : None
            Ignored.
        sample_weight : array-like of shape (n,), default=None
            Weight of each sequence, which all its symbols have.

        Returns
        -------
        score : float
            In nats. To get bits per symbol, divide the negative score by ``log(2)``.
        """
        log_likelihoods, n_symbols = self._scored(X)
        weights = validate_sample_weight(sample_weight, n_symbols)
        if weights is None:
            return float(log_likelihoods.sum() / n_symbols.sum())
        weights = relative_weights(weights)
        return float(weights @ log_likelihoods / (weights @ n_symbols))

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
            Maximum number of labels to draw. Longer sequences are cut off.
        temperature : float, default=1.0
            Below one, probable labels become more probable; zero takes the most probable symbol at each step.
        top_k : int, default=None
            Draw only from this number of most probable symbols. None means all symbols.
        top_p : float, default=None
            Draw only from the most probable symbols that together have this probability (nucleus sampling). None means
            all symbols.
        prompt : sequence of labels, default=()
            Labels that all sequences begin with.
        random_state : int, RandomState or None, default=None
            Seed or generator for the draws.

        Returns
        -------
        sequences : list of n_samples str or list
            The prompt followed by the drawn labels, without the end; strings if the training sequences were strings.

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
            Labels that all sequences begin with.
        n_beams : int, default=5
            Number of hypotheses that are kept at each step.
        max_length : int, default=100
            Maximum number of labels after the prompt. A sequence that reaches it ends there.

        Returns
        -------
        sequences : list of at most n_beams str or list
            The prompt with each continuation, the most probable one first.
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
        """Return a stream that reads a sequence label by label and predicts each next label.

        Parameters
        ----------
        prompt : sequence of labels, default=()
            Labels that the stream reads first.

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
        return decoded(self.vocabulary_, np.concatenate((prompt, hypothesis.codes)), as_text=self._of_text)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags
