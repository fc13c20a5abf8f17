"""Parity with PyTorch in float64: outputs, last states and every gradient.

Where PyTorch has the layer, it is that layer, packed sequences included; for the other cells it is a plain loop written
here in PyTorch's own operations. Its autograd differentiates both.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import numbarnn
from tests import grid

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

LAYERS = {
    "elman": lambda I, H: torch.nn.RNN(I, H, nonlinearity="tanh", dtype=torch.float64),
    "elman_relu": lambda I, H: torch.nn.RNN(I, H, nonlinearity="relu", dtype=torch.float64),
    "lstm": lambda I, H: torch.nn.LSTM(I, H, dtype=torch.float64),
    "gru": lambda I, H: torch.nn.GRU(I, H, dtype=torch.float64),
}
SPECS = ["one_of_everything", "small", "equal_lengths", "several_tiles", "wide", "long"]


def leaky_elman(x, h, W, R, b, p_k):
    return (torch.lerp(h, torch.tanh(torch.addmm(b, x, W) + h @ R), torch.sigmoid(p_k)),)


def jordan(x, y, W, R, b, P, b_P):
    return (torch.addmm(b_P, torch.tanh(torch.addmm(b, x, W) + y @ R), P),)


def projected_lstm(x, h, c, W, R, b, P):
    without = torch.zeros(c.shape[1], dtype=h.dtype)
    m, c = peephole_lstm(x, h, c, W, R, b, without, without, without)
    return m @ P, c


def layer_norm_lstm(x, h, c, W, R, b, gain_x, gain_h, gain_c, b_c):
    layer_norm = torch.nn.functional.layer_norm
    a = layer_norm(x @ W, b.shape, gain_x, b) + layer_norm(h @ R, b.shape, gain_h)
    i, f, g, o = torch.chunk(a, 4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(layer_norm(c, b_c.shape, gain_c, b_c)), c


def peephole_lstm(x, h, c, W, R, b, p_i, p_f, p_o):
    i, f, g, o = torch.chunk(torch.addmm(b, x, W) + h @ R, 4, dim=1)
    old = c
    c = torch.sigmoid(f + p_f * old) * old + torch.sigmoid(i + p_i * old) * torch.tanh(g)
    return torch.sigmoid(o + p_o * c) * torch.tanh(c), c


def coupled_peephole_lstm(x, h, c, W, R, b, p_i, p_o):
    i, g, o = torch.chunk(torch.addmm(b, x, W) + h @ R, 3, dim=1)
    c = torch.lerp(c, torch.tanh(g), torch.sigmoid(i + p_i * c))
    return torch.sigmoid(o + p_o * c) * torch.tanh(c), c


def coupled_lstm(x, h, c, W, R, b):
    without = torch.zeros(h.shape[1], dtype=h.dtype)
    return coupled_peephole_lstm(x, h, c, W, R, b, without, without)


def gru_reset_before(x, h, W, R, b):
    x_r, x_z, x_n = torch.chunk(torch.addmm(b, x, W), 3, dim=1)
    R_r, R_z, R_n = torch.chunk(R, 3, dim=1)
    n = torch.tanh(x_n + (torch.sigmoid(x_r + h @ R_r) * h) @ R_n)
    return (torch.lerp(n, h, torch.sigmoid(x_z + h @ R_z)),)


STEPS = {
    "jordan": jordan,
    "leaky_elman": leaky_elman,
    "projected_lstm": projected_lstm,
    "layer_norm_lstm": layer_norm_lstm,
    "peephole_lstm": peephole_lstm,
    "coupled_lstm": coupled_lstm,
    "coupled_peephole_lstm": coupled_peephole_lstm,
    "gru_reset_before": gru_reset_before,
}


def test_every_cell_has_its_counterpart():
    assert {*LAYERS, *STEPS} == set(grid.CELLS)


def layer_of(case):
    """A PyTorch layer with the case's weights; PyTorch keeps them transposed, and the bias in two parts."""
    cell, H = case.cell, case.spec.H
    layer = LAYERS[case.name](case.spec.I, H)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.tensor(cell.W.T))
        layer.weight_hh_l0.copy_(torch.tensor(cell.R.T))
        layer.bias_hh_l0.zero_()
        layer.bias_ih_l0.copy_(torch.tensor(cell.b[: cell.W.shape[1]]))
        if case.name == "gru":
            layer.bias_hh_l0[-H:].copy_(torch.tensor(cell.b[-H:]))
    return layer


def run_layer(layer, x, state, lengths):
    """Outputs (T, B, H) and last states (B, H), through a packed sequence where there are lengths."""
    initial = tuple(part[None] for part in state)
    if lengths is not None:
        x_steps = len(x)
        x = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    y, last = layer(x, initial if len(initial) > 1 else initial[0])
    if lengths is not None:
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, total_length=x_steps)
    return y, tuple(part[0] for part in (last if len(initial) > 1 else (last,)))


def run_loop(step, cell, x, state, valid):
    """Outputs (T, B, H) and last states (B, H), each sequence's state being held past its length."""
    y = []
    for x_t, on in zip(x, torch.tensor(valid)[..., None], strict=True):
        new = step(x_t, *state, *cell)
        y.append(torch.where(on, new[0], 0))
        state = [torch.where(on, after, before) for after, before in zip(new, state, strict=True)]
    return torch.stack(y), state


def leaf(array):
    return torch.tensor(array, requires_grad=True)


def backward(case, y, state):
    torch.autograd.backward([y, *state], [torch.tensor(bar) for bar in (case.y_bar, *case.state_bar)])


def assert_parity(ours, theirs):
    for our, their in zip(ours, theirs, strict=True):
        assert_allclose(our, their.detach().numpy(), rtol=1e-10, atol=1e-10)


@grid.over(LAYERS, specs=SPECS, dtypes=["float64"])
def test_layers(case):
    lengths = None if case.lengths is None else np.maximum(case.lengths, 1)  # PyTorch packs no empty sequence
    y, state, tape = numbarnn.forward(case.cell, case.x, case.state, lengths)
    cell_bar, x_bar, state_bar = numbarnn.adjoint(case.cell, tape, case.y_bar, case.state_bar)

    layer = layer_of(case)
    x, *initial = map(leaf, (case.x, *case.state))
    their_y, their_state = run_layer(layer, x, initial, lengths)
    backward(case, their_y, their_state)

    b_bar = layer.bias_ih_l0.grad
    if case.name == "gru":
        b_bar = torch.cat([b_bar, layer.bias_hh_l0.grad[-case.spec.H :]])
    their_cell_bar = layer.weight_ih_l0.grad.T, layer.weight_hh_l0.grad.T, b_bar
    assert_parity([y, *state], [their_y, *their_state])
    assert_parity([*cell_bar, x_bar, *state_bar], [*their_cell_bar, x.grad, *(part.grad for part in initial)])


@grid.over(STEPS, specs=SPECS, dtypes=["float64"])
def test_loops(case):
    y, state, _ = case.run()
    cell_bar, x_bar, state_bar = case.adjoint()

    x, *initial = map(leaf, (case.x, *case.state))
    cell = [*map(leaf, case.cell)]
    their_y, their_state = run_loop(STEPS[case.name], cell, x, initial, case.valid)
    backward(case, their_y, their_state)

    assert_parity([y, *state], [their_y, *their_state])
    assert_parity([*cell_bar, x_bar, *state_bar], [leaf.grad for leaf in (*cell, x, *initial)])
