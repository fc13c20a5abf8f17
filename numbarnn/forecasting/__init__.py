"""Forecasting: a recurrent forecaster, prediction intervals and backtests."""

from __future__ import annotations

from numbarnn.forecasting.backtesting import BacktestResult, backtest
from numbarnn.forecasting.conformal import ConformalForecaster
from numbarnn.forecasting.forecaster import RNNForecaster
from numbarnn.forecasting.protocol import Forecaster, check_forecaster

__all__ = [
    "BacktestResult",
    "ConformalForecaster",
    "Forecaster",
    "RNNForecaster",
    "backtest",
    "check_forecaster",
]
