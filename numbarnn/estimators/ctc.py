"""Transcription of sequences into labels that are not aligned with the steps."""

from __future__ import annotations

from collections.abc import Hashable
from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions

from numbarnn.data import Sequences, Vocabulary
from numbarnn.data.validation import validate_labels, validate_sample_weight
from numbarnn.estimators.base import BaseRNN
from numbarnn.estimators.derivatives import gradient_of_outputs
from numbarnn.estimators.directions import read_sequences
from numbarnn.estimators.examples import GivenExamples, weighted_metric
from numbarnn.estimators.outputs import Outputs
from numbarnn.estimators.parameters import CONSTRAINTS
from numbarnn.estimators.transcription import TranscriptionHead, check_possible, object_array, transcription_score
from numbarnn.kernels.cpu.threads import resolve_threads
from numbarnn.optim import Examples, Validation
from numbarnn.prediction import predict


class CTCClassifier(BaseRNN):
    """Transcribe sequences into labels by connectionist temporal classification (CTC).

    Handwriting, speech or sensor recordings often come with the letters, phonemes or activities that they contain, in
    order, but without the steps at which these occur. CTC [1]_ needs no such alignment. At each step, the network has
    one output per label and one for a blank (no label). Training maximises the probability of the labels, summed over
    all ways to place them in the sequence. In a trained network, the outputs peak at the steps of the labels.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(64,)
        Hidden units of each recurrent layer, in each direction.
    cell : str or type, default='lstm'
        The recurrent cell, as in `RNNClassifier`.
    projection_size : int or None, default=None
        Number of outputs of each layer if the cell has a projection. None means the number of units.
    bidirectional : bool, default=True
        Whether each layer also reads the sequences backwards. If False, the outputs cannot depend on later steps, and
        their peaks come late.
    learn_initial_state : bool, default=False
        Whether the state before the first step is learned, for each layer and direction, rather than zero.
    decoder : {'best_path', 'beam'}, default='best_path'
        How to find the labels. The parameter may be changed after `fit`.

        - 'best_path': take the most probable output of each step, which is fast;
        - 'beam': search for the most probable labels with the prefix beam search of [2]_.
    n_beams : int, default=10
        Number of prefixes that the beam search keeps.
    on_impossible : {'raise', 'zero'}, default='raise'
        What `fit` does if labels need more steps than their sequence has: one step for each label, and one for a blank
        between equal neighbours. 'raise' raises a ValueError that names the sequence; 'zero' sets the loss of such
        sequences to zero, so that they are ignored.
    dropout, input_dropout, recurrent_dropout, weight_dropout : float, default=0.0
        Probabilities of each kind of dropout, as in `RNNClassifier`.
    zoneout : float or tuple of two floats, default=0.0
        Probability that a unit keeps its previous state.
    preactivation_clip : float or None, default=None
        The pre-activations of the gates are clipped to [-clip, clip]. None clips nothing.
    solver : {'adam', 'sgd', 'lbfgs', 'hessian_free'}, default='adam'
        The solver, as in `RNNClassifier`.
    alpha : float, default=0.0001
        Strength of the L2 penalty on the weights.
    batch_size : int or 'auto', default='auto'
        Sequences per update, as in `RNNClassifier`.
    learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine'}, default='constant'
        Schedule of the learning rate, as in `RNNClassifier`.
    learning_rate_init : float, default=0.003
        Initial learning rate; with 'cosine', the largest one.
    power_t : float, default=0.5
        Exponent of the 'invscaling' schedule.
    warmup_fraction : float, default=0.05
        Share of the updates during which the learning rate of the 'cosine' schedule rises.
    max_iter : int or None, default=None
        Maximum number of epochs, or of iterations for 'lbfgs' and 'hessian_free'. None means enough epochs for 2000
        updates, but at least 200; or 200 iterations.
    max_fun : int, default=15000
        Maximum number of evaluations of loss and gradient for 'lbfgs'.
    shuffle : bool, default=True
        Whether to draw the batches of each epoch at random.
    random_state : int, RandomState instance or None, default=None
        Seed or generator for the initial weights, the batches, the validation part and dropout. With an int, repeated
        fits are equal bit for bit.
    tol : float, default=1e-4
        Smallest decrease of the loss, or increase of the validation score, that counts as an improvement.
    verbose : bool or int, default=False
        Whether to show a progress bar with the current loss.
    warm_start : bool, default=False
        Whether `fit` starts from the parameters of the previous call. Later calls must not have new labels.
    momentum : float, default=0.9
        Momentum of 'sgd', between 0 and 1.
    nesterovs_momentum : bool, default=True
        Whether 'sgd' uses Nesterov's momentum.
    early_stopping : bool, default=False
        Whether to stop when the score of a validation part no longer improves, and to keep the parameters with the best
        score. The validation part is the `validation_data` of `fit` or, without it, some of the sequences, which are
        not trained on. The score uses ``decoder='best_path'``.
    validation_fraction : float, default=0.1
        Share of the sequences that `early_stopping` sets aside.
    validation_split : {'random', 'last'}, default='random'
        Which sequences `early_stopping` sets aside.
    validation_gap : int or 'auto', default='auto'
        With ``validation_split='last'``, number of sequences before the validation part that are left out. 'auto' is 0.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay rates of the moving averages in 'adam', in [0, 1).
    epsilon : float, default=1e-8
        Constant that 'adam' adds to its denominator, for numerical stability.
    n_iter_no_change : int or None, default=None
        Training stops after more than this number of epochs in a row without an improvement by `tol`. None means
        enough epochs for 500 updates, but at least 10; for 'lbfgs' and 'hessian_free', 10 iterations.
    max_grad_norm : float or None, default=1.0
        With 'adam' and 'sgd', gradients with a larger norm are scaled down to this norm. None disables the clipping.
    checkpoint_memory_mb : float or None, default=None
        Limit, in MB (10^6 bytes), of the memory for the intermediate results of a batch. None means no limit.
    n_estimators : int, default=1
        Number of networks. Above one, the estimator is an ensemble of networks that differ only in their random
        numbers. It averages their probabilities at each step. The members are in `estimators_`.
    dtype : {'float32', 'float64'} or None, default=None
        Precision of all computations. None means float32 if X is float32, and float64 otherwise.
    device : {'cpu', 'cuda'}, default='cpu'
        Device to fit and predict on. The loss is always computed on the CPU.
    n_jobs : int or None, default=None
        Number of threads; for an ensemble, the number of members trained at a time. None means 1 unless in a
        `joblib.parallel_config` context, -1 means all processors. The results do not depend on it.

    Attributes
    ----------
    classes_ : ndarray of shape (V,)
        The labels, sorted if they can be compared. The outputs of the network are in this order, followed by the blank.
    theta_ : ndarray of shape (P,)
        All parameters in one vector; ``network_.views(theta_)`` returns its parts by their names.
    network_ : numbarnn.layers.Model
        The network as a function of `theta_`, with its derivatives.
    estimators_ : list of CTCClassifier
        Fitted members. Only ensembles have this attribute, instead of `theta_`, `network_` and the curves.
    n_features_in_ : int
        Inputs per step, I, if X was (n, T, I) or a list; T if X was (n, T).
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X was a DataFrame or a list of DataFrames and all names are strings.
    n_iter_ : int
        Epochs of the last `fit` or `partial_fit`.
    t_ : int
        Number of training sequences read in all epochs.
    loss_, best_loss_ : float
        Training loss of the last epoch, and the smallest loss of an epoch: the mean negative log-likelihood of the
        labels of a sequence, plus the penalty.
    loss_curve_ : list of float
        Training loss of each epoch.
    validation_scores_ : list of float or None
        Score of the validation part after each epoch. None without `early_stopping`.
    best_validation_score_ : float or None
        Largest validation score of the last fit. None without `early_stopping`.
    n_layers_, n_outputs_ : int
        Number of layers, including the input and the output, and number of outputs per step, V + 1.
    out_activation_ : str
        'softmax'.

    See Also
    --------
    RNNClassifier : Predicts one label per sequence, or one per step.
    numbarnn.ctc_loss : The loss and its gradient.
    numbarnn.metrics.label_error_rate : Error of transcriptions.
    numbarnn.SequencePatches : Joins consecutive steps into one, useful if there are many more steps than labels.

    References
    ----------
    .. [1] A. Graves, S. Fernandez, F. Gomez and J. Schmidhuber, "Connectionist temporal classification: labelling
       unsegmented sequence data with recurrent neural networks", ICML 2006.
    .. [2] A. Y. Hannun, A. L. Maas, D. Jurafsky and A. Y. Ng, "First-pass large vocabulary continuous speech
       recognition using bi-directional recurrent DNNs", arXiv:1408.2873, 2014.

    Examples
    --------
    Pulses of two heights in noise, at unknown steps:

    >>> import numpy as np
    >>> from numbarnn import CTCClassifier
    >>> rng = np.random.RandomState(0)
    >>> def recording(text):
    ...     steps = np.zeros(5 * len(text) + 3)
    ...     for i, letter in enumerate(text):
    ...         steps[5 * i + rng.randint(1, 4)] = 1 if letter == "a" else -1
    ...     return steps[:, np.newaxis] + 0.1 * rng.standard_normal((len(steps), 1))
    >>> y = ["".join(rng.choice(["a", "b"], rng.randint(1, 4))) for _ in range(60)]
    >>> X = [recording(text) for text in y]
    >>> clf = CTCClassifier(8, learning_rate="cosine", learning_rate_init=0.03, max_iter=40, random_state=0)
    >>> clf = clf.fit(X[:40], y[:40])
    >>> clf.score(X[40:], y[40:]) > 0.9
    True
    >>> clf.predict([recording("abba")])
    [['a', 'b', 'b', 'a']]
    """

    _head: TranscriptionHead
    _has_step_targets: ClassVar[bool] = False
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "bidirectional": ["boolean"],
        "decoder": [StrOptions({"best_path", "beam"})],
        "n_beams": [Interval(Integral, 1, None, closed="left")],
        "on_impossible": [StrOptions({"raise", "zero"})],
    }

    def __init__(
        self,
        hidden_layer_sizes: int | ArrayLike = (64,),
        *,
        cell: str | type = "lstm",
        projection_size: int | None = None,
        bidirectional: bool = True,
        learn_initial_state: bool = False,
        decoder: Literal["best_path", "beam"] = "best_path",
        n_beams: int = 10,
        on_impossible: Literal["raise", "zero"] = "raise",
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_dropout: float = 0.0,
        zoneout: float | tuple[float, float] = 0.0,
        preactivation_clip: float | None = None,
        solver: Literal["adam", "sgd", "lbfgs", "hessian_free"] = "adam",
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
        checkpoint_memory_mb: float | None = None,
        n_estimators: int = 1,
        dtype: DTypeLike | None = None,
        device: Literal["cpu", "cuda"] = "cpu",
        n_jobs: int | None = None,
    ):
        super().__init__(
            hidden_layer_sizes,
            cell=cell,
            projection_size=projection_size,
            bidirectional=bidirectional,
            return_sequences=True,
            pooling="last",
            patch=1,
            learn_initial_state=learn_initial_state,
            dropout=dropout,
            input_dropout=input_dropout,
            recurrent_dropout=recurrent_dropout,
            weight_dropout=weight_dropout,
            zoneout=zoneout,
            preactivation_clip=preactivation_clip,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            warmup_fraction=warmup_fraction,
            max_iter=max_iter,
            max_fun=max_fun,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            validation_split=validation_split,
            validation_gap=validation_gap,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_grad_norm=max_grad_norm,
            checkpoint_memory_mb=checkpoint_memory_mb,
            n_estimators=n_estimators,
            dtype=dtype,
            device=device,
            n_jobs=n_jobs,
        )
        self.decoder = decoder
        self.n_beams = n_beams
        self.on_impossible = on_impossible

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train for one more epoch on the given sequences.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : list of n sequences of labels
            Lists of hashable labels, or strings, which are sequences of characters.
        sample_weight : array-like of shape (n,), default=None
            Weight of each sequence.
        classes : sequence of V labels, default=None
            All labels that will occur. Needed in the first call only.

        Returns
        -------
        self : object
            The estimator. If the call fails, it stays as it was.

        Raises
        ------
        ValueError
            If `classes` is missing in the first call or changes later, a label is not one of them, or a parameter does
            not work with `partial_fit`: `early_stopping`, a `solver` other than 'adam' and 'sgd',
            `learning_rate='cosine'`.
        """
        if classes is None and not hasattr(self, "classes_"):
            raise ValueError("classes must hold all labels in the first call of partial_fit, got None.")
        if classes is not None and hasattr(self, "classes_") and set(classes) != set(self.classes_.tolist()):
            raise ValueError(f"classes must be those of the first call, {self.classes_.tolist()}, got {list(classes)}.")
        return self._become(self._learned(X, y, sample_weight, partial=True, classes=classes))

    def predict(self, X: Any) -> list[list[Hashable]]:
        """Predict the labels of each sequence.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.

        Returns
        -------
        y : list of n lists of labels
            Lists even if `fit` was given strings; ``"".join(labels)`` makes a string of one.
        """
        return self._decoded(self._outputs(X)).tolist()

    def predict_log_proba(self, X: Any) -> NDArray | list[NDArray]:
        """Predict the logarithm of the probability of each label, and of the blank, at each step.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.

        Returns
        -------
        log_probabilities : ndarray of shape (n, T, V + 1) or list of n ndarrays of shape (T_i, V + 1)
            An array or a list, as X is. The columns are the labels, in the order of `classes_`, and then the blank.
        """
        outputs = self._outputs(X)
        return outputs.restore(outputs.log_average(self._head.log_output))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return one minus the label error rate.

        The label error rate is the number of labels to insert, delete or replace per true label, see
        `numbarnn.metrics.label_error_rate`. The score is one if all labels are right, and negative if there are more
        errors than labels.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : list of n sequences of labels
            The true labels, as in `fit`.
        sample_weight : array-like of shape (n,), default=None
            Weight of each sequence: of its errors and of its number of labels.

        Returns
        -------
        score : float
        """
        return self._score(X, y, sample_weight)

    def align(self, X: Any, y: Any = None) -> list[NDArray[np.intp]]:
        """Return the step of each label.

        The steps lie on the most probable of all paths that give the labels, see `numbarnn.decoding.ctc_alignment`.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : list of n sequences of labels, default=None
            The labels to align. None means the predicted ones.

        Returns
        -------
        steps : list of n ndarrays of int of shape (L_i,)
            For each sequence, the steps of its labels.

        Raises
        ------
        ValueError
            If labels need more steps than their sequence has, or were not in the training data.
        """
        outputs = self._outputs(X)
        log_y = outputs.log_average(self._head.log_output)
        codes = self._codes(log_y, outputs.lengths) if y is None else self._codes_of(y, outputs.lengths)
        return self._head.align(log_y, outputs.lengths, codes)

    def input_gradient(
        self, X: Any, output: Any = None, *, step: int | None = None, position: Any = None, activated: bool = False
    ) -> Any:
        """Return the derivative of an output with respect to all inputs.

        With `position`, the output is that of a predicted label, at the step that `align` returns for it. The
        derivative then shows which inputs the label depends on, as in the demonstration of [1]_.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        output : label or array-like of shape (n,), default=None
            The label whose output is differentiated: one for all sequences, or one for each. None means the most
            probable output of each step.
        step : int, default=None
            The step whose output is differentiated; -1 is the last step of each sequence. None means the sum over all
            steps.
        position : int or array-like of int of shape (n,), default=None
            Index of the label in the predicted transcription; -1 is the last one. Replaces `output` and `step`.
        activated : bool, default=False
            Whether to differentiate the probability of the label rather than its score.

        Returns
        -------
        gradient : ndarray or list of ndarrays
            Of the same form as X: (n, T, I) or (n, T), or a list of n arrays (T_i, I) or (T_i,).

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is not as described, there is no such label, step or position, or this is an ensemble.

        References
        ----------
        .. [1] A. Graves, M. Liwicki, S. Fernandez, R. Bertolami, H. Bunke and J. Schmidhuber, "A novel connectionist
           system for unconstrained handwriting recognition", IEEE Transactions on Pattern Analysis and Machine
           Intelligence 31, 2009.
        """
        if position is None:
            return super().input_gradient(X, output, step=step, activated=activated)
        if output is not None or step is not None:
            raise ValueError("output and step must be None with position, which names both")
        sequences, form = read_sequences(self, X)
        z = predict(self.network_, self.theta_, sequences, n_jobs=resolve_threads(self.n_jobs)).z
        log_y, lengths = self._head.log_output(z), sequences.lengths
        codes = self._codes(log_y, lengths)
        places, steps = _positions(position, codes), self._head.align(log_y, lengths, codes)
        rows = sequences.starts + np.array([own[i] for own, i in zip(steps, places, strict=True)])
        columns = np.array([own[i] for own, i in zip(codes, places, strict=True)])
        return gradient_of_outputs(self, sequences, form, z, (rows, columns), activated=activated)

    def _given(self, sequences: Sequences, y: Any, sample_weight: Any) -> GivenExamples:
        given = super()._given(sequences, y, sample_weight)
        if self.on_impossible == "raise":
            weights = validate_sample_weight(sample_weight, sequences.lengths)
            check_possible(validate_labels(y, name="y"), sequences.lengths, weights)
        return given

    def _read_targets(
        self,
        y: Any,
        sample_weight: Any,
        lengths: NDArray[np.intp],
        *,
        per_step: bool,  # noqa: ARG002
    ) -> tuple[NDArray, NDArray | None]:
        if y is None:
            raise ValueError(f"This {type(self).__name__} requires y to be passed, but the target y is None.")
        labels = validate_labels(y, name="y")
        if len(labels) != len(lengths):
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: X has {len(lengths)} sequences, but y "
                f"has the labels of {len(labels)}."
            )
        return object_array(labels), validate_sample_weight(sample_weight, lengths)

    def _check_targets(self, rows: NDArray) -> NDArray:
        return rows

    def _new_head(self, rows: NDArray, classes: Any) -> TranscriptionHead:
        labels, name = (rows.tolist(), "y") if classes is None else ([list(classes)], "classes")
        return TranscriptionHead(Vocabulary.of(labels, name=name), self.n_jobs)

    def _resumed_head(self, rows: NDArray) -> TranscriptionHead:  # noqa: ARG002
        return self._head

    def _set_head(self, head: Any) -> None:
        super()._set_head(head)
        labels = head.vocabulary.labels
        plain = {type(label) for label in labels} in ({int}, {str})
        self.classes_ = np.array(labels) if plain else object_array(labels)

    def _validation(self, examples: Examples, head: Any) -> Validation:
        weights = None if examples.weights is None else examples.row_weights
        targets, lengths = head.decode(examples.targets), examples.sequences.lengths

        def score(z: NDArray) -> float:
            return weighted_metric(self._metric, targets, head.decode(head.transcribe(z, lengths)), weights)

        return Validation(examples.sequences, score)

    def _decoded(self, outputs: Outputs) -> NDArray:
        return self._head.decode(self._codes(outputs.log_average(self._head.log_output), outputs.lengths))

    def _metric(self, rows: NDArray, predicted: NDArray, weights: NDArray | None) -> float:
        return transcription_score(rows, predicted, weights)

    def _codes(self, log_y: NDArray, lengths: NDArray[np.intp]) -> NDArray:
        """Return an object array with the label codes of each sequence."""
        return self._head.transcribe(log_y, lengths, self.n_beams if self.decoder == "beam" else None)

    def _codes_of(self, y: Any, lengths: NDArray[np.intp]) -> NDArray:
        rows, _ = self._read_targets(y, None, lengths, per_step=False)
        return self._head.encode(rows, np.intp)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _positions(position: Any, codes: NDArray) -> list[int]:
    """Return the checked index of a label of each sequence."""
    given = np.asarray(position)
    if given.dtype.kind not in "iu" or given.shape not in {(), (len(codes),)}:
        raise ValueError(f"position must be an integer, or one for each of {len(codes)} sequences, got {position!r}")
    places = np.broadcast_to(given, len(codes)).tolist()
    for i, (place, own) in enumerate(zip(places, codes, strict=True)):
        if not -len(own) <= place < len(own):
            raise ValueError(
                f"position must be that of a label, the transcription of X[{i}] has {len(own)}; got {place}"
            )
    return places
