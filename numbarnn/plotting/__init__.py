"""Pictures of forecasts, of training and of derivatives, as display objects in scikit-learn's convention.

A class method, `from_estimator` or `from_predictions`, computes what is needed, draws it and returns the display. Its
`plot` draws again, on other axes or in another style, and `ax_` and `figure_` are what was drawn last. matplotlib is
imported when something is drawn.
"""

from __future__ import annotations

from numbarnn.plotting.backtest import BacktestDisplay
from numbarnn.plotting.forecast import ForecastDisplay
from numbarnn.plotting.gradient_flow import GradientFlowDisplay
from numbarnn.plotting.input_gradient import InputGradientDisplay
from numbarnn.plotting.loss_curve import LossCurveDisplay

__all__ = [
    "BacktestDisplay",
    "ForecastDisplay",
    "GradientFlowDisplay",
    "InputGradientDisplay",
    "LossCurveDisplay",
]
