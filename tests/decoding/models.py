"""A tiny model whose probabilities can be enumerated."""

from __future__ import annotations

from itertools import product

import numpy as np


class TableModel:
    """The next symbol depends on the row's number and on the last two symbols, by tables drawn at random."""

    def __init__(self, n_labels=3, n_rows=4, seed=0, spread=1.0):
        self.n_labels = n_labels
        shape = n_rows, n_labels + 2, n_labels + 2, n_labels + 1
        logits = spread * np.random.default_rng(seed).standard_normal(shape)
        self.table = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))

    def start(self, n):
        return np.arange(n), np.full(n, self.n_labels + 1)

    def step(self, codes, state):
        rows, before = state
        return self.table[rows, before, codes], (rows, codes)

    def take(self, state, rows):
        return tuple(part[rows] for part in state)

    def score(self, row, codes):
        """Return the log-probability of a sequence, its end included."""
        symbols = [self.n_labels + 1, self.n_labels + 1, *codes, self.n_labels]
        return sum(self.table[row, symbols[i], symbols[i + 1], symbols[i + 2]] for i in range(len(symbols) - 2))

    def all_sequences(self, row, max_length):
        """Return the scores of all sequences, the best first."""
        every = [codes for n in range(max_length + 1) for codes in product(range(self.n_labels), repeat=n)]
        return sorted(((self.score(row, codes), codes) for codes in every), reverse=True)
