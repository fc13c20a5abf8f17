"""Accuracy of forecasts on public data, next to reference methods."""
