"""Metrics for forecasts and for sequences of labels, and scorers for estimators with one label per step.

`mase`, `rmsse`, `smape` and `wape` measure the errors of point forecasts; `interval_coverage` and `crps` evaluate
intervals, quantiles and samples. `label_error_rate`, `word_error_rate` and `sequence_accuracy` compare sequences of
labels, such as transcriptions; `perplexity` evaluates a language model. `step_scorer` adapts any scorer of scikit-learn
to one label per step. Metrics that scikit-learn has (`mean_absolute_error`, `root_mean_squared_error`,
`mean_pinball_loss` and so on) are in `sklearn.metrics`.

The metrics of forecasts accept one series, as an array of shape (H,) or a pandas or polars Series; K series that were
observed at the same times, as an array of shape (H, K) or a frame; or a panel, as a list or dict of series of any
lengths. Rows are compared in their order, as in scikit-learn: indexes are not aligned. Missing values in `y_true` (NaN,
None, `pandas.NA`, null) are ignored; NaN in `y_pred` raises an error.
"""

from __future__ import annotations

from numbarnn.metrics.labels import label_error_rate, sequence_accuracy, word_error_rate
from numbarnn.metrics.percentage import smape, wape
from numbarnn.metrics.perplexity import perplexity
from numbarnn.metrics.probabilistic import crps, interval_coverage
from numbarnn.metrics.scaled import mase, rmsse
from numbarnn.metrics.steps import step_scorer

__all__ = [
    "crps",
    "interval_coverage",
    "label_error_rate",
    "mase",
    "perplexity",
    "rmsse",
    "sequence_accuracy",
    "smape",
    "step_scorer",
    "wape",
    "word_error_rate",
]
