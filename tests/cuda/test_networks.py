"""Models on the device against the same models on the CPU, whose derivatives have tests of their own."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn import LSTM
from numbarnn.data import Sequences
from numbarnn.kernels.devices import to_device, to_host
from numbarnn.layers import Padded
from numbarnn.losses import SigmoidCrossEntropy, SoftmaxCrossEntropy, SquaredError
from numbarnn.optim import Batch, BatchProblem, Objective
from numbarnn.prediction import predict
from tests.cuda.device import needs_device
from tests.cuda.strict import _strict  # noqa: F401
from tests.optim.problem import model_of

pytestmark = needs_device

LENGTHS = np.array([5, 2, 3, 1])
DROPPED = {
    "dropout": 0.4,
    "input_dropout": 0.3,
    "recurrent_dropout": 0.3,
    "weight_dropout": 0.3,
    "zoneout": (0.2, 0.3),
    "preactivation_clip": 0.5,
}
STEPS = model_of((3, 2), cell=LSTM, bidirectional=True, sequences=True)
DROPPING = model_of((3, 2), cell=LSTM, bidirectional=True, sequences=True, **DROPPED)
CASES = {
    "last": (model_of((3,), cell=LSTM), SoftmaxCrossEntropy(), LENGTHS),
    "last, equal": (model_of((3, 2), cell=LSTM, bidirectional=True), SigmoidCrossEntropy(), None),
    "steps": (STEPS, SquaredError(), LENGTHS),
    "steps, equal": (model_of((3,), cell=LSTM, sequences=True), SoftmaxCrossEntropy(), None),
    "learned states": (
        model_of((3, 2), cell=LSTM, bidirectional=True, learn_initial_state=True), SquaredError(), LENGTHS,
    ),
    "mean of zoneout": (DROPPING, SquaredError(), LENGTHS),
}  # fmt: skip


def tolerance(dtype):
    """Return rtol and atol."""
    return (2e-5, 1e-6) if dtype == "float32" else (1e-12, 1e-14)


def draw(model, seed=0, dtype="float64"):
    """Return random parameters, biases too, and inputs (5, 4, I)."""
    rng = np.random.default_rng(seed)
    theta = 0.5 * rng.standard_normal(model.n_parameters)
    return theta.astype(dtype), rng.standard_normal((5, 4, model.n_inputs)).astype(dtype)


def batch_of(model, loss, lengths, dtype="float64"):
    theta, x = draw(model, dtype=dtype)
    rng = np.random.default_rng(1)
    n_rows = 4
    if model.returns_sequences:
        n_rows = 20 if lengths is None else lengths.sum()
    targets = {
        "softmax": rng.integers(0, 3, n_rows),
        "logistic": rng.integers(0, 2, (n_rows, 3)).astype(dtype),
        "identity": rng.standard_normal((n_rows, 3)).astype(dtype),
    }[loss.out_activation]
    return theta, Batch(Padded(x, lengths), targets, 0.5 + rng.random(n_rows))


def moved(batch):
    return batch._replace(x=batch.x._replace(values=to_device(batch.x.values)))


def assert_same_objective(model, loss, theta, batch):
    objective, (rtol, atol) = Objective(model, loss, alpha=0.3), tolerance(theta.dtype)
    expected, expected_gradient = BatchProblem(objective, batch).value_and_gradient(theta)
    ours, gradient = BatchProblem(objective, moved(batch)).value_and_gradient(to_device(theta))
    assert isinstance(ours, float)
    assert gradient.dtype == theta.dtype
    assert_allclose(ours, expected, rtol=rtol, atol=atol)
    assert_allclose(to_host(gradient), expected_gradient, rtol=rtol, atol=atol)


@pytest.mark.parametrize("case", CASES)
def test_objective(case):
    model, loss, lengths = CASES[case]
    assert_same_objective(model, loss, *batch_of(model, loss, lengths))


def test_objective_in_single_precision():
    assert_same_objective(STEPS, SquaredError(), *batch_of(STEPS, SquaredError(), LENGTHS, "float32"))


@pytest.mark.parametrize("steps", [False, True], ids=["last", "steps"])
def test_objective_with_dropout(steps):
    model = DROPPING if steps else model_of((3, 2), cell=LSTM, bidirectional=True, **DROPPED)
    theta, batch = batch_of(model, SquaredError(), LENGTHS)
    masks = model.draw_masks(5, 4, "float64", random_state=0)
    assert_same_objective(model, SquaredError(), theta, batch._replace(masks=masks))


@pytest.mark.parametrize("steps", [False, True], ids=["last", "steps"])
def test_passes(steps):
    """Also the adjoint of the inputs and of the state, and the tangents, which training does without."""
    model = STEPS if steps else model_of((3, 2), cell=LSTM, bidirectional=True)
    theta, x = draw(model)
    theta_dot, x_dot = draw(model, seed=1)
    z, state, tape = model.forward(theta, x, LENGTHS)
    ours, our_state, our_tape = model.forward(to_device(theta), to_device(x), to_device(LENGTHS))
    bar = np.random.default_rng(2).standard_normal(z.values.shape)
    bars = model.adjoint(theta, tape, bar, state, inputs=True)
    our_bar, our_state_bar = to_device(bar), to_device(state)
    our_bars = model.adjoint(to_device(theta), our_tape, our_bar, our_state_bar, inputs=True)
    assert_same((our_bar, our_state_bar), (bar, state), rtol=0, atol=0)
    directions = (theta_dot, x_dot), (None, x_dot), (theta_dot, None)
    dots = [model.tangent(theta, tape, *pair) for pair in directions]
    our_dots = [model.tangent(to_device(theta), our_tape, *to_device(pair)) for pair in directions]
    rtol, atol = tolerance("float64")
    assert_same((ours.values, our_state, our_bars, our_dots), (z.values, state, bars, dots), rtol=rtol, atol=atol)


def assert_same(ours, expected, **tolerances):
    if isinstance(expected, np.ndarray):
        assert_allclose(to_host(ours), expected, **tolerances)
    else:
        for branch, expected_branch in zip(ours, expected, strict=True):
            assert_same(branch, expected_branch, **tolerances)


@pytest.mark.parametrize("steps", [False, True], ids=["last", "steps"])
def test_predictions(steps, monkeypatch):
    """In batches, and from a state on."""
    from numbarnn import prediction

    monkeypatch.setattr(prediction, "_MAX_NUMBERS", 120)  # two or three sequences a batch
    model = model_of((3, 2), cell=LSTM, sequences=steps)
    theta, x = draw(model)
    sequences = Sequences(x.reshape(-1, 2), np.array([3, 2, 5, 1, 4, 5]))
    moved = to_device(theta), sequences.to_device()
    expected = predict(model, theta, sequences, return_state=True)
    ours = predict(model, *moved, return_state=True)
    assert_same(ours, expected, rtol=1e-12, atol=1e-14)
    assert isinstance(ours.state[0][0], np.ndarray)
    expected, ours = predict(model, theta, sequences, expected.state), predict(model, *moved, ours.state)
    assert_allclose(ours.z, expected.z, rtol=1e-12, atol=1e-14)


def test_a_row_does_not_depend_on_the_others():
    theta, x = draw(STEPS)
    together = to_host(STEPS.forward(to_device(theta), to_device(x), LENGTHS).z.values)
    for b in range(4):
        one = np.ascontiguousarray(x[: LENGTHS[b], b : b + 1])
        alone = to_host(STEPS.forward(to_device(theta), to_device(one)).z.values)
        assert_array_equal(alone[:, 0], together[: LENGTHS[b], b])


def test_refusals():
    model = CASES["last"][0]
    theta, batch = batch_of(model, SquaredError(), LENGTHS)
    x, there = batch.x.values, to_device(batch.x.values)
    with pytest.raises(ValueError, match="checkpoint_memory_mb"):
        model.forward(to_device(theta), there, checkpoint_memory_mb=1)
    for pair in ((theta, there), (to_device(theta), x)):
        with pytest.raises(TypeError, match="theta and x must both be"):
            model.forward(*pair)
    with pytest.raises(ValueError, match="theta must have the shape"):
        model.forward(to_device(theta[1:]), there)
    state = np.zeros((4, 3)), np.full((4, 3), np.nan)
    with pytest.raises(ValueError, match=r"state\[0\]\[1\] must be finite"):
        model.forward(to_device(theta), there, state=(state,))
    with pytest.raises(TypeError, match=r"state\[0\]\[0\] must be a NumPy array"):
        model.forward(theta, x, state=(to_device(state),))
    problem = BatchProblem(Objective(model, SquaredError()), moved(batch._replace(targets=np.full((4, 3), np.nan))))
    with pytest.raises(ValueError, match="The loss is nan, not finite"):
        problem.value_and_gradient(to_device(theta))
