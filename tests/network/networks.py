"""The networks that every test of this room runs through: each direction, depth and place of the readout."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import numbarnn
from numbarnn.network import Network

LENGTHS = np.array([5, 0, 3, 1])
"""Valid steps of four sequences of at most five steps, one of them empty."""


def over(cells=("lstm",), depths=((3,), (3, 2)), learn_state=(False,)):
    """Parametrize a test's `network` over cells, depths, directions, places of the readout and initial states."""
    networks = [
        Network(numbarnn.cells.CELLS[cell], 2, sizes, 3, *switches)
        for cell, sizes, switches in product(cells, depths, product([False, True], [False, True], learn_state))
    ]
    return pytest.mark.parametrize("network", networks, ids=name)


def name(network):
    parts = [network.cell.__name__, *map(str, network.hidden_layer_sizes)]
    parts += ["both"] * network.bidirectional + ["steps"] * network.return_sequences
    return "-".join(parts + ["learned"] * network.learn_state)


def draw(network, seed=0, dtype="float64"):
    """Random parameters (biases too) and inputs (5, 4, I)."""
    rng = np.random.default_rng(seed)
    theta = 0.5 * rng.standard_normal(network.n_parameters)
    return theta.astype(dtype), rng.standard_normal((5, 4, network.n_inputs)).astype(dtype)
