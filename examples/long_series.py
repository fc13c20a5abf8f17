"""Train on one very long series, then predict it one observation at a time.

The series is NARMA-10 (Atiya & Parlos 2000, eq. 86), whose next value depends on ten values and inputs before it. The
training runs through all of its steps at once, exactly, within four megabytes of memory.
"""

from __future__ import annotations

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from numbarnn import RNNRegressor

TRAIN, TEST = 50_000, 1_000


def narma(u):
    """Return the system's response to the inputs u."""
    y = np.zeros(len(u))
    for t in range(10, len(u)):
        y[t] = 0.3 * y[t - 1] + 0.05 * y[t - 1] * y[t - 10 : t].sum() + 1.5 * u[t - 10] * u[t - 1] + 0.1
    return y


def main() -> None:
    """Train, stream, draw."""
    u = np.random.default_rng(0).uniform(0, 0.5, TRAIN + TEST).astype("float32")
    y = narma(u).astype("float32")
    X, targets = 4 * u[None, :, None] - 1, (y[None] - y[:TRAIN].mean()) / y[:TRAIN].std()

    model = RNNRegressor(
        (32,),
        cell="gru",
        return_sequences=True,
        learning_rate_init=0.01,
        max_iter=600,
        n_iter_no_change=600,
        tape_mb=4,
        random_state=0,
        verbose=1,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        model.fit(X[:, :TRAIN], targets[:, :TRAIN])
    print(f"{model.n_iter_} epochs of {TRAIN} steps in {time.perf_counter() - start:.0f} s, tape of 4 MB")

    _, state = model.predict(X[:, :TRAIN], return_state=True)
    predicted = []
    start = time.perf_counter()
    for t in range(TRAIN, TRAIN + TEST):
        z, state = model.predict(X[:, t : t + 1], state, return_state=True)
        predicted.append(z[0, 0])
    took = time.perf_counter() - start
    whole = model.predict(X)[0, TRAIN:]
    truth = targets[0, TRAIN:]
    same = np.array_equal(predicted, whole)
    print(f"One observation at a time: {took / TEST * 1e3:.2f} ms each; the same bits as one call: {same}")
    nrmse = np.sqrt(np.mean((whole - truth) ** 2) / truth.var())
    print(f"Error on the {TEST} steps that follow (NRMSE): {nrmse:.3f}; of the last value: {persistence(truth):.3f}")
    draw(truth, predicted)


def persistence(truth):
    """Return the error of forecasting each value by the one before."""
    return np.sqrt(np.mean(np.diff(truth) ** 2) / truth.var())


def draw(truth, predicted) -> None:
    """Write the picture."""
    figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
    axes.plot(truth[:200], color="0.6", linewidth=3, label="series")
    axes.plot(predicted[:200], color="tab:red", linewidth=1, label="predicted, step by step")
    axes.set(xlabel="steps after the training", ylabel="standardized value", ylim=(-2.2, 2.9), title="NARMA-10")
    axes.legend(loc="upper right", ncols=2)
    figure.savefig("long_series.png", dpi=100)


if __name__ == "__main__":
    main()
