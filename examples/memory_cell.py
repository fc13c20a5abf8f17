"""An LSTM unit as a memory cell
=============================

An LSTM unit as a memory cell: it stores 4.2, keeps it, and reads it back through its gates.

The weights are set by hand so that each gate reads one command and is either fully open or fully closed. The
candidate and the output pass through tanh, which is linear near zero; so the value is stored in thousandths.
Run with ``python examples/memory_cell.py``; needs nothing but numbarnn.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

import numbarnn

SCALE = 1e-3  # state of the cell for a value of one
OPEN = 100.0  # sigmoid(100) is 1, and sigmoid(-100) is 0, to rounding

# Inputs of a step: the value, and the commands write, keep and read (0 or 1). Gates: i f g o.
W = np.zeros((4, 4))
W[0, 2] = SCALE  # the candidate is the value
W[1, 0] = W[2, 1] = W[3, 3] = 2 * OPEN  # write opens the input gate, keep the forget gate, read the output gate
b = np.array([-OPEN, -OPEN, 0.0, -OPEN])
memory = numbarnn.LSTM(W, np.zeros((1, 4)), b)

steps = {
    "noise": (7.7, 0, 1, 0),
    "write 4.2": (4.2, 1, 0, 0),
    "keep": (-3.1, 0, 1, 0),
    "keep and read": (8.8, 0, 1, 1),
    "keep on": (0.5, 0, 1, 0),
    "read again": (-6.0, 0, 1, 1),
    "forget": (2.5, 0, 0, 0),
    "read what is left": (9.9, 0, 1, 1),
}
x = np.array(list(steps.values()))[:, np.newaxis, :]  # (T, B, I) with one sequence

print("step                 value |  input  forget  output |   cell  read-out")
state = None
for name, x_t in zip(steps, x, strict=True):
    i, f, _, o = expit(x_t @ W + b)[0]
    y, state, _ = numbarnn.forward(memory, x_t[np.newaxis], state, keep_tape=False)
    stored, read = state[1].item() / SCALE, y.item() / SCALE
    print(f"{name:20s} {x_t[0, 0]:5.1f} | {i:6.0f}{f:8.0f}{o:8.0f} | {stored:6.2f}{read:10.2f}")

# Backpropagation follows the same path: the second read-out depends on the value written, and on no other.
y, _, tape = numbarnn.forward(memory, x)
y_bar = np.zeros_like(y)
y_bar[list(steps).index("read again")] = 1 / SCALE
_, x_bar, _ = numbarnn.adjoint(memory, tape, y_bar)
print("\nDerivative of the second read-out with respect to the value of each step:")
print("  ".join(f"{derivative:.2f}" for derivative in x_bar[:, 0, 0]))
