"""The cliff in an error surface
=============================

Show the error of one recurrent unit after 50 steps over its two parameters, and what gradient clipping does at a cliff.

The unit computes h_t = tanh(r h_(t-1) + b) from h_0 = 0.5, and the error is (h_50 - 0.7)^2 / 2. Where the unit has two
stable states, a small change of r or b decides which of them it falls into, and the error surface has a cliff (Pascanu,
Mikolov and Bengio 2013, figure 6). There the gradient is so long that one step of gradient descent throws the
parameters far away, where the surface is flat. A gradient that is clipped to a norm of one (algorithm 1 of the paper)
has the same direction, and its steps end in the valley next to the cliff.

Run with ``python examples/error_surface.py``; needs matplotlib and writes error_surface.png.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

import numbarnn

N_STEPS, START, TARGET = 50, 0.5, 0.7
RATE, N_UPDATES, FIRST = 0.2, 100, (1.2, -0.3)
NOTHING = np.zeros((N_STEPS, 1, 1))  # the unit has no input


def error_and_gradient(r: float, b: float) -> tuple[float, np.ndarray]:
    """Return the error after the last step, and its derivative by r and b, backpropagated through all steps."""
    unit = numbarnn.Elman(W=np.zeros((1, 1)), R=np.array([[r]]), b=np.array([b]))
    h, _, tape = numbarnn.forward(unit, NOTHING, state=(np.full((1, 1), START),))
    miss = h[-1] - TARGET
    unit_bar, _, _ = numbarnn.adjoint(unit, tape, state_bar=(miss,))
    return 0.5 * miss.item() ** 2, np.array([unit_bar.R.item(), unit_bar.b.item()])


def descend(max_norm: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the parameters before each update of gradient descent, and the norms of the gradients."""
    path, norms = [np.array(FIRST)], []
    for _ in range(N_UPDATES):
        _, gradient = error_and_gradient(*path[-1])
        norms.append(np.linalg.norm(gradient))
        path.append(path[-1] - RATE * gradient * min(1.0, max_norm / max(norms[-1], 1e-12)))
    return np.array(path), np.array(norms)


rs, bs = np.linspace(0.6, 1.8, 81), np.linspace(-0.7, 3.2, 131)
surface = np.array([[error_and_gradient(r, b)[0] for r in rs] for b in bs])
paths = {"not clipped": descend(np.inf), "clipped to norm 1": descend(1.0)}
for name, (path, norms) in paths.items():
    error, _ = error_and_gradient(*path[-1])
    r, b = path[-1]
    print(f"{name:18s} longest gradient {norms.max():5.1f}, at the end r = {r:.2f}, b = {b:.2f}, error {error:.4f}")

figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
image = axes.pcolormesh(rs, bs, np.log10(surface + 1e-6), cmap="Blues", shading="nearest")
figure.colorbar(image, label="log10 of the error after 50 steps")
for (name, (path, _)), color in zip(paths.items(), ("tab:red", "tab:green"), strict=True):
    axes.plot(*path.T, ".-", color=color, linewidth=1, label=name)
axes.set(xlim=(rs[0], rs[-1]), ylim=(bs[0], bs[-1]), xlabel="recurrent weight r", ylabel="bias b")
axes.set_title("A cliff, and gradient descent with and without clipping")
axes.legend(loc="upper right")
figure.savefig("error_surface.png", dpi=100)
