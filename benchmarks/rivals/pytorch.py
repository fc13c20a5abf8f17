"""PyTorch's own layers (with oneDNN or cuDNN where PyTorch uses them) and its autograd."""

# ruff: noqa: PLC0415  (asv imports all modules, even if a library is not installed)
from __future__ import annotations

import numpy as np

from benchmarks.measuring.problem import Problem
from benchmarks.rivals.contender import Contender

LAYERS = {
    "LSTM": ("LSTM", {}),
    "GRU": ("GRU", {}),
    "Elman": ("RNN", {"nonlinearity": "tanh"}),
    "ElmanReLU": ("RNN", {"nonlinearity": "relu"}),
}


def enter(problem: Problem, n_threads: int, lengths: np.ndarray | None = None, device: str = "cpu") -> Contender | None:
    """Return PyTorch's calls, in inference mode and with all gradients; None if it has no such layer.

    With lengths, in descending order, the sequences are packed and padded within the calls.
    """
    if type(problem.cell).__name__ not in LAYERS:
        return None
    import torch
    from torch.nn.utils import rnn

    torch.set_num_threads(n_threads)
    cell, x, state, y_bar, state_bar = problem
    layer = load_layer(cell).to(device)
    wanted = [torch.tensor(array, device=device, requires_grad=True) for array in (x, *state)]
    wanted = [layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, *wanted]
    if len(cell.b) > cell.W.shape[1]:  # the GRU's recurrent bias; else it is the same as the other
        wanted.append(layer.bias_hh_l0)
    else:
        layer.bias_hh_l0.requires_grad = False
    n_states = len(state)
    cotangents = [torch.tensor(array, device=device) for array in (y_bar, *(part[None] for part in state_bar))]

    def run(x, *state):
        state = tuple(part[None] for part in state)
        inputs = x if lengths is None else rnn.pack_padded_sequence(x, torch.from_numpy(lengths))
        y, final = layer(inputs, state if len(state) > 1 else state[0])
        if lengths is not None:
            y, _ = rnn.pad_packed_sequence(y, total_length=x.shape[0])
        return (y, *final) if isinstance(final, tuple) else (y, final)

    inputs = wanted[3 : 4 + n_states]

    def forward():
        with torch.inference_mode():
            return run(*inputs)

    def forward_adjoint():
        results = run(*inputs)
        return *results, *torch.autograd.grad(results, wanted, cotangents)

    def arrays(results):
        y, *rest = (tensor.detach().cpu().numpy() for tensor in results)
        final, gradients = [part[0] for part in rest[:n_states]], rest[n_states:]
        if not gradients:
            return y, *final
        W_bar, R_bar, b_bar, *inputs_bar = gradients
        if len(inputs_bar) > 1 + n_states:
            b_bar = np.concatenate([b_bar, inputs_bar.pop()[-cell.R.shape[0] :]])
        return y, *final, W_bar.T, R_bar.T, b_bar, *inputs_bar

    return Contender(forward, forward_adjoint, arrays)


def load_layer(cell):
    """Return the cell as a layer of PyTorch, whose gates have the same order."""
    import torch

    name, options = LAYERS[type(cell).__name__]
    layer = getattr(torch.nn, name)(*cell.W.shape[:1], cell.R.shape[0], dtype=torch.from_numpy(cell.W).dtype, **options)
    b_ih, b_hn = np.split(cell.b, [cell.W.shape[1]])
    b_hh = np.zeros_like(b_ih)
    b_hh[len(b_hh) - len(b_hn) :] = b_hn
    weights = (cell.W.T, cell.R.T, b_ih, b_hh)
    with torch.no_grad():
        for parameter, array in zip(layer.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(array)))
    return layer
