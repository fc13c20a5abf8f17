"""Accuracy of one global forecaster on the panels of two competitions, next to the time that its fit takes.

``python -m benchmarks.forecasting.panels tourism`` or ``m3``; the test part is used once, at the end.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from benchmarks.forecasting import data, references
from numbarnn.forecasting import ConformalForecaster, RNNForecaster
from numbarnn.metrics import interval_coverage, mase, smape

PUBLISHED = {
    "tourism": "ETS MASE 1.526, DeepAR 1.409, N-BEATS 1.574",
    "m3": "Theta MASE 0.864, sMAPE 13.85; DeepAR MASE 1.167",
}
"""Accuracy of others, as published for the same data."""


def main() -> None:
    """Print accuracy, coverage and seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("panel", choices=sorted(PUBLISHED))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--intervals", action="store_true", help="also Gaussian and conformal intervals")
    parser.add_argument("--references", action="store_true", help="also Theta and ETS, which take minutes")
    arguments = parser.parse_args()
    panel = getattr(data, arguments.panel)()
    print(f"{arguments.panel}: {panel}; published: {PUBLISHED[arguments.panel]}")
    for name in ("seasonal_naive", "theta", "ets") if arguments.references else ("seasonal_naive",):
        method = getattr(references, name)
        forecasts = [method(y, panel.horizon, panel.period) for y in panel.train]
        _show(name.replace("_", " "), panel, forecasts)
    for seed in range(arguments.seeds):
        _run(f"numbarnn, seed {seed}", panel, RNNForecaster(**_options(panel, seed)))
    if arguments.intervals:
        _run("gaussian", panel, RNNForecaster(loss="gaussian", **_options(panel, 0)))
        _run("conformal", panel, ConformalForecaster(RNNForecaster(**_options(panel, 0)), 0.9, method="cqr"))


def _options(panel: data.Panel, seed: int) -> dict[str, int]:
    return {"horizon": panel.horizon, "seasonal_periods": panel.period, "random_state": seed, "n_jobs": 2}


def _run(name: str, panel: data.Panel, forecaster: RNNForecaster | ConformalForecaster) -> None:
    start = time.perf_counter()
    forecaster.fit(panel.train)
    fitted = time.perf_counter()
    forecasts, intervals = forecaster.predict(), forecaster.predict_interval(0.9)
    seconds = f"fit {fitted - start:.0f} s, predict {time.perf_counter() - fitted:.1f} s"
    coverage = interval_coverage(panel.test, intervals)
    _show(name, panel, forecasts, f"90% intervals hold {coverage:.3f}, {seconds}")


def _show(name: str, panel: data.Panel, forecasts: list[np.ndarray], more: str = "") -> None:
    scaled = mase(panel.test, forecasts, y_train=panel.train, seasonal_period=panel.period)
    print(f"{name:20s} MASE {scaled:.3f}  sMAPE {smape(panel.test, forecasts):.2f}  {more}", flush=True)


if __name__ == "__main__":
    main()
