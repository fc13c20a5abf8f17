"""The protocol of forecasters, and a check that an object follows it."""

from __future__ import annotations

import inspect
from typing import Any, Protocol, Self


class Forecaster(Protocol):
    """Protocol of models that forecast time series.

    Series and covariates have one of these forms, and a forecast has the form of the series:

    - one series: an array, a list of numbers, or a Series of pandas or polars, of T values;
    - several series observed at the same times: an array of shape (T, K) or a wide frame;
    - a panel: a list of such series, of different lengths, or a dictionary of them;
    - a panel as a long frame, with the names of its columns as further arguments of `fit`.

    Forecasts are for the steps that follow the last row of each series. Missing values in a series are NaN.

    Attributes
    ----------
    horizon : int
        Default number of steps to forecast.
    """

    horizon: int

    def fit(self, y: Any, X: Any = None, *, past_X: Any = None, static_X: Any = None) -> Self:
        """Fit the model to series, with covariates of the same steps and one row of `static_X` for each series."""
        ...

    def predict(
        self, horizon: int | None = None, *, y: Any = None, X: Any = None, past_X: Any = None, static_X: Any = None
    ) -> Any:
        """Return forecasts of the next `horizon` steps.

        X has the covariates of these steps. With `y`, forecasts follow these series instead of those seen so far; X
        then has the covariates of the steps of `y` and of the forecast, and `past_X` those of the steps of `y`.
        """
        ...

    def predict_quantiles(
        self,
        q: Any,
        horizon: int | None = None,
        *,
        y: Any = None,
        X: Any = None,
        past_X: Any = None,
        static_X: Any = None,
    ) -> Any:
        """Return quantiles of the next `horizon` steps, as `predict` but with one more axis, or columns, of levels."""
        ...

    def update(self, y: Any, X: Any = None, *, past_X: Any = None) -> Self:
        """Add the observations that follow those seen so far, without fitting again.

        A panel must have all its series; a series without new observations has no rows.
        """
        ...


def check_forecaster(forecaster: Any, *, quantiles: bool = True) -> None:
    """Check that an object follows the `Forecaster` protocol.

    Methods may have further parameters if these have default values.

    Parameters
    ----------
    forecaster : object
    quantiles : bool, default=True
        Whether it must have `predict_quantiles`, which forecasters without intervals lack.

    Raises
    ------
    TypeError
        If the horizon or a method is missing, or a method cannot be called as in the protocol. The message lists
        everything that is wrong.

    Examples
    --------
    >>> from numbarnn.forecasting import check_forecaster
    >>> check_forecaster("naive")
    Traceback (most recent call last):
        ...
    TypeError: 'naive' is no forecaster: horizon is missing; fit(y, X, past_X, static_X) is missing; ...
    """
    faults = [] if hasattr(forecaster, "horizon") else ["horizon is missing"]
    for name, member in vars(Forecaster).items():
        needed = quantiles or name != "predict_quantiles"
        if needed and not name.startswith("_") and inspect.isfunction(member):
            faults += _method_faults(forecaster, name, member)
    if faults:
        raise TypeError(f"{forecaster!r} is no forecaster: {'; '.join(faults)}")


def _method_faults(forecaster: Any, name: str, asked: Any) -> list[str]:
    """Return what keeps a method from being called with the protocol's arguments."""
    method = getattr(forecaster, name, None)
    wanted = list(inspect.signature(asked).parameters.values())[1:]
    names = ", ".join(parameter.name for parameter in wanted)
    if method is None:
        return [f"{name}({names}) is missing"]
    by_position = [parameter for parameter in wanted if parameter.kind is not parameter.KEYWORD_ONLY]
    by_name = [parameter.name for parameter in wanted if parameter.kind is parameter.KEYWORD_ONLY]
    least = [parameter for parameter in by_position if parameter.default is parameter.empty]
    signature = inspect.signature(method)
    try:
        signature.bind(*by_position, **dict.fromkeys(by_name))
        signature.bind(*least)
    except TypeError:
        return [f"{name} must take ({names})"]
    return []
