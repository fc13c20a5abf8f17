"""The vanishing gradient
======================

The vanishing gradient: how fast dL/dh_t decays on its way back through an RNN and through an LSTM.

The loss depends on the last of 200 steps only. An RNN multiplies the gradient by its recurrent weights and by
the slope of tanh at every step (Bengio, Simard & Frasconi 1994). An LSTM's cell carries it back through the
forget gate (Hochreiter & Schmidhuber 1997; Gers et al. 2000), so this gate's bias sets how far it reaches.
Run with ``python examples/vanishing_gradient.py``; needs matplotlib and writes vanishing_gradient.png.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import numbarnn

N_STEPS, BATCH, N_INPUTS, N_UNITS = 200, 32, 4, 16
SHOWN = 0, 50, 100, 150, 199


def gradient_norms(cell: numbarnn.LSTM | numbarnn.Elman, x: np.ndarray) -> np.ndarray:
    """Return the norm of dL/dh_t over the batch for every t before the last, with L the sum of the last outputs."""
    y, state, tape = numbarnn.forward(cell, x)
    last_bar = np.ones_like(y[-1]), *(None for _ in state[1:])
    h_norms = numbarnn.gradient_flow(cell, tape, state_bar=last_bar)[0]
    return np.linalg.norm(h_norms[:-1], axis=1)


def with_forget_bias(cell: numbarnn.LSTM, value: float) -> numbarnn.LSTM:
    """Return the cell with this bias of its forget gate."""
    b = cell.b.copy()
    b[N_UNITS : 2 * N_UNITS] = value
    return cell._replace(b=b)


x = np.random.default_rng(0).normal(size=(N_STEPS, BATCH, N_INPUTS))
rnn = numbarnn.Elman.init(N_INPUTS, N_UNITS, dtype="float64", random_state=0)
lstm = numbarnn.LSTM.init(N_INPUTS, N_UNITS, dtype="float64", random_state=0)
cells = {
    "RNN": rnn,
    "LSTM, forget bias 0": with_forget_bias(lstm, 0.0),
    "LSTM, forget bias 1": lstm,
    "LSTM, forget bias 2": with_forget_bias(lstm, 2.0),
}

print(f"{'norm of dL/dh_t at t =':24s}", *(f"{t:>9d}" for t in SHOWN))
figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
colors = ["black", *plt.colormaps["viridis"](np.linspace(0.85, 0.1, len(cells) - 1))]
for (name, cell), color in zip(cells.items(), colors, strict=True):
    norms = gradient_norms(cell, x)
    print(f"{name:24s}", *(f"{norms[t]:9.1e}" for t in SHOWN))
    axes.semilogy(norms, color=color, linewidth=2)
    axes.annotate(name, (0, norms[0]), xytext=(-8, 0), textcoords="offset points", ha="right", va="center", color=color)
axes.set(xlim=(-60, N_STEPS), xticks=range(0, N_STEPS + 1, 50), xlabel="time step $t$")
axes.set(title=r"$\|\partial L / \partial h_t\|$ on its way back from the last step")
axes.spines[["top", "right"]].set_visible(False)
figure.savefig("vanishing_gradient.png", dpi=100)
