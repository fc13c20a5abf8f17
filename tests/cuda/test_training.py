"""Training on the device: the same batches, parameters and losses as on the CPU, and the same ways to end."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from numbarnn.network import Network, Regularization, SquaredError
from numbarnn.training import SGD, Adam, Examples, Validation
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn import LSTM, Elman
from numbarnn.data import Sequences
from tests.cuda.device import needs_device
from tests.cuda.strict import _strict  # noqa: F401
from tests.training.problem import LOSS, examples_of, run, state_of
from tests.training.test_interruption import InterruptedAdam, interrupted

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
        assert_allclose(getattr(ours.solver, name), value, rtol=1e-11, atol=1e-13)


SETTINGS = {
    "adam, clipped": {"max_grad_norm": 0.1, "examples": examples_of(weights=np.linspace(0.5, 2, 12))},
    "momentum": {"make_state": lambda: state_of(SGD), "shuffle": False},
    "converged": {"make_state": lambda: state_of(learning_rate=1e-9, n_iter_no_change=0)},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_training(name):
    expected, ours = both(**SETTINGS[name], max_iter=2)
    assert_same(ours, expected)
    assert ours.outcome == ("converged" if name == "converged" else "max_iter")


def test_one_target_a_step_and_dropout():
    settings = Regularization(0.3, 0.2, 0.2, 0.2, zoneout=0.1, preactivation_clip=2.0)
    network = Network(LSTM, 2, (3,), 1, bidirectional=True, return_sequences=True, regularization=settings)
    sequences = examples_of(n=6).sequences
    examples = Examples(sequences, Sequences(sequences.values[:, :1].copy(), sequences.lengths))
    settings = {"network": network, "loss": SquaredError(), "examples": examples, "max_iter": 2}
    expected, ours = both(lambda: state_of(network=network), **settings)
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
        def update(self, theta, theta_bar, learning_rate):
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
    monkeypatch.setattr(shim, "free_bytes", lambda: 3000)
    with pytest.raises(MemoryError, match=r"[\d,]+ bytes are needed on the CUDA device, which has 3,000 bytes free"):
        run(device="cuda")


def test_the_memory_asked_for_is_about_what_is_taken(monkeypatch):
    """The least that a batch needs, but not a small part of it."""
    from numbarnn.network import Batch, bytes_on_device, objective

    from numbarnn.kernels.cuda import passes, shim
    from numbarnn.kernels.cuda.launch import allocate
    from numbarnn.kernels.devices import to_device

    taken = []

    def empty(shape, dtype):
        taken.append(int(np.prod(shape)) * np.dtype(dtype).itemsize)
        return shim.cuda.device_array(shape, dtype)

    monkeypatch.setattr("numbarnn.kernels.cuda.launch.empty", empty)
    assert passes.allocate is allocate
    network = Network(Elman, 2, (3, 4), 3, bidirectional=True)
    theta = network.init("float64", 0)
    x = np.zeros((20, 4, 2))
    batch = Batch(to_device(x), None, np.zeros(4, int), np.ones(4))
    objective(network, LOSS, to_device(theta), batch)
    asked = bytes_on_device(network, 20, 4, "float64")
    assert 0.3 * sum(taken) < asked < sum(taken) + 10 * x.nbytes


REFUSED = {
    "tbptt": ({"tbptt": (2, 2)}, "truncation must be None with device='cuda'"),
    "checkpoint_memory_mb": ({"checkpoint_memory_mb": 1.0}, "checkpoint_memory_mb must be None with device='cuda'"),
    "device": ({"device": "gpu"}, "device must be 'cpu' or 'cuda', got 'gpu'"),
}


@pytest.mark.parametrize("refused", REFUSED)
def test_refusals(refused):
    settings, message = REFUSED[refused]
    with pytest.raises(ValueError, match=message):
        run(**{"device": "cuda"} | settings)
