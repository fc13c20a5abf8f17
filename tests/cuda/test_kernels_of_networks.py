"""Functions of the backend besides the recurrences: each against the same function of the CPU backend."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from numbarnn.kernels.backend import backend_of
from numbarnn.kernels.cpu import backend as cpu
from numbarnn.kernels.devices import host_copy, to_device, to_host
from tests.cuda.device import needs_device
from tests.cuda.strict import _strict  # noqa: F401

pytestmark = needs_device

LENGTHS = np.array([4, 0, 1, 3])
STARTS = np.array([5, 2, 0, 1])
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
some_lengths = pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "ragged"])


class Dense(NamedTuple):
    W: np.ndarray
    b: np.ndarray


def draw(*shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.fixture
def cuda():
    return backend_of(to_device(draw(1)))


@pytest.fixture
def on_device(cuda):
    """A function that calls one of the backend with arrays moved to the device, and moves the result back."""
    return lambda name, *arguments: to_host(getattr(cuda, name)(*map(to_device, arguments)))


@pytest.mark.parametrize("values", [draw(9, 2), np.arange(9)], ids=["numbers", "integers"])
def test_batches(values, cuda):
    table = values.reshape(9, -1)
    x = cpu.time_major(table, STARTS, LENGTHS, 4)
    assert_array_equal(to_host(cuda.time_major(to_device(table), STARTS, LENGTHS, 4)), x)
    for lengths in (None, LENGTHS):
        assert_array_equal(to_host(cuda.valid_rows(to_device(x), lengths)), cpu.valid_rows(x, lengths))
    taken = to_host(cuda.take_sequences(to_device(values), STARTS, LENGTHS))
    assert taken.dtype == values.dtype
    assert_array_equal(taken, cpu.take_sequences(values, STARTS, LENGTHS))
    assert_array_equal(to_host(cuda.take(to_device(values), STARTS)), values[STARTS])


@some_lengths
def test_reversal(lengths, on_device):
    x = draw(4, 4, 2)
    steps = on_device("valid_steps", x, lengths)
    assert_array_equal(steps, np.full(4, 4) if lengths is None else lengths)
    expected = cpu.reverse(x, cpu.reversed_steps(4, lengths))
    assert_array_equal(on_device("reverse", x, steps), expected)


def test_arrays(on_device):
    x, mask, row = draw(3, 4, 5), draw(4, 5, seed=1), draw(5, seed=2)
    for parts in ((x,), (x, 2 * x), (mask, 2 * mask)):
        assert_array_equal(on_device("joined", parts), cpu.joined(parts))
        assert_array_equal(on_device("concatenated", parts), cpu.concatenated(parts))
        expected = cpu.total(parts)
        assert_array_equal(on_device("total", parts), expected)
    for factors in (x, mask, row):
        assert_array_equal(on_device("times", x, factors), cpu.times(x, factors))
    for first, stop in ((0, 5), (0, 2), (2, 5)):
        assert_array_equal(on_device("columns", x, first, stop), cpu.columns(x, first, stop))
    for state in ((row, 2 * row), (mask,), ()):
        ours, expected = on_device("for_each", state, 4), cpu.for_each(state, 4)
        assert (ours is None) == (expected is None)
        for part, expected_part in zip(ours or (), expected or (), strict=True):
            assert_array_equal(part, expected_part)
    assert_allclose(on_device("sum_over_sequences", mask), mask.sum(axis=0), rtol=1e-15, atol=1e-15)


def test_finite_numbers_and_fractions(cuda):
    x = draw(4, 4, 2)
    x[3, 2, 1] = np.nan
    for lengths in (None, LENGTHS):
        assert cuda.all_finite(to_device(x), lengths) == cpu.all_finite(x, lengths) == (lengths is not None)
    for fractions in (np.array([0.0, 0.5, 1.0]), np.array([0.5, 1.5]), np.array([-0.1]), np.array([np.nan])):
        assert cuda.all_fractions(to_device(fractions)) == cpu.all_fractions(fractions)


@dtypes
@pytest.mark.parametrize("lengths", [None, np.array([3, 0, 1, 2])], ids=["equal", "ragged"])
def test_dense(lengths, dtype, cuda, on_device):
    features, features_dot = draw(2, 3, 4, 5, dtype=dtype)
    z_bar = draw(3, 4, 2, seed=1, dtype=dtype)
    weights, weights_dot = (Dense(draw(5, 2, seed=s, dtype=dtype), draw(2, seed=s, dtype=dtype)) for s in (2, 3))
    mask, device_mask = cpu.step_mask(3, lengths), cuda.step_mask(3, to_device(lengths))
    assert (mask is None) == (device_mask is None) == (lengths is None)
    valid = np.ones((3, 4, 1), bool) if lengths is None else mask[..., np.newaxis]
    features, features_dot = (np.where(valid, array, 0).astype(dtype) for array in (features, features_dot))
    poisoned = [np.where(valid, array, np.nan).astype(dtype) for array in (features, features_dot, z_bar)]
    rtol, atol = (1e-5, 1e-6) if dtype == "float32" else (1e-13, 1e-14)
    z = on_device("dense_forward", weights, poisoned[0], device_mask)
    assert z.dtype == dtype
    assert_allclose(z, cpu.dense_forward(weights, features, mask), rtol=rtol, atol=atol)
    zero = np.zeros_like(features)
    for direction, x_dot in ((weights_dot, poisoned[1]), (None, poisoned[1]), (weights_dot, None)):
        z_dot = on_device("dense_tangent", weights, poisoned[0], direction, x_dot, device_mask)
        expected = cpu.dense_tangent(weights, features, direction, zero if x_dot is None else features_dot, mask)
        assert_allclose(z_dot, expected, rtol=rtol, atol=atol)
    bars, features_bar = on_device("dense_adjoint", weights, poisoned[0], poisoned[2], device_mask)
    expected, expected_features_bar = cpu.dense_adjoint(weights, features, z_bar, mask)
    assert type(bars) is Dense
    for ours, theirs in zip((*bars, features_bar), (*expected, expected_features_bar), strict=True):
        assert_allclose(ours, theirs, rtol=rtol, atol=atol)


TARGETS = {
    "softmax_cross_entropy": np.array([2, 0, 1, 1, 2, 0, 2, 1, 0, 0]),
    "sigmoid_cross_entropy": np.random.default_rng(3).integers(0, 2, (10, 3)).astype(float),
    "squared_error": draw(10, 3, seed=4),
}


@dtypes
@pytest.mark.parametrize("name", TARGETS)
def test_losses(name, dtype, cuda):
    """Of moderate outputs, of zeros, and of outputs whose exponential overflows."""
    z = 3 * draw(10, 3, dtype=dtype)
    z[4], z[5] = 0, [1e3, -1e3, 0]
    targets = TARGETS[name] if name.startswith("softmax") else TARGETS[name].astype(dtype)
    weights = (0.5 + np.random.default_rng(1).random(10)).astype(dtype)
    value, z_bar = getattr(cpu, name)(z, targets, weights)
    ours, ours_bar = getattr(cuda, name)(to_device(z), to_device(targets), weights)
    rtol, atol = (1e-5, 1e-6) if dtype == "float32" else (1e-14, 1e-15)
    assert_allclose(float(ours), value, rtol=rtol, atol=atol)
    assert_allclose(to_host(ours_bar), z_bar, rtol=rtol, atol=atol)


@pytest.mark.parametrize("wrong", [-1, 3])
def test_class_out_of_range(wrong, cuda):
    classes, z, weights = np.array([0, wrong]), draw(2, 3), np.ones(2)
    for backend, given in ((cpu, (z, classes)), (cuda, to_device((z, classes))), (cuda, (to_device(z), classes))):
        with pytest.raises(ValueError, match=r"^targets must be classes from 0 to K - 1$"):
            backend.softmax_cross_entropy(*given, weights)


@dtypes
def test_penalty_and_norm(dtype, cuda):
    theta, theta_bar = draw(2, 11, dtype=dtype)
    moved, ours = to_device(theta), to_device(theta_bar)
    rtol, atol = 1e-6 if dtype == "float32" else 1e-14, 0
    value = cpu.add_penalty(theta, theta_bar, 7, 0.3)
    assert_allclose(float(cuda.add_penalty(moved, ours, 7, 0.3)), value, rtol=rtol, atol=atol)
    assert_allclose(host_copy(ours), theta_bar, rtol=rtol, atol=atol)
    for max_grad_norm in (math.inf, 0.5):
        norm = cpu.clip(theta_bar, max_grad_norm)
        assert_allclose(cuda.clip(ours, max_grad_norm), norm, rtol=rtol, atol=atol)
        assert_allclose(host_copy(ours), theta_bar, rtol=rtol, atol=atol)
    assert_allclose(np.linalg.norm(host_copy(ours)), 0.5, rtol=rtol, atol=atol)
    assert cuda.clip(to_device(np.full(11, np.inf, dtype)), 0.5) == math.inf


SOLVERS = {
    "adam": (3, lambda i: (0.1, 1 / math.sqrt(1 - 0.999 ** (i + 1)), 0.9, 0.999, 1e-8)),
    "sgd": (1, lambda i: (0.1, 0.5, i % 2 == 0)),
}


@dtypes
@pytest.mark.parametrize("name", SOLVERS)
def test_solvers(name, dtype, cuda):
    n_moments, settings = SOLVERS[name]
    here = [draw(11, dtype=dtype), *(np.zeros(11, dtype) for _ in range(min(n_moments, 2)))]
    here += [np.zeros(1, np.int64)] if name == "adam" else []
    device = [to_device(array) for array in here]
    for i in range(3):
        theta_bar = draw(11, dtype=dtype, seed=i)
        for backend, arrays, bar in ((cpu, here, theta_bar), (cuda, device, to_device(theta_bar))):
            getattr(backend, name)(arrays[0], bar, *arrays[1:], *settings(i))
    rtol, atol = (1e-6, 1e-7) if dtype == "float32" else (1e-14, 1e-15)
    for ours, expected in zip(device, here, strict=True):
        assert_allclose(host_copy(ours), expected, rtol=rtol, atol=atol)
