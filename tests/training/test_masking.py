"""What training drops follows from its seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn.network import Regularization, objective, predict
from numbarnn.training import SGD, Validation
from numbarnn.training.masking import with_masks
from tests.training.problem import LOSS, NETWORK, examples_of, run, state_of

SETTINGS = Regularization(
    dropout=0.3, input_dropout=0.2, recurrent_dropout=0.2, weight_dropout=0.1, zoneout=0.2, preactivation_clip=2.0
)
DROPPING = replace(NETWORK, regularization=SETTINGS)
BATCHES = [np.array([0, 1, 2, 3]), np.array([4, 5])]


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_seed_fixes_all_bits(shuffle):
    examples = examples_of(n=24)
    first, again, threaded, other = (
        run(examples, network=DROPPING, batch_size=12, shuffle=shuffle, random_state=seed, n_jobs=n_jobs)
        for seed, n_jobs in ((0, None), (0, None), (0, 2), (1, None))
    )
    for same in (again, threaded):
        assert_array_equal(same.theta, first.theta)
        assert same.loss_curve == first.loss_curve
    assert not np.array_equal(other.theta, first.theta)
    assert not np.array_equal(run(examples, batch_size=12, shuffle=shuffle).theta, first.theta)


def test_two_halves_are_one_whole():
    whole = run(network=DROPPING, max_iter=6, random_state=np.random.RandomState(0))
    rng = np.random.RandomState(0)
    half = run(network=DROPPING, max_iter=3, random_state=rng)
    halves = run(state=half, network=DROPPING, max_iter=3, random_state=rng)
    assert_array_equal(halves.theta, whole.theta)


def test_one_epoch_by_hand():
    """Each batch has the masks that were drawn for it, and the update has the gradient with these masks."""
    examples = examples_of(n=6)
    state = run(examples, state_of(SGD, 0.3), DROPPING, max_iter=1, shuffle=False, alpha=0.1, max_grad_norm=None)
    theta = state_of().theta
    velocity = np.zeros_like(theta)
    total = 0.0
    for batch in with_masks(DROPPING, map(examples.batch, BATCHES), np.random.RandomState(0)):
        value, theta_bar, weight = objective(DROPPING, LOSS, theta, batch, alpha=0.1)
        velocity = 0.9 * velocity - 0.3 * theta_bar
        theta += 0.9 * velocity - 0.3 * theta_bar
        total += weight * value
    assert_allclose(state.theta, theta, rtol=1e-12, atol=1e-14)
    assert_allclose(state.loss_curve, [total / 6], rtol=1e-12, atol=0)


def test_each_batch_and_each_epoch_has_its_own_masks():
    random_state = np.random.RandomState(0)
    epochs = [list(with_masks(DROPPING, map(examples_of().batch, [BATCHES[0]] * 2), random_state)) for _ in range(2)]
    outputs = [batch.masks.layers[0].outputs for epoch in epochs for batch in epoch]
    assert len({mask.tobytes() for mask in outputs}) == 4


def test_what_drops_nothing_draws_nothing():
    random_state = np.random.RandomState(0)
    batches = [examples_of().batch(indices) for indices in BATCHES]
    clipping = replace(NETWORK, regularization=Regularization(preactivation_clip=1.0))
    for network in (NETWORK, clipping):
        assert with_masks(network, batches, random_state) is batches
    assert random_state.randint(2**31) == np.random.RandomState(0).randint(2**31)


def test_validation_drops_nothing():
    examples = examples_of()
    seen = []
    validation = Validation(examples.sequences, lambda z: seen.append(z) or 1.0)
    state = run(examples, network=DROPPING, max_iter=1, validation=validation)
    assert_array_equal(seen[0], predict(DROPPING, state.theta, examples.sequences))
