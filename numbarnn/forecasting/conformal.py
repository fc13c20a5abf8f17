"""Conformal prediction intervals around the forecasts of any model."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from numbarnn.forecasting.adaptive import AdaptiveLevels
from numbarnn.forecasting.forms import Columns
from numbarnn.forecasting.observations import End, History, Observations
from numbarnn.forecasting.panel import Panel, read_panel
from numbarnn.forecasting.protocol import Forecaster, check_forecaster
from numbarnn.forecasting.results import forecast_values
from numbarnn.forecasting.scores import Scores, fewest_scores, series_scales

_MOST_ORIGINS = 100


class ConformalForecaster(BaseEstimator):
    """Add conformal prediction intervals to the forecasts of another forecaster.

    The last part of each series is held out for calibration, wherever in time the series ends. The forecaster is fitted
    to the part before it and makes forecasts from `n_calibration` origins, one row apart; the last origin is `horizon`
    rows before the end. The errors of these forecasts determine the width of the intervals, separately for each step of
    the horizon. If future errors are exchangeable with those of the calibration, an interval contains the value with a
    probability of at least `coverage`, whatever the model and the distribution.

    Parameters
    ----------
    forecaster : Forecaster
        The forecaster to calibrate, of which a clone is fitted.
    coverage : float, default=0.9
        Probability with which an interval should contain the future value.
    method : {"split", "cqr", "aci"}, default="split"
        - "split": split conformal prediction. An interval is the forecast plus and minus a quantile of the absolute
          errors of the calibration ([1]_, and [2]_, algorithm 2).
        - "cqr": conformalized quantile regression ([3]_). The quantiles (1 - coverage) / 2 and (1 + coverage) / 2 of
          the forecaster are moved outwards or inwards by a quantile of the scores ``max(lower - y, y - upper)``
          (equations 6 to 8), so that intervals are wider where the forecaster's own are.
        - "aci": adaptive conformal inference ([4]_). As "split", but the level of the quantile changes with every
          observation passed to `update` (equation 2): intervals widen while too many observations fall outside, so that
          the long-run coverage is right even if the distribution drifts.
    n_calibration : int, default=None
        Number of origins of the calibration, which uses the last ``n_calibration + horizon - 1`` rows of each series.
        None uses a number of rows that is a quarter of the shortest series, with at most 100 origins, but at least as
        many as `coverage` needs.
    panel : {"scaled", "pooled", "separate"}, default="scaled"
        How the errors of several series, or of several columns of one series, are combined.

        - "scaled": the errors of all series are pooled, each divided by the scale of its series: the mean absolute
          difference between consecutive values in the part that the forecaster was fitted to. The coverage holds on
          average over the series. The errors of a single series are not scaled.
        - "pooled": the errors of all series are pooled without scaling, for series of similar scale. The coverage holds
          on average over the series.
        - "separate": for each series only its own errors are used. The coverage holds for each series, but each needs
          enough origins.
    gamma : float, default=0.01
        Step size of "aci": how fast the level changes.
    refit : bool, default=False
        Whether to fit the forecaster again after the calibration, to the whole of each series. The coverage is
        guaranteed only for the model that was calibrated. Therefore by default there is no second fit, and the rest of
        each series is passed to `update`. A second fit has more data, and its intervals are usually a little too wide.

    Attributes
    ----------
    forecaster_ : Forecaster
        The fitted forecaster.
    scores_ : ndarray of shape (horizon, n_calibration, n_series)
        Conformity scores of the calibration, not scaled: absolute errors, or the scores of "cqr". NaN where there was
        no observation. Each column of a series of several columns counts as a series.
    scale_ : ndarray of shape (n_series,)
        The scale of each series, by which its scores are divided with ``panel="scaled"``.
    alpha_ : ndarray of shape (horizon, n_series)
        Current levels of "aci", the shares of values that the intervals should miss; they start at ``1 - coverage``.
        Only available with ``method="aci"``.

    References
    ----------
    .. [1] V. Vovk, A. Gammerman and G. Shafer, Algorithmic Learning in a Random World, Springer, 2005.
    .. [2] J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani and L. Wasserman, Distribution-Free Predictive Inference for
       Regression, Journal of the American Statistical Association 113, 2018.
    .. [3] Y. Romano, E. Patterson and E. J. Candès, Conformalized Quantile Regression, NeurIPS 2019.
    .. [4] I. Gibbs and E. Candès, Adaptive Conformal Inference Under Distribution Shift, NeurIPS 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from numbarnn.forecasting import ConformalForecaster
    >>> class LastValue:
    ...     horizon = 2
    ...     def fit(self, y, X=None, *, past_X=None, static_X=None):
    ...         self.last_ = y[-1]
    ...         return self
    ...     def update(self, y, X=None, *, past_X=None):
    ...         return self.fit(y)
    ...     def predict(self, horizon=None, *, y=None, X=None, past_X=None, static_X=None):
    ...         return np.full(horizon or self.horizon, self.last_)
    ...     def predict_quantiles(self, q, horizon=None, *, y=None, X=None, past_X=None, static_X=None):
    ...         raise NotImplementedError
    >>> walk = np.cumsum(np.random.default_rng(0).normal(size=100))
    >>> forecaster = ConformalForecaster(LastValue(), coverage=0.8).fit(walk)
    >>> forecaster.predict().round(2)
    array([8.11, 8.11])
    >>> forecaster.predict_interval().round(2)
    array([[ 6.79,  9.43],
           [ 6.13, 10.09]])
    """

    _parameter_constraints: ClassVar[dict] = {
        "forecaster": "no_validation",
        "coverage": [Interval(Real, 0, 1, closed="neither")],
        "method": [StrOptions({"split", "cqr", "aci"})],
        "n_calibration": [Interval(Integral, 1, None, closed="left"), None],
        "panel": [StrOptions({"scaled", "pooled", "separate"})],
        "gamma": [Interval(Real, 0, None, closed="left")],
        "refit": ["boolean"],
    }
    forecaster_: Forecaster
    _adaptive: AdaptiveLevels | None
    _columns: Columns | None
    _end: End
    _scores: Scores

    def __init__(
        self,
        forecaster: Any,
        coverage: float = 0.9,
        *,
        method: Literal["split", "cqr", "aci"] = "split",
        n_calibration: int | None = None,
        panel: Literal["scaled", "pooled", "separate"] = "scaled",
        gamma: float = 0.01,
        refit: bool = False,
    ):
        self.forecaster = forecaster
        self.coverage = coverage
        self.method = method
        self.n_calibration = n_calibration
        self.panel = panel
        self.gamma = gamma
        self.refit = refit

    @property
    def horizon(self) -> int:
        """Number of steps to forecast, as in `forecaster`."""
        return self.forecaster.horizon

    @property
    def alpha_(self) -> NDArray:
        """Current levels of "aci", (horizon, n_series)."""
        check_is_fitted(self)
        if self._adaptive is None:
            raise AttributeError('alpha_ is only available with method="aci"')
        return self._adaptive.alpha

    @property
    def scores_(self) -> NDArray:
        """Conformity scores, (horizon, n_calibration, n_series); with "aci" those of the latest observations."""
        check_is_fitted(self)
        return self._scores.values

    @property
    def scale_(self) -> NDArray:
        """Scale of each series, (n_series,)."""
        check_is_fitted(self)
        return self._scores.scale

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        y: Any,
        X: Any = None,
        *,
        past_X: Any = None,
        static_X: Any = None,
        series_id: str | None = None,
        time: str | None = None,
        target: str | list[str] | None = None,
    ) -> Self:
        """Fit the forecaster, and calibrate the intervals on the last part of each series.

        Parameters
        ----------
        y : one or several series, or a long frame
            In any form that `Forecaster` describes. Missing values are NaN and are ignored in the calibration.
        X, past_X, static_X : as for the forecaster, default=None
            Covariates.
        series_id, time, target : str, default=None
            Columns of a long frame, which are passed on to the forecaster. `target` may be a list of several.

        Returns
        -------
        self : ConformalForecaster
            The fitted forecaster.

        Raises
        ------
        ValueError
            If a series is too short, or there are too few errors for `coverage`. The message says how many origins the
            calibration needs.
        TypeError
            If `forecaster` does not follow the `Forecaster` protocol.
        """
        check_forecaster(self.forecaster, quantiles=self.method == "cqr")
        columns = Columns.read(series_id, time, target)
        names = {} if columns is None else columns.arguments
        observed = History.read(y, X, past_X, static_X, columns)
        everything = range(len(observed.panel))
        n_origins = self._n_origins(observed)
        origins = self._origins(observed, n_origins)
        before = observed.starts - 1
        end = observed.end
        static = observed.static(everything)

        forecaster = clone(self.forecaster, safe=False)
        forecaster.fit(**observed.between(before, origins[0], everything), static_X=static, **names)
        errors = []
        for i, origin in enumerate(origins):
            if i > 0:
                forecaster.update(**observed.between(origins[i - 1], origin, everything))
            errors.append(self._errors(forecaster, observed, origin))
        fitted = [observed.until(i, origin) for i, origin in enumerate(origins[0].tolist())]
        scores = Scores(np.stack(errors, axis=1), series_scales(fitted), self.panel)
        scores.check(self.coverage)
        if self.refit:
            forecaster = clone(self.forecaster, safe=False)
            forecaster.fit(**observed.between(before, end.last, everything), static_X=static, **names)
        elif self.horizon > 1:
            forecaster.update(**observed.between(origins[-1], end.last, everything))
        self.forecaster_, self._scores, self._end = forecaster, scores, end
        self._columns = columns
        shape = (self.horizon, len(scores.scale))
        self._adaptive = AdaptiveLevels(1 - self.coverage, self.gamma, shape) if self.method == "aci" else None
        return self

    def predict(
        self, horizon: int | None = None, *, y: Any = None, X: Any = None, past_X: Any = None, static_X: Any = None
    ) -> Any:
        """Return the point forecasts of the fitted forecaster.

        Parameters
        ----------
        horizon : int, default=None
            Number of steps; None is the horizon of the forecaster.
        y, X, past_X, static_X : as for `Forecaster.predict`, default=None

        Returns
        -------
        forecast : in the form of the series
        """
        check_is_fitted(self)
        return self.forecaster_.predict(horizon, y=y, X=X, past_X=past_X, static_X=static_X)

    def predict_interval(
        self,
        coverage: float | None = None,
        horizon: int | None = None,
        *,
        y: Any = None,
        X: Any = None,
        past_X: Any = None,
        static_X: Any = None,
    ) -> Any:
        """Return prediction intervals, which contain each future value with a given probability.

        Parameters
        ----------
        coverage : float, default=None
            Coverage of the intervals; None is the parameter `coverage`. With "cqr", another coverage moves the same two
            quantiles further or less far. With "aci", only the parameter's value is possible.
        horizon : int, default=None
            Number of steps, at most the `horizon` of the forecaster, which is the default.
        y, X, past_X, static_X : as for `Forecaster.predict`, default=None
            With `y`, intervals are computed for these series instead. With ``panel="separate"`` or "aci" they must be
            the series of `fit`.

        Returns
        -------
        intervals : in the form of the forecast
            Arrays have one more axis of length two; for a Series, the result is a frame with the columns "lower" and
            "upper". The bounds of "aci" are infinite while its level needs more scores than there are.

        Raises
        ------
        ValueError
            If there are too few errors for the coverage, or `horizon` is larger than in the calibration.
        """
        check_is_fitted(self)
        coverage = self.coverage if coverage is None else coverage
        data = {"y": y, "X": X, "past_X": past_X, "static_X": static_X}
        panel, _, bounds = self._bounds([coverage], horizon, data)
        return panel.restore([bound[..., 0, :] for bound in bounds], ["lower", "upper"])

    def predict_quantiles(
        self,
        q: float | ArrayLike,
        horizon: int | None = None,
        *,
        y: Any = None,
        X: Any = None,
        past_X: Any = None,
        static_X: Any = None,
    ) -> Any:
        """Return the bounds of central intervals as quantiles.

        The quantile at level q is a bound of the interval with coverage ``|2 q - 1|``: the levels 0.05 and 0.95 are the
        bounds of the 90% interval. The quantile at level 0.5 is the point forecast.

        Parameters
        ----------
        q : float or sequence of floats
            Levels between 0 and 1. With "aci", only those of the bounds for `coverage`, and 0.5.
        horizon, y, X, past_X, static_X : as for `predict_interval`

        Returns
        -------
        quantiles : in the form of the forecast
            Arrays have one more axis, for the levels; for a Series, the result is a frame with a column for each level.

        Raises
        ------
        ValueError
            As for `predict_interval`.
        """
        check_is_fitted(self)
        levels = np.atleast_1d(np.asarray(q, np.float64))
        if levels.ndim != 1 or not ((levels > 0) & (levels < 1)).all():
            raise ValueError(f"q must be levels between 0 and 1, such as [0.05, 0.5, 0.95], got {q!r}")
        coverages = np.round(np.abs(2 * levels - 1), 12)
        outer = coverages > 0
        data = {"y": y, "X": X, "past_X": past_X, "static_X": static_X}
        panel, points, bounds = self._bounds(coverages[outer].tolist(), horizon, data)
        quantiles = []
        for point, bound in zip(points, bounds, strict=True):
            values = np.repeat(point[..., np.newaxis], len(levels), axis=-1)
            values[..., outer] = np.where(levels[outer] < 0.5, bound[..., 0], bound[..., 1])
            # Sorted along the levels, as quantiles are: those of "cqr" need not contain the forecast.
            values[..., np.argsort(levels)] = np.sort(values, axis=-1)
            quantiles.append(values)
        return panel.restore(quantiles, levels.tolist())

    def update(self, y: Any, X: Any = None, *, past_X: Any = None) -> Self:
        """Add new observations, after which the next forecasts start.

        With "aci", every row is first compared with the intervals that were made for it, and the levels and scores are
        updated. The calibration of "split" and "cqr" does not change.

        Parameters
        ----------
        y : in the form of the series
            The rows that follow those seen so far.
        X, past_X : in the form of the covariates, default=None
            The covariates of the rows of y. With "aci", X may have more rows: after each observation, intervals can
            only be made for the steps whose covariates are known.

        Returns
        -------
        self : ConformalForecaster
        """
        check_is_fitted(self)
        new = self._end.following(y, X, past_X)
        if self._adaptive is None:
            self.forecaster_.update(y, X, past_X=past_X)
            self._end = self._end.after(new)
            return self
        positions, values = new.y.positions, new.y.rows.numbers("y")
        members, n_variables = range(len(positions)), self._end.panel.n_variables
        for row in range(max(map(len, positions))):
            origins = self._end.last
            present = np.array([row < len(own) for own in positions])
            now = np.array([p[row] if here else o for p, here, o in zip(positions, present, origins, strict=True)])
            self._remember_intervals(self._adaptive, new, origins)
            self.forecaster_.update(**new.between(origins, now, members))
            nothing = np.full(n_variables, np.nan)
            latest = [v[row] if here else nothing for v, here in zip(values, present, strict=True)]
            self._adaptive.observe(np.repeat(now, n_variables), np.concatenate(latest), self._scores)
            self._end = self._end.at(now)
        return self

    def _remember_intervals(self, adaptive: AdaptiveLevels, new: Observations, origins: NDArray) -> None:
        """Make intervals after the observations so far, as far as the covariates are known."""
        members = range(len(origins))
        horizon = self.horizon
        if new.known is not None:
            horizon = int(new.known.n_between(origins, origins + horizon, members).min())
        if horizon == 0:
            return
        panel = self._end.panel
        forecast = self.forecaster_.predict(horizon, X=new.known_between(origins, origins + horizon, members))
        points = np.hstack(forecast_values(forecast, panel.container, panel.names))
        widths = self._scores.widths(1 - adaptive.alpha[:horizon], self.scale_)
        adaptive.remember(np.repeat(origins, panel.n_variables), points, widths)

    def _n_origins(self, observed: History) -> int:
        if self.n_calibration is not None:
            return self.n_calibration
        n_series = 1 if self.panel == "separate" else len(observed.panel) * observed.panel.n_variables
        quarter = min(map(len, observed.y.positions)) // 4 - self.horizon + 1
        return max(min(quarter, _MOST_ORIGINS), -(-fewest_scores(self.coverage) // n_series))

    def _origins(self, observed: History, n_origins: int) -> NDArray:
        """Return the step of the last row before the forecasts of the calibration, (n_origins, n_series)."""
        held = n_origins + self.horizon - 1
        shortest = min(map(len, observed.y.positions))
        if shortest <= held:
            raise ValueError(
                f"the calibration takes the last n_calibration + horizon - 1 = {n_origins} + {self.horizon} - 1 = "
                f"{held} rows of each series and leaves nothing to fit, as the shortest has {shortest}; it needs at "
                f"least {fewest_scores(self.coverage)} errors at each step for coverage={self.coverage}"
            )
        return np.array([p[len(p) - held - 1 : len(p) - self.horizon] for p in observed.y.positions]).T

    def _errors(self, forecaster: Any, observed: History, origins: NDArray) -> NDArray:
        """Return the scores of the forecasts from some origins, (horizon, n_series)."""
        members = range(len(origins))
        panel, X = observed.panel, observed.known_between(origins, origins + self.horizon, members)
        targets = np.hstack(observed.targets(origins, self.horizon, members))
        if self.method == "cqr":
            levels = self._cqr_levels()
            forecast = forecaster.predict_quantiles(levels, self.horizon, X=X)
            bounds = np.hstack(forecast_values(forecast, panel.container, panel.names, levels))
            errors = np.maximum(bounds[..., 0] - targets, targets - bounds[..., 1])  # equation 6
        else:
            forecast = forecaster.predict(self.horizon, X=X)
            errors = np.abs(targets - np.hstack(forecast_values(forecast, panel.container, panel.names)))
        if np.isnan(errors[~np.isnan(targets)]).any():
            raise ValueError(f"{self.forecaster!r} has forecast NaN, so that it cannot be calibrated")
        return errors

    def _cqr_levels(self) -> list[float]:
        return [round((1 - self.coverage) / 2, 12), round((1 + self.coverage) / 2, 12)]

    def _bounds(
        self, coverages: list[float], horizon: int | None, data: dict[str, Any]
    ) -> tuple[Panel, list[NDArray], list[NDArray]]:
        """Return the series, and for each its forecast (horizon, K) and intervals (horizon, K, n_coverages, 2)."""
        horizon = self.horizon if horizon is None else horizon
        if horizon > len(self.scores_):
            raise ValueError(
                f"horizon={horizon} is more than the {len(self.scores_)} steps that were calibrated; "
                f"fit a forecaster with horizon={horizon}"
            )
        for coverage in coverages:
            self._check_coverage(coverage)
        panel, scale = self._end.panel, self.scale_
        if data["y"] is not None:
            panel = read_panel(data["y"], self._columns)
            scale = series_scales([each.values for each in panel.series])
        if self._adaptive is not None and len(scale) != len(self.scale_):
            raise ValueError(
                f'with method="aci" y must be the {len(self._end.panel)} series of the fit, got {len(panel)}'
            )
        points = forecast_values(self.predict(horizon, **data), panel.container, panel.names)
        lower = upper = np.hstack(points)
        if self.method == "cqr":
            levels = self._cqr_levels()
            quantiles = self.forecaster_.predict_quantiles(levels, horizon, **data)
            both = np.hstack(forecast_values(quantiles, panel.container, panel.names, levels))
            lower, upper = both[..., 0], both[..., 1]
        intervals = np.empty((*lower.shape, len(coverages), 2))
        for i, coverage in enumerate(coverages):
            level = np.full(lower.shape, coverage) if self._adaptive is None else 1 - self._adaptive.alpha[:horizon]
            width = self._scores.widths(level, scale)
            # Equation 7 of conformalized quantile regression; without quantiles, the forecast plus and minus the width.
            # Bounds that cross, if quantiles move inwards, meet in the middle.
            width = np.maximum(width, (lower - upper) / 2)
            intervals[..., i, 0], intervals[..., i, 1] = lower - width, upper + width
        return panel, points, np.split(intervals, np.cumsum([p.shape[1] for p in points])[:-1], axis=1)

    def _check_coverage(self, coverage: float) -> None:
        if not 0 < coverage < 1:
            raise ValueError(f"coverage must be between 0 and 1, such as 0.9, got {coverage!r}")
        if self._adaptive is None:
            self._scores.check(coverage)
        elif not np.isclose(coverage, self.coverage, rtol=0, atol=1e-9):
            raise ValueError(
                f'method="aci" has adapted to coverage={self.coverage}, so that it has no interval of {coverage}; '
                f"fit another ConformalForecaster with coverage={coverage}"
            )
