"""Ctrl-C, by the signal that it sends."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from numbarnn.training import Adam, Validation
from tests.training.problem import examples_of, run, state_of

interrupted = pytest.warns(UserWarning, match="Training interrupted by user")


class InterruptedAdam(Adam):
    """Adam under which Ctrl-C is pressed after the fifth update."""

    def update(self, theta, theta_bar, learning_rate):
        super().update(theta, theta_bar, learning_rate)
        if self.n_updates[0] == 5:
            signal.raise_signal(signal.SIGINT)


def test_the_last_update_is_kept():
    with interrupted:
        state = run(state=state_of(InterruptedAdam), shuffle=False)  # three updates an epoch
    assert state.outcome == "interrupted"
    assert state.n_iter == len(state.loss_curve) == 1
    assert_array_equal(state.solver.n_updates, 5)

    examples = examples_of()
    one_epoch = run(examples, max_iter=1, shuffle=False)
    rest = examples.sequences.take(np.arange(8))
    five_updates = run(
        examples._replace(sequences=rest, targets=examples.targets[:8]), one_epoch, max_iter=1, shuffle=False
    )
    assert_array_equal(state.theta, five_updates.theta)


def test_training_goes_on_after_it():
    with interrupted:
        state = run(state=state_of(InterruptedAdam))
    again = run(state=state, max_iter=2)
    assert again.outcome == "max_iter"
    assert again.n_iter == 2
    assert len(again.loss_curve) == 3


def test_before_the_first_epoch_ends():
    with interrupted:
        state = run(state=state_of(InterruptedAdam), batch_size=1)
    assert (state.n_iter, state.loss_curve, state.best_loss) == (0, [], np.inf)
    assert np.isfinite(state.theta).all()


@pytest.mark.parametrize("epoch", [1, 4])
def test_during_validation(epoch):
    """The best parameters come back; before any score, the last ones."""
    scores = iter([0.3, 0.7, 0.5, 0.1])

    def score(z):
        score.epoch += 1
        if score.epoch == epoch:
            signal.raise_signal(signal.SIGINT)
        return next(scores)

    score.epoch = 0
    with interrupted:
        state = run(validation=Validation(examples_of(n=4).sequences, score))
    assert len(state.validation_scores) == epoch - 1
    assert_array_equal(state.theta, run(max_iter=min(epoch, 2)).theta)
