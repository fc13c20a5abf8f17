"""Sunspots of the next year
=========================

Forecast next year's sunspot number, compared with three forecasts that need no network.

Trained on 1700 to 1920 and tested on two periods from 1921 on, as Weigend, Huberman and Rumelhart (1990) did.
Each forecast sees one solar cycle, the 11 years before. Cell, size, penalty and tolerance were chosen on the
years before 1921; the horizon of one year was chosen with the test years in view. Run with
``python examples/forecast_sunspots.py``; needs statsmodels, which ships the series, and matplotlib. Writes
forecast_sunspots.png.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from statsmodels.datasets import sunspots
from statsmodels.tsa.ar_model import AutoReg

from numbarnn import RNNRegressor, SlidingWindow

CYCLE, FIRST_HELD_OUT, FIRST_OF_SECOND_PERIOD = 11, 1921, 1956

data = sunspots.load_pandas().data
years, counts = data["YEAR"].to_numpy(dtype=int), data["SUNACTIVITY"].to_numpy()
n_train = np.searchsorted(years, FIRST_HELD_OUT)
held_out, observed = years[n_train:], counts[n_train:]

# The square root evens out the noise of a count; every method works on this scale.
roots = np.sqrt(counts)
mean, std = roots[:n_train].mean(), roots[:n_train].std()
series = (roots - mean) / std

window = SlidingWindow(length=CYCLE)
X_train, y_train = window.make_xy(series[:n_train])
X_test, _ = window.make_xy(series[n_train - CYCLE :])
last_year, cycle_ago = X_test[:, -1, 0], X_test[:, 0, 0]

model = RNNRegressor(
    hidden_layer_sizes=(16,),
    cell="elman_relu",
    alpha=0.1,
    batch_size=16,
    learning_rate_init=0.005,
    max_iter=200,
    n_iter_no_change=10,
    max_grad_norm=None,
    tol=1e-3,
    random_state=0,
    verbose=1,
)
model.fit(X_train, y_train - X_train[:, -1, 0])  # the change from one year to the next

autoreg = AutoReg(series[:n_train], lags=9).fit().append(series[n_train:])
scaled = {
    "numbarnn": last_year + model.predict(X_test),
    "AutoReg(9)": autoreg.predict(start=n_train, end=len(series) - 1),
    "naive (last year)": last_year,
    "seasonal naive (11 years ago)": cycle_ago,
}


def to_counts(scaled: np.ndarray) -> np.ndarray:
    """Convert from the scale of the methods to sunspot numbers."""
    return np.maximum(scaled * std + mean, 0) ** 2


forecasts = {name: to_counts(forecast) for name, forecast in scaled.items()}
in_second = held_out >= FIRST_OF_SECOND_PERIOD
periods = {f"{held_out[chosen][0]} to {held_out[chosen][-1]}": chosen for chosen in (~in_second, in_second)}

print(f"\n{'one year ahead':30s}" + "".join(f"{period:>24s}" for period in periods))
print(f"{'':30s}" + f"{'RMSE':>16s}{'MAE':>8s}" * len(periods))
rmse = {name: [] for name in forecasts}
for name, forecast in forecasts.items():
    row = f"{name:30s}"
    for chosen in periods.values():
        rmse[name].append(root_mean_squared_error(observed[chosen], forecast[chosen]))
        row += f"{rmse[name][-1]:16.1f}{mean_absolute_error(observed[chosen], forecast[chosen]):8.1f}"
    print(row)
newest = window.last_window(series)
print(f"\nForecast for {years[-1] + 1}: {to_counts(newest[:, -1, 0] + model.predict(newest)).item():.1f}")

colors = dict(zip(forecasts, ("#d1495b", "#00798c", "#8d96a3", "#c9ced6"), strict=True))
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), width_ratios=(5, 2), layout="constrained")
left.fill_between(years, counts, color="#edae49", alpha=0.45, linewidth=0, label="observed")
left.plot(held_out, forecasts["AutoReg(9)"], color=colors["AutoReg(9)"], linewidth=1, label="AutoReg(9)")
left.plot(held_out, forecasts["numbarnn"], "o-", color=colors["numbarnn"], markersize=3, label="numbarnn")
left.axvline(FIRST_HELD_OUT - 0.5, color="black", linewidth=0.8, linestyle=":")
left.annotate("trained on 1700 to 1920", (FIRST_HELD_OUT - 2, 150), ha="right", color="0.3")
left.set(xlim=(1870, years[-1]), ylim=(0, 215), ylabel="sunspot number", title="Forecasts one year ahead")
left.legend(loc="upper left", frameon=False, ncols=3)
for k, name in enumerate(forecasts):
    bars = right.bar(np.arange(len(periods)) + 0.2 * k, rmse[name], width=0.18, color=colors[name], label=name)
    right.bar_label(bars, fmt="%.1f", fontsize=7)
right.set(xticks=np.arange(len(periods)) + 0.3, xticklabels=periods, ylim=(0, 60), title="RMSE")
right.legend(loc="upper left", frameon=False, fontsize=8)
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
figure.savefig("forecast_sunspots.png", dpi=100)
