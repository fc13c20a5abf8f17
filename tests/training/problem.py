"""A small ragged classification problem that the tests of this room share."""

from __future__ import annotations

import numpy as np

from numbarnn import Elman
from numbarnn.data import Sequences
from numbarnn.network import Network, SoftmaxCrossEntropy
from numbarnn.training import Adam, Constant, Examples, Plateau, TrainingState, train

NETWORK = Network(Elman, n_inputs=2, hidden_layer_sizes=(5,), n_outputs=3)
LOSS = SoftmaxCrossEntropy()


def examples_of(n=12, weights=None):
    """Sequences whose class is 2 if they are short, else that of the input which was larger at first."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 6, n)
    sequences = Sequences(rng.standard_normal((lengths.sum(), 2)), lengths)
    larger = sequences.values[sequences.starts].argmax(axis=1)
    return Examples(sequences, np.where(lengths < 3, 2, larger), weights)


def state_of(solver=Adam, learning_rate=0.05, network=NETWORK, **plateau):
    theta = network.init("float64", random_state=0)
    return TrainingState(theta, solver(theta.size, theta.dtype), Constant(learning_rate), Plateau(**plateau))


def run(examples=None, state=None, network=NETWORK, loss=LOSS, **settings):
    settings = {"max_iter": 5, "batch_size": 4, "random_state": 0} | settings
    return train(network, loss, examples or examples_of(), state or state_of(), **settings)
