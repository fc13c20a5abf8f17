"""Regression on sequences and on their steps."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from numbarnn.data.patches import stack_patches
from numbarnn.data.validation import check_numbers
from numbarnn.estimators.base import BaseRNN, State
from numbarnn.estimators.derivatives import steps_of
from numbarnn.estimators.directions import read_sequences
from numbarnn.estimators.laplace import LaplaceMixin, predictive_std
from numbarnn.estimators.outputs import Outputs
from numbarnn.estimators.parameters import CONSTRAINTS
from numbarnn.estimators.scale import Moments, loss_unit
from numbarnn.estimators.streaming import StreamingMixin
from numbarnn.losses import (
    AbsoluteError,
    DistributionLoss,
    Gaussian,
    Huber,
    Mixture,
    NegativeBinomial,
    NumberHead,
    Poisson,
    Quantile,
    SquaredError,
    StudentT,
)

LOSSES: dict[str, tuple[Any, dict[str, str]]] = {
    "squared_error": (SquaredError, {}),
    "absolute_error": (AbsoluteError, {}),
    "huber": (Huber, {"delta": "huber_delta"}),
    "quantile": (Quantile, {"quantiles": "quantiles"}),
    "poisson": (Poisson, {}),
    "negative_binomial": (NegativeBinomial, {}),
    "gaussian": (Gaussian, {}),
    "student_t": (StudentT, {}),
}
"""The losses by their names, each with the parameters of the estimator that it takes."""

_DISTRIBUTIONS = [name for name, (kind, _) in LOSSES.items() if issubclass(kind, DistributionLoss)]
"""Names of the losses that predict a distribution."""

_LOG_LINK = ("poisson", "negative_binomial")
"""The losses whose outputs are logarithms, so that targets of any size are near them."""


class RNNRegressor(RegressorMixin, LaplaceMixin, StreamingMixin, BaseRNN):
    """Predict numbers from sequences, or from each of their steps, with a recurrent network.

    With `return_sequences`, a step whose target is NaN is still read, but does not count in the loss and in the score.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(64,)
        Hidden units of each recurrent layer, in each direction.
    loss : {'squared_error', 'absolute_error', 'huber', 'quantile', 'poisson', 'negative_binomial', 'gaussian', \
            'student_t'}, default='squared_error'
        The loss, its mean over the targets.

        - 'squared_error': half the squared error; the prediction is the mean;
        - 'absolute_error': the absolute error; the prediction is the median;
        - 'huber': quadratic for errors up to `huber_delta`, linear beyond [22]_;
        - 'quantile': the pinball loss of all `quantiles` [23]_, which never cross; `predict` returns the median, and
          `predict_quantiles` all of them;
        - 'poisson': half the Poisson deviance with a logarithmic link, for targets that are not negative;
        - 'negative_binomial': the negative log-likelihood of a distribution with predicted mean and dispersion [25]_,
          for counts that vary more than their mean;
        - 'gaussian': the negative log-likelihood of a normal distribution with predicted mean and scale [24]_;
        - 'student_t': the same of Student's t distribution with predicted location, scale and degrees of freedom [26]_,
          for numbers with outliers.

        With the last four, ``predict(X, return_std=True)`` returns the standard deviations too, and `predict_quantiles`
        the quantiles of any levels. With 'squared_error' there are standard deviations after `fit_laplace`.
    quantiles : array-like of float or None, default=None
        Levels between 0 and 1 for ``loss='quantile'``, one of them 0.5.
    huber_delta : float, default=1.0
        Error, in units of y, from which on ``loss='huber'`` is linear.
    cell : str or type, default='lstm'
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
        Whether each layer also reads the sequences from the last step to the first. 'auto' is False.
    return_sequences : bool, default=False
        Whether there is one output per step rather than one per sequence.
    pooling : {'auto', 'last', 'mean', 'max', 'attention'}, default='auto'
        How one output per sequence is made of the steps of the last layer: from the last step, or from the mean, the
        maximum or an average with learned weights [10]_ over all steps. It must be 'last' or 'auto' with
        `return_sequences`. 'auto' is 'last'.
    patch : int or 'auto', default='auto'
        Number of consecutive steps that the network reads as one; more than one makes long series faster and easier to
        learn. The last patch of a sequence is padded with zeros. With `return_sequences` there is still one output per
        step, and the padding does not count; an output depends on all steps of its patch, later ones included, so a
        target that is a later value of the series must be at least `patch` steps ahead. 'auto' is 1. `patch_` is the
        number. With `tbptt`, and to go on from a state, the lengths of the sequences must be multiples of it.
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
    solver : {'adam', 'sgd', 'lbfgs', 'hessian_free', 'least_squares'}, default='adam'
        The solver.

        - 'adam': Adam [11]_;
        - 'sgd': stochastic gradient descent, with momentum;
        - 'lbfgs': a quasi-Newton method [12]_ that reads all sequences at each iteration, for small data sets;
        - 'hessian_free': Hessian-free optimization [27]_ with structural damping [28]_, for long dependencies. Each
          iteration takes the gradient over all sequences, and many products with the curvature (`gauss_newton`) of a
          batch. The initial weights are sparse, as in these papers: 15 per unit and gate, recurrent ones with a
          spectral radius of 1.1;
        - 'least_squares': a trust-region method for sums of squares [29]_, for small networks with
          ``loss='squared_error'``.

        The last three use none of the parameters of learning rates, and support neither dropout, zoneout, `tbptt` nor
        ``device='cuda'``. 'hessian_free' needs a loss with curvature, not 'absolute_error' or 'quantile'.
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
        Maximum number of epochs, or of iterations of the last three solvers. None is as many epochs as make 2000
        updates, and at least 200; or 200 iterations.
    max_fun : int, default=15000
        Maximum number of evaluations of loss and gradient for 'lbfgs', and of residuals for 'least_squares'.
    shuffle : bool, default=True
        Whether to draw the batches of each epoch at random. It has no effect if one batch holds all sequences.
    random_state : int, RandomState instance or None, default=None
        Draws the initial weights, the batches, the validation part and what is dropped. With an int, two fits are equal
        bit for bit.
    tol : float, default=1e-4
        Smallest decrease of the loss, or increase of the validation score, that counts as an improvement. The last
        three solvers also stop where no entry of the gradient is larger. For losses in units of y it is meant for
        targets of unit variance, whatever those of y is: it is multiplied by the variance of y for 'squared_error', by
        the standard deviation s for 'absolute_error' and 'quantile', and for 'huber' by the variance where s is up to
        `huber_delta` d and by d (2 s - d) beyond.
    verbose : bool or int, default=False
        Whether to show a progress bar with the current loss.
    warm_start : bool, default=False
        Whether `fit` starts from the parameters of the previous call. The solver, its learning rate and the stopping
        criterion start anew.
    momentum : float, default=0.9
        Momentum of 'sgd', between 0 and 1.
    nesterovs_momentum : bool, default=True
        Whether 'sgd' uses Nesterov's momentum.
    early_stopping : bool, default=False
        Whether to set aside part of the sequences for validation (or to take the `validation_data` of `fit`), to stop
        when its score no longer improves, and to keep the parameters with the best score.
    validation_fraction : float, default=0.1
        Share of the sequences that `early_stopping` sets aside, if `fit` is given no `validation_data`.
    validation_split : {'random', 'last'}, default='random'
        Which sequences `early_stopping` sets aside: some at random, or the last ones. Overlapping windows of a series
        need 'last', since their neighbours hold the same steps. If windows of several series follow each other, the
        last windows are those of the last series: pass `validation_data` to `fit` instead.
    validation_gap : int or 'auto', default='auto'
        With ``validation_split='last'``, number of sequences before the validation part that are left out altogether,
        because their targets are those of the validation part too. 'auto' is the number of targets per sequence
        minus one, which is right for windows that begin at every step of one series, with the next values as targets;
        0 with `return_sequences`.
    beta_1 : float, default=0.9
        Decay rate of the mean of the gradient in 'adam', in [0, 1).
    beta_2 : float, default=0.999
        Decay rate of the mean of the squared gradient in 'adam', in [0, 1).
    epsilon : float, default=1e-8
        Number that 'adam' adds to its denominator.
    n_iter_no_change : int or None, default=None
        Training stops after more than this number of epochs in a row without an improvement by `tol`. None is as many
        epochs as make 500 updates, and at least 10; 10 iterations of the last three solvers.
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
        members, trained in parallel, are in `estimators_`, and their predictions are averaged.
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
    theta_ : ndarray of shape (P,)
        All parameters in one vector. ``network_.views(theta_)`` returns its parts by their names: "layer0.W" and so on,
        "layer0.forward.W" and "layer0.backward.W" with `bidirectional`, "readout.W".
    network_ : numbarnn.layers.Model
        The network as a function of `theta_`, with its derivatives.
    estimators_ : list of RNNRegressor
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
        Coefficient of determination on the validation part after each epoch. None without `early_stopping`.
    best_validation_score_ : float or None
        Largest validation score of the last fit. None without `early_stopping`.
    n_layers_ : int
        Number of layers, inputs and outputs included.
    n_outputs_ : int
        Number of outputs of the network per sequence or step: the number of targets,
        times the number of quantiles, or of the parameters of the distribution that the loss predicts.
    out_activation_ : str
        'identity', 'exponential', 'quantiles', 'gaussian', 'student_t' or 'negative_binomial', by the loss.
    laplace_ : object
        The uncertainty of the parameters, after `fit_laplace`; a later fit discards it.

    See Also
    --------
    RNNClassifier : The same networks for class labels.
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
    .. [22] P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964.
    .. [23] R. Koenker and G. Bassett, "Regression quantiles", Econometrica 46, 1978.
    .. [24] D. A. Nix and A. S. Weigend, "Estimating the mean and variance of the target probability distribution",
       ICNN 1994.
    .. [25] D. Salinas, V. Flunkert, J. Gasthaus and T. Januschowski, "DeepAR: probabilistic forecasting with
       autoregressive recurrent networks", International Journal of Forecasting 36, 2020.
    .. [26] K. L. Lange, R. J. A. Little and J. M. G. Taylor, "Robust statistical modeling using the t distribution",
       Journal of the American Statistical Association 84, 1989.
    .. [27] J. Martens, "Deep learning via Hessian-free optimization", ICML 2010.
    .. [28] J. Martens and I. Sutskever, "Learning recurrent neural networks with Hessian-free optimization", ICML 2011.
    .. [29] M. A. Branch, T. F. Coleman and Y. Li, "A subspace, interior, and conjugate gradient method for large-scale
       bound-constrained minimization problems", SIAM Journal on Scientific Computing 21, 1999.

    Examples
    --------
    The next value of a wave:

    >>> import numpy as np
    >>> from numbarnn import RNNRegressor, SlidingWindow
    >>> wave = np.sin(0.3 * np.arange(200))
    >>> window = SlidingWindow(length=10)
    >>> reg = RNNRegressor(8, learning_rate_init=0.02, random_state=0).fit(*window.make_xy(wave))
    >>> bool(abs(reg.predict(window.last_window(wave))[0] - np.sin(0.3 * 200)) < 0.2)
    True
    """

    _head: NumberHead
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "loss": [StrOptions(set(LOSSES))],
        "quantiles": [None, "array-like"],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
    }
    _masks_nan_targets: ClassVar[bool] = True

    def __init__(
        self,
        hidden_layer_sizes: int | ArrayLike = (64,),
        *,
        loss: Literal[
            "squared_error",
            "absolute_error",
            "huber",
            "quantile",
            "poisson",
            "negative_binomial",
            "gaussian",
            "student_t",
        ] = "squared_error",
        quantiles: ArrayLike | None = None,
        huber_delta: float = 1.0,
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
        self.loss = loss
        self.quantiles = quantiles
        self.huber_delta = huber_delta

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go on training for one epoch over the given sequences.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The targets, as in `fit`.
        sample_weight : array-like of shape (n,), or of shape (n, T) or list of n array-likes of shape (T_i,), \
                default=None
            Weight of each sequence or step, as in `fit`. Weights count relative to the mean weight of this call.

        Returns
        -------
        self : object
            The estimator; as it was before if this call fails.

        Raises
        ------
        ValueError
            If X or y are not as in `fit`, or a parameter is not for partial fits: `early_stopping`, a `solver` other
            than 'adam' and 'sgd', `learning_rate='cosine'`.
        """
        return self._become(self._learned(X, y, sample_weight, partial=True))

    def predict(
        self, X: Any, state: State | None = None, *, return_state: bool = False, return_std: bool = False
    ) -> Any:
        """Predict numbers.

        They are means for the losses 'squared_error', 'poisson', 'negative_binomial', 'gaussian' and 'student_t',
        medians for 'absolute_error' and 'quantile', and in between for 'huber'.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        state : tuple of tuples of ndarrays of shape (n, H), default=None
            The network's state before the first steps of X, as an earlier call returned it: of each layer `(h,)` or
            `(h, c)`, with one row per sequence. None is zero. A network that reads in both directions, one that pools
            over all steps, and an ensemble have none.
        return_state : bool, default=False
            Whether to return the state after the last steps as well.
        return_std : bool, default=False
            Whether to return the predicted standard deviations as well; needs a loss that predicts a distribution:
            'gaussian', 'student_t', 'poisson' or 'negative_binomial'. Of the first two they are at least
            ``numbarnn.losses.gaussian.SCALE_FLOOR``, in units of y. For an ensemble they are those of the mixture of
            its members. With 'squared_error' it needs `fit_laplace`, and they are those of the noise and of the
            parameters together.

        Returns
        -------
        y : ndarray of shape (n,) or (n, K)
            In the shape of the y of `fit`. With `return_sequences` for each step, in the form of X: (n, T) or
            (n, T, K), or a list of n arrays (T_i,) or (T_i, K).
        std : ndarray or list of ndarrays
            Only if `return_std`; in the form of y.
        state : tuple of tuples of ndarrays of shape (n, H)
            Only if `return_state`. Long sequences can be predicted in parts: if each call gets the state of the call
            before, the results are the same, bit for bit, as those of one call.

        Raises
        ------
        ValueError
            If X or the state is not as described, or `return_std` is asked for with another loss or without
            `fit_laplace`.
        """
        if not return_std:
            outputs = self._outputs(X, state, return_state=return_state)
            return outputs.result(self._decoded(outputs), return_state=return_state)
        check_is_fitted(self)
        squared = isinstance(self._head.loss, SquaredError)
        if squared and not hasattr(self, "laplace_"):
            raise ValueError(
                "return_std=True needs the uncertainty of the parameters with loss='squared_error': call "
                "fit_laplace(X, y) with the training data after each fit, or fit with a loss that predicts a "
                f"distribution, one of {_DISTRIBUTIONS}."
            )
        if not squared and not isinstance(self._head.loss, DistributionLoss):
            raise ValueError(
                f"return_std=True needs a loss that predicts a distribution, one of {_DISTRIBUTIONS}, but the fit had "
                f"loss={self._fitted_loss!r}."
            )
        if return_state or state is not None:
            raise ValueError("return_std=True cannot be combined with state or return_state=True.")
        outputs = self._outputs(X)
        mean = self._decoded(outputs)
        std = self._parameter_std(X) if squared else _distribution(self._head.loss, outputs).std().astype(mean.dtype)
        return outputs.restore(mean), outputs.restore(self._head.decode(std))

    def predict_quantiles(self, X: Any, q: ArrayLike | None = None) -> Any:
        """Predict quantiles.

        With ``loss="quantile"`` they are those fitted, and the mean over the members of an ensemble. With 'gaussian',
        'student_t', 'poisson' and 'negative_binomial' they are those of the predicted distribution, which for an
        ensemble is the mixture of the distributions of its members.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        q : array-like of float, default=None
            Levels between 0 and 1. With ``loss="quantile"`` each must be in `quantiles`, and None is all of them in
            rising order.

        Returns
        -------
        quantiles : ndarray of shape (n, len(q)), or (n, K, len(q)) for K targets
            With `return_sequences` for each step, in the form of X. They do not fall from a level to a higher one.

        Raises
        ------
        ValueError
            If the estimator was fitted with a loss that predicts no quantiles, or a level is missing, is not between 0
            and 1, or was not fitted.
        """
        check_is_fitted(self)
        loss = self._head.loss
        if isinstance(loss, Quantile):
            levels = loss.quantiles if q is None else _levels(q)
            unknown = [level for level in levels if level not in loss.quantiles]
            if unknown:
                raise ValueError(f"q must hold fitted levels, of {list(loss.quantiles)}; got {unknown}.")
            outputs = self._outputs(X)
            rows = outputs.average(loss.output)
            columns = [loss.quantiles.index(level) for level in levels]
            by_target = rows.reshape(len(rows), self._head.n_targets, -1)[..., columns]
        elif isinstance(loss, DistributionLoss):
            levels = _levels(q)
            outputs = self._outputs(X)
            distribution = _distribution(loss, outputs)
            by_target = np.stack([distribution.ppf(level) for level in levels], axis=-1).astype(outputs.z[0].dtype)
            _check_finite(by_target)
        else:
            raise ValueError(
                f"predict_quantiles needs loss='quantile' or a loss that predicts a distribution, one of "
                f"{_DISTRIBUTIONS}, but the fit had loss={self._fitted_loss!r}."
            )
        return outputs.restore(by_target[:, 0] if self._head.one_dimensional else by_target)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination; with `return_sequences` that of all steps.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        y : array-like of shape (n,) or (n, K), or list of n array-likes of shape (T_i,) or (T_i, K)
            The true targets, as in `fit`. Steps whose target is NaN do not count.
        sample_weight : array-like of shape (n,), or of shape (n, T) or list of n array-likes of shape (T_i,), \
                default=None
            Weight of each sequence or, with `return_sequences`, of each step; a weight of a sequence applies to each of
            its steps. Rows of weight zero are ignored.

        Returns
        -------
        r2 : float
            At most 1, for a perfect prediction; 0 for a prediction of the mean.
        """
        return self._score(X, y, sample_weight)

    def _parameter_std(self, X: Any) -> NDArray:
        """Return the standard deviations of the noise and the parameters, one row per sequence or per step."""
        sequences, _ = read_sequences(self, X)
        std = predictive_std(self, self.laplace_, stack_patches(sequences, self.patch_))
        return steps_of(self, std, sequences)

    @property
    def _fitted_loss(self) -> str:
        return next(name for name, (kind, _) in LOSSES.items() if isinstance(self._head.loss, kind))

    def _decoded(self, outputs: Outputs) -> NDArray:
        points = outputs.average(self._head.predict)
        _check_finite(points)
        return self._head.decode(points)

    def _check_targets(self, rows: NDArray) -> NDArray:
        return check_numbers(rows, ensure_2d=False, input_name="y", estimator=self)

    def _new_head(self, rows: NDArray, classes: NDArray | None = None) -> NumberHead:  # noqa: ARG002
        if self.loss == "quantile" and self.quantiles is None:
            raise ValueError("loss='quantile' needs quantiles, such as quantiles=[0.1, 0.5, 0.9], got None.")
        kind, arguments = LOSSES[self.loss]
        loss = kind(**{name: getattr(self, parameter) for name, parameter in arguments.items()})
        return NumberHead(loss, 1 if rows.ndim == 1 else rows.shape[1], rows.ndim == 1)

    def _resumed_head(self, rows: NDArray) -> NumberHead:
        return self._new_head(rows)

    def _moments(self, rows: NDArray, weights: NDArray | None) -> Moments | None:
        return None if self.loss in _LOG_LINK else Moments.of(rows, weights)

    def _loss_unit(self, targets: Moments | None) -> float:
        return loss_unit(self.loss, targets, self.huber_delta)

    def _metric(self, rows: NDArray, predicted: NDArray, weights: NDArray | None) -> float:
        from sklearn.metrics import r2_score  # noqa: PLC0415  (slow to import, and most fits do without)

        return r2_score(rows, predicted, sample_weight=weights)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _distribution(loss: DistributionLoss, outputs: Outputs) -> Any:
    """Return the predicted distribution of each target: of an ensemble, the mixture of those of its members."""
    members = [loss.distribution(z) for z in outputs.z]
    return Mixture(members) if outputs.of_ensemble else members[0]


def _levels(q: ArrayLike | None) -> list[float]:
    """Return levels of quantiles as a list of numbers between 0 and 1."""
    levels = [] if q is None else np.atleast_1d(np.asarray(q, dtype=float)).tolist()
    if not levels or not all(0 < level < 1 for level in levels):
        raise ValueError(f"q must hold levels between 0 and 1, such as [0.1, 0.5, 0.9]; got {q!r}.")
    return levels


def _check_finite(predictions: NDArray) -> None:
    if not np.isfinite(predictions).all():
        raise ValueError("The predictions are not finite: X holds numbers too large for the network.")
