"""A chaotic series continued by a reservoir
=========================================

Forecast a chaotic series with an echo state network that runs freely on its own outputs.

The series is that of Mackey & Glass (1977) with a delay of 17, as in Jaeger & Haas (2004, Science 304). A reservoir of
1000 units with random weights reads 3000 values, and a linear readout is fitted to the next value by ridge regression:
no other weight is trained. Then each prediction is the input of the next step. The error at 84 steps is the measure of
the literature: its root mean square over the standard deviation of the series, for continuations from many places.
"""

from __future__ import annotations

import time

import matplotlib.pyplot as plt
import numpy as np

from numbarnn import ESNRegressor

WASHOUT, TRAIN, STARTS, AHEAD = 1000, 3000, 50, 84
LONG = 1000


def mackey_glass(n_steps, delay=17, substeps=10):
    """Return the series, integrated by Euler's method in tenths of a step, squashed by tanh(x - 1)."""
    d, h = delay * substeps, 1 / substeps
    x = [1.2 + 0.1 * u for u in np.random.RandomState(0).uniform(-1, 1, d + 1)]
    for t in range(d, (n_steps + 1000) * substeps):
        x.append(x[t] + h * (0.2 * x[t - d] / (1 + x[t - d] ** 10) - 0.1 * x[t]))
    return np.tanh(np.array(x[d::substeps][1000 : n_steps + 1000]) - 1)


def main() -> None:
    """Fit, continue the series, and plot."""
    series = mackey_glass(TRAIN + AHEAD * (STARTS + 1) + LONG)
    esn = ESNRegressor(
        1000,
        spectral_radius=1.1,
        leaking_rate=0.7,
        bias_scaling=0.2,
        readout="sequence",
        washout=WASHOUT,
        alpha=1e-10,
        random_state=0,
    )
    start = time.perf_counter()
    esn.fit(series[np.newaxis, :TRAIN, np.newaxis], series[np.newaxis, 1 : TRAIN + 1])
    print(f"1000 units fitted to {TRAIN} steps in {time.perf_counter() - start:.1f} s")

    ends = TRAIN + AHEAD * np.arange(1, STARTS + 1)
    known = np.array([series[end - WASHOUT : end, np.newaxis] for end in ends])
    forecasts = esn.generate(LONG, known)
    errors = np.abs(forecasts - np.array([series[end : end + LONG] for end in ends])) / series.std()
    nrmse = np.sqrt(np.mean(errors**2, axis=0))
    for ahead in (AHEAD, LONG // 2, LONG):
        print(f"Error at {ahead:4d} steps (NRMSE): 10^{np.log10(nrmse[ahead - 1]):.2f}")
    draw(series[ends[0] : ends[0] + LONG], forecasts[0], nrmse)


def draw(truth, forecast, nrmse) -> None:
    """Write the figure."""
    figure, (above, below) = plt.subplots(2, figsize=(9, 4.5), sharex=True, layout="constrained")
    above.plot(truth, color="0.6", linewidth=3, label="series")
    above.plot(forecast, color="tab:red", linewidth=1, label="echo state network, on its own")
    above.set(ylabel="value", ylim=(-0.85, 0.6), title="Mackey-Glass series")
    above.legend(loc="lower left", ncols=2)
    below.semilogy(nrmse, color="tab:red")
    below.set(xlabel="steps after the last known value", ylabel="NRMSE")
    figure.savefig("mackey_glass.png", dpi=80)


if __name__ == "__main__":
    main()
