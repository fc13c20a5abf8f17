"""Forecasting: prediction intervals and backtests for whatever keeps the contract of a forecaster."""

from __future__ import annotations

from numbarnn.forecasting.backtesting import BacktestResult, backtest
from numbarnn.forecasting.conformal import ConformalForecaster
from numbarnn.forecasting.protocol import Forecaster, check_forecaster

__all__ = ["BacktestResult", "ConformalForecaster", "Forecaster", "backtest", "check_forecaster"]
