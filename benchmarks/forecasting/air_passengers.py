"""The last 24 months of the airline passengers, forecast with default parameters by five seeds.

``python -m benchmarks.forecasting.air_passengers``; ETS is that of statsmodels, of the logarithms with a damped trend.
"""

from __future__ import annotations

import time
import warnings

import numpy as np

from benchmarks.forecasting.data import air_passengers
from numbarnn.forecasting import RNNForecaster

HORIZON = 24


def main() -> None:
    """Print the mean absolute percentage errors, and the seconds of a fit."""
    y = air_passengers()
    train, test = y[:-HORIZON], y[-HORIZON:]
    print(f"seasonal naive       MAPE {_mape(test, np.resize(train[-12:], HORIZON)):5.2f} %")
    for name, forecast in _ets(train).items():
        print(f"{name:20s} MAPE {_mape(test, forecast):5.2f} %")
    for seed in range(5):
        start = time.perf_counter()
        forecaster = RNNForecaster(horizon=HORIZON, seasonal_periods=12, random_state=seed, n_jobs=2).fit(train)
        seconds = time.perf_counter() - start
        print(
            f"numbarnn, seed {seed}     MAPE {_mape(test, forecaster.predict()):5.2f} %, fit {seconds:.1f} s",
            flush=True,
        )


def _ets(train: np.ndarray) -> dict[str, np.ndarray]:
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel  # noqa: PLC0415  (an extra)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ETSModel(train, error="mul", trend="add", seasonal="mul", damped_trend=True, seasonal_periods=12)
        return {"ETS(M, Ad, M)": model.fit(disp=False).forecast(HORIZON)}


def _mape(test: np.ndarray, forecast: np.ndarray) -> float:
    return float(100 * np.mean(np.abs(np.asarray(forecast) / np.asarray(test) - 1)))


if __name__ == "__main__":
    main()
