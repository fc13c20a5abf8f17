"""Forecasting with recurrent neural networks."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from numbarnn.estimators import parameters
from numbarnn.estimators.regressor import LOSSES
from numbarnn.forecasting.covariates import read_covariates
from numbarnn.forecasting.following import continued, with_future
from numbarnn.forecasting.forms import Columns, ListOf
from numbarnn.forecasting.generation import Generator
from numbarnn.forecasting.memory import Memory, Tail
from numbarnn.forecasting.panel import Panel, read_panel
from numbarnn.forecasting.recipe import Data, Recipe
from numbarnn.forecasting.training import Trained, train_networks
from numbarnn.losses import DistributionLoss, Quantile

_NOT_NETWORK = ("bidirectional", "return_sequences", "pooling", "patch")
_POSITIVE_INT = parameters.CONSTRAINTS["n_estimators"]


def _predicts_distribution(forecaster: RNNForecaster) -> bool:
    """Return whether a forecaster's loss predicts a distribution.

    Raises
    ------
    AttributeError
        If it does not.
    """
    loss = forecaster.loss
    if loss not in LOSSES or loss == "quantile" or issubclass(LOSSES[loss][0], DistributionLoss):
        return True
    raise AttributeError(
        f"loss={loss!r} predicts no distribution. Use loss='quantile' or 'gaussian', or get intervals for any "
        "forecaster from ConformalForecaster."
    )


class _Fitted(NamedTuple):
    """Result of a fit.

    Attributes
    ----------
    recipe : Recipe
    trained : Trained
    horizon : int
    panel : Panel
        The last value of each series, with its time.
    memory : Memory
    """

    recipe: Recipe
    trained: Trained
    horizon: int
    panel: Panel
    memory: Memory


class RNNForecaster(BaseEstimator):
    r"""Forecast time series with recurrent neural networks.

    The networks read a series step by step and forecast, at each step, the next `horizon` values at once (Hewamalage et
    al. 2021 [1]_), so that a single pass trains on forecasts from every step of the series. Inputs and targets are
    relative to the recent level of the series: trends, different scales and, with `seasonal_periods`, seasonality need
    no preprocessing.

    Parameters
    ----------
    horizon : int, default=1
        Number of steps to forecast.
    look_back : int or None, default=None
        Number of steps that the networks read before each forecast. None is the whole history, with one forecast at
        each step, which is faster. With covariates that are known in the future and a horizon above one, None is four
        times the horizon, but at least 24 and at most half of the longest series.
    seasonal_periods : int, array-like of int or None, default=None
        Number of steps in a season, such as 12 for monthly data, or in each of several seasons, such as ``[24, 168]``
        for the daily and weekly seasons of hourly data. With several, the base and the scale use the longest, and
        `input_window` the shortest.
    strategy : {'direct', 'recursive'}, default='direct'
        Whether the networks forecast `horizon` steps at once, or one step at a time, where each forecast is fed back as
        an input for the next.
    loss : str, default='quantile'
        The loss: 'quantile', 'gaussian', 'student_t', 'poisson', 'negative_binomial', 'squared_error', 'absolute_error'
        or 'huber', as in `RNNRegressor`. The first five predict distributions. 'poisson' and 'negative_binomial' are
        for counts; with them the targets are the values themselves, without a transform or a base.
    quantiles : array-like of float, default=(0.05, 0.25, 0.5, 0.75, 0.95)
        Levels for ``loss='quantile'``, one of them 0.5.
    huber_delta : float, default=1.0
        Absolute error above which ``loss='huber'`` is linear, in units of the scale of a series (see Notes).
    transform : {'auto', 'log', 'boxcox'} or None, default='auto'
        Transform of the values. 'auto' takes the logarithm of each series whose training values are all positive, and
        does not transform other series or counts. Where a logarithm is taken, later values between zero and half of the
        smallest training value are replaced by this half. 'boxcox' is the Box-Cox transform [2]_, whose exponent is the
        median over all series of the maximum likelihood estimates.
    differencing : int, 'auto' or None, default='auto'
        The base: what is subtracted from the targets. With a number, such as 1 or the length of a season, it is the
        last known value that lies a multiple of this number of steps before. None is the level. 'auto' is, with
        `seasonal_periods`, the mean of the last season plus a weighted mean of the seasonal deviations of the last five
        seasons, and otherwise the level. If X is given and the horizon is above one, the base is always the level (see
        Notes).
    scaler : {'auto', 'standard', 'mean', 'last'}, default='auto'
        The level, which is subtracted from the inputs. 'standard' subtracts the mean of each series and divides by its
        standard deviation. The others update the level at each step, and divide by the mean absolute change of the
        series: 'mean' subtracts the mean of the last season or, without seasons, of the input window; 'last' subtracts
        the last value. 'auto' is 'last'.
    input_window : int or 'auto', default='auto'
        Number of most recent values that the networks read at each step; older values can be kept in the recurrent
        state. 'auto' is one season (the shortest of several) or, without seasons, ``max(4, 1.25 * horizon)``.
    calendar_features : str, list of str, 'auto' or None, default='auto'
        Calendar features that the networks read, from the dates of the index: 'minute', 'hour', 'dayofweek', 'day',
        'dayofyear', 'month' and 'quarter'. 'auto' takes 'hour', 'dayofweek' and 'month', each only if a step is not
        longer than this unit and the longest series covers at least two of its cycles (days, weeks or years).
    n_estimators : int, default=5
        Number of networks in the ensemble, which differ only in their random numbers. Predicted quantiles are averaged
        over the networks; predicted distributions are combined to a mixture.
    dropout : float, default=0.1
        Probability that an output of a recurrent layer is dropped, drawn independently at each step.
    recurrent_dropout : float, default=0.1
        Probability that the previous output of a unit is dropped before it is multiplied by the recurrent weights. The
        same units are dropped at all steps of a series.
    hidden_layer_sizes, cell, projection_size, learn_initial_state
        Architecture of the networks, as in `RNNRegressor`.
    input_dropout, weight_dropout, zoneout, preactivation_clip
        Regularization of the networks, as in `RNNRegressor`.
    solver, alpha, learning_rate, learning_rate_init, power_t, warmup_fraction, max_fun, shuffle, random_state
        Training of the networks, as in `RNNRegressor`; the solver is 'adam', 'sgd' or 'lbfgs'.
    tol, verbose, momentum, nesterovs_momentum, beta_1, beta_2, epsilon, max_grad_norm
        Training of the networks, as in `RNNRegressor`.
    tbptt, checkpoint_memory_mb, device
        Memory and place of the training, as in `RNNRegressor`.
    batch_size : int or 'auto', default='auto'
        Number of series per update; long series are cut into pieces of 512 steps, each of which counts as one. 'auto'
        is 16.
    max_iter : int or None, default=None
        Maximum number of epochs. None is the number of epochs that gives about 400 updates.
    early_stopping : bool, default=False
        Whether to hold out the last part of each series, to stop training when the loss on it no longer improves, and
        to keep the best parameters.
    validation_fraction : float, default=0.1
        Share of each series that `early_stopping` holds out.
    n_iter_no_change : int or None, default=None
        Training stops after more than this number of consecutive epochs without an improvement by `tol`. None trains
        for `max_iter` epochs or, with early stopping, has the same meaning as in `RNNRegressor`.
    dtype : {'float32', 'float64'}, default='float32'
        Precision of the networks.
    n_jobs : int or None, default=None
        Number of networks that are trained in parallel or, with a single network, number of threads.

    Attributes
    ----------
    thetas_ : list of ndarray of shape (P,)
        The parameters of each network.
    network_ : numbarnn.layers.Model
        The network as a function of its parameters.
    calendar_features_ : tuple of str
        The calendar features that the networks read.
    loss_curve_ : list of float
        Training loss of each epoch, the mean over the networks.
    validation_scores_ : list of float or None
        The negative validation loss of the first network after each epoch; None without validation.
    n_iter_ : int
        Number of epochs.

    See Also
    --------
    ConformalForecaster : Calibrated prediction intervals for any forecaster.
    backtest : Evaluate forecasts from several times in the past.
    RNNRegressor : The network for windows and targets of your own.

    Notes
    -----
    With x the transformed series, :math:`\ell_t` its level and s its scale, the network reads
    :math:`(x_{t-j} - \ell_t) / s` for j below `input_window`, the changes of the value and of the level, an indicator
    of missing values, past and static covariates, and the calendar features of the next step. The target for k steps
    ahead is :math:`(x_{t+k} - b_{t,k}) / s`, with the base b. The scale is the mean absolute difference of values one
    season apart, as in [3]_, or, without seasons, of consecutive values. Missing targets are ignored in the loss.

    With covariates that are known in the future, and a horizon above one, the network is unrolled through the horizon
    instead: it reads `look_back` steps, and then the covariates of the steps to forecast, with one output at each. All
    layers are bidirectional, since later covariates are known, too. The network also reads the values and covariates a
    whole number of seasons before each step. The level is then the mean of the
    last season (or of the input window), unless ``scaler="standard"``, and it is the base of all targets.

    The intervals of ``loss="quantile"`` and of the distributions are learned from the training data. On a single short
    series they tend to be too narrow; `ConformalForecaster` calibrates them on held-out data.

    References
    ----------
    .. [1] H. Hewamalage, C. Bergmeir and K. Bandara, "Recurrent neural networks for time series forecasting: current
       status and future directions", International Journal of Forecasting 37, 2021.
    .. [2] G. E. P. Box and D. R. Cox, "An analysis of transformations", Journal of the Royal Statistical Society B 26,
       1964.
    .. [3] R. J. Hyndman and A. B. Koehler, "Another look at measures of forecast accuracy", International Journal of
       Forecasting 22, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.forecasting import RNNForecaster
    >>> y = 10 + np.sin(2 * np.pi * np.arange(96) / 12)
    >>> forecaster = RNNForecaster(horizon=6, seasonal_periods=12, n_estimators=1, random_state=0).fit(y)
    >>> forecaster.predict().round(1)
    array([10. , 10.5, 10.9, 11. , 10.9, 10.5])
    >>> forecaster.predict_interval(coverage=0.9).shape
    (6, 2)
    """

    _fitted: _Fitted
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{name: rule for name, rule in parameters.CONSTRAINTS.items() if name not in _NOT_NETWORK},
        "solver": [StrOptions({"adam", "sgd", "lbfgs"})],
        "horizon": _POSITIVE_INT,
        "look_back": [None, *_POSITIVE_INT],
        "seasonal_periods": [None, "array-like", *_POSITIVE_INT],
        "strategy": [StrOptions({"direct", "recursive"})],
        "loss": [StrOptions(set(LOSSES))],
        "quantiles": ["array-like"],
        "huber_delta": parameters.CONSTRAINTS["learning_rate_init"],
        "transform": [None, StrOptions({"auto", "log", "boxcox"})],
        "differencing": [None, StrOptions({"auto"}), *_POSITIVE_INT],
        "scaler": [StrOptions({"auto", "standard", "mean", "last"})],
        "input_window": [StrOptions({"auto"}), *_POSITIVE_INT],
        "calendar_features": [None, StrOptions({"auto"}), str, list, tuple],
    }

    def __init__(
        self,
        horizon: int = 1,
        *,
        look_back: int | None = None,
        seasonal_periods: int | ArrayLike | None = None,
        strategy: Literal["direct", "recursive"] = "direct",
        loss: str = "quantile",
        quantiles: ArrayLike = (0.05, 0.25, 0.5, 0.75, 0.95),
        huber_delta: float = 1.0,
        transform: Literal["auto", "log", "boxcox"] | None = "auto",
        differencing: int | Literal["auto"] | None = "auto",
        scaler: Literal["auto", "standard", "mean", "last"] = "auto",
        input_window: int | Literal["auto"] = "auto",
        calendar_features: Any = "auto",
        hidden_layer_sizes: int | ArrayLike = (64,),
        cell: str | type = "lstm",
        projection_size: int | None = None,
        learn_initial_state: bool = False,
        dropout: float = 0.1,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.1,
        weight_dropout: float = 0.0,
        zoneout: float | tuple[float, float] = 0.0,
        preactivation_clip: float | None = None,
        solver: Literal["adam", "sgd", "lbfgs"] = "adam",
        alpha: float = 1e-4,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive", "cosine"] = "cosine",
        learning_rate_init: float = 0.003,
        power_t: float = 0.5,
        warmup_fraction: float = 0.05,
        max_iter: int | None = None,
        max_fun: int = 15000,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int | None = None,
        max_grad_norm: float | None = 1.0,
        tbptt: tuple[int, int] | None = None,
        checkpoint_memory_mb: float | None = None,
        n_estimators: int = 5,
        dtype: DTypeLike = "float32",
        device: Literal["cpu", "cuda"] = "cpu",
        n_jobs: int | None = None,
    ):
        self.__dict__.update({name: value for name, value in locals().items() if name not in {"self", "__class__"}})

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        y: Any,
        X: Any = None,
        *,
        past_X: Any = None,
        static_X: Any = None,
        validation_data: Any = None,
        series_id: str | None = None,
        time: str | None = None,
        target: str | list[str] | None = None,
    ) -> Self:
        """Fit the networks to one or several series.

        If fitting fails, the forecaster is left unchanged. Ctrl-C stops the training of a single network early and
        leaves a fitted forecaster, with the parameters of the last complete update.

        Parameters
        ----------
        y : array-like, Series or frame, or list or dict of them
            One series (T,); several variables at the same times, (T, K), which are read and forecast jointly; a list or
            a dict of series of any lengths; or, with `time`, a long frame with one row for each series and time. Frames
            and Series can come from pandas, polars or any other library that narwhals supports. Missing values are NaN.
            Times that are missing in a regular index are treated as missing values.
        X : array-like or frame, or list or dict of them, default=None
            Covariates that are known in the future, in the form of y: (T, F) for each series. Further rows, for the
            steps that follow, are allowed. Frames with dates in the index are aligned with y, and one such frame can be
            passed for all series. In a long frame, all columns except `series_id` and `time` are covariates.
        past_X : array-like or frame, or list or dict of them, default=None
            Covariates that are not known in the future, (T, P) for each series.
        static_X : array-like or frame of shape (n, S), default=None
            One row for each series. Columns are numbers, or categories, for which embedding vectors are learned.
        validation_data : array-like, Series or frame, or list or dict of them, or tuple (y, X), default=None
            Other series, whose loss is used for early stopping and for the choice of the best parameters.
        series_id, time, target : str, default=None
            Columns of a long frame: the identifier of the series, the time and the value of each row; `target` may be a
            list of several columns. Without `series_id` all rows belong to one series.

        Returns
        -------
        self : RNNForecaster
            The fitted forecaster.

        Raises
        ------
        TypeError, ValueError
            If an argument or a parameter is not as described, y is too short for a single forecast, or training
            diverges.
        """
        columns = Columns.read(series_id, time, target)
        data = Data.read(read_panel(y, columns), columns, X, past_X, static_X)
        self._check_parameters(data)
        recipe = Recipe.fit(self, data, columns)
        tails = recipe.tails(data)
        trained = train_networks(self, recipe, tails, self._validation_tails(recipe, validation_data))
        memory = recipe.memory(tails, trained.network(self.n_jobs))
        self._take_over(_Fitted(recipe, trained, self.horizon, data.panel.ends(), memory))
        return self

    def predict(
        self, horizon: int | None = None, *, y: Any = None, X: Any = None, past_X: Any = None, static_X: Any = None
    ) -> Any:
        """Forecast the next steps.

        For the losses 'quantile' and 'absolute_error' forecasts are medians, for the others means (for 'huber'
        something in between). They are computed from transformed values and transformed back: with a logarithm, the
        result is close to a median in any case.

        Parameters
        ----------
        horizon : int or None, default=None
            Number of steps; None is the horizon of `fit`. Beyond that, forecasts are fed back as if they had been
            observed.
        y : as in `fit`, default=None
            Other series to forecast, or the same series with other observations; None is the series seen by `fit` and
            `update`.
        X : as in `fit`, default=None
            Covariates of the next `horizon` steps; with y, also those of the steps of y. With dates, further rows are
            allowed. Not needed if these rows were passed to `fit`.
        past_X, static_X : as in `fit`, default=None
            Covariates of y. Only with y.

        Returns
        -------
        forecast : ndarray of shape (horizon,) or (horizon, K), Series or frame, or list or dict of them
            In the form of y, with its index continued.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as described, or a covariate is missing.
        """
        generator, panel, memory, horizon = self._prepared(horizon, y, X, past_X, static_X)
        return panel.restore(list(generator.points(memory, horizon)))

    @available_if(_predicts_distribution)
    def predict_quantiles(
        self,
        q: ArrayLike,
        horizon: int | None = None,
        *,
        y: Any = None,
        X: Any = None,
        past_X: Any = None,
        static_X: Any = None,
    ) -> Any:
        """Forecast quantiles.

        With ``loss="quantile"``, other levels than those of `quantiles` are interpolated, or extrapolated beyond the
        outermost ones, as a function of the standard normal quantile of the level. Beyond the horizon of `fit`,
        quantiles are estimated from 200 sample paths.

        Parameters
        ----------
        q : float or array-like of float
            Levels between 0 and 1.
        horizon, y, X, past_X, static_X
            As in `predict`.

        Returns
        -------
        quantiles : ndarray of shape (horizon, len(q)) or (horizon, K, len(q)), or frame, or list or dict of them
            Frames have a column for each level.

        Raises
        ------
        TypeError, ValueError
            If a level is not between 0 and 1, or an argument is not as in `predict`.
        AttributeError
            If the loss predicts no distribution.
        """
        levels = np.atleast_1d(np.asarray(q, dtype=float))
        if levels.ndim != 1 or not ((levels > 0) & (levels < 1)).all():
            raise ValueError(f"q must hold levels between 0 and 1, got {q!r}.")
        generator, panel, memory, horizon = self._prepared(horizon, y, X, past_X, static_X)
        return panel.restore(list(generator.quantiles(memory, horizon, levels)), levels.tolist())

    @available_if(_predicts_distribution)
    def predict_interval(
        self,
        coverage: float = 0.9,
        horizon: int | None = None,
        *,
        y: Any = None,
        X: Any = None,
        past_X: Any = None,
        static_X: Any = None,
    ) -> Any:
        """Forecast central prediction intervals, from quantile ``(1 - coverage) / 2`` to ``(1 + coverage) / 2``.

        Parameters
        ----------
        coverage : float, default=0.9
            Nominal coverage of the interval, between 0 and 1.
        horizon, y, X, past_X, static_X
            As in `predict`.

        Returns
        -------
        interval : ndarray of shape (horizon, 2) or (horizon, K, 2), or frame, or list or dict of them
            Frames have the columns "lower" and "upper".

        Raises
        ------
        TypeError, ValueError, AttributeError
            As `predict_quantiles`.
        """
        if not 0 < coverage < 1:
            raise ValueError(f"coverage must be between 0 and 1, got {coverage!r}.")
        levels = np.array([(1 - coverage) / 2, (1 + coverage) / 2])
        generator, panel, memory, horizon = self._prepared(horizon, y, X, past_X, static_X)
        return panel.restore(list(generator.quantiles(memory, horizon, levels)), ["lower", "upper"])

    @available_if(_predicts_distribution)
    def sample(
        self,
        n_samples: int = 100,
        horizon: int | None = None,
        *,
        y: Any = None,
        X: Any = None,
        past_X: Any = None,
        static_X: Any = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> Any:
        """Draw sample paths of the next steps.

        At each step, samples follow the predicted distribution. Steps that are forecast at once depend on each other
        through a Gaussian copula, whose correlations are estimated from the forecasts of the training series. Beyond
        the horizon of `fit`, and with ``strategy="recursive"``, each path is fed back as if it had been observed.

        Parameters
        ----------
        n_samples : int, default=100
            Number of paths.
        horizon, y, X, past_X, static_X
            As in `predict`.
        random_state : int, RandomState instance or None, default=None
            Determines the random numbers. Pass an int for reproducible paths.

        Returns
        -------
        paths : ndarray of shape (n_samples, horizon) or (n_samples, horizon, K), or frame, or list or dict of them
            Frames have a row for each step and a column for each path.

        Raises
        ------
        TypeError, ValueError, AttributeError
            As `predict_quantiles`.
        """
        n_samples = _positive(n_samples, "n_samples")
        rng = check_random_state(random_state)
        generator, panel, memory, horizon = self._prepared(horizon, y, X, past_X, static_X)
        paths = generator.samples(memory, horizon, n_samples, rng)
        return panel.restore(list(paths), range(n_samples), labels_first=True)

    def update(self, y: Any, X: Any = None, *, past_X: Any = None) -> Self:
        """Add observations that follow those seen so far, without training.

        The networks advance by one step for each observation. Forecasts are the same, bit for bit, as if the networks
        had read the whole series at once, with the transform and the scaling of the fit. With `look_back`, the last
        `look_back` steps are read again for each forecast.

        Parameters
        ----------
        y : as in `fit`
            The new observations. With times, times that are missing in between are filled with NaN. A dict or a long
            frame may contain only some of the series.
        X : as in `fit`, default=None
            Covariates of these steps, and possibly of later ones; not needed if they were passed before.
        past_X : as in `fit`, default=None
            Covariates of these steps.

        Returns
        -------
        self : RNNForecaster
            The updated forecaster.

        Raises
        ------
        TypeError, ValueError
            If the observations do not directly follow those seen so far, or an argument is not as described.
        """
        check_is_fitted(self)
        fitted = self._fitted
        columns = fitted.recipe.columns
        if isinstance(fitted.panel.container, ListOf) and isinstance(y, (list, tuple)):
            y = [np.asarray(each) if isinstance(each, (list, tuple)) else each for each in y]  # of any equal lengths
        panel = read_panel(y, columns, allow_empty=True)
        places = fitted.panel.places(panel)
        data = Data.read(panel, columns, X, past_X, None)
        panel_after, memory = continued(fitted.recipe, fitted.panel, fitted.memory, data, places)
        self._fitted = fitted._replace(panel=panel_after, memory=memory.settled(fitted.trained.network(self.n_jobs)))
        return self

    def _prepared(
        self, horizon: Any, y: Any, X: Any, past_X: Any, static_X: Any
    ) -> tuple[Generator, Panel, Memory, int]:
        """Return what generates forecasts, the series that they follow, and the memory after these."""
        check_is_fitted(self)
        fitted = self._fitted
        recipe, trained, network = fitted.recipe, fitted.trained, fitted.trained.network(self.n_jobs)
        horizon = _positive(fitted.horizon if horizon is None else horizon, "horizon")
        if recipe.past.n_columns and horizon > recipe.encoding.horizon:
            raise ValueError(
                f"horizon must be at most {recipe.encoding.horizon}, as in fit, since past_X is not known in the "
                f"future; got {horizon}."
            )
        if y is None:
            if past_X is not None or static_X is not None:
                raise ValueError("past_X and static_X belong to new series y; they must be None without y.")
            panel, memory = fitted.panel, fitted.memory
        else:
            data = Data.read(read_panel(y, recipe.columns), recipe.columns, X, past_X, static_X)
            tails, panel, X = recipe.tails(data), data.panel, None
            memory = recipe.memory(tails, network)
        known = None if X is None else read_covariates(X, panel, recipe.columns, name="X")
        memory = with_future(recipe, panel, memory, known, horizon)
        return Generator(recipe, network, trained.loss.loss, trained.root), panel, memory, horizon

    def _check_parameters(self, data: Data) -> None:
        """Refuse parameters that do not go together, or not with the data."""
        parameters.check_training(self)
        if self.strategy == "recursive" and data.past is not None:
            raise ValueError("past_X is not known in the future: use strategy='direct', got 'recursive'.")
        if self.loss == "quantile":
            Quantile(tuple(np.atleast_1d(self.quantiles).tolist()))

    def _validation_tails(self, recipe: Recipe, validation_data: Any) -> tuple[Tail, ...] | None:
        if validation_data is None:
            return None
        pair = isinstance(validation_data, tuple) and len(validation_data) == 2
        y, X = validation_data if pair else (validation_data, None)
        return recipe.tails(Data.read(read_panel(y, recipe.columns), recipe.columns, X, None, None))

    def _take_over(self, fitted: _Fitted) -> None:
        """Set the attributes that describe the fit."""
        states = fitted.trained.states
        curves = [state.loss_curve for state in states]
        self._fitted = fitted
        self.network_ = fitted.trained.model
        self.thetas_ = [state.theta for state in states]
        self.calendar_features_ = fitted.recipe.calendar
        self.loss_curve_ = [float(np.mean(losses)) for losses in zip(*curves, strict=False)]
        self.n_iter_ = max(state.n_iter for state in states)
        scores = [state.validation_scores for state in states]
        self.validation_scores_ = scores[0] if scores[0] else None

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_fitted")


def _positive(number: Any, name: str) -> int:
    if isinstance(number, bool) or not isinstance(number, Integral) or int(number) < 1:
        raise ValueError(f"{name} must be a positive integer, got {number!r}.")
    return int(number)
