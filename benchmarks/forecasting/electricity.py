"""Electricity demand of the next day with known temperature, on the last 60 days of 2014.

``python -m benchmarks.forecasting.electricity``; gradient boosting and ridge regression see the demand a day, two days
and a week before, the temperature then and at the step, the working day, and the time of day and week.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.forecasting import references
from benchmarks.forecasting.data import electricity
from numbarnn.forecasting import ConformalForecaster, RNNForecaster

DAY, WEEK, N_DAYS = 48, 336, 60
SETTINGS: dict[str, Any] = {
    "horizon": DAY,
    "seasonal_periods": [DAY, WEEK],
    "recurrent_dropout": 0.2,
    "max_iter": 11,  # 800 updates
    "random_state": 0,
    "n_jobs": 2,
}


def main() -> None:
    """Print mean absolute errors, coverage and seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--validation", action="store_true", help="held-out weeks of the training part, with which settings are chosen"
    )
    parser.add_argument("--intervals", action="store_true", help="also Gaussian and conformal intervals")
    arguments = parser.parse_args()
    frame = electricity()
    if arguments.validation:
        _validate(frame[: -N_DAYS * DAY])
        return
    y, known = frame["Demand"], frame[["WorkDay", "Temperature"]]
    start = len(y) - N_DAYS * DAY
    demand = references.Demand(frame, start)
    for name in ("week_naive", "ridge", "boosting"):
        error = np.abs(getattr(demand, name)() - y.to_numpy()[start:]).mean()
        print(f"{name.replace('_', ' '):24s} MAE {error:.4f} GW", flush=True)
    _run("numbarnn", RNNForecaster(**SETTINGS), y, known)
    if arguments.intervals:
        _run("numbarnn, gaussian", RNNForecaster(loss="gaussian", **SETTINGS), y, known)
        conformal = ConformalForecaster(RNNForecaster(**SETTINGS), 0.9, method="aci", n_calibration=40 * DAY)
        _run("numbarnn, conformal", conformal, y, known)


def _validate(frame: pd.DataFrame) -> None:
    """Print the error on each fifth week, of which all values are missing in training, for each of five shifts.

    The test part is hotter than the weeks before it, so that these alone would not tell how settings do in the heat.
    """
    y, known = frame["Demand"], frame[["WorkDay", "Temperature"]]
    weeks, errors, covered = np.arange(len(y)) // WEEK, [], []
    for shift in range(5):
        held_out = (weeks % 5 == shift) & (weeks >= 2) & (weeks < len(y) // WEEK)
        forecaster = RNNForecaster(**SETTINGS, n_estimators=1).fit(y.mask(held_out), known)
        for day in np.flatnonzero(held_out)[::DAY]:
            past, truth = {"y": y[:day], "X": known[: day + DAY]}, y[day : day + DAY]
            errors.append(np.abs(forecaster.predict(**past) - truth))
            interval = forecaster.predict_interval(0.9, **past)
            covered.append((interval["lower"] <= truth) & (truth <= interval["upper"]))
    error, coverage = np.mean(errors), np.mean(covered)
    print(f"held-out weeks, one network: MAE {error:.4f} GW, 90% intervals hold {coverage:.3f}", flush=True)


def _run(name: str, forecaster: Any, y: pd.Series, known: pd.DataFrame) -> None:
    n_train, start = len(y) - N_DAYS * DAY, time.perf_counter()
    forecaster.fit(y[:n_train], known[:n_train])
    seconds, forecasts, intervals = time.perf_counter() - start, [], []
    for day in range(n_train, len(y), DAY):
        tomorrow = known[day : day + DAY]
        forecasts.append(forecaster.predict(X=tomorrow))
        intervals.append(forecaster.predict_interval(0.9, X=tomorrow))
        forecaster.update(y[day : day + DAY], tomorrow)
    forecast, interval = pd.concat(forecasts), pd.concat(intervals)
    truth = y[n_train:]
    covered = ((interval["lower"] <= truth) & (truth <= interval["upper"])).mean()
    error = np.abs(forecast - truth).mean()
    print(f"{name:24s} MAE {error:.4f} GW, 90% intervals hold {covered:.3f}, fit {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
