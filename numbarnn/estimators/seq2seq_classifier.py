"""Prediction of sequences of labels from sequences or vectors, such as translations and captions."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from numbarnn import decoding, metrics
from numbarnn.data import SequencePairs, Sequences, Vocabulary
from numbarnn.data.validation import validate_labels
from numbarnn.estimators.seq2seq import BaseSeq2Seq, Seq2SeqArchitecture
from numbarnn.estimators.sources import vector_size
from numbarnn.estimators.symbols import decoded, likelihood_validation, next_symbols, target_terms
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.layers import Embedding
from numbarnn.losses import ClassHead, Head
from numbarnn.optim import Examples, Validation
from numbarnn.prediction import predict

_AT_LEAST_ONE = Interval(Integral, 1, None, closed="left")
_SHORTEST = 10
"""Smallest value of `max_length_`."""


class Seq2SeqClassifier(BaseSeq2Seq):
    r"""Encoder-decoder with attention that predicts sequences of labels from sequences or vectors.

    A recurrent network, the encoder, reads the source. Another one, the decoder, starts from the encoder's final state
    [1]_ and predicts the target label by label. At each step, it uses the previous label and a weighted sum of the
    encoder's outputs. The weights are computed anew for each label, by attention [2]_ [3]_. For labels
    :math:`y_1 .. y_N` and the end :math:`y_{N+1}`,

    .. math:: \log p(y \mid x) = \sum_{n=1}^{N+1} \log p(y_n \mid y_1 .. y_{n-1}, x)

    Training maximises the mean of these terms, and the decoder reads the true labels (teacher forcing). A target may be
    shorter or longer than its source.

    X holds sequences of vectors, as for `RNNClassifier`; sequences of hashable labels, which are lists or strings; or
    single vectors, in an array of shape (n, I), each of which is read as a sequence of one step. y holds sequences of
    hashable labels: a list of lists, or of strings, which are sequences of characters.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(128,)
        Hidden units of each layer of the encoder, in each direction. The decoder has one layer, with as many units as
        the last layer of the encoder.
    cell : str or type, default='lstm'
        The recurrent cell, a name or a class, as in `RNNClassifier`.
    attention : {'additive', 'general', 'dot'} or None, default='additive'
        How the decoder scores the steps of the encoder: by a small network [2]_, a bilinear form or a dot product
        [3]_. With None, the decoder only sees the final state of the encoder. 'dot' needs ``bidirectional=False``.
    attention_penalty : float, default=0.0
        Strength :math:`\lambda` of the doubly stochastic penalty of [5]_, eq. 14. The attention weights of each step t
        of the target sum to one over the steps of the source. The penalty
        :math:`\lambda \sum_i (1 - \sum_t \alpha_{ti})^2`, added to the summed loss of each pair, encourages the weights
        of each step i of the source to sum to one, too, so that no part of the source is left out.
    bidirectional : bool or 'auto', default='auto'
        Whether the layers of the encoder read in both directions. 'auto' is True, unless X holds single vectors or
        ``attention='dot'``.
    embedding_size : int or 'auto', default='auto'
        Dimension of the embeddings of labels, in encoder and decoder. 'auto' is half the number of labels, rounded up,
        but at least 16, and at most the smaller of 512 and the number of units of the layer.
    teacher_forcing : float, default=1.0
        Probability that the decoder reads the true label in training. Below one, the other labels are replaced by
        labels drawn from its own predictions, which takes an additional forward pass (scheduled sampling [4]_).
    n_beams : int, default=1
        Number of hypotheses that the beam search of `predict` keeps. With 1, `predict` takes the most probable label at
        each step.
    max_length : int or None, default=None
        Maximum number of labels of a prediction. None means `max_length_`.
    dropout : float, default=0.0
        Probability that a value is dropped in training. Applies to the embedded labels of X, to the outputs that one
        encoder layer passes to the next, and to the outputs of the decoder.
    recurrent_dropout, weight_dropout : float, default=0.0
        Probability that an input of the recurrent weights, or a recurrent weight, is dropped, as in `RNNClassifier`.
    preactivation_clip : float or None, default=None
        The pre-activations of the gates are clipped to [-clip, clip]. None clips nothing.
    solver : {'adam', 'sgd'}, default='adam'
        'adam' is Adam; 'sgd' is stochastic gradient descent with momentum.
    alpha : float, default=0.0
        Strength of the L2 penalty on the weights. The penalty is divided by the number of symbols in the batch.
    batch_size : int or 'auto', default='auto'
        Pairs of sequences per update. 'auto' is all of them if there are at most 32. Otherwise it is an eighth of them,
        but at least 8 and at most 64.
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
        Seed or generator for the initial weights, the batches, the validation part, dropout and sampling.
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
        best parameters. The validation part is the `validation_data` of `fit` or, without it, some of the pairs, which
        are not trained on. The decoder reads the true labels for this score.
    validation_fraction : float, default=0.1
        Share of the pairs that `early_stopping` sets aside at random if there is no `validation_data`.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of the moving averages in 'adam', in [0, 1).
    epsilon : float, default=1e-8
        Constant that 'adam' adds to its denominator, for numerical stability.
    n_iter_no_change : int or None, default=None
        Training stops after more than this number of epochs in a row without an improvement by `tol`. None means
        enough epochs for 500 updates, but at least 10.
    max_grad_norm : float or None, default=1.0
        Gradients with a larger norm are scaled down to this norm. None disables the clipping.
    dtype : {'float32', 'float64'}, default='float32'
        Precision of all computations, which are done on the CPU.
    n_jobs : int or None, default=None
        Number of threads. None means 1 unless in a `joblib.parallel_config` context, -1 means all processors. The
        results do not depend on it.

    Attributes
    ----------
    vocabulary_ : numbarnn.data.Vocabulary
        The labels of the targets and their codes.
    source_ : object
        Description of X. If X holds labels, ``source_.vocabulary`` is their vocabulary.
    max_length_ : int
        Twice the number of labels of the longest training target, but at least 10.
    theta_ : ndarray of shape (P,)
        All parameters in one vector. ``network_.views(theta_)`` returns its parts by their names.
    network_ : numbarnn.layers.Model
        The network as a function of `theta_`, with its derivatives.
    n_features_in_ : int
        Number of features of X, unless X holds labels.
    n_iter_ : int
        Epochs of the last `fit` or `partial_fit`.
    t_ : int
        Number of training pairs read in all epochs.
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
        Number of layers, including the input, the decoder and the output.
    n_outputs_ : int
        Number of outputs of the network: one for each label, and one for the end.
    out_activation_ : str
        'softmax'.

    See Also
    --------
    Seq2SeqRegressor : Predicts sequences of vectors.
    RNNLanguageModel : Models sequences of labels without a source.
    RNNClassifier : Predicts one label per sequence, or one per step.
    numbarnn.plotting.AttentionDisplay : Plots the attention weights.

    References
    ----------
    .. [1] I. Sutskever, O. Vinyals and Q. V. Le, "Sequence to sequence learning with neural networks", NIPS 2014.
    .. [2] D. Bahdanau, K. Cho and Y. Bengio, "Neural machine translation by jointly learning to align and translate",
       ICLR 2015.
    .. [3] M.-T. Luong, H. Pham and C. D. Manning, "Effective approaches to attention-based neural machine translation",
       EMNLP 2015.
    .. [4] S. Bengio, O. Vinyals, N. Jaitly and N. Shazeer, "Scheduled sampling for sequence prediction with recurrent
       neural networks", NIPS 2015.
    .. [5] K. Xu, J. L. Ba, R. Kiros, K. Cho, A. Courville, R. Salakhutdinov, R. S. Zemel and Y. Bengio, "Show, attend
       and tell: neural image caption generation with visual attention", ICML 2015.

    Examples
    --------
    >>> from numbarnn.estimators import Seq2SeqClassifier
    >>> X, y = ["one", "two", "six", "ten"], ["eins", "zwei", "sechs", "zehn"]
    >>> clf = Seq2SeqClassifier(16, attention=None, learning_rate="cosine", learning_rate_init=0.03, max_iter=60)
    >>> clf = clf.set_params(dtype="float64", random_state=0).fit(X, y)
    >>> clf.predict(["two", "six"])
    ['zwei', 'sechs']
    >>> clf.score_samples(["two", "two"], ["zwei", "eins"]).round() >= -1
    array([ True, False])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseSeq2Seq._parameter_constraints,
        "n_beams": [_AT_LEAST_ONE],
        "max_length": [None, _AT_LEAST_ONE],
    }

    _feedback: ClassVar[Literal["draw"]] = "draw"

    vocabulary_: Vocabulary
    _of_text: bool

    def __init__(
        self,
        hidden_layer_sizes: int | ArrayLike = (128,),
        *,
        cell: str | type = "lstm",
        attention: Literal["additive", "general", "dot"] | None = "additive",
        attention_penalty: float = 0.0,
        bidirectional: bool | Literal["auto"] = "auto",
        embedding_size: int | Literal["auto"] = "auto",
        teacher_forcing: float = 1.0,
        n_beams: int = 1,
        max_length: int | None = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_dropout: float = 0.0,
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
        dtype: DTypeLike = "float32",
        n_jobs: int | None = None,
    ):
        super().__init__(
            hidden_layer_sizes,
            cell=cell,
            attention=attention,
            attention_penalty=attention_penalty,
            bidirectional=bidirectional,
            embedding_size=embedding_size,
            teacher_forcing=teacher_forcing,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            weight_dropout=weight_dropout,
            preactivation_clip=preactivation_clip,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            warmup_fraction=warmup_fraction,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_grad_norm=max_grad_norm,
            dtype=dtype,
            n_jobs=n_jobs,
        )
        self.n_beams = n_beams
        self.max_length = max_length

    def predict(self, X: Any, *, return_attention: bool = False) -> Any:
        """Predict a sequence of labels for each source.

        Uses beam search if `n_beams` is above one.

        Parameters
        ----------
        X : sequences or vectors, as in `fit`
        return_attention : bool, default=False
            Whether to return the attention weights.

        Returns
        -------
        sequences : list of n lists of labels, or of n str
            Without the end; strings if the targets of `fit` were strings.
        weights : list of n ndarray of shape (T_out, T_in)
            Only if `return_attention` is true. For each predicted label, the weights of the steps of the source; they
            sum to one.

        Raises
        ------
        ValueError, TypeError
            If X is not as in `fit` or has an unknown label, or if `return_attention` is true and the estimator has no
            attention.
        """
        source = self._read_sources(X)
        if return_attention:
            self._check_attention()
        codes = self._decode(source)
        sequences = [decoded(self.vocabulary_, own, as_text=self._of_text) for own in codes]
        if not return_attention:
            return sequences
        predicted = Sequences(np.concatenate(codes), np.array([len(own) for own in codes], dtype=np.intp))
        read: Any = next_symbols(predicted, self.vocabulary_, self.theta_.dtype).sequences
        # The last step, which reads the last label, predicts the end.
        return sequences, [weights[:-1] for weights in self._attention(SequencePairs(source, read))]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the share of predicted sequences that are completely correct.

        Parameters
        ----------
        X : sequences or vectors, as in `fit`
        y : list of n sequences of labels
            The true sequences.
        sample_weight : array-like of shape (n,), default=None
            Weight of each sequence.

        Returns
        -------
        accuracy : float
            From 0 to 1; see `numbarnn.metrics.sequence_accuracy`.
        """
        return metrics.sequence_accuracy(y, self.predict(X), sample_weight)

    def score_samples(self, X: Any, y: Any) -> NDArray[np.float64]:
        """Return the log-likelihood of each target, including its end, given its source.

        Parameters
        ----------
        X : sequences or vectors, as in `fit`
        y : list of n sequences of labels

        Returns
        -------
        log_likelihoods : ndarray of shape (n,)
            Natural logarithms of the probabilities of the targets.

        Raises
        ------
        ValueError, TypeError
            If X or y are not as in `fit`, or a label is unknown; the message names it.
        """
        check_is_fitted(self)
        examples = self._read_pairs(X, y, self._head, self.theta_.dtype)
        targets: Any = examples.targets
        n_jobs = resolve_threads(self.n_jobs)
        terms = predict(self.network_, self.theta_, examples.sequences, reduce=target_terms(targets), n_jobs=n_jobs).z
        totals = np.add.reduceat(terms, targets.starts, dtype=np.float64)
        return np.minimum(totals, 0.0)  # rounding of a sure symbol may make it positive

    def _decode(self, source: Sequences) -> list[NDArray[np.intp]]:
        """Return the codes of the labels of each source."""
        max_length = self.max_length_ if self.max_length is None else self.max_length
        codes: list[Any] = [None] * len(source)
        for indices, steps in self._batches(source):
            if self.n_beams == 1:
                found = decoding.greedy_labels(steps, max_length=max_length)
            else:
                beams = decoding.beam_search(steps, len(indices), n_beams=self.n_beams, max_length=max_length)
                found = [hypotheses[0].codes for hypotheses in beams]
            for i, own in zip(indices, found, strict=True):
                codes[i] = own
        return codes

    def _read_targets(self, y: Any, *, reset: bool) -> Sequences:
        sequences = validate_labels(y, name="y")
        if reset:
            self._of_text = all(isinstance(sequence, str) for sequence in sequences)
            self.vocabulary_ = Vocabulary.of(sequences, name="y")
        return self.vocabulary_.encode(sequences, name="y")

    def _know(self, targets: Sequences) -> None:
        self.max_length_ = max(_SHORTEST, 2 * int(targets.lengths.max()), getattr(self, "max_length_", 0))

    def _new_head(self, targets: Sequences) -> ClassHead:  # noqa: ARG002
        return ClassHead(np.arange(self.vocabulary_.n_labels + 1))

    def _shifted(self, targets: Sequences, head: Head, dtype: DTypeLike) -> Examples:  # noqa: ARG002
        return next_symbols(targets, self.vocabulary_, dtype)

    def _decoder_inputs(self, plan: Seq2SeqArchitecture, head: Head) -> tuple[Embedding, int]:  # noqa: ARG002
        vocabulary = self.vocabulary_
        size = vector_size(plan.embedding_size, vocabulary.n_labels, plan.hidden_layer_sizes[-1])
        return Embedding(1, (vocabulary.start + 1,), (size,), (0,)), size

    def _validation(self, examples: Examples, head: Head) -> Validation:  # noqa: ARG002
        return likelihood_validation(examples)
