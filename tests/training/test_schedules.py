from __future__ import annotations

import pytest
from numpy.testing import assert_allclose
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from numbarnn.training import Adaptive, Constant, InverseScaling

SCHEDULES = {
    "constant": Constant(0.1),
    "invscaling": InverseScaling(0.1, power_t=0.7),
    "adaptive": Adaptive(0.1),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_as_sklearn(name):
    schedule = SCHEDULES[name]
    peer = SGDOptimizer([], 0.1, name, power_t=0.7)
    for epoch in range(1, 12):
        schedule.end_epoch(150 * epoch)
        peer.iteration_ends(150 * epoch)
        assert_allclose(schedule.learning_rate, peer.learning_rate, rtol=1e-15, atol=0)
        assert schedule.lower() is not peer.trigger_stopping("", verbose=False)
        assert_allclose(schedule.learning_rate, peer.learning_rate, rtol=1e-15, atol=0)


def test_adaptive_ends():
    schedule = Adaptive(1e-5)
    assert [schedule.lower() for _ in range(4)] == [True, True, False, False]
    assert_allclose(schedule.learning_rate, 4e-7, rtol=1e-12, atol=0)
