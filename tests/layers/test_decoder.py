"""Decoders beyond their certificates: two kinds of lengths, states that go on, generation, training."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn import LSTM, Elman
from numbarnn.layers import (
    AttentionDecoder,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    EncoderDecoder,
    MaskGenerator,
    Model,
    Padded,
    Pair,
    Paired,
    PassSettings,
    Recurrent,
    Stack,
    doubly_stochastic_penalty,
)
from numbarnn.layers.parameters import leaves
from numbarnn.losses import SoftmaxCrossEntropy, SquaredError
from numbarnn.optim import Batch, BatchProblem, Objective
from numbarnn.testing.trees import inner, map_arrays, normal_like
from tests.layers.reference import run_pair

TINY = 1e-200
SOURCE_LENGTHS = np.array([6, 0, 1, 2, 3, 4, 5, 6, 1])
TARGET_LENGTHS = np.array([4, 3, 0, 1, 2, 3, 4, 4, 2])
DECODER = AttentionDecoder(Elman, 2, 5, n_memory=6)
NETWORK = EncoderDecoder(Bidirectional(Recurrent(Elman, 3, 3)), DECODER, embedding=Dense(1, 2))
PLAIN = EncoderDecoder(Recurrent(Elman, 3, 4), Recurrent(Elman, 2, 5))


def batch(random, n_source=3, n_target=1):
    source, target = random.standard_normal((6, 9, n_source)), random.standard_normal((4, 9, n_target))
    return Paired(Padded(source, SOURCE_LENGTHS), Padded(target, TARGET_LENGTHS))


@pytest.mark.parametrize("layer", [pytest.param(NETWORK, marks=pytest.mark.slow), PLAIN], ids=["attention", "plain"])
def test_lengths_of_source_and_targets_are_independent(layer):
    random = np.random.RandomState(0)
    parameters, x = layer.init("float64", random), batch(random, 3, layer.n_inputs)
    y, state, tape = layer.forward(parameters, x)
    given = parameters, Pair(x.source.values, x.target.values)

    def expected(parameters, values):
        return run_pair(layer, parameters, tuple(zip(values, (SOURCE_LENGTHS, TARGET_LENGTHS), strict=True)), None)[:2]

    dot = normal_like(given, random)
    moved = layer.tangent(parameters, tape, *dot)
    shifted = map_arrays(lambda value, value_dot: value + 1j * TINY * value_dot, given, dot)
    expected_dot = map_arrays(lambda value: value.imag / TINY, expected(*shifted))
    for ours, theirs in (((y.values, state), expected(*given)), (tuple(moved), expected_dot)):
        for (name, array), (_, other) in zip(leaves(ours), leaves(theirs), strict=True):
            assert_allclose(array, other, rtol=1e-12, atol=1e-12, err_msg=name)
    bar = normal_like((y.values, state), random)
    bar[0][np.arange(4)[:, np.newaxis] >= TARGET_LENGTHS] = 0
    adjoint = layer.adjoint(parameters, tape, *bar)
    assert_allclose(inner((adjoint.parameters, adjoint.x), dot), inner(bar, tuple(moved)), rtol=1e-12, atol=0)
    assert not adjoint.x.source[np.arange(6)[:, np.newaxis] >= SOURCE_LENGTHS].any()
    assert not adjoint.x.target[np.arange(4)[:, np.newaxis] >= TARGET_LENGTHS].any()


@pytest.mark.slow
def test_a_state_goes_on_where_it_was():
    """Two halves give the bits of the whole, whether tapes are kept or not, and on any number of threads."""
    random = np.random.RandomState(0)
    parameters = DECODER.init("float64", random)
    memory, targets = random.standard_normal((6, 9, 6)), random.standard_normal((4, 9, 2))
    whole = DECODER.forward(parameters, Paired(Padded(memory, SOURCE_LENGTHS), Padded(targets)))
    state, halves = None, []
    for part, keep in ((targets[:1], False), (targets[1:], True)):
        settings = PassSettings(keep_tape=keep, n_threads=2)
        x = Paired(Padded(memory, SOURCE_LENGTHS), Padded(part))
        y, state, _ = DECODER.forward(parameters, x, state, settings=settings)
        halves.append(y.values)
    assert_array_equal(np.concatenate(halves), whole.y.values)
    for ours, expected in zip(state, whole.state, strict=True):
        assert_array_equal(ours, expected)


@pytest.mark.slow
@pytest.mark.parametrize("bridge", ["auto", "none"])
def test_generation_step_by_step(bridge):
    """Rows of any order and number have the bits of the forward pass, without the encoder being run again."""
    random = np.random.RandomState(0)
    network = EncoderDecoder(NETWORK.encoder, DECODER, NETWORK.embedding, bridge)
    parameters, x = network.init("float64", random), batch(random)
    x = x._replace(target=Padded(x.target.values))
    y, _, tape = network.forward(parameters, x)
    rows = np.array([8, 0, 0, 3, 1, 7, 7, 7, 2, 5, 5])
    memory, state = network.encode(parameters, x.source)
    state = tuple(part[rows] for part in state)
    for t, values in enumerate(x.target.values):
        step = network.step(parameters, memory, values[rows], state, rows)
        state = step.state
        assert_array_equal(step.y, y.values[t, rows])
        assert_array_equal(step.attention_weights, network.attention_weights(tape)[t, rows])
    for wrong in (rows[1:], rows + 1, -rows):
        with pytest.raises(ValueError, match="rows must be 11 numbers from 0 to 8"):
            network.step(parameters, memory, values[rows], state, wrong)


def test_generation_without_attention():
    random = np.random.RandomState(0)
    parameters, x = PLAIN.init("float64", random), batch(random, 3, 2)
    y = PLAIN.forward(parameters, x._replace(target=Padded(x.target.values))).y
    memory, state = PLAIN.encode(parameters, x.source)
    assert memory is None
    for t, values in enumerate(x.target.values):
        step = PLAIN.step(parameters, memory, values, state)
        state = step.state
        assert_array_equal(step.y, y.values[t])


@pytest.mark.slow
def test_a_loss_of_the_weights():
    """The penalty of the weights joins the loss of the outputs by its own cotangent."""
    random = np.random.RandomState(0)
    parameters, x = NETWORK.init("float64", random), batch(random)
    y, _, tape = NETWORK.forward(parameters, x)
    bar = random.standard_normal(y.values.shape)
    lengths = SOURCE_LENGTHS, TARGET_LENGTHS
    weights_bar = doubly_stochastic_penalty(NETWORK.attention_weights(tape), *lengths).weights_bar
    gradient = NETWORK.adjoint_with_weights(parameters, tape, bar, weights_bar=weights_bar).parameters

    def loss_of(parameters):
        y, _, tape = NETWORK.forward(parameters, x)
        return (
            np.vdot(bar, y.values) + doubly_stochastic_penalty(NETWORK.attention_weights(tape), *lengths).values.sum()
        )

    dot = normal_like(parameters, random)
    there, back = (loss_of(map_arrays(lambda p, p_dot, s=s: p + s * p_dot, parameters, dot)) for s in (1e-5, -1e-5))
    assert_allclose(inner(gradient, dot), (there - back) / 2e-5, rtol=1e-7, atol=0)


def model_of(decoder, embedding):
    network = EncoderDecoder(Recurrent(decoder.cell, 3, 5), decoder, embedding)
    return Model(Stack((("network", network), ("readout", Dense(network.n_outputs, 4)))))


MODELS = {
    "plain": model_of(Recurrent(Elman, 2, 5), None),
    "attention": model_of(AttentionDecoder(Elman, 2, 5, n_memory=5, attention="dot"), Embedding(1, (7,), (2,), (0,))),
}


@pytest.mark.parametrize("name", ["plain", pytest.param("attention", marks=pytest.mark.slow)])
def test_model_and_problem(name):
    """A flat vector of parameters, whose gradient is that of the loss, which gradient descent lowers."""
    model, random = MODELS[name], np.random.RandomState(0)
    source = random.standard_normal((6, 9, 3))
    target = random.randint(0, 7, (4, 9, 1)).astype(float) if name == "attention" else random.standard_normal((4, 9, 2))
    x = Paired(Padded(source, SOURCE_LENGTHS), Padded(target, TARGET_LENGTHS))
    theta = model.init("float64", random_state=0)
    assert {"network.encoder.W", "network.decoder.R", "readout.b"} <= set(model.views(theta))
    n_rows = TARGET_LENGTHS.sum()
    problem = BatchProblem(
        Objective(model, SoftmaxCrossEntropy()), Batch(x, random.randint(0, 4, n_rows), np.ones(n_rows))
    )
    value, gradient = problem.value_and_gradient(theta)
    direction = random.standard_normal(theta.shape)
    there, back = (problem.value_and_gradient(theta + s * direction)[0] for s in (1e-5, -1e-5))
    assert_allclose(gradient @ direction, (there - back) / 2e-5, rtol=1e-7, atol=0)
    for _ in range(30):
        theta -= 0.3 * problem.value_and_gradient(theta)[1]
    assert problem.value_and_gradient(theta)[0] < 0.8 * value
    curvature = direction @ problem.gauss_newton(theta).matvec(direction)
    assert curvature > 0
    strided = Paired(Padded(source[::-1][::-1], list(SOURCE_LENGTHS)), Padded(target, TARGET_LENGTHS))
    z = model.forward(theta, strided)
    assert z.z.values.shape == (4, 9, 4)
    backward = model.adjoint(theta, z.tape, np.ones_like(z.z.values), inputs=True)
    assert [part.shape for part in backward.x] == [source.shape, target.shape]


def test_masks_have_the_steps_of_their_part():
    random = np.random.RandomState(0)
    network = EncoderDecoder(
        Stack((("dropout", Dropout(0.5, 3)), ("layer", Recurrent(Elman, 3, 5)))),
        Recurrent(Elman, 2, 5, input_dropout=0.3),
        embedding=Dropout(0.5, 2),
    )
    x = batch(random, 3, 2)
    masks = network.draw_masks(x.rows, MaskGenerator(random, "float64"))
    assert masks.encoder[0].shape == (6, 9, 3)
    assert masks.embedding.shape == (4, 9, 2)
    assert masks.decoder.inputs.shape == (9, 2)
    assert network.slice_masks(masks, slice(1, 3)).embedding.shape == (2, 9, 2)
    network.forward(network.init("float64", random), x, masks=masks)
    model = Model(Stack((("network", network), ("readout", Dense(5, 1)))))
    theta, n_rows = model.init("float64", random_state=0), TARGET_LENGTHS.sum()
    masks = model.layer.draw_masks(x.rows, MaskGenerator(random, "float64"))
    weighed = Batch(x, np.ones((n_rows, 1)), np.ones(n_rows), masks)
    assert BatchProblem(Objective(model, SquaredError()), weighed).value_and_gradient(theta)[0] > 0


ENCODER = Recurrent(LSTM, 3, 4)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: AttentionDecoder(LSTM, 2, 4, 3, "bahdanau"), ValueError, "attention must be 'additive', 'general' or"),
        (lambda: AttentionDecoder(LSTM, 2, 4, 3, "dot"), ValueError, "as many outputs of the cell as features of the"),
        (lambda: AttentionDecoder(LSTM, 2, 4, 0), ValueError, "n_memory must be at least 1, got 0"),
        (lambda: AttentionDecoder(LSTM, 2, 4, 4, "dot", 3), ValueError, "n_attention_units must be None for"),
        (lambda: EncoderDecoder(Dense(3, 4), Recurrent(LSTM, 2, 4)), TypeError, "encoder must be a recurrent layer"),
        (lambda: EncoderDecoder(Stack((("a", Dense(3, 4)),)), ENCODER), TypeError, "encoder must be a recurrent layer"),
        (lambda: EncoderDecoder(ENCODER, Dense(2, 4)), TypeError, "decoder must be an AttentionDecoder or a Recurrent"),
        (lambda: EncoderDecoder(ENCODER, ENCODER, bridge="tanh"), ValueError, "bridge must be 'auto', 'dense' or"),
        (
            lambda: EncoderDecoder(ENCODER, Recurrent(LSTM, 2, 4, return_sequences=False)),
            ValueError,
            "decoder must return sequences",
        ),
        (
            lambda: EncoderDecoder(ENCODER, Recurrent(LSTM, 2, 4, learn_initial_state=True)),
            ValueError,
            "must not learn its initial state unless bridge='none'",
        ),
        (lambda: EncoderDecoder(ENCODER, AttentionDecoder(LSTM, 2, 4, 5)), ValueError, "must be the 4 outputs of the"),
        (
            lambda: EncoderDecoder(Recurrent(LSTM, 3, 4, return_sequences=False), AttentionDecoder(LSTM, 2, 4, 4)),
            ValueError,
            "encoder must return sequences",
        ),
        (lambda: EncoderDecoder(ENCODER, ENCODER, Dense(1, 2)), ValueError, "must take the 2 outputs of the embedding"),
        (lambda: EncoderDecoder(ENCODER, ENCODER, Recurrent(LSTM, 1, 3)), ValueError, "a layer without state"),
    ],
)
def test_hyperparameters_that_cannot_be(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_errors_of_a_model_of_pairs_name_the_part():
    model, x = MODELS["plain"], batch(np.random.RandomState(0), 3, 2)
    theta = model.init("float64", random_state=0)
    for given, lengths, message in (
        (x, SOURCE_LENGTHS, "lengths must be None for a Paired"),
        (x._replace(target=x.source), None, r"target.values must have the shape \(T, B, 2\)"),
        (x._replace(source=Padded(x.source.values, SOURCE_LENGTHS + 1)), None, r"source.lengths must lie in 0 \.\. 6"),
        (x._replace(source=Padded(x.source.values[:, 1:])), None, "must have the same B, got 8 and 9"),
    ):
        with pytest.raises(ValueError, match=message):
            model.forward(theta, given, lengths)
