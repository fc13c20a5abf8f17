"""Parity with PyTorch in float64: two bidirectional LSTM layers, a readout, cross-entropy; all gradients."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from numbarnn import LSTM
from numbarnn.layers import Padded
from numbarnn.losses import SoftmaxCrossEntropy
from numbarnn.optim import Batch, BatchProblem, Objective
from tests.optim.problem import model_of

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow

LENGTHS = np.array([6, 4, 4, 1])
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
