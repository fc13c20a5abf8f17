"""Hard attention: the estimate of the gradient against exact enumeration, training, arguments."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn import Elman
from numbarnn.layers import (
    AttentionDecoder,
    Dense,
    EncoderDecoder,
    MaskGenerator,
    Model,
    MovingBaseline,
    Padded,
    Paired,
    Recurrent,
    Stack,
)
from numbarnn.losses import SoftmaxCrossEntropy
from numbarnn.optim import Adam, Batch, HardAttentionProblem, Objective

SOURCE_LENGTHS, TARGET_LENGTHS = np.array([2, 1]), np.array([2, 2])


def model_of(n_inputs=3, n_labels=3, *, hard=True):
    decoder = AttentionDecoder(Elman, 2, 4, n_memory=4, attention="dot", hard=hard)
    network = EncoderDecoder(Recurrent(Elman, n_inputs, 4), decoder)
    return Model(Stack((("network", network), ("readout", Dense(8, n_labels)))))


def drawn(batch, draws):
    """The batch with given draws, (T, B)."""
    masks = model_of().layer.draw_masks(batch.x.rows, MaskGenerator(np.random.RandomState(0), "float64"))
    decoder = masks[0].decoder._replace(draws=np.array(draws))
    return batch._replace(masks=(masks[0]._replace(decoder=decoder), *masks[1:]))


def small_batch():
    random = np.random.RandomState(0)
    source, target = random.standard_normal((2, 2, 3)), random.standard_normal((2, 2, 2))
    x = Paired(Padded(source, SOURCE_LENGTHS), Padded(target, TARGET_LENGTHS))
    return Batch(x, random.randint(0, 3, 4), np.array([1.0, 2.0, 0.5, 1.0]))


@pytest.mark.slow
def test_mean_over_all_draws_is_the_gradient_of_the_expected_loss():
    """Two steps over two rows: no Monte Carlo error is left. A memory of one row has nothing to draw."""
    model, batch = model_of(), small_batch()
    objective = Objective(model, SoftmaxCrossEntropy(), alpha=0.1)
    theta = 2 * model.init("float64", random_state=0)
    layer = model.layer.layers[0]

    def over_draws(theta):
        """Probability and problem of all ways to draw."""
        for rows in product((0, 1), repeat=2):
            draws = [[0.999 * row, 0.5] for row in rows]
            drawn_batch, baseline = drawn(batch, draws), MovingBaseline()
            baseline.value = -3.0
            problem = HardAttentionProblem(objective, drawn_batch, baseline)
            tape = layer.forward(model.parameters(theta)[0], batch.x, masks=drawn_batch.masks[0]).tape
            sample, weights = layer.attention_sample(tape), layer.attention_weights(tape)
            assert_array_equal(sample.argmax(axis=2), [[row, 0] for row in rows])
            yield np.prod((weights * sample).sum(axis=2)), problem.value_and_gradient(theta)

    def expected_loss(theta):
        return sum(p * value for p, (value, _) in over_draws(theta))

    assert_allclose(sum(p for p, _ in over_draws(theta)), 1, rtol=1e-14)
    gradient = sum(p * own for p, (_, own) in over_draws(theta))
    for k in range(3):
        direction = np.random.RandomState(k).standard_normal(theta.shape)
        there, back = (expected_loss(theta + s * direction) for s in (1e-5, -1e-5))
        assert_allclose(gradient @ direction, (there - back) / 2e-5, rtol=1e-7, atol=0)


@pytest.mark.slow
def test_training_finds_the_row_that_matters():
    """The label is in the row that has a mark; a decoder that reads any other row cannot know it."""
    random, model = np.random.RandomState(0), model_of(n_inputs=5, n_labels=4)
    n, labels, places = 64, random.randint(0, 4, 64), random.randint(0, 5, 64)
    source = np.zeros((5, n, 5))
    source[places, np.arange(n), labels] = source[places, np.arange(n), 4] = 1
    x = Paired(Padded(source), Padded(np.zeros((1, n, 2))))
    theta, baseline = model.init("float64", random_state=0), MovingBaseline()
    solver, objective, values = Adam(theta.size, "float64"), Objective(model, SoftmaxCrossEntropy()), []
    for _ in range(300):
        masks = model.layer.draw_masks(x.rows, MaskGenerator(random, "float64"))
        problem = HardAttentionProblem(objective, Batch(x, labels, np.ones(n), masks), baseline, entropy=0.01)
        value, gradient = problem.value_and_gradient(theta)
        values.append(value)
        solver.update(theta, gradient, learning_rate=0.02)
    assert values[-1] < 0.2 < values[0]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: (model_of(hard=False), small_batch()), ValueError, "the decoder must have hard=True, and the batch"),
        (lambda: (model_of(), small_batch()), ValueError, "the batch masks that it has drawn"),
        (lambda: (Model(Dense(3, 2)), small_batch()), TypeError, "must be a Stack of an EncoderDecoder"),
    ],
)
def test_errors(make, error, message):
    model, batch = make()
    with pytest.raises(error, match=message):
        HardAttentionProblem(Objective(model, SoftmaxCrossEntropy()), batch, MovingBaseline())


def test_the_penalty_of_soft_attention_is_refused():
    objective = Objective(model_of(), SoftmaxCrossEntropy(), attention_penalty=1.0)
    with pytest.raises(ValueError, match=r"attention_penalty must be 0 for hard attention, got 1\.0"):
        HardAttentionProblem(objective, drawn(small_batch(), np.zeros((2, 2))), MovingBaseline())


def test_draws_are_cut_like_the_steps():
    decoder = model_of().layer.layers[0].decoder
    masks = decoder.draw_masks((4, 3), MaskGenerator(np.random.RandomState(0), "float32"))
    assert masks.draws.dtype == np.float32
    assert_array_equal(decoder.slice_masks(masks, slice(1, 3)).draws, masks.draws[1:3])
