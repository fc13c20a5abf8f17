"""Prediction of sequences of numbers from sequences of other lengths, such as multi-step forecasts."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils._param_validation import StrOptions

from numbarnn.data import SequencePairs, Sequences
from numbarnn.data.forms import separate
from numbarnn.data.validation import (
    as_array,
    check_numbers,
    relative_weights,
    validate_sample_weight,
    validate_step_targets,
)
from numbarnn.decoding import run_on_outputs
from numbarnn.estimators.regressor import LOSSES, RNNRegressor
from numbarnn.estimators.scale import Moments, loss_unit
from numbarnn.estimators.seq2seq import BaseSeq2Seq, Seq2SeqArchitecture
from numbarnn.losses import Head, NumberHead
from numbarnn.optim import Examples, Validation


class Seq2SeqRegressor(RegressorMixin, BaseSeq2Seq):
    r"""Encoder-decoder that predicts sequences of numbers from sequences of other lengths or from vectors.

    A recurrent network, the encoder, reads the source. Another one, the decoder, starts from the encoder's final state
    [1]_ and predicts the target step by step. At each step, it uses the previous target (zeros at the first step) and
    a weighted sum of the encoder's outputs. The weights are computed anew for each step, by attention [2]_ [3]_. In
    training, the decoder reads the true targets (teacher forcing); in prediction, it reads its own outputs. The number
    of steps to predict is given, not learned.

    X holds sequences of vectors, as for `RNNClassifier`; sequences of hashable labels, which are lists or strings; or
    single vectors, in an array of shape (n, I), each of which is read as a sequence of one step. y holds sequences of
    numbers or of vectors: an array of shape (n, T) or (n, T, K), or a list of arrays of shape (T_i,) or (T_i, K).

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(64,)
        Hidden units of each layer of the encoder, in each direction. The decoder has one layer, with as many units as
        the last layer of the encoder.
    loss : {'squared_error', 'absolute_error', 'huber'}, default='squared_error'
        The loss of a step, as in `RNNRegressor`.
    huber_delta : float, default=1.0
        Error, in units of y, above which ``loss='huber'`` is linear.
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
        Dimension of the embedding of the labels of X. 'auto' is half the number of labels, rounded up, but at least 16,
        and at most the smaller of 512 and the number of units of the first layer.
    teacher_forcing : float, default=1.0
        Probability that the decoder reads the true target in training. Below one, the other targets are replaced by its
        own outputs, which takes an additional forward pass (scheduled sampling [4]_). The decoder thus learns to cope
        with its own errors.
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
        Strength of the L2 penalty on the weights. The penalty is divided by the number of steps in the batch.
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
        Whether to stop when the coefficient of determination of a validation part no longer improves, and to keep the
        best parameters. The validation part is the `validation_data` of `fit` or, without it, some of the pairs, which
        are not trained on. Unlike in `score`, the decoder reads the true targets for this.
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
    source_ : object
        Description of X. If X holds labels, ``source_.vocabulary`` is their vocabulary.
    n_steps_ : int or None
        Number of steps of the targets; None if the targets have different lengths.
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
        Training loss of the last epoch, including the penalty.
    best_loss_ : float
        Smallest training loss of an epoch.
    loss_curve_ : list of float
        Training loss of each epoch.
    validation_scores_ : list of float or None
        Coefficient of determination of the validation part after each epoch. None without `early_stopping`.
    best_validation_score_ : float or None
        Largest validation score of the last fit. None without `early_stopping`.
    n_layers_ : int
        Number of layers, including the input, the decoder and the output.
    n_outputs_ : int
        Number of outputs of the network per step.
    out_activation_ : str
        'identity'.

    See Also
    --------
    Seq2SeqClassifier : Predicts sequences of labels.
    RNNRegressor : Predicts all steps at once, without a decoder.
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
    Predict the last four values of a wave in reverse order:

    >>> import numpy as np
    >>> from numbarnn.estimators import Seq2SeqRegressor
    >>> phases = np.random.default_rng(0).uniform(0, 6, 64)
    >>> X = np.sin(0.7 * np.arange(8) + phases[:, np.newaxis])[:, :, np.newaxis]
    >>> reg = Seq2SeqRegressor(16, cell="elman", attention=None, learning_rate="cosine", learning_rate_init=0.02)
    >>> reg = reg.set_params(max_iter=60, dtype="float64", random_state=0).fit(X, X[:, :-5:-1, 0])
    >>> reg.predict(X[:2]).shape
    (2, 4)
    >>> reg.score(X, X[:, :-5:-1, 0]) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseSeq2Seq._parameter_constraints,
        "loss": [StrOptions({"squared_error", "absolute_error", "huber"})],
        "huber_delta": RNNRegressor._parameter_constraints["huber_delta"],
    }

    _feedback: ClassVar[Literal["outputs"]] = "outputs"

    def __init__(
        self,
        hidden_layer_sizes: int | ArrayLike = (64,),
        *,
        loss: Literal["squared_error", "absolute_error", "huber"] = "squared_error",
        huber_delta: float = 1.0,
        cell: str | type = "lstm",
        attention: Literal["additive", "general", "dot"] | None = "additive",
        attention_penalty: float = 0.0,
        bidirectional: bool | Literal["auto"] = "auto",
        embedding_size: int | Literal["auto"] = "auto",
        teacher_forcing: float = 1.0,
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
        self.loss = loss
        self.huber_delta = huber_delta

    def predict(self, X: Any, n_steps: int | ArrayLike | None = None, *, return_attention: bool = False) -> Any:
        """Predict a sequence for each source.

        Each output of the decoder is its input at the next step.

        Parameters
        ----------
        X : sequences or vectors, as in `fit`
        n_steps : int or array-like of int of shape (n,), default=None
            Number of steps to predict, for all sequences or for each one. None means `n_steps_`.
        return_attention : bool, default=False
            Whether to return the attention weights.

        Returns
        -------
        y : ndarray of shape (n, T) or (n, T, K), or list of n ndarray of shape (T_i,) or (T_i, K)
            A list if `n_steps` is an array. The last axis is missing if the targets of `fit` did not have it.
        weights : list of n ndarray of shape (T_out, T_in)
            Only if `return_attention` is true. For each predicted step, the weights of the steps of the source; they
            sum to one.

        Raises
        ------
        ValueError, TypeError
            If X is not as in `fit`, `n_steps` is missing or not as described, the outputs are not finite, or
            `return_attention` is true and the estimator has no attention.
        """
        source = self._read_sources(X)
        if return_attention:
            self._check_attention()
        lengths = self._lengths(n_steps, len(source))
        rows = self._generated(source, lengths)
        y: Any = list(map(np.array, np.split(self._head.decode(rows), np.cumsum(lengths)[:-1])))
        if n_steps is None or np.ndim(n_steps) == 0:
            y = np.array(y)
        if not return_attention:
            return y
        return y, self._attention(SequencePairs(source, _late(rows, lengths)))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination over all steps.

        As many steps are predicted for each source as its target in y has.

        Parameters
        ----------
        X : sequences or vectors, as in `fit`
        y : sequences, as in `fit`
            The true sequences.
        sample_weight : array-like of shape (n,), default=None
            Weight of each sequence, which all its steps have.

        Returns
        -------
        r2 : float
            1 for perfect predictions, 0 for constant predictions of the mean, negative if the predictions are worse.
        """
        source = self._read_sources(X)
        targets = self._paired(source, self._read_targets(y, reset=False), self._head).targets
        assert isinstance(targets, Sequences)
        weights = validate_sample_weight(sample_weight, targets.lengths, per_step=True)
        return _r2(targets.values, self._generated(source, targets.lengths), weights)

    def _lengths(self, n_steps: Any, n: int) -> NDArray[np.intp]:
        given = self.n_steps_ if n_steps is None else n_steps
        if given is None:
            raise ValueError("n_steps must be given, since the targets of fit had several lengths.")
        lengths = np.asarray(given)
        if lengths.ndim == 0:
            lengths = np.full(n, lengths)
        if lengths.shape != (n,) or lengths.dtype.kind not in "iu" or lengths.min() < 1:
            raise ValueError(f"n_steps must be a positive integer, or one for each of {n} sources, got {n_steps!r}.")
        return lengths.astype(np.intp)

    def _generated(self, source: Sequences, lengths: NDArray[np.intp]) -> NDArray:
        """Return the predicted steps (sum of lengths, K), sequence after sequence."""
        ends = np.cumsum(lengths)
        predicted = np.empty((ends[-1], self._head.n_outputs), self.theta_.dtype)
        for indices, steps in self._batches(source):
            own = lengths[indices]
            outputs = run_on_outputs(steps, own)  # predictions: the links of all losses are the identity
            for b, (end, n) in enumerate(zip(ends[indices], own, strict=True)):
                predicted[end - n : end] = outputs[:n, b]
        if not np.isfinite(predicted).all():
            raise ValueError("The outputs of the network are not finite: X holds numbers too large for it.")
        return predicted

    def _read_targets(self, y: Any, *, reset: bool) -> Sequences:  # noqa: ARG002
        items = separate(y)
        if items is None:
            whole = as_array(y, name="y")
            if whole.ndim < 2:
                raise ValueError(
                    f"y must be an array (n, T) or (n, T, K), or a list of arrays, got shape {whole.shape}."
                )
            items = list(whole)
        arrays = [as_array(item, name=f"y[{i}]") for i, item in enumerate(items)]
        for i, own in enumerate(arrays):
            if own.ndim not in (1, 2) or len(own) == 0 or own.shape[1:] != arrays[0].shape[1:]:
                raise ValueError(
                    f"y must hold sequences of shape (T_i,) or (T_i, K) with the same K and at least one step, got "
                    f"y[{i}] of shape {own.shape}."
                )
        lengths = np.array([len(own) for own in arrays], dtype=np.intp)
        rows = check_numbers(validate_step_targets(arrays, lengths), ensure_2d=False, input_name="y", estimator=self)
        return Sequences(rows, lengths)

    def _know(self, targets: Sequences) -> None:
        lengths = set(targets.lengths.tolist()) | {getattr(self, "n_steps_", int(targets.lengths[0]))}
        self.n_steps_ = lengths.pop() if len(lengths) == 1 else None

    def _new_head(self, targets: Sequences) -> NumberHead:
        kind, arguments = LOSSES[self.loss]
        loss = kind(**{name: getattr(self, parameter) for name, parameter in arguments.items()})
        rows = targets.values
        return NumberHead(loss, 1 if rows.ndim == 1 else rows.shape[1], rows.ndim == 1)

    def _shifted(self, targets: Sequences, head: Head, dtype: DTypeLike) -> Examples:
        rows = head.encode(targets.values, dtype)
        return Examples(_late(rows, targets.lengths), Sequences(rows, targets.lengths))

    def _decoder_inputs(self, plan: Seq2SeqArchitecture, head: Head) -> tuple[None, int]:  # noqa: ARG002
        return None, head.n_outputs

    def _moments(self, targets: Sequences, weights: NDArray | None) -> Moments:
        of_steps = None if weights is None else np.repeat(weights, targets.lengths)
        return Moments.of(targets.values.reshape(len(targets.values), -1), of_steps)

    def _loss_unit(self, moments: Moments | None) -> float:
        return loss_unit(self.loss, moments, self.huber_delta)

    def _validation(self, examples: Examples, head: Head) -> Validation:
        targets: Any = examples.targets
        weights = None if examples.weights is None else examples.row_weights
        return Validation(examples.sequences, lambda z: _r2(targets.values, head.predict(z), weights))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _late(rows: NDArray, lengths: NDArray[np.intp]) -> Sequences:
    """Return sequences delayed by one step, with zeros at the first step."""
    late = np.roll(rows, 1, axis=0)
    late[np.cumsum(lengths) - lengths] = 0
    return Sequences(late, lengths)


def _r2(rows: NDArray, predicted: NDArray, weights: NDArray | None) -> float:
    from sklearn.metrics import r2_score  # noqa: PLC0415  (slow to import, and not needed by most fits)

    return r2_score(rows, predicted, sample_weight=None if weights is None else relative_weights(weights))
