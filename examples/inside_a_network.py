"""Input gradients and Lyapunov exponents
======================================

Input gradients and Lyapunov exponents: which inputs a trained network uses, and how long it remembers them.

The adding problem (Hochreiter & Schmidhuber 1997): two of 60 numbers are marked, and the target is their sum. So the
derivative of the target is 1 with respect to a marked number and 0 with respect to all others. The network has to keep
the sum so far and nothing else: training raises one Lyapunov exponent of the state to 0, where a small change neither
grows nor decays, and leaves a gap between it and the others.
Run with ``python examples/inside_a_network.py``; needs matplotlib and writes inside_a_network.png.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import numbarnn

N_STEPS, N_UNITS = 60, 24


def adding_problem(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sequences (n, T, 2) of numbers and marks, the sums of the marked numbers, and the marked steps (n, 2)."""
    numbers = rng.uniform(-1, 1, (n, N_STEPS))
    marked = np.sort(np.argsort(rng.random((n, N_STEPS)), axis=1)[:, :2], axis=1)
    marks = np.zeros_like(numbers)
    np.put_along_axis(marks, marked, 1, axis=1)
    return np.stack([numbers, marks], axis=2), np.take_along_axis(numbers, marked, axis=1).sum(axis=1), marked


def exponents(theta: np.ndarray) -> np.ndarray:
    """Return the larger half of the Lyapunov exponents of the recurrent layer, averaged over twenty sequences."""
    views = reg.network_.views(theta)
    cell = numbarnn.LSTM(*(views[f"layer0.{name}"] for name in numbarnn.LSTM._fields))
    x = np.ascontiguousarray(X_test[:20].swapaxes(0, 1))
    return numbarnn.lyapunov_exponents(cell, x, n_exponents=N_UNITS).mean(axis=0)


rng = np.random.default_rng(0)
X, y, _ = adding_problem(1500, rng)
X_test, y_test, marked = adding_problem(300, rng)
reg = numbarnn.RNNRegressor(
    N_UNITS,
    learning_rate_init=0.01,
    max_grad_norm=None,
    batch_size=30,
    tol=1e-3,
    max_iter=200,
    n_iter_no_change=8,
    random_state=0,
)
reg.fit(X, y)
print(f"R2 on new sequences: {reg.score(X_test, y_test):.3f}, after {reg.n_iter_} epochs")

gradient = reg.input_gradient(X_test)[..., 0]
at_marks = np.take_along_axis(gradient, marked, axis=1)
share = np.abs(at_marks).sum() / np.abs(gradient).sum()
print(f"Derivative by a marked number: {at_marks.mean():.2f} +- {at_marks.std():.2f}; share of the total: {share:.2f}")

spectra = {
    "before training": exponents(reg.network_.init("float64", random_state=0)),
    "after training": exponents(reg.theta_),
}
for name, spectrum in spectra.items():
    print(f"Largest Lyapunov exponents {name}:", *(f"{value:.3f}" for value in spectrum[:4]))

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", width_ratios=(1.6, 1))
clear = np.abs(np.take_along_axis(X_test[..., 0], marked, axis=1)).min(axis=1) > 0.5
shown = int(np.argmax((marked[:, 1] - marked[:, 0]) * clear))
left.bar(range(N_STEPS), X_test[shown, :, 0], color="lightgray", label="number")
left.bar(marked[shown], X_test[shown, marked[shown], 0], color="tab:orange", label="marked number")
left.plot(gradient[shown], color="tab:blue", marker=".", label="derivative of the output")
left.set(xlabel="time step", title="Input gradient of one sequence")
left.legend(frameon=False, loc="lower center", ncols=3, fontsize="small")
left.set_ylim(-1.4, 1.3)
for (name, spectrum), color in zip(spectra.items(), ("gray", "tab:blue"), strict=True):
    right.plot(range(1, len(spectrum) + 1), spectrum, color=color, marker=".", label=name)
right.axhline(0, color="black", linewidth=0.8)
right.set(xlabel="index", ylabel="per step", title="Lyapunov exponents of its state", ylim=(-0.75, 0.05))
right.legend(frameon=False)
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
figure.savefig("inside_a_network.png", dpi=100)
