"""What a network and its training need beside the recurrences: each function against its namesake on the CPU."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numbarnn.network.parameters import Readout
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn.kernels.cpu import arrays, batches, clipping, losses, penalty, readout, reversal, solvers
from numbarnn.kernels.devices import beside, host_copy, to_device, to_host
from tests.cuda.device import needs_device
from tests.cuda.strict import _strict  # noqa: F401

pytestmark = needs_device

LENGTHS = np.array([4, 0, 1, 3])
STARTS = np.array([5, 2, 0, 1])
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
some_lengths = pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "ragged"])


def draw(*shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def there(module, name, *arguments):
    """The result of a function of the namesake on the device, for arrays and tuples of arrays moved there."""
    function = getattr(beside(to_device(draw(1)), module), name)
    return to_host(function(*map(to_device, arguments)))


def test_namesakes():
    """Each module for networks has on the device the public functions of the CPU's."""
    device = to_device(draw(1))
    for module in (arrays, batches, clipping, losses, penalty, readout, reversal, solvers):
        twin = beside(device, module)
        assert twin.__name__ == module.__name__.replace("cpu", "cuda")
        names = {name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
        assert {name for name in names if not name.startswith("_")} <= set(vars(twin))


@pytest.mark.parametrize("values", [draw(9, 2), np.arange(9)], ids=["numbers", "integers"])
def test_batches(values):
    from numbarnn.kernels.cuda import batches as on_device

    table = values.reshape(9, -1)
    x = batches.time_major(table, STARTS, LENGTHS, 4)
    assert_array_equal(to_host(on_device.time_major(to_device(table), STARTS, LENGTHS, 4)), x)
    for lengths in (None, LENGTHS):
        assert_array_equal(to_host(on_device.valid_rows(to_device(x), lengths)), batches.valid_rows(x, lengths))
    taken = to_host(on_device.take_sequences(to_device(values), STARTS, LENGTHS))
    assert taken.dtype == values.dtype
    assert_array_equal(taken, batches.take_sequences(values, STARTS, LENGTHS))
    assert_array_equal(to_host(on_device.take(to_device(values), STARTS)), values[STARTS])


@some_lengths
def test_reversal(lengths):
    x = draw(4, 4, 2)
    steps = there(batches, "valid_steps", x, lengths)
    assert_array_equal(steps, np.full(4, 4) if lengths is None else lengths)
    expected = reversal.reverse(x, reversal.reversed_steps(4, lengths))
    assert_array_equal(there(reversal, "reverse", x, steps), expected)


def test_arrays():
    x, mask, row = draw(3, 4, 5), draw(4, 5, seed=1), draw(5, seed=2)
    for parts in ((x,), (x, 2 * x), (mask, 2 * mask)):
        assert_array_equal(there(arrays, "joined", parts), arrays.joined(parts))
        assert_array_equal(there(arrays, "concatenated", parts), arrays.concatenated(parts))
        expected = arrays.total(parts)
        assert_array_equal(there(arrays, "total", parts), expected)
    for factors in (x, mask, row):
        assert_array_equal(there(arrays, "times", x, factors), arrays.times(x, factors))
    for first, stop in ((0, 5), (0, 2), (2, 5)):
        assert_array_equal(there(arrays, "columns", x, first, stop), arrays.columns(x, first, stop))
    for state in ((row, 2 * row), (mask,), ()):
        ours, expected = there(arrays, "for_each", state, 4), arrays.for_each(state, 4)
        assert (ours is None) == (expected is None)
        for part, expected_part in zip(ours or (), expected or (), strict=True):
            assert_array_equal(part, expected_part)
    assert_allclose(there(arrays, "sum_over_sequences", mask), mask.sum(axis=0), rtol=1e-15, atol=1e-15)


@dtypes
@pytest.mark.parametrize("steps", [False, True], ids=["last", "steps"])
def test_readout(steps, dtype):
    features, features_dot = draw(2, 3, 4, 5, dtype=dtype)
    z_bar = draw(3, 4, 2, seed=1, dtype=dtype)
    lengths = np.array([3, 0, 1, 2])
    weights, weights_dot = (Readout(draw(5, 2, seed=s, dtype=dtype), draw(2, seed=s, dtype=dtype)) for s in (2, 3))
    past = running = None
    if steps:
        past, running = readout.past_ends(3, lengths), there(readout, "past_ends", 3, lengths)
        valid = ~past[..., np.newaxis]
        assert_array_equal(running.astype(bool), ~past.ravel())
    else:
        features, features_dot, z_bar, valid = features[0], features_dot[0], z_bar[0], np.ones((4, 1), bool)
    features, features_dot = (np.where(valid, array, 0).astype(dtype) for array in (features, features_dot))
    poisoned = [np.where(valid, array, np.nan).astype(dtype) for array in (features, features_dot, z_bar)]
    rtol, atol = (1e-5, 1e-6) if dtype == "float32" else (1e-13, 1e-14)
    z = there(readout, "forward", weights, poisoned[0], running)
    assert z.dtype == dtype
    assert_allclose(z, readout.forward(weights, features, past), rtol=rtol, atol=atol)
    for direction in (weights_dot, None):
        z_dot = there(readout, "tangent", weights, poisoned[0], direction, poisoned[1], running)
        assert_allclose(z_dot, readout.tangent(weights, features, direction, features_dot, past), rtol=rtol, atol=atol)
    bars, features_bar = there(readout, "adjoint", weights, poisoned[0], poisoned[2], running)
    expected, expected_features_bar = readout.adjoint(weights, features, z_bar, past)
    assert type(bars) is Readout
    for ours, theirs in zip((*bars, features_bar), (*expected, expected_features_bar), strict=True):
        assert_allclose(ours, theirs, rtol=rtol, atol=atol)


TARGETS = {
    "softmax_cross_entropy": np.array([2, 0, 1, 1, 2, 0, 2, 1, 0, 0]),
    "sigmoid_cross_entropy": np.random.default_rng(3).integers(0, 2, (10, 3)).astype(float),
    "squared_error": draw(10, 3, seed=4),
}


@dtypes
@pytest.mark.parametrize("name", TARGETS)
def test_losses(name, dtype):
    """Of moderate outputs, of none, and of some so large that an exponential taken carelessly overflows."""
    z = 3 * draw(10, 3, dtype=dtype)
    z[4], z[5] = 0, [1e3, -1e3, 0]
    targets = TARGETS[name] if name.startswith("softmax") else TARGETS[name].astype(dtype)
    weights = (0.5 + np.random.default_rng(1).random(10)).astype(dtype)
    value, z_bar = getattr(losses, name)(z, targets, weights)
    from numbarnn.kernels.cuda import losses as on_device

    ours, ours_bar = getattr(on_device, name)(to_device(z), to_device(targets), weights)
    rtol, atol = (1e-5, 1e-6) if dtype == "float32" else (1e-14, 1e-15)
    assert_allclose(float(ours), value, rtol=rtol, atol=atol)
    assert_allclose(to_host(ours_bar), z_bar, rtol=rtol, atol=atol)


def test_a_target_that_is_no_class_is_no_number():
    from numbarnn.kernels.cuda import losses as on_device

    for wrong in (-1, 3):
        value, _ = on_device.softmax_cross_entropy(to_device(draw(2, 3)), np.array([0, wrong]), np.ones(2))
        assert math.isnan(float(value))


@dtypes
def test_penalty_and_norm(dtype):
    theta, theta_bar = draw(2, 11, dtype=dtype)
    moved, ours = to_device(theta), to_device(theta_bar)
    rtol, atol = 1e-6 if dtype == "float32" else 1e-14, 0
    value = penalty.add_penalty(theta, theta_bar, 7, 0.3)
    assert_allclose(float(beside(ours, penalty).add_penalty(moved, ours, 7, 0.3)), value, rtol=rtol, atol=atol)
    assert_allclose(host_copy(ours), theta_bar, rtol=rtol, atol=atol)
    for max_grad_norm in (math.inf, 0.5):
        norm = clipping.clip(theta_bar, max_grad_norm)
        assert_allclose(beside(ours, clipping).clip(ours, max_grad_norm), norm, rtol=rtol, atol=atol)
        assert_allclose(host_copy(ours), theta_bar, rtol=rtol, atol=atol)
    assert_allclose(np.linalg.norm(host_copy(ours)), 0.5, rtol=rtol, atol=atol)
    infinite = to_device(np.full(11, np.inf, dtype))
    assert beside(ours, clipping).clip(infinite, 0.5) == math.inf


@dtypes
def test_solvers(dtype):
    from numbarnn.training import SGD, Adam

    theta = draw(11, dtype=dtype)
    rtol, atol = (1e-6, 1e-7) if dtype == "float32" else (1e-14, 1e-15)
    for make in (Adam, SGD, lambda *sizes: SGD(*sizes, momentum=0.5, nesterov=False)):
        here, device = make(11, dtype), make(11, dtype)
        for name, array in list(vars(device).items()):
            setattr(device, name, to_device(array))
        ours, moved = theta.copy(), to_device(theta)
        for i in range(3):
            theta_bar = draw(11, dtype=dtype, seed=i)
            here.update(ours, theta_bar, 0.1)
            device.update(moved, to_device(theta_bar), 0.1)
        assert_allclose(host_copy(moved), ours, rtol=rtol, atol=atol)
        for name, array in vars(here).items():
            assert_allclose(to_host(getattr(device, name)), array, rtol=rtol, atol=atol)
