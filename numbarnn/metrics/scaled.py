"""Errors relative to those of the naive forecast within the training series."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning

from numbarnn.metrics.panel import Panel, mean_over_columns, mean_over_series, read_panel, weighted_means


def mase(
    y_true: Any,
    y_pred: Any,
    *,
    y_train: Any,
    seasonal_period: int = 1,
    sample_weight: Any = None,
    multioutput: Any = "uniform_average",
) -> Any:
    r"""Return the mean absolute scaled error (MASE).

    The mean absolute error of the forecasts is divided by the mean absolute error, within the training series, of the
    naive forecast, which is the value m steps before: the last value for m = 1, and the seasonal naive forecast if m is
    the length of a season [1]_:

    .. math:: \frac{\frac{1}{H} \sum_{t=T+1}^{T+H} |y_t - \hat y_t|}{\frac{1}{T-m} \sum_{t=m+1}^{T} |y_t - y_{t-m}|}

    For a panel, the error of each series is computed first, and then averaged over the series.

    Parameters
    ----------
    y_true : array-like of shape (H,) or (H, K), or list or dict of n of them
        The observed values. Missing values are NaN and are ignored.
    y_pred : array-like or list or dict, in the form of `y_true`
        The forecasts.
    y_train : array-like of shape (T,) or (T, K), or list or dict of n of them
        The training series, up to the start of the forecasts. Differences with a missing value are ignored.
    seasonal_period : int, default=1
        Number of steps in a season, m, such as 12 for monthly data.
    sample_weight : array-like, default=None
        Of shape (H,), the weight of each step. For a panel: of shape (n,), the weight of each series, or a list or dict
        of n arrays, the weights of the steps within their series.
    multioutput : {'uniform_average', 'raw_values'} or array-like of shape (K,), default='uniform_average'
        Whether to return the mean over the K columns, the error of each column, or the mean with these weights.

    Returns
    -------
    error : float, or ndarray of shape (K,) for 'raw_values'
        Non-negative. Below one, the errors are smaller than those of the naive forecast within the training series.

    Warns
    -----
    UndefinedMetricWarning
        If the scale (the denominator) of a series or column is zero, as for a constant series, or has no observed
        difference. Its error is then undefined and left out of the mean; the result is NaN if there is no other.

    Raises
    ------
    ValueError
        If shapes do not fit, a forecast is NaN, no value was observed, or a training series is not longer than
        `seasonal_period`.

    See Also
    --------
    rmsse : The same with squared errors.

    References
    ----------
    .. [1] R. J. Hyndman and A. B. Koehler, "Another look at measures of forecast accuracy", International Journal of
       Forecasting 22, 2006, section 3; with a season as in R. J. Hyndman and G. Athanasopoulos, "Forecasting:
       principles and practice", 3rd edition, 2021, section 5.8.

    Examples
    --------
    >>> from numbarnn.metrics import mase
    >>> mase([6, 8], [5, 5], y_train=[1, 3, 2, 4])
    1.2
    >>> mase([[6, 1], [8, 1]], [[5, 1], [5, 2]], y_train=[[1, 0], [3, 1], [2, 0], [4, 1]], multioutput="raw_values")
    array([1.2, 0.5])

    A panel of two series:

    >>> mase({"a": [6, 8], "b": [3]}, {"a": [5, 5], "b": [4]}, y_train={"a": [1, 3, 2, 4], "b": [1, 2, 0]})
    0.9333333333333333
    """
    panel = read_panel(y_true, y_pred, sample_weight)
    return mean_over_columns(_scaled(panel, y_train, seasonal_period, np.abs), multioutput)


def rmsse(
    y_true: Any,
    y_pred: Any,
    *,
    y_train: Any,
    seasonal_period: int = 1,
    sample_weight: Any = None,
    multioutput: Any = "uniform_average",
) -> Any:
    r"""Return the root mean squared scaled error (RMSSE).

    It is the square root of the mean squared error of the forecasts, divided by the mean squared error, within the
    training series, of the (seasonal) naive forecast, the value m steps before [1]_:

    .. math:: \sqrt{\frac{\frac{1}{H} \sum_{t=T+1}^{T+H} (y_t - \hat y_t)^2}
              {\frac{1}{T-m} \sum_{t=m+1}^{T} (y_t - y_{t-m})^2}}

    For a panel, the error of each series is computed first, and then averaged over the series. The weighted RMSSE of
    the M5 competition is obtained with one `sample_weight` per series.

    Parameters
    ----------
    y_true : array-like of shape (H,) or (H, K), or list or dict of n of them
        The observed values. Missing values are NaN and are ignored.
    y_pred : array-like or list or dict, in the form of `y_true`
        The forecasts.
    y_train : array-like of shape (T,) or (T, K), or list or dict of n of them
        The training series, up to the start of the forecasts. Differences with a missing value are ignored. In the
        M5 competition, each series begins with its first sale: remove the zeros before it, or replace them by NaN.
    seasonal_period : int, default=1
        Number of steps in a season, m; 1 in the M5 competition.
    sample_weight : array-like, default=None
        Of shape (H,), the weight of each step. For a panel: of shape (n,), the weight of each series, or a list or dict
        of n arrays, the weights of the steps within their series.
    multioutput : {'uniform_average', 'raw_values'} or array-like of shape (K,), default='uniform_average'
        Whether to return the mean over the K columns, the error of each column, or the mean with these weights.

    Returns
    -------
    error : float, or ndarray of shape (K,) for 'raw_values'

    Warns
    -----
    UndefinedMetricWarning
        If the scale (the denominator) of a series or column is zero, as for a constant series, or has no observed
        difference. Its error is then undefined and left out of the mean; the result is NaN if there is no other.

    Raises
    ------
    ValueError
        If shapes do not fit, a forecast is NaN, no value was observed, or a training series is not longer than
        `seasonal_period`.

    See Also
    --------
    mase : The same with absolute errors.

    References
    ----------
    .. [1] "The M5 competition: competitors' guide", University of Nicosia 2020, section "Point forecasts"; proposed in
       R. J. Hyndman and A. B. Koehler, "Another look at measures of forecast accuracy", International Journal of
       Forecasting 22, 2006.

    Examples
    --------
    >>> from numbarnn.metrics import rmsse
    >>> rmsse([6, 8], [5, 5], y_train=[1, 3, 2, 4]) ** 2
    1.666...
    """
    panel = read_panel(y_true, y_pred, sample_weight)
    return mean_over_columns(_scaled(panel, y_train, seasonal_period, np.square, np.sqrt), multioutput)


def _scaled(
    panel: Panel,
    y_train: Any,
    seasonal_period: int,
    loss: Callable[[NDArray], NDArray],
    link: Callable[[NDArray], NDArray] = np.asarray,
) -> NDArray:
    """Return the mean over the series of each column's scaled error."""
    if isinstance(seasonal_period, bool) or not isinstance(seasonal_period, (int, np.integer)):
        raise TypeError(f"seasonal_period must be an integer, got {seasonal_period!r}.")
    if seasonal_period < 1:
        raise ValueError(f"seasonal_period must be at least 1, got {seasonal_period}.")
    scores, undefined = [], []
    for i, train in enumerate(panel.read("y_train", y_train)):
        label = panel.label("y_train", i)
        if len(train) <= seasonal_period:
            raise ValueError(
                f"{label} must be longer than one season, seasonal_period={seasonal_period}, got {len(train)} steps."
            )
        differences = loss(train[seasonal_period:] - train[:-seasonal_period])
        scale = weighted_means(differences, 1.0 * ~np.isnan(differences))
        error = weighted_means(loss(panel.y_true[i] - panel.y_pred[i]), panel.step_weights[i])
        if (~np.isnan(error) & ~(scale > 0)).any():
            undefined.append(label)
        scores.append(link(np.divide(error, scale, out=np.full(len(error), np.nan), where=scale > 0)))
    if undefined:
        others = f" and {len(undefined) - 1} more" if len(undefined) > 1 else ""
        warnings.warn(
            f"The scaled error is not defined for {undefined[0]}{others}, which does not change from one season "
            f"(seasonal_period={seasonal_period}) to the next where it was observed. It takes no part in the mean.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
    return mean_over_series(np.array(scores), panel)
