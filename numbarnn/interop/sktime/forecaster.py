"""Forecasting with the interface of sktime."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon

from numbarnn.forecasting import RNNForecaster

_MTYPES = ["pd.DataFrame", "pd-multiindex", "pd_multiindex_hier"]
_LONE: Hashable = ()
"""Key of a series that is the only one; those of a panel have the levels of the index before time as their keys."""


class RNNTimeSeriesForecaster(BaseForecaster):
    """Forecast time series in the containers of sktime with a recurrent network.

    A panel or hierarchy of series is learned by one network for all of its series, and the columns of a multivariate
    series are read and forecast jointly. Missing values are allowed. sktime's `update` carries the state of the network
    on, and leaves its weights as they are, whatever `update_params` is.

    Parameters
    ----------
    forecaster : RNNForecaster, another forecaster with its interface, or None, default=None
        The forecaster; a clone of it is fitted. Its parameters are nested ones here, such as ``forecaster__cell``.
        Beyond its own `horizon` it forecasts recursively. None is an `RNNForecaster` for the horizon that `fit` is
        given; for one step without any. Quantiles and intervals are offered if it has `predict_quantiles`, which an
        `RNNForecaster` has for the losses that predict a distribution, as the default one does.

    Attributes
    ----------
    forecaster_ : RNNForecaster
        The fitted forecaster.

    See Also
    --------
    numbarnn.forecasting.RNNForecaster : Its own interface also has past and static covariates, and samples.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from numbarnn.forecasting import RNNForecaster
    >>> from numbarnn.interop.sktime import RNNTimeSeriesForecaster
    >>> months = pd.period_range("2020-01", periods=48, freq="M")
    >>> y = pd.Series(np.sin(np.arange(48) * np.pi / 6), months)
    >>> forecaster = RNNTimeSeriesForecaster(RNNForecaster(3, hidden_layer_sizes=8, random_state=0))
    >>> forecaster.fit(y).predict(fh=[1, 2, 3]).index
    PeriodIndex(['2024-01', '2024-02', '2024-03'], dtype='period[M]')
    """

    _tags: ClassVar[dict[str, Any]] = {
        "authors": "The numbarnn developers",
        "maintainers": "The numbarnn developers",
        "y_inner_mtype": _MTYPES,
        "X_inner_mtype": _MTYPES,
        "requires-fh-in-fit": False,
        "capability:multivariate": True,
        "capability:exogenous": True,
        "capability:categorical_in_X": False,
        "capability:insample": False,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:missing_values": True,
        "capability:non_contiguous_X": False,  # the network reads every step up to the last one
        "capability:update": True,
    }

    # The fitted forecaster keeps what it needs. sktime expects the attributes where a user turns its own memory on.
    _config: ClassVar[dict[str, Any]] = {"remember_data": False}
    _y = _X = None

    def __init__(self, forecaster: BaseEstimator | None = None):
        self.forecaster = forecaster
        super().__init__()
        self._tag_intervals()

    def set_params(self, **params: Any) -> Self:
        """Set parameters, those of the forecaster with the prefix ``forecaster__``.

        Parameters
        ----------
        **params : dict

        Returns
        -------
        self : RNNTimeSeriesForecaster
            Not fitted.
        """
        super().set_params(**params)  # which calls __init__ before it sets nested parameters
        self._tag_intervals()
        return self

    def _tag_intervals(self) -> None:
        has_quantiles = self.forecaster is None or hasattr(self.forecaster, "predict_quantiles")
        self.set_tags(**{"capability:pred_int": has_quantiles})

    def _fit(self, y: pd.DataFrame, X: pd.DataFrame | None, fh: ForecastingHorizon | None) -> Self:
        if self.forecaster is None:
            self.forecaster_ = RNNForecaster(1 if fh is None else int(max(fh.to_relative(self.cutoff))))
        else:
            self.forecaster_ = clone(self.forecaster)
        series = _separate(y)
        self.forecaster_.fit(_targets(series), _covariates(X))
        self._columns, self._levels = y.columns, y.index.names
        self._ends = {key: part.index[-1] for key, part in series.items()}
        return self

    def _update(
        self,
        y: pd.DataFrame,
        X: pd.DataFrame | None = None,
        update_params: bool = True,  # noqa: ARG002
    ) -> Self:
        series = _separate(y)
        none = next(iter(series.values())).iloc[:0]
        # The windows of sktime's splitters begin before the last observation that is known.
        new = {key: part[part.index > end] for key, end in self._ends.items() for part in [series.pop(key, none)]}
        if series:
            raise ValueError(f"update got series that fit has not seen: {', '.join(map(str, series))}.")
        ends = {key: part.index[-1] for key, part in new.items() if len(part)}
        if ends:
            self.forecaster_.update(_targets(new), _covariates(X))
            self._ends |= ends
        return self

    def _predict(self, fh: ForecastingHorizon, X: pd.DataFrame | None) -> pd.DataFrame:
        return self._forecast(self.forecaster_.predict, fh, X, self._columns)

    def _predict_quantiles(self, fh: ForecastingHorizon, X: pd.DataFrame | None, alpha: list[float]) -> pd.DataFrame:
        method = partial(self.forecaster_.predict_quantiles, alpha)
        return self._forecast(method, fh, X, self._get_columns(method="predict_quantiles", alpha=alpha))

    def _forecast(
        self, method: Callable[..., Any], fh: ForecastingHorizon, X: pd.DataFrame | None, columns: pd.Index
    ) -> pd.DataFrame:
        """Return the forecasts of a method of the forecaster at the steps of a horizon, which counts from the cutoff.

        The network goes on from the end of each series, which may come before the cutoff, the latest end of all.
        """
        latest = max(self._ends.values())
        if latest > self.cutoff[0]:
            raise ValueError(
                f"The network has read observations up to {latest} and cannot go back to the cutoff {self.cutoff[0]}; "
                "fit a clone to the observations up to there."
            )
        times = fh.to_absolute(self.cutoff)
        steps = {end: times.to_relative(pd.Index([end])).to_numpy() for end in set(self._ends.values())}
        forecasts = method(max(int(ahead.max()) for ahead in steps.values()), X=_covariates(X))
        index = times.to_pandas()
        parts = {
            key: pd.DataFrame(_rows(forecasts if key == _LONE else forecasts[key])[steps[end] - 1], index, columns)
            for key, end in self._ends.items()
        }
        return parts[_LONE] if _LONE in parts else pd.concat(parts, names=self._levels)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:  # noqa: ARG003
        """Return parameters for sktime's checks: small networks that train for two epochs, one without quantiles."""
        tiny: dict[str, Any] = {"hidden_layer_sizes": 2, "max_iter": 2, "random_state": 0}
        return [
            {"forecaster": RNNForecaster(5, **tiny)},
            {"forecaster": RNNForecaster(2, loss="squared_error", **tiny)},
        ]


def _separate(data: pd.DataFrame) -> dict[Hashable, pd.DataFrame]:
    """Return the series of a panel or hierarchy by their keys."""
    if data.index.nlevels == 1:
        return {_LONE: data}
    outer = list(range(data.index.nlevels - 1))
    groups = data.groupby(level=outer if len(outer) > 1 else 0, sort=False)
    return {key: part.droplevel(outer) for key, part in groups}


def _targets(series: dict[Hashable, pd.DataFrame]) -> Any:
    """Return series as a forecaster takes them: those of one column as such, those of a panel in a dict."""
    parts = {key: part.iloc[:, 0] if part.shape[1] == 1 else part for key, part in series.items()}
    return parts.get(_LONE, parts)


def _covariates(X: pd.DataFrame | None) -> Any:
    """Return covariates as a forecaster takes them: those of a panel in a dict."""
    if X is None:
        return None
    parts = _separate(X)
    return parts.get(_LONE, parts)


def _rows(forecast: Any) -> NDArray:
    """Return a forecast as a matrix with one row per step."""
    values = np.asarray(forecast)
    return values.reshape(len(values), -1)
