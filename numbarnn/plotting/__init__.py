"""Plots of forecasts, training, derivatives and attention, as display objects like those of scikit-learn.

A class method, such as `from_estimator` or `from_predictions`, computes the data, plots them and returns the display.
Its method `plot` plots them again, on other axes or in another style; `ax_` and `figure_` are the axes and the figure
of the last plot. matplotlib is imported only when something is plotted.
"""

from __future__ import annotations

from numbarnn.plotting.attention import AttentionDisplay
from numbarnn.plotting.backtest import BacktestDisplay
from numbarnn.plotting.forecast import ForecastDisplay
from numbarnn.plotting.gradient_flow import GradientFlowDisplay
from numbarnn.plotting.input_gradient import InputGradientDisplay
from numbarnn.plotting.loss_curve import LossCurveDisplay

__all__ = [
    "AttentionDisplay",
    "BacktestDisplay",
    "ForecastDisplay",
    "GradientFlowDisplay",
    "InputGradientDisplay",
    "LossCurveDisplay",
]
