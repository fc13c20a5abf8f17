"""The last 24 months of the airline passengers, forecast with default parameters by five seeds.

``python -m benchmarks.forecasting.air_passengers``; ETS is the best of four forms by its AICc.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.forecasting import references
from benchmarks.forecasting.data import air_passengers
from numbarnn.forecasting import RNNForecaster

HORIZON = 24


def main() -> None:
    """Print the mean absolute percentage errors, and the seconds of a fit."""
    y = air_passengers()
    train, test = y[:-HORIZON], y[-HORIZON:]
    for name in ("seasonal_naive", "theta", "ets"):
        forecast = getattr(references, name)(train.to_numpy(), HORIZON, 12)
        print(f"{name.replace('_', ' '):20s} MAPE {_mape(test, forecast):5.2f} %")
    for seed in range(5):
        start = time.perf_counter()
        forecaster = RNNForecaster(horizon=HORIZON, seasonal_periods=12, random_state=seed, n_jobs=2).fit(train)
        seconds = time.perf_counter() - start
        print(
            f"numbarnn, seed {seed}     MAPE {_mape(test, forecaster.predict()):5.2f} %, fit {seconds:.1f} s",
            flush=True,
        )


def _mape(test: Any, forecast: Any) -> float:
    return float(100 * np.mean(np.abs(np.asarray(forecast) / np.asarray(test) - 1)))


if __name__ == "__main__":
    main()
