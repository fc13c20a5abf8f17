"""Derivatives over many sequences against central differences and against one another; predictions in batches."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbarnn
from numbarnn import prediction, sensitivity
from numbarnn.data import Sequences
from numbarnn.losses import SoftmaxCrossEntropy, SquaredError
from numbarnn.optim import BatchProblem, Examples, Objective
from numbarnn.prediction import predict
from tests.optim.problem import model_of

STEP = 1e-6
LENGTHS = np.array([2, 5, 1, 3])
MODELS = {
    "last": model_of((3,)),
    "sequences": model_of((3, 2), sequences=True),
    "both": model_of((3, 2), bidirectional=True),
    "both_sequences": model_of((3,), sequences=True, bidirectional=True),
}
over_models = pytest.mark.parametrize("name", MODELS)


def draw(model, seed=0):
    """Random parameters, ragged sequences, and a direction and a cotangent for each."""
    rng = np.random.default_rng(seed)
    theta, theta_dot = 0.5 * rng.standard_normal((2, model.n_parameters))
    values, values_dot = rng.standard_normal((2, LENGTHS.sum(), model.n_inputs))
    n_rows = LENGTHS.sum() if model.returns_sequences else len(LENGTHS)
    outputs_bar = rng.standard_normal((n_rows, model.n_outputs))
    return theta, Sequences(values, LENGTHS), theta_dot, values_dot, outputs_bar


@over_models
def test_push_forward_and_pull_back(name):
    model = MODELS[name]
    theta, sequences, theta_dot, values_dot, outputs_bar = draw(model)
    ends = [
        predict(model, theta + s * theta_dot, Sequences(sequences.values + s * values_dot, LENGTHS)).z
        for s in (STEP, -STEP)
    ]
    outputs_dot = sensitivity.push_forward(model, theta, sequences, theta_dot, values_dot)
    assert_allclose(outputs_dot, (ends[0] - ends[1]) / (2 * STEP), rtol=1e-6, atol=1e-8)
    inputs_bar, theta_bar = sensitivity.pull_back(model, theta, sequences, outputs_bar)
    expected = np.vdot(inputs_bar, values_dot) + np.vdot(theta_bar, theta_dot)
    assert_allclose(np.vdot(outputs_bar, outputs_dot), expected, rtol=1e-12, atol=1e-12)
    parts = [
        sensitivity.push_forward(model, theta, sequences, **given)
        for given in ({"theta_dot": theta_dot}, {"inputs_dot": values_dot})
    ]
    assert_allclose(sum(parts), outputs_dot, rtol=1e-12, atol=1e-12)


@over_models
def test_small_batches_change_no_bit_of_a_row(name, monkeypatch):
    model = MODELS[name]
    theta, sequences, theta_dot, values_dot, outputs_bar = draw(model)

    def results():
        inputs_bar, theta_bar = sensitivity.pull_back(model, theta, sequences, outputs_bar)
        moved = sensitivity.push_forward(model, theta, sequences, theta_dot, values_dot)
        run = predict(model, theta, sequences, return_state=True)
        state = [
            part for layer in run.state for part in (layer if isinstance(layer[0], np.ndarray) else sum(layer, ()))
        ]
        return [inputs_bar, moved, run.z, *state], theta_bar

    rows, theta_bar = results()
    monkeypatch.setattr(sensitivity, "_MAX_NUMBERS", 1)
    monkeypatch.setattr(prediction, "_MAX_NUMBERS", 1)
    rows_of_small, theta_bar_of_small = results()
    for ours, expected in zip(rows_of_small, rows, strict=True):
        assert_array_equal(ours, expected)
    assert_allclose(theta_bar_of_small, theta_bar, rtol=1e-12, atol=1e-12)


def test_prediction_goes_on_from_a_state():
    model = MODELS["sequences"]
    theta, sequences, *_ = draw(model)
    first = Sequences(sequences.values[sequences.starts], np.ones(4, np.intp))
    steps = np.setdiff1d(np.arange(len(sequences.values)), sequences.starts)
    rest = Sequences(sequences.values[steps], LENGTHS - 1)
    state = predict(model, theta, first, return_state=True).state
    whole, after = predict(model, theta, sequences).z, predict(model, theta, rest, state).z
    assert_array_equal(after, whole[steps])


def test_width_bounds_inputs_layers_and_outputs():
    assert prediction.widest(model_of((9, 60), bidirectional=True)) >= 120
    assert prediction.widest(model_of((9, 60), n_inputs=500)) == 500
    assert prediction.widest(model_of((9, 60), n_outputs=700)) == 700


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), SquaredError()], ids=["softmax", "squared"])
@pytest.mark.parametrize("name", ["last", "sequences"])
def test_the_weighted_mean_of_sequence_gradients_is_the_batch_gradient(name, loss):
    model = MODELS[name]
    theta, sequences, *_, outputs_bar = draw(model)
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 3, len(outputs_bar)) if loss.out_activation == "softmax" else outputs_bar
    weights = np.array([0.5, 1.0, 2.0, 0.0])
    targets = Sequences(rows, LENGTHS) if model.returns_sequences else rows
    examples = Examples(sequences, targets, weights)
    gradients = sensitivity.sequence_gradients(model, loss, theta, examples)
    assert gradients.shape == (4, model.n_parameters)
    assert_array_equal(gradients[3], 0)

    # Weights are relative to the mean weight over all rows; the mean of a problem is over its weighted rows.
    gradient = BatchProblem(Objective(model, loss), examples.batch(np.arange(4))).value_and_gradient(theta)[1]
    sizes = np.where(weights > 0, LENGTHS if model.returns_sequences else 1, 0)
    assert_allclose(np.average(gradients, axis=0, weights=sizes), gradient, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequences"])
@pytest.mark.parametrize("live", ["forward", "backward"])
@pytest.mark.slow
def test_gradient_flow_where_the_inputs_are_the_outputs(live, sequences):
    """Rectifiers that are all on, W = 1 in one direction and 0 in the other: then x_t has the gradient of h_t."""
    model = model_of((3, 4), 3, 2, cell=numbarnn.ElmanReLU, bidirectional=True, sequences=sequences)
    theta, given, *_ = draw(model)
    for name, view in model.views(theta).items():
        if name.startswith("layer0"):
            view[...] = {"W": np.eye(3) * (live in name), "R": 0.3 * view, "b": 50.0}[name[-1]]
    rng = np.random.default_rng(1)
    targets = rng.standard_normal((LENGTHS.sum() if sequences else 4, 2))
    examples = Examples(given, Sequences(targets, LENGTHS) if sequences else targets, np.ones(4))
    flows = sensitivity.layer_gradient_flow(model, SquaredError(), theta, examples)
    assert list(flows) == [f"layer{i}.{direction}" for i in range(2) for direction in ("forward", "backward")]
    weights = np.repeat(1 / LENGTHS, LENGTHS) if sequences else np.ones(4)
    outputs_bar = weights[:, None] * (predict(model, theta, given).z - targets) / 2
    inputs_bar, _ = sensitivity.pull_back(model, theta, given, outputs_bar)
    assert_allclose(flows[f"layer0.{live}"], np.linalg.norm(inputs_bar, axis=1), rtol=1e-10, atol=1e-12)


def test_truncation_error():
    model = MODELS["last"]
    theta, sequences, *_, targets = draw(model)
    examples = Examples(sequences, targets, np.ones(4))
    error, cosine = sensitivity.truncation_error(model, SquaredError(), theta, examples, [(1, 1), (2, 5), (5, 5)])
    assert list(error) == list(cosine) == ["total", "layer0"]
    for name in error:
        assert_allclose(error[name][1:], 0, rtol=0, atol=1e-12)
        assert_allclose(cosine[name][1:], 1, rtol=1e-12, atol=0)
        assert error[name][0] > 1e-3
        assert cosine[name][0] < 1 - 1e-6
