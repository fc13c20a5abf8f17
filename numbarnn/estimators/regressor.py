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

from numbarnn.data.validation import check_numbers
from numbarnn.estimators.base import BaseRNN, State
from numbarnn.estimators.outputs import Outputs
from numbarnn.estimators.parameters import CONSTRAINTS
from numbarnn.losses import AbsoluteError, Gaussian, Huber, NumberHead, Poisson, Quantile, SquaredError

_LOSSES: dict[str, tuple[Any, dict[str, str]]] = {
    "squared_error": (SquaredError, {}),
    "absolute_error": (AbsoluteError, {}),
    "huber": (Huber, {"delta": "huber_delta"}),
    "quantile": (Quantile, {"quantiles": "quantiles"}),
    "poisson": (Poisson, {}),
    "gaussian": (Gaussian, {}),
}
"""The losses by their names, each with the parameters of the estimator that it takes."""


class RNNRegressor(RegressorMixin, BaseRNN):
    """Predict numbers from sequences, or from each of their steps, with a recurrent network.

    Minimizes half the squared error, its mean over the outputs.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(64,)
        Units of each recurrent layer, in each direction.
    cell : {'elman', 'elman_relu', 'leaky_elman', 'jordan', 'lstm', 'peephole_lstm', 'coupled_lstm', \
            'coupled_peephole_lstm', 'projected_lstm', 'layer_norm_lstm', 'gru', 'gru_reset_before'}, default='lstm'
        The recurrent cell.

        - 'elman', a tanh of inputs and previous state (Elman 1990),
        - 'elman_relu', the same with max(0, a) instead of the tanh,
        - 'leaky_elman', the same with a learned leak for each unit (Jaeger et al. 2007),
        - 'jordan', a tanh whose linear outputs are fed back (Jordan 1986),
        - 'lstm', long short-term memory with a forget gate (Gers et al. 2000),
        - 'peephole_lstm', whose gates also see its cells (Gers & Schmidhuber 2000),
        - 'coupled_lstm' and 'coupled_peephole_lstm', which forget as much as they take in (Greff et al. 2017),
        - 'projected_lstm', whose outputs are a projection of its units (Sak et al. 2014),
        - 'layer_norm_lstm', whose products and cells are normalised over the layer (Ba et al. 2016),
        - 'gru', the gated recurrent unit as in PyTorch, and 'gru_reset_before', as in Cho et al. (2014).
    bidirectional : bool, default=False
        Whether each layer also reads the sequences from their last step to their first.
    return_sequences : bool, default=False
        False gives one output per sequence, from the last states; True one per step.
    learn_initial_state : bool, default=False
        Whether the state before the first step is learned, for each layer and direction, rather than zero.
    dropout : float, default=0.0
        Probability that an output of a layer is dropped, at each step anew; of the last layer's outputs, too, which the
        readout reads. This and the next five are told apart in the Notes.
    input_dropout : float, default=0.0
        Probability that an input of a layer is dropped, at all steps of a sequence alike.
    recurrent_dropout : float, default=0.0
        Probability that the recurrent weights do not see a unit's last output, at all steps of a sequence alike.
    weight_dropout : float, default=0.0
        Probability that an entry of the recurrent weights is dropped, for a whole batch.
    zoneout : float or tuple of two floats, default=0.0
        Probability that a unit keeps its state of the step before: one for the whole state, or `(h, c)` for a cell that
        has both. Not for 'layer_norm_lstm'.
    preactivation_clip : float or None, default=None
        The gates' pre-activations are clipped to [-clip, clip], as in ONNX. None clips nothing.
    solver : {'adam', 'sgd'}, default='adam'
        Adam (Kingma and Ba 2015) or stochastic gradient descent with momentum.
    alpha : float, default=0.0001
        Strength of the L2 penalty on the weights; biases and gains are not penalized. The penalty is divided by
        the sum of the sample weights, as in scikit-learn.
    batch_size : int or 'auto', default='auto'
        Sequences per update. 'auto' is ``min(200, n)``.
    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        Schedule of the learning rate, for both solvers.

        - 'constant' stays at `learning_rate_init`,
        - 'invscaling' is ``learning_rate_init / t ** power_t`` after t sequences,
        - 'adaptive' is divided by five whenever the training would stop, until it is below 1e-6.
    learning_rate_init : float, default=0.001
        The initial learning rate.
    power_t : float, default=0.5
        Exponent of the 'invscaling' schedule.
    max_iter : int, default=200
        Most epochs: each sequence is read so many times.
    shuffle : bool, default=True
        Whether to draw the batches of each epoch at random. Has no effect if one batch holds all.
    random_state : int, RandomState instance or None, default=None
        Draws the initial weights, the batches, the validation part and what is dropped. An int makes
        two fits equal to the bit.
    tol : float, default=1e-4
        Least improvement of the loss, or of the validation score, that counts.
    verbose : bool or int, default=False
        Whether to show a progress bar with the current loss.
    warm_start : bool, default=False
        Whether `fit` goes on from the parameters of the previous call instead of starting anew.
    momentum : float, default=0.9
        Momentum of solver='sgd', from 0 to 1.
    nesterovs_momentum : bool, default=True
        Whether solver='sgd' uses Nesterov's momentum.
    early_stopping : bool, default=False
        Whether to set aside a part of the sequences (at random), stop when their score
        no longer improves, and keep the parameters of the best score.
    validation_fraction : float, default=0.1
        Share of the sequences set aside by `early_stopping`.
    beta_1 : float, default=0.9
        Decay rate of solver='adam' for its mean of the gradient.
    beta_2 : float, default=0.999
        Decay rate of solver='adam' for its mean of the squared gradient.
    epsilon : float, default=1e-8
        What solver='adam' adds to its denominator.
    n_iter_no_change : int, default=10
        Training stops when more epochs in a row bring no improvement of `tol`.
    max_grad_norm : float or None, default=None
        Longer gradients are scaled to this norm (Pascanu et al. 2013). None clips nothing.
    tbptt : (int, int) or None, default=None
        Truncated BPTT (Williams & Peng 1990): steps k1 and k2. After every k1 steps the parameters are updated, by the
        gradient of these steps' loss through the last k2, and the state is carried on. `truncation_error` tells how far
        such gradients are from the exact one. None takes each batch's exact gradient.
    checkpoint_memory_mb : float or None, default=None
        MB (10^6 bytes) that what the training keeps of a batch's steps may take. Where it would take more, only some
        states are kept and the rest is computed again, to the same bits: for very long sequences. None is no limit.
    dtype : {'float32', 'float64'} or None, default=None
        Precision of all computations. None takes that of X: float32 stays, all else becomes float64.
    device : {'cpu', 'cuda'}, default='cpu'
        Where to fit and to predict; derivatives are computed on the CPU. Both draw the same initial weights, batches
        and dropped numbers, so their fits agree to rounding, and either goes on from the other's. 'cuda' needs an
        NVIDIA GPU and the extra ``numbarnn[cuda]``; it has no `tbptt` and no `checkpoint_memory_mb`.
    n_jobs : int or None, default=None
        Number of threads: None is 1 unless in a joblib context, -1 is one per core. It does not change a bit
        of the result.

    Attributes
    ----------
    theta_ : ndarray of shape (P,)
        All parameters in one vector; ``network_.views(theta_)`` names its parts.
    network_ : Network
        The function of `theta_` that was fitted, with its derivatives.
    n_features_in_ : int
        Inputs per step, I, if X was (n, T, I) or a list; T if X was (n, T).
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X came as a frame or a list of frames whose names are all strings.
    n_iter_ : int
        Epochs of the last `fit` or `partial_fit`.
    t_ : int
        Sequences read in all epochs.
    loss_ : float
        Training loss of the last epoch, penalty included.
    best_loss_ : float
        Smallest training loss of an epoch.
    loss_curve_ : list of float
        Training loss of each epoch.
    validation_scores_ : list of float or None
        Coefficient of determination on the validation part after each epoch. None without `early_stopping`.
    best_validation_score_ : float or None
        Largest of the validation scores. None without `early_stopping`.
    n_layers_ : int
        Number of layers, inputs and outputs included.
    n_outputs_ : int
        Number of outputs of the network, K.
    out_activation_ : str
        'identity'.

    See Also
    --------
    RNNClassifier : The same networks for classes.
    SlidingWindow : Cuts a long series into sequences and targets.
    SequenceScaler : Scales the inputs, which training needs.

    Notes
    -----
    What regularizes the training beside `alpha` and `early_stopping`:

    =================== ====================================== ================= ========================
    Parameter           Acts on                                Drawn anew for    Reference
    =================== ====================================== ================= ========================
    `dropout`           the outputs of each layer              each step         [5]_, [6]_
    `input_dropout`     the inputs of each layer               each sequence     [7]_, "variational"
    `recurrent_dropout` h_(t-1) before its product with R      each sequence     [7]_, "variational"
    `weight_dropout`    R, "DropConnect"                       each batch        [8]_, [9]_
    `zoneout`           h_t and c_t, which stay as they were   each step         [10]_
    `preactivation_clip`              the pre-activations                    (not random)      ONNX's RNN, GRU and LSTM
    =================== ====================================== ================= ========================

    Each layer has its own masks, and so has each direction. In the training, what a dropout keeps is divided by one
    minus its probability, so that predictions need do nothing; `loss_curve_` is the loss of that. Predictions and
    derivatives take the mean of zoneout, ``z * old + (1 - z) * new``, and the clip. Zoneout and `dropout` draw a number
    for each step and unit, which `checkpoint_memory_mb` does not count.

    References
    ----------
    .. [1] J. L. Elman, "Finding structure in time", Cognitive Science 14, 1990.
    .. [2] F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to forget: continual prediction with LSTM",
       Neural Computation 12, 2000.
    .. [3] D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    .. [4] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks",
       ICML 2013.
    .. [5] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, "Dropout: a simple way to prevent
       neural networks from overfitting", Journal of Machine Learning Research 15, 2014.
    .. [6] W. Zaremba, I. Sutskever and O. Vinyals, "Recurrent neural network regularization", arXiv:1409.2329, 2014.
    .. [7] Y. Gal and Z. Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks",
       NIPS 2016.
    .. [8] L. Wan, M. Zeiler, S. Zhang, Y. LeCun and R. Fergus, "Regularization of neural networks using DropConnect",
       ICML 2013.
    .. [9] S. Merity, N. S. Keskar and R. Socher, "Regularizing and optimizing LSTM language models", ICLR 2018.
    .. [10] D. Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden activations", ICLR 2017.

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
        "loss": [StrOptions(set(_LOSSES))],
        "quantiles": [None, "array-like"],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
    }
    _masks_nan_targets: ClassVar[bool] = True

    def __init__(
        self,
        hidden_layer_sizes: int | ArrayLike = (64,),
        *,
        loss: Literal["squared_error", "absolute_error", "huber", "quantile", "poisson", "gaussian"] = "squared_error",
        quantiles: ArrayLike | None = None,
        huber_delta: float = 1.0,
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
            If X or y are not as in `fit`, or a parameter is not for partial fits: `early_stopping`, `solver='lbfgs'`,
            `learning_rate='cosine'`.
        """
        return self._become(self._learned(X, y, sample_weight, partial=True))

    def predict(
        self, X: Any, state: State | None = None, *, return_state: bool = False, return_std: bool = False
    ) -> Any:
        """Predict numbers.

        They are means for the losses 'squared_error', 'poisson' and 'gaussian', and medians for 'absolute_error' and
        'quantile'.

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
            Whether to return the predicted standard deviations as well; needs ``loss="gaussian"``. They are at least
            ``numbarnn.losses.gaussian.SCALE_FLOOR``, in units of y. For an ensemble they are those of the mixture of
            its members.

        Returns
        -------
        y : ndarray of shape (n,) or (n, K)
            In the shape of the y of `fit`. With `return_sequences` for each step, in the form of X: (n, T) or
            (n, T, K), or a list of n arrays (T_i,) or (T_i, K).
        std : ndarray or list of ndarrays
            Only if `return_std`; in the form of y.
        state : tuple of tuples of ndarrays of shape (n, H)
            Only if `return_state`. Calls over parts of long sequences that pass it on give to the bit what one call
            over the whole sequences gives.

        Raises
        ------
        ValueError
            If X or the state is not as described, or `return_std` is asked for with another loss.
        """
        if not return_std:
            outputs = self._outputs(X, state, return_state=return_state)
            return outputs.result(self._decoded(outputs), return_state=return_state)
        check_is_fitted(self)
        if not isinstance(self._head.loss, Gaussian):
            raise ValueError(f"return_std=True needs loss='gaussian', but the fit had loss={self._fitted_loss!r}.")
        if return_state or state is not None:
            raise ValueError("return_std=True does not go with a state; predict the mean and the state, then the rest.")
        outputs = self._outputs(X)
        mean, std = _mixture([self._head.loss.output(z) for z in outputs.z])
        return outputs.restore(self._head.decode(mean)), outputs.restore(self._head.decode(std))

    def predict_quantiles(self, X: Any, q: ArrayLike | None = None) -> Any:
        """Predict quantiles, with ``loss="quantile"``.

        Parameters
        ----------
        X : array-like of shape (n, T, I) or (n, T), or list of n array-likes of shape (T_i, I) or (T_i,)
            The sequences.
        q : array-like of float, default=None
            Levels, each of them in `quantiles`; None is all of `quantiles` in rising order.

        Returns
        -------
        quantiles : ndarray of shape (n, len(q)), or (n, K, len(q)) for K targets
            With `return_sequences` for each step, in the form of X. They do not fall from a level to a higher one.

        Raises
        ------
        ValueError
            If the estimator was fitted with another loss, or a level was not fitted.
        """
        check_is_fitted(self)
        loss = self._head.loss
        if not isinstance(loss, Quantile):
            raise ValueError(f"predict_quantiles needs loss='quantile', but the fit had loss={self._fitted_loss!r}.")
        levels = loss.quantiles if q is None else np.atleast_1d(np.asarray(q, dtype=float)).tolist()
        unknown = [level for level in levels if level not in loss.quantiles]
        if unknown:
            raise ValueError(f"q must hold fitted levels, of {list(loss.quantiles)}; got {unknown}.")
        outputs = self._outputs(X)
        rows = outputs.average(loss.output)
        columns = [loss.quantiles.index(level) for level in levels]
        by_target = rows.reshape(len(rows), self._head.n_targets, -1)[..., columns]
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
            Weight of each sequence, and of each of its steps, or of each step. Steps of weight zero do not count.

        Returns
        -------
        r2 : float
            At most 1, for a perfect prediction; 0 for a prediction of the mean.
        """
        return self._score(X, y, sample_weight)

    @property
    def _fitted_loss(self) -> str:
        return next(name for name, (kind, _) in _LOSSES.items() if isinstance(self._head.loss, kind))

    def _decoded(self, outputs: Outputs) -> NDArray:
        points = outputs.average(self._head.predict)
        if not np.isfinite(points).all():
            raise ValueError("The predictions are not finite: X holds numbers too large for the network.")
        return self._head.decode(points)

    def _check_targets(self, rows: NDArray) -> NDArray:
        return check_numbers(rows, ensure_2d=False, input_name="y", estimator=self)

    def _new_head(self, rows: NDArray, classes: NDArray | None = None) -> NumberHead:  # noqa: ARG002
        if self.loss == "quantile" and self.quantiles is None:
            raise ValueError("loss='quantile' needs quantiles, such as quantiles=[0.1, 0.5, 0.9], got None.")
        kind, arguments = _LOSSES[self.loss]
        loss = kind(**{name: getattr(self, parameter) for name, parameter in arguments.items()})
        return NumberHead(loss, 1 if rows.ndim == 1 else rows.shape[1], rows.ndim == 1)

    def _resumed_head(self, rows: NDArray) -> NumberHead:
        return self._new_head(rows)

    def _metric(self, rows: NDArray, predicted: NDArray, weights: NDArray | None) -> float:
        from sklearn.metrics import r2_score  # noqa: PLC0415  (slow to import, and most fits do without)

        return r2_score(rows, predicted, sample_weight=weights)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _mixture(members: list[NDArray]) -> tuple[NDArray, NDArray]:
    """Return mean and standard deviation of the mixture of normal distributions, whose own are side by side."""
    means, stds = np.split(np.asarray(members), 2, axis=-1)
    if len(members) == 1:
        return means[0], stds[0]
    mean = means.mean(axis=0)
    return mean, np.sqrt(np.mean(np.square(stds) + np.square(means - mean), axis=0))
