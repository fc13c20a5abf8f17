"""Metrics of forecasts, and scorers for labels of steps.

Errors of point forecasts: `mase`, `rmsse`, `smape` and `wape`; of intervals, quantiles and samples: `interval_coverage`
and `crps`. `step_scorer` makes any scorer of scikit-learn work on one label per step. What scikit-learn has itself
(`mean_absolute_error`, `root_mean_squared_error`, `mean_pinball_loss` and so on) is in `sklearn.metrics`.

All metrics read one series, an array of shape (H,) or a pandas or polars Series; K series that were observed at the
same times, an array of shape (H, K) or a frame; or a panel, a list of series of any lengths, or a dict of them. Rows
are compared in their order, as in scikit-learn: indexes are not aligned. NaN in `y_true` (None, `pandas.NA`, null) is a
missing value, which takes no part; NaN in `y_pred` is an error.
"""

from __future__ import annotations

from numbarnn.metrics.percentage import smape, wape
from numbarnn.metrics.probabilistic import crps, interval_coverage
from numbarnn.metrics.scaled import mase, rmsse
from numbarnn.metrics.steps import step_scorer

__all__ = ["crps", "interval_coverage", "mase", "rmsse", "smape", "step_scorer", "wape"]
