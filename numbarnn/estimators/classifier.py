"""Classification of sequences and of their steps."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import Tags, check_array, column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
    type_of_target,
    unique_labels,
)

from numbarnn.estimators.base import BaseRNN, State
from numbarnn.estimators.class_weights import times_class_weights
from numbarnn.estimators.examples import GivenExamples
from numbarnn.estimators.outputs import Outputs
from numbarnn.estimators.parameters import CONSTRAINTS
from numbarnn.estimators.streaming import StreamingMixin
from numbarnn.losses import ClassHead, LabelsHead


class RNNClassifier(ClassifierMixin, StreamingMixin, BaseRNN):
    """Classify sequences, or each of their steps, with a recurrent network.

    The loss is the cross-entropy: of a softmax over the classes or, if y is a matrix of zeros and ones with several
    labels per row, of a sigmoid for each label.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(64,)
        Hidden units of each recurrent layer, in each direction.
    cell : str or type, default='gru'
        The recurrent cell: a name, or a class such as `numbarnn.LSTM` or your own (see `numbarnn.cells.Cell`).

        - 'elman': tanh of a sum of the inputs and the previous state [1]_;
        - 'elman_relu': the same with max(0, a) in place of tanh;
        - 'leaky_elman': the same with a learned leaking rate for each unit [2]_;
        - 'jordan': tanh units whose linear outputs are fed back [3]_;
        - 'lstm': long short-term memory with a forget gate [4]_;
        - 'peephole_lstm': an LSTM whose gates see its cell states [5]_;
        - 'coupled_lstm' and 'coupled_peephole_lstm': an LSTM whose input gate is one minus its forget gate [6]_;
        - 'projected_lstm': an LSTM whose outputs are a linear projection of its units [7]_;
        - 'layer_norm_lstm': an LSTM with layer normalisation [8]_;
        - 'gru': the gated recurrent unit as in PyTorch, which resets after the product; 'gru_reset_before': the unit of
          [9]_.
    projection_size : int or None, default=None
        Outputs of each layer of a cell with a projection, such as 'projected_lstm'; None is as many as units. It must
        be None for other cells.
    bidirectional : bool or 'auto', default='auto'
        Whether each layer also reads the sequences from the last step to the first. 'auto' is True, but False with
        `return_sequences` or `tbptt`.
    return_sequences : bool, default=False
        Whether there is one output per step rather than one per sequence.
    pooling : {'auto', 'last', 'mean', 'max', 'attention'}, default='auto'
        How one output per sequence is made of the steps of the last layer: from the last step, or from the mean, the
        maximum or an average with learned weights [10]_ over all steps. It must be 'last' or 'auto' with
        `return_sequences`. 'auto' is 'max', but 'last' with `return_sequences` or `tbptt`.
    patch : int or 'auto', default='auto'
        Number of consecutive steps that the network reads as one; more than one makes long series faster and easier to
        learn. The last patch of a sequence is padded with zeros. With `return_sequences` there is still one output per
        step, which depends on all steps of its patch, and the padding does not count. 'auto' is 1 with
        `return_sequences` or `tbptt`. Otherwise it gives a sequence of median length about 50 patches, and is 1 for
        short sequences. `patch_` is the value used. With `tbptt`, or to continue from a state, the lengths of the
        sequences must be multiples of it.
    learn_initial_state : bool, default=False
        Whether the state before the first step is learned, for each layer and direction, rather than zero.
    dropout : float, default=0.0
        Probability that an output of a recurrent layer is dropped, drawn anew at each step. This includes the last
        recurrent layer, before pooling and the readout (the final linear layer). The Notes compare all kinds.
    input_dropout : float, default=0.0
        Probability that an input of a layer is dropped, at all steps of a sequence alike.
    recurrent_dropout : float, default=0.0
        Probability that the previous output of a unit is dropped before it is multiplied by the recurrent weights. The
        same units are dropped at all steps of a sequence.
    weight_dropout : float, default=0.0
        Probability that an entry of the recurrent weights is dropped, for a whole batch.
    zoneout : float or tuple of two floats, default=0.0
        Probability that a unit keeps its previous state: one for the whole state, or `(h, c)`, of which cells without c
        use the first. Not for 'layer_norm_lstm'.
    preactivation_clip : float or None, default=None
        The pre-activations of the gates are clipped to [-clip, clip], as in ONNX. None clips nothing.
    solver : {'adam', 'sgd', 'lbfgs', 'hessian_free'}, default='adam'
        The solver.

        - 'adam': Adam [11]_;
        - 'sgd': stochastic gradient descent, with momentum;
        - 'lbfgs': a quasi-Newton method [12]_ that reads all sequences at each iteration, for small data sets;
        - 'hessian_free': Hessian-free optimization [22]_ with structural damping [23]_, for long dependencies. Each
          iteration takes the gradient over all sequences, and many products with the curvature (`gauss_newton`) of a
          batch. The initial weights are sparse, as in these papers: 15 per unit and gate, recurrent ones with a
          spectral radius of 1.1.

        The last two use none of the parameters of learning rates, and support neither dropout, zoneout, `tbptt` nor
        ``device='cuda'``.
    alpha : float, default=0.0001
        Strength of the L2 penalty on the weights; biases, gains and learned rates are not penalized. As in
        scikit-learn, the penalty is divided by the sum of the sample weights.
    batch_size : int or 'auto', default='auto'
        Sequences per update. 'auto' is all of the n training sequences up to 32, and beyond that an eighth of them, at
        least 8 and at most 64: ``n if n <= 32 else max(8, min(64, n // 8))``. With 'auto' and one target
        per sequence, duplicates are first merged into one of their total weight, unless more than 32 remain. For
        'hessian_free' it is the number of sequences whose curvature an iteration uses, and 'auto' is an eighth of them,
        but at least 256.
    learning_rate : {'constant', 'invscaling', 'adaptive', 'cosine'}, default='constant'
        Schedule of the learning rate of 'adam' and 'sgd'.

        - 'constant': `learning_rate_init`;
        - 'invscaling': ``learning_rate_init / (t + 1) ** power_t`` after t sequences;
        - 'adaptive': divided by five whenever training would stop, until it is below 1e-6;
        - 'cosine': rises linearly over the first updates, then falls along half a cosine to zero at the last of
          `max_iter` epochs [13]_. It starts again with each `fit`, and is not for `partial_fit`.
    learning_rate_init : float, default=0.003
        The initial learning rate; the largest one for 'cosine'.
    power_t : float, default=0.5
        Exponent of the 'invscaling' schedule.
    warmup_fraction : float, default=0.05
        Share of the updates in which the learning rate of the 'cosine' schedule rises.
    max_iter : int or None, default=None
        Maximum number of epochs, or of iterations of the last two solvers. None is as many epochs as make 2000
        updates, and at least 200; or 200 iterations.
    max_fun : int, default=15000
        Maximum number of evaluations of loss and gradient for 'lbfgs'.
    shuffle : bool, default=True
        Whether to draw the batches of each epoch at random. It has no effect if one batch holds all sequences.
    random_state : int, RandomState instance or None, default=None
        Draws the initial weights, the batches, the validation part and what is dropped. With an int, two fits are equal
        bit for bit.
    tol : float, default=1e-4
        Smallest decrease of the loss, or increase of the validation score, that counts as an improvement. The last
        two solvers also stop where no entry of the gradient is larger.
    verbose : bool or int, default=False
        Whether to show a progress bar with the current loss.
    warm_start : bool, default=False
        Whether `fit` starts from the parameters of the previous call. The solver, its learning rate and the stopping
        criterion start anew.
    momentum : float, default=0.9
        Momentum of 'sgd', between 0 and 1.
    nesterovs_momentum : bool, default=True
        Whether 'sgd' uses Nesterov's momentum.
    class_weight : dict, list of dicts, 'balanced' or None, default=None
        Weights of the classes, with which `sample_weight` is multiplied: a dict from labels to weights, where a label
        that is missing has weight one; with several labels per row a list of one dict for each column. 'balanced' is
        ``n / (n_classes * np.bincount(y))``; with `return_sequences` masked steps are not counted. `partial_fit` does
        not support 'balanced'.
    early_stopping : bool, default=False
        Whether to set aside part of the sequences for validation (or to take the `validation_data` of `fit`), to stop
        when its score no longer improves, and to keep the parameters with the best score. A random part is stratified
        if there is one class per sequence.
    validation_fraction : float, default=0.1
        Share of the sequences that `early_stopping` sets aside, if `fit` is given no `validation_data`.
    validation_split : {'random', 'last'}, default='random'
        Which sequences `early_stopping` sets aside: some at random, or the last ones. Overlapping windows of a series
        need 'last', since their neighbours hold the same steps. If windows of several series follow each other, the
        last windows are those of the last series: pass `validation_data` to `fit` instead.
    validation_gap : int or 'auto', default='auto'
        With ``validation_split='last'``, number of sequences before the validation part that are left out altogether,
        because their targets are those of the validation part too. 'auto' is 0.
    beta_1 : float, default=0.9
        Decay rate of the mean of the gradient in 'adam', in [0, 1).
    beta_2 : float, default=0.999
        Decay rate of the mean of the squared gradient in 'adam', in [0, 1).
    epsilon : float, default=1e-8
        Number that 'adam' adds to its denominator.
    n_iter_no_change : int or None, default=None
        Training stops after more than this number of epochs in a row without an improvement by `tol`. None is as many
        epochs as make 500 updates, and at least 10; 10 iterations of the last two solvers.
    max_grad_norm : float or None, default=1.0
        Longer gradients of 'adam' and 'sgd' are scaled to this norm [14]_. None clips nothing.
    tbptt : tuple of two ints or None, default=None
        Truncated backpropagation through time [15]_: `(k1, k2)`, counted in patches. The parameters are updated after
        every k1 steps, by the gradient of the loss of these steps through the last k2 steps, and the state is carried
        on. `truncation_error` tells how far such gradients are from the exact one. It needs ``bidirectional=False`` and
        ``pooling='last'``. None uses the exact gradient of each batch.
    checkpoint_memory_mb : float or None, default=None
        Limit in MB (10^6 bytes) of the memory for intermediate results of a batch. Where more would be needed, only
        some states are kept and the others are computed again, with the same bits. None is no limit.
    n_estimators : int, default=1
        Number of networks that differ in their random numbers only. Above one, the estimator is an ensemble: its
        members, trained in parallel, are in `estimators_`, and their probabilities are averaged.
    dtype : {'float32', 'float64'} or None, default=None
        Precision of all computations. None is float32 if X is float32, and float64 otherwise.
    device : {'cpu', 'cuda'}, default='cpu'
        Where to fit and to predict; derivatives are computed on the CPU. Both draw the same initial weights, batches
        and dropped numbers, so that their fits agree to rounding, and training can change from one to the other. 'cuda'
        needs an NVIDIA GPU and the extra ``numbarnn[cuda]``, and supports neither `tbptt` nor `checkpoint_memory_mb`.
    n_jobs : int or None, default=None
        Number of threads; for an ensemble, the number of members trained at a time. None means 1 unless in a
        `joblib.parallel_config` context, -1 means all processors. The results do not depend on it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted; with several labels per row the numbers of the columns.
    theta_ : ndarray of shape (P,)
        All parameters in one vector. ``network_.views(theta_)`` returns its parts by their names: "layer0.W" and so on,
        "layer0.forward.W" and "layer0.backward.W" with `bidirectional`, "readout.W".
    network_ : numbarnn.layers.Model
        The network as a function of `theta_`, with its derivatives.
    estimators_ : list of RNNClassifier
        Fitted members of an ensemble. An ensemble has this attribute instead of `theta_`, `network_`, `loss_curve_`,
        `best_loss_`, `validation_scores_` and `best_validation_score_`.
    patch_ : int
        Number of steps of a patch.
    n_features_in_ : int
        Inputs per step, I, if X was (n, T, I) or a list; T if X was (n, T).
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X was a DataFrame or a list of DataFrames and all names are strings.
    n_iter_ : int
        Epochs of the last `fit` or `partial_fit`; the maximum over the members of an ensemble.
    t_ : int
        Number of training sequences read in all epochs.
    loss_ : float
        Training loss of the last epoch, penalty included; the mean over the members of an ensemble.
    best_loss_ : float
        Smallest training loss of an epoch.
    loss_curve_ : list of float
        Training loss of each epoch.
    validation_scores_ : list of float or None
        Accuracy on the validation part after each epoch. None without `early_stopping`.
    best_validation_score_ : float or None
        Largest validation score of the last fit. None without `early_stopping`.
    n_layers_ : int
        Number of layers, inputs and outputs included.
    n_outputs_ : int
        Number of outputs of the network per sequence or step.
    out_activation_ : str
        'softmax', or 'logistic' with several labels per row.

    See Also
    --------
    RNNRegressor : The same networks for numbers.
    SequenceScaler : Scales the inputs, which helps training.

    Notes
    -----
    Regularization besides `alpha` and `early_stopping`:

    ==================== ====================================== ================= ========================
    Parameter            Acts on                                Drawn for each    Reference
    ==================== ====================================== ================= ========================
    `dropout`            the outputs of each layer              step              [16]_, [17]_
    `input_dropout`      the inputs of each layer               sequence          [18]_, "variational"
    `recurrent_dropout`  h_(t-1) before its product with R      sequence          [18]_, "variational"
    `weight_dropout`     R, "DropConnect"                       batch             [19]_, [20]_
    `zoneout`            h_t and c_t, which stay as they were   step              [21]_
    `preactivation_clip` the pre-activations                    (not random)      ONNX's RNN, GRU and LSTM
    ==================== ====================================== ================= ========================

    Each layer and each direction has masks of its own. In training, what a dropout keeps is divided by one minus the
    probability, so that nothing has to be done in predictions; `loss_curve_` is the loss under dropout. Predictions and
    derivatives use the mean of zoneout, ``z * old + (1 - z) * new``, and the clip.

    Changing a parameter after a fit has no effect on predictions and derivatives, except for `n_jobs`, `device` and
    `checkpoint_memory_mb`. It takes effect in the next call of `partial_fit`, or of `fit` with `warm_start`. A change
    that does not fit `theta_`, such as another cell, raises a ValueError there.

    References
    ----------
    .. [1] J. L. Elman, "Finding structure in time", Cognitive Science 14, 1990.
    .. [2] H. Jaeger, M. Lukosevicius, D. Popovici and U. Siewert, "Optimization and applications of echo state networks
       with leaky-integrator neurons", Neural Networks 20, 2007.
    .. [3] M. I. Jordan, "Attractor dynamics and parallelism in a connectionist sequential machine", CogSci 1986.
    .. [4] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to forget: continual prediction with LSTM",
       Neural Computation 12, 2000.
    .. [5] F. A. Gers and J. Schmidhuber, "Recurrent nets that time and count", IJCNN 2000.
    .. [6] K. Greff, R. K. Srivastava, J. Koutnik, B. R. Steunebrink and J. Schmidhuber, "LSTM: a search space odyssey",
       IEEE Transactions on Neural Networks and Learning Systems 28, 2017.
    .. [7] H. Sak, A. Senior and F. Beaufays, "Long short-term memory recurrent neural network architectures for large
       scale acoustic modeling", Interspeech 2014.
    .. [8] J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization", arXiv:1607.06450, 2016.
    .. [9] K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine
       translation", EMNLP 2014.
    .. [10] Z. Yang et al., "Hierarchical attention networks for document classification", NAACL 2016.
    .. [11] D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    .. [12] R. H. Byrd, P. Lu, J. Nocedal and C. Zhu, "A limited memory algorithm for bound constrained optimization",
       SIAM Journal on Scientific Computing 16, 1995.
    .. [13] I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
    .. [14] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
    .. [15] R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line training of recurrent network
       trajectories", Neural Computation 2, 1990.
    .. [16] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, "Dropout: a simple way to
       prevent neural networks from overfitting", Journal of Machine Learning Research 15, 2014.
    .. [17] W. Zaremba, I. Sutskever and O. Vinyals, "Recurrent neural network regularization", arXiv:1409.2329, 2014.
    .. [18] Y. Gal and Z. Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks",
       NIPS 2016.
    .. [19] L. Wan, M. Zeiler, S. Zhang, Y. LeCun and R. Fergus, "Regularization of neural networks using DropConnect",
       ICML 2013.
    .. [20] S. Merity, N. S. Keskar and R. Socher, "Regularizing and optimizing LSTM language models", ICLR 2018.
    .. [21] D. Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden activations", ICLR 2017.
    .. [22] J. Martens, "Deep learning via Hessian-free optimization", ICML 2010.
    .. [23] J. Martens and I. Sutskever, "Learning recurrent neural networks with Hessian-free optimization", ICML 2011.

    Examples
    --------
    Does a sequence end above its start?

    >>> import numpy as np
    >>> from numbarnn import RNNClassifier
    >>> rng = np.random.RandomState(0)
    >>> X = [rng.standard_normal((length, 1)) for length in rng.randint(2, 9, size=200)]
    >>> y = ["up" if x[-1, 0] > x[0, 0] else "down" for x in X]
    >>> clf = RNNClassifier(8, learning_rate_init=0.03, random_state=0).fit(X[:150], y[:150])
    >>> clf.score(X[150:], y[150:]) > 0.7
    True
    """

    _head: ClassHead | LabelsHead
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: int | ArrayLike = (64,),
        *,
        cell: str | type = "gru",
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
        class_weight: dict[Any, float] | list[dict[Any, float]] | Literal["balanced"] | None = None,
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
        super().__init__(
            hidden_layer_sizes,
            cell=cell,
            projection_size=projection_size,
            bidirectional=bidirectional,
            return_sequences=return_sequences,
            pooling=pooling,
            patch=patch,
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
            tbptt=tbptt,
            checkpoint_memory_mb=checkpoint_memory_mb,
            n_estimators=n_estimators,
            dtype=dtype,
            device=device,
            n_jobs=n_jobs,
        )
        self.class_weight = class_weight

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: ArrayLike | None = None) -> Self:
        """Go on training for one epoch over the given sequences.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The class labels, as in `fit`; they need not hold every class.
        sample_weight : array-like of shape (n,), or of shape (n, T) or list of n array-likes of shape (T_i,), \
                default=None
            Weight of each sequence or step, as in `fit`. Weights count relative to the mean weight of this call.
        classes : array-like of shape (n_classes,), default=None
            All classes that will occur; with several labels per row, their column numbers. Needed in the first call
            only.

        Returns
        -------
        self : object
            The estimator; as it was before if this call fails.

        Raises
        ------
        ValueError
            If y does not fit `classes`, or a parameter is not for partial fits: `early_stopping`, a `solver` other
            than 'adam' and 'sgd', `learning_rate='cosine'`, `class_weight='balanced'`.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "partial_fit does not support class_weight='balanced', which needs all labels at once; give a dict, "
                "such as that of sklearn.utils.class_weight.compute_class_weight."
            )
        trial = copy.copy(self)
        _check_partial_fit_first_call(trial, classes)
        return self._become(self._learned(X, y, sample_weight, partial=True, classes=trial.classes_))

    def predict(self, X: Any, state: State | None = None, *, return_state: bool = False) -> Any:
        """Predict class labels.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        state : tuple of tuples of ndarrays of shape (n, H), default=None
            The network's state before the first steps of X, as an earlier call returned it: of each layer `(h,)` or
            `(h, c)`, with one row per sequence. None is the initial state: zero, or the learned one with
            `learn_initial_state`. To continue from a state, fit one network (not an ensemble) with
            ``bidirectional=False``, ``pooling='last'`` and ``patch=1`` (or use lengths that are multiples of it).
        return_state : bool, default=False
            Whether to return the state after the last steps as well.

        Returns
        -------
        y : ndarray of shape (n,), or (n, K) with several labels per row
            With `return_sequences` one per step, in the form of X: (n, T), or a list of n arrays (T_i,).
        state : tuple of tuples of ndarrays of shape (n, H)
            Only if `return_state`. Long sequences can be predicted in parts: if each call gets the state of the call
            before, the results are the same, bit for bit, as those of one call.
        """
        outputs = self._outputs(X, state, return_state=return_state)
        return outputs.result(self._decoded(outputs), return_state=return_state)

    def predict_proba(self, X: Any, state: State | None = None, *, return_state: bool = False) -> Any:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        state : tuple of tuples of ndarrays of shape (n, H), default=None
            The network's state before the first steps of X, as in `predict`.
        return_state : bool, default=False
            Whether to return the state after the last steps as well.

        Returns
        -------
        probabilities : ndarray of shape (n, n_classes)
            In the order of `classes_`. With `return_sequences` for each step, in the form of X:
            (n, T, n_classes), or a list of n arrays (T_i, n_classes).
        state : tuple of tuples of ndarrays of shape (n, H)
            Only if `return_state`, as in `predict`.
        """
        outputs = self._outputs(X, state, return_state=return_state)
        return outputs.result(outputs.average(self._head.loss.output), return_state=return_state)

    def predict_log_proba(self, X: Any) -> NDArray | list[NDArray]:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.

        Returns
        -------
        log_probabilities : ndarray of shape (n, n_classes)
            In the order of `classes_`. With `return_sequences` for each step, in the form of X:
            (n, T, n_classes), or a list of n arrays (T_i, n_classes).
        """
        outputs = self._outputs(X)
        return outputs.restore(outputs.log_average(self._head.log_output))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy; with `return_sequences` that of all steps.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The true labels, as in `fit`.
        sample_weight : array-like of shape (n,), or of shape (n, T) or list of n array-likes of shape (T_i,), \
                default=None
            Weight of each sequence or, with `return_sequences`, of each step; a weight of a sequence applies to each of
            its steps. Rows of weight zero are ignored.

        Returns
        -------
        accuracy : float
        """
        return self._score(X, y, sample_weight)

    def _decoded(self, outputs: Outputs) -> NDArray:
        if not outputs.of_ensemble:
            return self._head.decode(self._head.predict(outputs.z[0]))
        return self._head.decode(self._head.most_likely(outputs.average(self._head.loss.output)))

    def _check_targets(self, rows: NDArray) -> NDArray:
        rows = check_array(rows, dtype=None, ensure_2d=False, input_name="y", estimator=self)
        if rows.dtype.kind == "O" and len({isinstance(label, str) for label in rows.flat}) > 1:
            raise ValueError("y mixes text with other labels; use labels of one type.")
        check_classification_targets(rows)
        kind = type_of_target(rows, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError(
                "Expected one class per row of y, or zeros and ones for several labels, got "
                f"{rows.shape[1]} columns of classes. One class per step needs return_sequences=True."
            )
        return rows if kind == "multilabel-indicator" else column_or_1d(rows, warn=True)

    def _new_head(self, rows: NDArray, classes: NDArray | None) -> ClassHead | LabelsHead:
        if rows.ndim == 1:
            return ClassHead(unique_labels(rows) if classes is None else classes)
        columns = np.arange(rows.shape[1])
        if classes is not None and not np.array_equal(classes, columns):
            raise ValueError(
                f"classes must be the numbers of the columns of y where it has several, {columns.tolist()}, got "
                f"{classes.tolist()}."
            )
        return LabelsHead(rows.shape[1])

    def _resumed_head(self, rows: NDArray) -> ClassHead | LabelsHead:  # noqa: ARG002
        return self._head

    def _set_head(self, head: Any) -> None:
        super()._set_head(head)
        self.classes_ = head.classes

    def _weighted(self, given: GivenExamples, head: Any) -> GivenExamples:
        if self.class_weight is None:
            return given
        return times_class_weights(given, self.class_weight, given.rows[given.observed], head)

    def _metric(self, rows: NDArray, predicted: NDArray, weights: NDArray | None) -> float:
        from sklearn.metrics import accuracy_score  # noqa: PLC0415  (slow to import, and most fits do without)

        return accuracy_score(rows, predicted, sample_weight=weights)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
