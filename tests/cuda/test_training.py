"""Training on the device: the same batches, parameters and losses as on the CPU, and the same ways to end."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn import LSTM
from numbarnn.data import Sequences
from numbarnn.losses import SquaredError
from numbarnn.optim import SGD, Adam, Examples, Validation
from tests.cuda.device import needs_device
from tests.cuda.strict import _strict  # noqa: F401
from tests.optim.problem import examples_of, model_of, run, state_of
from tests.optim.test_training import InterruptedAdam, interrupted

pytestmark = needs_device


def both(make_state=state_of, **settings):
    """States after the same training on the CPU and on the device."""
    return [run(state=make_state(), device=device, **settings) for device in ("cpu", "cuda")]


def assert_same(ours, expected):
    assert ours.outcome == expected.outcome
    assert (ours.n_iter, ours.n_seen) == (expected.n_iter, expected.n_seen)
    assert isinstance(ours.theta, np.ndarray)
    assert_allclose(ours.theta, expected.theta, rtol=1e-11, atol=1e-13)
    assert_allclose(ours.loss_curve, expected.loss_curve, rtol=1e-11, atol=1e-13)
    assert_allclose(ours.validation_scores, expected.validation_scores, rtol=1e-11, atol=1e-13)
    for name, value in vars(expected.solver).items():
        assert type(getattr(ours.solver, name)) is type(value)
        if isinstance(value, np.ndarray):
            assert_allclose(getattr(ours.solver, name), value, rtol=1e-11, atol=1e-13)


SETTINGS = {
    "adam, clipped": {
        "make_state": lambda: state_of(max_grad_norm=0.1),
        "examples": examples_of(weights=np.linspace(0, 2, 12)),
    },
    "momentum": {"make_state": lambda: state_of(SGD), "shuffle": False},
    "converged": {"make_state": lambda: state_of(learning_rate=1e-9, n_iter_no_change=0)},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_training(name):
    expected, ours = both(**SETTINGS[name], max_iter=2)
    assert_same(ours, expected)
    assert ours.outcome == ("converged" if name == "converged" else "max_iter")


def test_one_target_a_step_and_dropout():
    dropped = {"dropout": 0.3, "input_dropout": 0.2, "recurrent_dropout": 0.2, "weight_dropout": 0.2, "zoneout": 0.1}
    model = model_of((3,), 2, 1, cell=LSTM, bidirectional=True, sequences=True, **dropped, preactivation_clip=2.0)
    sequences = examples_of(n=6).sequences
    examples = Examples(sequences, Sequences(sequences.values[:, :1].copy(), sequences.lengths))
    settings = {"model": model, "loss": SquaredError(), "examples": examples, "max_iter": 2}
    expected, ours = both(lambda: state_of(model=model), **settings)
    assert_same(ours, expected)


def test_the_best_parameters_come_back():
    expected, ours = (
        run(device=device, max_iter=3, validation=Validation(examples_of(n=4).sequences, falling()))
        for device in ("cpu", "cuda")
    )
    assert_same(ours, expected)
    assert_allclose(ours.theta, run(max_iter=2).theta, rtol=1e-11, atol=1e-13)


def falling():
    scores = iter([0.3, 0.7, 0.5])
    return lambda z: next(scores) + 0 * float(z[0, 0])


def test_ctrl_c_leaves_the_last_update():
    with interrupted:
        ours = run(state=state_of(InterruptedAdam), shuffle=False, device="cuda")
    with interrupted:
        expected = run(state=state_of(InterruptedAdam), shuffle=False)
    assert ours.outcome == "interrupted"
    assert_array_equal(ours.solver.n_updates, 5)
    assert_same(ours, expected)


def test_ctrl_c_before_the_first_update():
    class Interrupting(Adam):
        def update(self, theta, gradient, learning_rate):
            signal.raise_signal(signal.SIGINT)

    with interrupted:
        ours = run(state=state_of(Interrupting), device="cuda")
    assert ours.n_iter == 0
    assert_array_equal(ours.theta, state_of().theta)


def test_divergence():
    state = state_of()
    state.theta[:] = np.nan
    with pytest.raises(ValueError, match="The loss is nan, not finite"):
        run(state=state, device="cuda")


def test_memory_is_asked_for_before_the_first_launch(monkeypatch):
    from numbarnn.kernels.cuda import compile as compiling
    from numbarnn.kernels.cuda import shim

    def launch(*arguments):
        raise AssertionError("a kernel was launched")

    monkeypatch.setattr(compiling.Kernel, "__getitem__", launch)
    monkeypatch.setattr(shim, "free_bytes", lambda: 2000)
    with pytest.raises(MemoryError, match=r"[\d,]+ bytes are needed on the CUDA device, which has 2,000 bytes free"):
        run(device="cuda")


REFUSED = {
    "tbptt": ({"tbptt": (2, 2)}, "tbptt must be None with device='cuda'"),
    "checkpoint_memory_mb": ({"checkpoint_memory_mb": 1.0}, "checkpoint_memory_mb must be None with device='cuda'"),
    "device": ({"device": "gpu"}, "device must be 'cpu' or 'cuda', got 'gpu'"),
}


@pytest.mark.parametrize("refused", REFUSED)
def test_refusals(refused):
    settings, message = REFUSED[refused]
    with pytest.raises(ValueError, match=message):
        run(**{"device": "cuda"} | settings)
