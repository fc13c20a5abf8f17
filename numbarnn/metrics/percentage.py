"""Errors relative to the observed values."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from numbarnn.metrics.panel import mean_over_columns, mean_over_series, read_panel, weighted_means


def smape(y_true: Any, y_pred: Any, *, sample_weight: Any = None, multioutput: Any = "uniform_average") -> Any:
    r"""Return the symmetric mean absolute percentage error (sMAPE), from 0 to 200 percent.

    The definition is that of the M3 competition [1]_ [2]_, with absolute values in the denominator as in the M4
    competition [3]_, so that the error stays in this range for negative values too:

    .. math:: \frac{200}{H} \sum_t \frac{|y_t - \hat y_t|}{|y_t| + |\hat y_t|}

    where 0 / 0, an exact forecast of zero, counts as 0. For a panel, the error of each series is computed first, and
    then averaged over the series. If the observed value is zero, the error of any other forecast is 200 percent: for
    series with zeros, prefer `mase`.

    Parameters
    ----------
    y_true : array-like of shape (H,) or (H, K), or list or dict of n of them
        The observed values. Missing values are NaN and are ignored.
    y_pred : array-like or list or dict, in the form of `y_true`
        The forecasts.
    sample_weight : array-like, default=None
        Of shape (H,), the weight of each step. For a panel: of shape (n,), the weight of each series, or a list or dict
        of n arrays, the weights of the steps within their series.
    multioutput : {'uniform_average', 'raw_values'} or array-like of shape (K,), default='uniform_average'
        Whether to return the mean over the K columns, the error of each column, or the mean with these weights.

    Returns
    -------
    error : float, or ndarray of shape (K,) for 'raw_values'
        In percent.

    Raises
    ------
    ValueError
        If shapes do not fit, a forecast is NaN, or no value was observed.

    See Also
    --------
    sklearn.metrics.mean_absolute_percentage_error : Relative to the true values only, as a fraction.

    References
    ----------
    .. [1] S. Makridakis, "Accuracy measures: theoretical and practical concerns", International Journal of Forecasting
       9, 1993.
    .. [2] S. Makridakis and M. Hibon, "The M3-Competition: results, conclusions and implications", International
       Journal of Forecasting 16, 2000.
    .. [3] S. Makridakis, E. Spiliotis and V. Assimakopoulos, "The M4 competition: 100,000 time series and 61
       forecasting methods", International Journal of Forecasting 36, 2020.

    Examples
    --------
    >>> from numbarnn.metrics import smape
    >>> smape([100, 200], [300, 200])
    50.0
    """
    panel = read_panel(y_true, y_pred, sample_weight)
    scores = []
    for truth, forecast, weights in zip(panel.y_true, panel.y_pred, panel.step_weights, strict=True):
        size = np.abs(truth) + np.abs(forecast)
        shares = np.divide(np.abs(truth - forecast), size, out=np.zeros_like(size), where=size > 0)
        scores.append(weighted_means(200 * shares, weights))
    return mean_over_columns(mean_over_series(np.array(scores), panel), multioutput)


def wape(y_true: Any, y_pred: Any, *, sample_weight: Any = None, multioutput: Any = "uniform_average") -> Any:
    r"""Return the weighted absolute percentage error (WAPE), the sum of absolute errors over that of absolute values.

    It is the ratio of the mean absolute error to the mean absolute value [1]_, or equivalently the mean of the absolute
    percentage errors, weighted by the absolute values:

    .. math:: \frac{\sum_t |y_t - \hat y_t|}{\sum_t |y_t|}

    For a panel, both sums are over all steps of all series, so series with large values have more weight.

    Parameters
    ----------
    y_true : array-like of shape (H,) or (H, K), or list or dict of n of them
        The observed values. Missing values are NaN and are ignored.
    y_pred : array-like or list or dict, in the form of `y_true`
        The forecasts.
    sample_weight : array-like, default=None
        Of shape (H,), the weight of each step. For a panel: of shape (n,), the weight of each series, or a list or dict
        of n arrays, the weights of the steps. Both sums are weighted.
    multioutput : {'uniform_average', 'raw_values'} or array-like of shape (K,), default='uniform_average'
        Whether to return the mean over the K columns, the error of each column, or the mean with these weights.

    Returns
    -------
    error : float, or ndarray of shape (K,) for 'raw_values'
        A fraction: 0.1 is an error of ten percent.

    Warns
    -----
    UndefinedMetricWarning
        If all true values (of a column) are zero. The error is then undefined: the column is left out of the mean, and
        the result is NaN if there is no other column.

    Raises
    ------
    ValueError
        If shapes do not fit, a forecast is NaN, or no value was observed.

    References
    ----------
    .. [1] S. Kolassa and W. Schütz, "Advantages of the MAD/mean ratio over the MAPE", Foresight 6, 2007.

    Examples
    --------
    >>> from numbarnn.metrics import wape
    >>> wape([10, 0, 30], [15, 1, 26])
    0.25
    """
    panel = read_panel(y_true, y_pred, sample_weight)
    truth, weights = np.concatenate(panel.y_true), panel.pooled_weights()
    error = weighted_means(np.abs(truth - np.concatenate(panel.y_pred)), weights)
    size = weighted_means(np.abs(truth), weights)
    if (size == 0).any():
        warnings.warn(
            "The weighted absolute percentage error is not defined where all values of y_true are zero.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
    return mean_over_columns(np.divide(error, size, out=np.full(len(size), np.nan), where=size > 0), multioutput)
