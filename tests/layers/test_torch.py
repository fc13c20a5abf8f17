"""Parity with PyTorch in float64: all gradients of a bidirectional LSTM, of attention, and of an encoder-decoder."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from numbarnn import LSTM
from numbarnn.layers import (
    AdditiveAttention,
    AttentionDecoder,
    Dense,
    EncoderDecoder,
    GeneralAttention,
    Model,
    Padded,
    Paired,
    Recurrent,
    Stack,
    attend,
    attend_adjoint,
)
from numbarnn.losses import SoftmaxCrossEntropy
from numbarnn.optim import Batch, BatchProblem, Objective
from tests.optim.problem import model_of

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

LENGTHS = np.array([6, 4, 4, 1])
KINDS = ("dot", "general", "additive")
FIELDS = {"W": "weight_ih_l{}{}", "R": "weight_hh_l{}{}", "b": "bias_ih_l{}{}"}


def modules_of(model, theta):
    """PyTorch's layers with the model's parameters, and its tensor for each of the model's names."""
    lstm = torch.nn.LSTM(2, 5, num_layers=2, bidirectional=True, dtype=torch.float64)
    readout = torch.nn.Linear(10, 3, dtype=torch.float64)
    tensors = {"readout.W": readout.weight, "readout.b": readout.bias}
    for i in range(2):
        for direction, suffix in (("forward", ""), ("backward", "_reverse")):
            for field, their_name in FIELDS.items():
                tensors[f"layer{i}.{direction}.{field}"] = getattr(lstm, their_name.format(i, suffix))
            torch.nn.init.zeros_(getattr(lstm, f"bias_hh_l{i}{suffix}"))
    with torch.no_grad():
        for name, view in model.views(theta).items():
            tensors[name].copy_(torch.tensor(view.T))
    return lstm, readout, tensors


@pytest.mark.parametrize("sequences", [False, True])
def test_parity(sequences):
    model = model_of((5, 5), cell=LSTM, bidirectional=True, sequences=sequences)
    rng = np.random.default_rng(0)
    theta = 0.4 * rng.standard_normal(model.n_parameters)
    x = rng.standard_normal((6, 4, 2))
    classes = rng.integers(0, 3, LENGTHS.sum() if sequences else 4)
    problem = BatchProblem(
        Objective(model, SoftmaxCrossEntropy()), Batch(Padded(x, LENGTHS), classes, np.ones(len(classes)))
    )
    value, gradient = problem.value_and_gradient(theta)

    lstm, readout, tensors = modules_of(model, theta)
    y, (h, _) = lstm(torch.nn.utils.rnn.pack_padded_sequence(torch.tensor(x), torch.tensor(LENGTHS)))
    if sequences:
        padded, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True)
        features = torch.cat([padded[n, :length] for n, length in enumerate(LENGTHS)])
    else:
        features = torch.cat([h[2], h[3]], dim=1)
    z = readout(features)
    loss = torch.nn.functional.cross_entropy(z, torch.tensor(classes))
    loss.backward()

    ours = model.forward(theta, x, LENGTHS).z.values
    if sequences:
        ours = np.concatenate([ours[:length, n] for n, length in enumerate(LENGTHS)])
    assert_allclose(ours, z.detach().numpy(), rtol=1e-10, atol=1e-10)
    assert_allclose(value, loss.item(), rtol=1e-10, atol=0)
    for name, view in model.views(gradient).items():
        assert_allclose(view.T, tensors[name].grad.numpy(), rtol=1e-10, atol=1e-10, err_msg=name)


def their_attention(kind, params, query, memory, lengths):
    """Contexts (Tq, B, M) and weights (Tq, B, S) of queries (Tq, B, N) over a memory (S, B, M)."""
    if kind == "additive":
        W, U, v = params
        scores = torch.tanh((query @ W)[:, None] + (memory @ U)[None]) @ v
    else:
        scores = torch.einsum("tbm,sbm->tsb", query if kind == "dot" else query @ params[0], memory)
    past = torch.arange(len(memory))[:, None] >= torch.tensor(lengths)
    weights = torch.softmax(scores.masked_fill(past, -torch.inf), 1).transpose(1, 2)
    return torch.einsum("tbs,sbm->tbm", weights, memory), weights


def shapes_of(kind, n):
    """Shapes of the weights of a score for queries and a memory of n features."""
    return {"dot": (), "general": ((n, n),), "additive": ((n, 3), (n, 3), (3,))}[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_attention(kind):
    rng = np.random.default_rng(0)
    given = [rng.standard_normal(shape) for shape in ((5, 4, 7), (6, 4, 7), *shapes_of(kind, 7))]
    query, memory, *arrays = given
    params = {"dot": lambda: None, "general": GeneralAttention, "additive": AdditiveAttention}[kind](*arrays)
    context, weights, tape = attend(query, memory, LENGTHS, kind, params)
    context_bar, weights_bar = rng.standard_normal(context.shape), rng.standard_normal(weights.shape)
    params_bar, query_bar, memory_bar = attend_adjoint(tape, context_bar, weights_bar)

    tensors = [torch.tensor(array, requires_grad=True) for array in given]
    theirs = their_attention(kind, tensors[2:], *tensors[:2], LENGTHS)
    gradient = torch.autograd.grad(theirs, tensors, [torch.tensor(bar) for bar in (context_bar, weights_bar)])
    for ours, expected in zip((context, weights), theirs, strict=True):
        assert_allclose(ours, expected.detach().numpy(), rtol=1e-10, atol=1e-10)
    for ours, expected in zip((query_bar, memory_bar, *(params_bar or ())), gradient, strict=True):
        assert_allclose(ours, expected.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_encoder_decoder(kind):
    """An LSTM each, sources and targets of different lengths, cross-entropy of the valid steps."""
    decoder = AttentionDecoder(LSTM, 3, 5, 5, kind, n_attention_units=3 if kind == "additive" else None)
    network = EncoderDecoder(Recurrent(LSTM, 2, 5), decoder)
    model = Model(Stack((("network", network), ("readout", Dense(10, 3)))))
    rng = np.random.default_rng(0)
    theta = 0.5 * rng.standard_normal(model.n_parameters)
    source, target, target_lengths = rng.standard_normal((6, 4, 2)), rng.standard_normal((5, 4, 3)), [2, 5, 0, 4]
    classes = rng.integers(0, 3, sum(target_lengths))
    x = Paired(Padded(source, LENGTHS), Padded(target, np.array(target_lengths)))
    objective = Objective(model, SoftmaxCrossEntropy())
    value, gradient = BatchProblem(objective, Batch(x, classes, np.ones(len(classes)))).value_and_gradient(theta)

    own = {name: torch.tensor(view, requires_grad=True) for name, view in model.views(theta).items()}
    memory, h, c = [], *torch.zeros((2, 4, 5), dtype=torch.float64)
    running = torch.arange(6)[:, None, None] < torch.tensor(LENGTHS)[:, None]
    for x_t, runs in zip(torch.tensor(source), running, strict=True):
        after = their_step(x_t, h, c, *(own[f"network.encoder.{name}"] for name in "WRb"))
        h, c = (torch.where(runs, new, old) for new, old in zip(after, (h, c), strict=True))
        memory.append(torch.where(runs, h, 0))
    memory, context, outputs = torch.stack(memory), torch.zeros_like(h), []
    params = [own[name] for name in own if "attention" in name]
    for e_t in torch.tensor(target):
        weights = (own[f"network.decoder.{name}"] for name in "WRb")
        h, c = their_step(torch.cat((e_t, context), 1), h, c, *weights)
        context = their_attention(kind, params, h[None], memory, LENGTHS)[0][0]
        outputs.append(torch.cat((h, context), 1))
    features = torch.cat([torch.stack(outputs)[:length, n] for n, length in enumerate(target_lengths)])
    z = features @ own["readout.W"] + own["readout.b"]
    loss = torch.nn.functional.cross_entropy(z, torch.tensor(classes))
    loss.backward()
    assert_allclose(value, loss.item(), rtol=1e-10, atol=0)
    for name, view in model.views(gradient).items():
        assert_allclose(view, own[name].grad.numpy(), rtol=1e-10, atol=1e-10, err_msg=name)


def their_step(x, h, c, W, R, b):
    """One step of an LSTM."""
    i, f, g, o = (x @ W + h @ R + b).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c
