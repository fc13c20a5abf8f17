"""Small ragged problems that the tests of this folder share."""

from __future__ import annotations

import numpy as np

from numbarnn import Elman
from numbarnn.data import Sequences
from numbarnn.layers import Bidirectional, Dense, Dropout, Model, Recurrent, Stack
from numbarnn.losses import SoftmaxCrossEntropy
from numbarnn.optim import Adam, Constant, Examples, Plateau, TrainingState, train


def model_of(
    sizes=(5,), n_inputs=2, n_outputs=3, *, cell=Elman, sequences=False, bidirectional=False, dropout=0, **more
):
    """Recurrent layers, dropout between them if asked for, and a readout."""
    steps, width = [], n_inputs
    for i, size in enumerate(sizes):
        layer = Recurrent(cell, width, size, return_sequences=sequences or i < len(sizes) - 1, **more)
        steps.append((f"layer{i}", Bidirectional(layer) if bidirectional else layer))
        width = steps[-1][1].n_outputs
        if dropout:
            steps.append((f"dropout{i}", Dropout(dropout, width)))
    return Model(Stack((*steps, ("readout", Dense(width, n_outputs)))))


MODEL = model_of()
LOSS = SoftmaxCrossEntropy()


def examples_of(n=12, weights=None):
    """Sequences whose class is 2 if they are short, else that of the input which was larger at first."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 6, n)
    sequences = Sequences(rng.standard_normal((lengths.sum(), 2)), lengths)
    larger = sequences.values[sequences.starts].argmax(axis=1)
    return Examples(sequences, np.where(lengths < 3, 2, larger), weights)


def state_of(
    solver=Adam, learning_rate=0.05, model=MODEL, dtype="float64", schedule=None, max_grad_norm=None, **plateau
):
    theta = model.init(dtype, random_state=0)
    schedule = schedule or Constant(learning_rate)
    made = solver(theta.size, theta.dtype, schedule=schedule, max_grad_norm=max_grad_norm)
    return TrainingState(theta, made, Plateau(**plateau))


def run(examples=None, state=None, model=MODEL, loss=LOSS, **settings):
    settings = {"max_iter": 5, "batch_size": 4, "random_state": 0} | settings
    return train(model, loss, examples or examples_of(), state or state_of(), **settings)
