"""Metrics for intervals, quantiles and samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import mean_pinball_loss

from numbarnn.metrics.panel import Panel, mean_over_columns, read_panel, weighted_means


def interval_coverage(
    y_true: Any, y_interval: Any, *, sample_weight: Any = None, multioutput: Any = "uniform_average"
) -> Any:
    """Return the fraction of observed values that lie in their prediction intervals, bounds included.

    For 90% intervals it should be close to 0.9. It does not measure how wide the intervals are. For a panel, it is the
    fraction over all steps of all series.

    Parameters
    ----------
    y_true : array-like of shape (H,) or (H, K), or list or dict of n of them
        The observed values. Missing values are NaN and are ignored.
    y_interval : array-like of shape (H, 2) or (H, K, 2), or list or dict of n of them
        Lower and upper bounds, as returned by `predict_interval`; a frame has these two columns, or two columns for
        each of K series. Bounds may be infinite. An interval whose lower bound is above its upper bound is empty.
    sample_weight : array-like, default=None
        Of shape (H,), the weight of each step. For a panel: of shape (n,), the weight of each series, or a list or dict
        of n arrays, the weights of the steps.
    multioutput : {'uniform_average', 'raw_values'} or array-like of shape (K,), default='uniform_average'
        Whether to return the mean over the K columns, the coverage of each column, or the mean with these weights.

    Returns
    -------
    coverage : float, or ndarray of shape (K,) for 'raw_values'
        Between 0 and 1.

    Raises
    ------
    ValueError
        If shapes do not fit, a bound is NaN, or no value was observed.

    References
    ----------
    .. [1] P. F. Christoffersen, "Evaluating interval forecasts", International Economic Review 39, 1998.

    Examples
    --------
    >>> from numbarnn.metrics import interval_coverage
    >>> interval_coverage([1, 2, 3, 9], [[0, 2], [2, 3], [2, 4], [3, 5]])
    0.75
    """
    panel = read_panel(y_true, y_interval, sample_weight, name="y_interval", layout="levels", infinite=True)
    truth, bounds = np.concatenate(panel.y_true), _joined(panel, "y_interval")
    if bounds.shape[-1] != 2:
        raise ValueError(f"Expected y_interval with the two columns lower and upper, got {bounds.shape[-1]} columns.")
    inside = (bounds[..., 0] <= truth) & (truth <= bounds[..., 1])
    return mean_over_columns(weighted_means(inside, panel.pooled_weights()), multioutput)


def crps(
    y_true: Any,
    y_pred: Any,
    *,
    levels: ArrayLike | None = None,
    fair: bool = True,
    sample_weight: Any = None,
    multioutput: Any = "uniform_average",
) -> Any:
    r"""Return the continuous ranked probability score (CRPS) of samples or of quantiles; lower is better.

    It is the integral of the squared difference between the predicted distribution function and that of the observed
    value, a step from 0 to 1 ([1]_, eq. 20 with the opposite sign), in the units of y. For a point forecast it is the
    absolute error. With X and X' drawn independently from the predicted distribution (eq. 21),

    .. math:: \mathrm{CRPS} = \mathrm{E}|X - y| - \tfrac{1}{2} \mathrm{E}|X - X'|

    With S samples and ``fair=True``, the second expectation is estimated by the mean over the S (S - 1) pairs of
    different samples. This estimate is unbiased: its expected value is the CRPS of the distribution that the samples
    come from, for any S [2]_. With ``fair=False``, the mean is over all S² pairs, which gives the CRPS of the empirical
    distribution of the samples; on average it is larger the fewer samples there are.

    The CRPS is also the integral over all levels of twice the pinball loss [3]_. For quantiles q at Q levels
    :math:`\alpha`, the integral is approximated by the mean over these levels:

    .. math:: \frac{2}{Q} \sum_{j=1}^Q (1\{y < q_j\} - \alpha_j) (q_j - y)

    The approximation is good if the levels are spread evenly over (0, 1), such as 0.05, 0.15, ..., 0.95.

    Parameters
    ----------
    y_true : array-like of shape (H,) or (H, K), or list or dict of n of them
        The observed values. Missing values are NaN and are ignored.
    y_pred : array-like, or list or dict of n of them
        Samples of shape (n_samples, H) or (n_samples, H, K), or a frame with one row per step and one column per
        sample. With `levels`, quantiles of shape (H, Q) or (H, K, Q), or a frame with one column per level. These are
        the forms that the methods `sample` and `predict_quantiles` return.
    levels : array-like of shape (Q,), default=None
        Levels of the quantiles in `y_pred`, between 0 and 1; for a frame whose columns are the levels,
        ``levels=y_pred.columns``. None means that `y_pred` holds samples.
    fair : bool, default=True
        Whether to use the unbiased estimate, which needs at least two samples. Ignored for quantiles.
    sample_weight : array-like, default=None
        Of shape (H,), the weight of each step. For a panel: of shape (n,), the weight of each series, or a list or dict
        of n arrays, the weights of the steps.
    multioutput : {'uniform_average', 'raw_values'} or array-like of shape (K,), default='uniform_average'
        Whether to return the mean over the K columns, the score of each column, or the mean with these weights.

    Returns
    -------
    score : float, or ndarray of shape (K,) for 'raw_values'
        The mean over all steps, for a panel over all steps of all series. With `fair` it can be slightly negative.

    Raises
    ------
    ValueError
        If shapes do not fit, a forecast is NaN, no value was observed, a level is not between 0 and 1, or there is only
        one sample with `fair`.

    See Also
    --------
    sklearn.metrics.mean_pinball_loss : The loss at one level.

    References
    ----------
    .. [1] T. Gneiting and A. E. Raftery, "Strictly proper scoring rules, prediction, and estimation", Journal of the
       American Statistical Association 102, 2007, section 4.2.
    .. [2] C. A. T. Ferro, "Fair scores for ensemble forecasts", Quarterly Journal of the Royal Meteorological Society
       140, 2014.
    .. [3] F. Laio and S. Tamea, "Verification tools for probabilistic forecasts of continuous hydrological variables",
       Hydrology and Earth System Sciences 11, 2007.

    Examples
    --------
    Three samples of one step:

    >>> from numbarnn.metrics import crps
    >>> samples = [[0], [2], [4]]
    >>> crps([2], samples), crps([2], samples, fair=False)
    (0.0, 0.4444444444444444)

    Three quantiles of two steps:

    >>> crps([2, 3], [[0, 2, 4], [2, 3, 4]], levels=[0.25, 0.5, 0.75])
    0.5
    """
    panel = read_panel(y_true, y_pred, sample_weight, layout="samples" if levels is None else "levels")
    truth, forecast, weights = np.concatenate(panel.y_true), _joined(panel, "y_pred"), panel.pooled_weights()
    if levels is None:
        scores = weighted_means(_of_samples(truth, forecast, fair=fair), weights)
    else:
        scores = _of_quantiles(truth, forecast, weights, _checked_levels(levels, forecast.shape[-1]))
    return mean_over_columns(scores, multioutput)


def _joined(panel: Panel, name: str) -> NDArray:
    """Return the forecasts of all series, one series after the other."""
    sizes = {forecast.shape[-1] for forecast in panel.y_pred}
    if len(sizes) > 1:
        raise ValueError(f"Expected as many forecasts of each step in every series of {name}, got {sorted(sizes)}.")
    return np.concatenate(panel.y_pred)


def _of_samples(truth: NDArray, samples: NDArray, *, fair: bool) -> NDArray:
    """Return the score of each value, (N, K), from its samples, (N, K, S)."""
    n = samples.shape[-1]
    if n < 1 + fair:
        raise ValueError(f"Expected at least {1 + fair} samples of each step with fair={fair}, got {n}.")
    deviations = np.sort(samples - truth[..., np.newaxis], axis=-1)
    # In ascending order, the sum of |x_i - x_j| over the pairs i < j is the sum of (2 i - S - 1) x_i.
    spread = deviations @ (2.0 * np.arange(1, n + 1) - n - 1) / (n * (n - 1) if fair else n * n)
    return np.abs(deviations).mean(axis=-1) - spread


def _of_quantiles(truth: NDArray, quantiles: NDArray, weights: NDArray, levels: NDArray) -> NDArray:
    """Return the score of each column, (K,), from quantiles of shape (N, K, Q)."""
    scores = np.full(truth.shape[1], np.nan)
    for k, of_column in enumerate(weights.T):
        seen = of_column > 0
        if seen.any():
            losses = [
                mean_pinball_loss(truth[seen, k], quantiles[seen, k, j], alpha=level, sample_weight=of_column[seen])
                for j, level in enumerate(levels)
            ]
            scores[k] = 2 * np.mean(losses)
    return scores


def _checked_levels(levels: ArrayLike, n: int) -> NDArray:
    try:
        numbers = np.asarray(levels, dtype=float)  # also the columns of a polars frame, which are text
    except (TypeError, ValueError) as error:
        raise ValueError(f"levels must be numbers between 0 and 1, got {levels!r}.") from error
    if numbers.shape != (n,):
        raise ValueError(f"y_pred holds {n} quantiles of each step, but levels has the shape {numbers.shape}.")
    if not ((numbers > 0) & (numbers < 1)).all():
        raise ValueError(f"levels must lie between 0 and 1, got {numbers.tolist()}.")
    return numbers
