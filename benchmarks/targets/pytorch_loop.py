"""A usual training loop in PyTorch for ragged sequences."""

# ruff: noqa: PLC0415  (asv imports all modules, even if PyTorch is not installed)
from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.rivals.pytorch import load_layer
from numbarnn import LSTM


def training(
    X: Sequence[np.ndarray], y: np.ndarray, n_units: int, batch_size: int, n_epochs: int
) -> Callable[[], float]:
    """Return a call that trains an LSTM classifier from the start and returns the last epoch's mean loss.

    The sequences are padded once and packed batch by batch; Adam is the fused one, the fastest on the CPU.
    """
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

    torch.set_num_threads(1)
    x = pad_sequence([torch.from_numpy(sequence) for sequence in X])
    lengths = torch.tensor([len(sequence) for sequence in X])
    classes, encoded = np.unique(y, return_inverse=True)
    targets = torch.from_numpy(encoded)

    def train() -> float:
        torch.manual_seed(0)
        lstm = load_layer(LSTM.init(x.shape[2], n_units, random_state=0))
        readout = torch.nn.Linear(n_units, len(classes))
        parameters = [*lstm.parameters(), *readout.parameters()]
        adam = torch.optim.Adam(parameters, weight_decay=1e-4, fused=True)
        for _ in range(n_epochs):
            total = 0.0
            for batch in torch.randperm(len(X)).split(batch_size):
                padded = x[: lengths[batch].max(), batch]
                packed = pack_padded_sequence(padded, lengths[batch], enforce_sorted=False)
                _, (h, _) = lstm(packed)
                loss = torch.nn.functional.cross_entropy(readout(h[-1]), targets[batch])
                adam.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                adam.step()
                total += loss.item() * len(batch)
        return total / len(X)

    return train
