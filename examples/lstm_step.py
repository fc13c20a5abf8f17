"""One step of an LSTM
===================

One step of an LSTM written out, and its adjoint checked against finite differences.

Run with ``python examples/lstm_step.py``; needs nothing but numbarnn.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import approx_fprime
from scipy.special import expit

import numbarnn

rng = np.random.default_rng(0)
n_inputs, n_units = 2, 3
cell = numbarnn.LSTM.init(n_inputs, n_units, dtype="float64", random_state=0)
x = rng.normal(size=(1, 1, n_inputs))  # one time step, one sequence
state = (rng.normal(size=(1, n_units)), rng.normal(size=(1, n_units)))

# The step, written out (Gers, Schmidhuber & Cummins 2000) ...
h_prev, c_prev = state
i, f, g, o = np.split(x[0] @ cell.W + h_prev @ cell.R + cell.b, 4, axis=1)
i, f, g, o = expit(i), expit(f), np.tanh(g), expit(o)
c = f * c_prev + i * g
h = o * np.tanh(c)

# ... and by numbarnn.
y, (_, c_last), tape = numbarnn.forward(cell, x, state)
print("One LSTM step                 unit 0    unit 1    unit 2")
rows = [
    ("input gate i", i),
    ("forget gate f", f),
    ("candidate g", g),
    ("output gate o", o),
    ("cell c = f c' + i g", c),
    ("  by numbarnn", c_last),
    ("output h = o tanh c", h),
    ("  by numbarnn", y[0]),
]
for name, values in rows:
    print(f"{name:24s}", *(f"{value:9.5f}" for value in values[0]))

# A loss with random weights for the output and the final state; its adjoint gives every derivative in one pass.
y_bar = rng.normal(size=y.shape)
state_bar = tuple(rng.normal(size=s.shape) for s in state)
cell_bar, x_bar, initial_bar = numbarnn.adjoint(cell, tape, y_bar, state_bar)


def loss(theta: np.ndarray, shapes: list[tuple[int, ...]]) -> float:
    """Return the weighted sum of the output and the final state as a function of everything the step reads."""
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes])
    W, R, b, x, h, c = (part.reshape(shape) for part, shape in zip(np.split(theta, ends[:-1]), shapes, strict=True))
    y, last, _ = numbarnn.forward(numbarnn.LSTM(W, R, b), x, (h, c), keep_tape=False)
    return np.vdot(y_bar, y) + sum(np.vdot(bar, part) for bar, part in zip(state_bar, last, strict=True))


names = ["W", "R", "b", "x", "h'", "c'"]
arguments = [*cell, x, *state]
adjoints = [*cell_bar, x_bar, *initial_bar]
shapes = [argument.shape for argument in arguments]
theta = np.concatenate([argument.ravel() for argument in arguments])
by_hand = np.concatenate([bar.ravel() for bar in adjoints])
by_differences = approx_fprime(theta, loss, 1e-7, shapes)

print("\nDerivative with respect to     norm      largest difference from finite differences")
ends = np.cumsum([argument.size for argument in arguments])[:-1]
for name, hand, difference in zip(names, np.split(by_hand, ends), np.split(by_differences, ends), strict=True):
    print(f"{name:24s}{np.linalg.norm(hand):13.5f}{np.abs(hand - difference).max():12.1e}")
