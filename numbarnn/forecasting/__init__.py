"""Forecasting of time series."""

from __future__ import annotations

from numbarnn.forecasting.forecaster import RNNForecaster

__all__ = ["RNNForecaster"]
