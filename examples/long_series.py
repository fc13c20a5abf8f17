"""One very long series
====================

Train on one very long series, then predict it one observation at a time.

The series is NARMA-10 (Atiya & Parlos 2000, eq. 86), whose next value depends on the ten values and inputs before it.
Each epoch computes the exact gradient through all steps at once, within four megabytes of memory. Truncated BPTT
updates the parameters thousands of times per epoch instead, and learns faster if it goes back far enough: ten steps
are too few.
"""

from __future__ import annotations

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from numbarnn import RNNRegressor

TRAIN, TEST = 50_000, 1_000
TRUNCATIONS = (10, 10), (10, 20), (10, 40)


def narma(u):
    """Return the system's response to the inputs u."""
    y = np.zeros(len(u))
    for t in range(10, len(u)):
        y[t] = 0.3 * y[t - 1] + 0.05 * y[t - 1] * y[t - 10 : t].sum() + 1.5 * u[t - 10] * u[t - 1] + 0.1
    return y


def main() -> None:
    """Train, predict step by step, and plot."""
    u = np.random.default_rng(0).uniform(0, 0.5, TRAIN + TEST).astype("float32")
    y = narma(u).astype("float32")
    X, targets = 4 * u[None, :, None] - 1, (y[None] - y[:TRAIN].mean()) / y[:TRAIN].std()

    model, took = fit(X, targets, max_iter=600, learning_rate_init=0.01, verbose=1)
    print(f"{model.n_iter_} epochs of {TRAIN} steps in {took:.0f} s, tape of 4 MB")

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
    print(
        f"Error on the {TEST} steps that follow (NRMSE): {nrmse(whole, truth):.3f}; "
        f"of the last value: {nrmse(truth[:-1], truth[1:]):.3f}"
    )
    draw(truth, predicted)
    truncate(X, targets, model)


def fit(X, targets, **settings):
    """Return a network trained on the first steps, and the seconds that took."""
    settings = {"cell": "gru", "return_sequences": True, "n_iter_no_change": 600, "random_state": 0} | settings
    model = RNNRegressor((32,), max_grad_norm=None, checkpoint_memory_mb=4, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        model.fit(X[:, :TRAIN], targets[:, :TRAIN])
    return model, time.perf_counter() - start


def nrmse(predicted, truth):
    """Return the root mean squared error over the standard deviation of the truth."""
    return np.sqrt(np.mean((predicted - truth) ** 2) / truth.var())


def truncate(X, targets, exact) -> None:
    """Compare truncated gradients with the exact one, and the errors after four epochs of training with each."""
    errors = exact.truncation_error(X[:, :TRAIN], targets[:, :TRAIN], TRUNCATIONS)
    figures = zip(TRUNCATIONS, errors.relative_error["total"], errors.cosine["total"], strict=True)
    print(
        "\nTruncated BPTT: its gradient compared with the exact one of the network above, and four epochs of training"
    )
    print(" k1  k2  relative error  cosine   NRMSE  seconds")
    for (k1, k2), relative_error, cosine in figures:
        model, took = fit(X, targets, max_iter=4, learning_rate_init=0.003, tbptt=(k1, k2))
        error = nrmse(model.predict(X)[0, TRAIN:], targets[0, TRAIN:])
        print(f"{k1:3d} {k2:3d}  {relative_error:14.3f}  {cosine:6.3f}  {error:6.3f}  {took:7.0f}")


def draw(truth, predicted) -> None:
    """Write the figure."""
    figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
    axes.plot(truth[:200], color="0.6", linewidth=3, label="series")
    axes.plot(predicted[:200], color="tab:red", linewidth=1, label="predicted, step by step")
    axes.set(xlabel="steps after the training", ylabel="standardized value", ylim=(-2.2, 2.9), title="NARMA-10")
    axes.legend(loc="upper right", ncols=2)
    figure.savefig("long_series.png", dpi=100)


if __name__ == "__main__":
    main()
