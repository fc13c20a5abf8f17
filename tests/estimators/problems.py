"""Small problems to learn."""

from __future__ import annotations

import numpy as np

ONE_WAY = {"bidirectional": False, "pooling": "last", "patch": 1}
"""Parameters of a network that reads from the first step to the last, so that it has a state to go on from."""


def ragged(n, n_inputs=2, seed=0):
    """Sequences of 2 to 6 steps."""
    rng = np.random.RandomState(seed)
    return [rng.standard_normal((length, n_inputs)) for length in rng.randint(2, 7, size=n)]


def labels(X):
    """Does the sequence end above its start?"""
    return np.array([x[-1, 0] > x[0, 0] for x in X]).astype(int)


def numbers(X):
    """Sum of the first and the last value."""
    return np.array([x[0, 0] + x[-1, 0] for x in X])


def objects(items):
    """An object array of one item each."""
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array
