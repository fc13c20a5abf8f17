"""Gradient flow beside plain adjoints; Lyapunov exponents where they are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import numbarnn
from numbarnn import gradient_flow, lyapunov_exponents
from tests import reference

LENGTHS = np.array([6, 0, 3])


def draw(kind=numbarnn.LSTM, n_inputs=2, n_units=5, seed=0, shape=(6, 3), dtype="float64"):
    """A cell with random weights, inputs, and an initial state."""
    rng = np.random.default_rng(seed)
    cell = kind.init(n_inputs, n_units, dtype, random_state=seed)
    cell = type(cell)(*(0.5 * rng.standard_normal(array.shape).astype(dtype) for array in cell))
    x = rng.standard_normal((*shape, n_inputs)).astype(dtype)
    state = tuple(rng.standard_normal((shape[1], n_units)).astype(dtype) for _ in range(cell.state_size))
    return cell, x, state


@pytest.mark.parametrize(
    "kind",
    [
        numbarnn.Elman,
        numbarnn.LSTM,
        pytest.param(numbarnn.PeepholeLSTM, marks=pytest.mark.slow),
        pytest.param(numbarnn.GRU, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["equal", "ragged"])
def test_gradient_flow_is_that_of_the_steps_that_follow(kind, lengths):
    cell, x, state = draw(kind)
    y, final, tape = numbarnn.forward(cell, x, state, lengths)
    rng = np.random.default_rng(1)
    y_bar, state_bar = rng.standard_normal(y.shape), [rng.standard_normal(part.shape) for part in final]
    flow = gradient_flow(cell, tape, y_bar, state_bar)
    assert [norms.shape for norms in flow] == [(7, 3)] * cell.state_size

    ends = np.full(3, 6) if lengths is None else lengths
    for t in range(7):
        now = numbarnn.forward(cell, x[:t], state, np.minimum(ends, t)).state
        rest = numbarnn.forward(cell, x[t:], now, np.maximum(ends - t, 0)).tape
        bars = list(numbarnn.adjoint(cell, rest, y_bar[t:], state_bar).state)
        if t > 0:
            bars[0] = bars[0] + np.where(ends[:, None] >= t, y_bar[t - 1], 0)
        for norms, bar in zip(flow, bars, strict=True):
            expected = np.where(ends >= t, np.linalg.norm(bar, axis=1), 0)
            assert_allclose(norms[t], expected, rtol=1e-12, atol=1e-14)


def test_gradient_flow_begins_with_the_adjoint_of_the_initial_state():
    cell, x, state = draw()
    y, _, tape = numbarnn.forward(cell, x, state)
    flow = gradient_flow(cell, tape, y)
    for norms, bar in zip(flow, numbarnn.adjoint(cell, tape, y).state, strict=True):
        assert_allclose(norms[0], np.linalg.norm(bar, axis=1), rtol=1e-12, atol=0)


def test_gradient_flow_of_a_part_that_is_missing():
    cell, x, _ = draw()
    tape = numbarnn.forward(cell, x).tape
    h_norms, c_norms = gradient_flow(cell, tape, state_bar=(None, np.ones((3, 5))))
    assert_array_equal(h_norms[6], 0)
    assert_allclose(c_norms[6], np.sqrt(5), rtol=1e-15, atol=0)
    assert all(np.all(norms == 0) for norms in gradient_flow(cell, tape))
    empty = numbarnn.forward(cell, x[:0]).tape
    h_norms, c_norms = gradient_flow(cell, empty, state_bar=(np.ones((3, 5)), None))
    assert_allclose(h_norms, np.full((1, 3), np.sqrt(5)), rtol=1e-15, atol=0)
    assert_array_equal(c_norms, np.zeros((1, 3)))


def test_gradient_flow_of_small_float32_gradients_does_not_vanish_by_squaring():
    cell = numbarnn.LSTM.init(1, 1, "float32", random_state=0)
    tape = numbarnn.forward(cell, np.zeros((0, 1, 1), "float32")).tape
    h_norms, _ = gradient_flow(cell, tape, state_bar=(np.full((1, 1), 1e-30, "float32"), None))
    assert_allclose(h_norms, 1e-30, rtol=1e-6, atol=0)


def test_gradient_flow_through_checkpoints_has_the_same_bits():
    cell, x, state = draw(shape=(40, 3))
    lengths = np.array([40, 0, 17])
    y, _, tape = numbarnn.forward(cell, x, state, lengths)
    few = numbarnn.forward(cell, x, state, lengths, checkpoint_memory_mb=0.005).tape
    assert type(few) is not type(tape)
    assert_array_equal(gradient_flow(cell, few, y), gradient_flow(cell, tape, y))


def test_gradient_flow_leaves_its_arguments_as_they_are():
    cell, x, state = draw()
    y, final, tape = numbarnn.forward(cell, x, state)
    y_bar, state_bar = np.ones_like(y), tuple(np.ones_like(part) for part in final)
    gradient_flow(cell, tape, y_bar, state_bar)
    assert np.all(y_bar == 1)
    assert all(np.all(part == 1) for part in state_bar)


def test_gradient_flow_errors():
    cell, x, _ = draw()
    y, _, tape = numbarnn.forward(cell, x)
    with pytest.raises(TypeError, match="tape must come from"):
        gradient_flow(cell, None)
    with pytest.raises(ValueError, match=r"y_bar must have shape \(6, 3, 5\)"):
        gradient_flow(cell, tape, y[1:])
    with pytest.raises(ValueError, match="y_bar must be finite"):
        gradient_flow(cell, tape, np.full_like(y, np.nan))
    with pytest.raises(ValueError, match="state_bar must be a tuple of 2"):
        gradient_flow(cell, tape, state_bar=(y[-1],))


def linear_cell(eigenvalues, dtype="float64"):
    """A rectified network that rests where all its units are on: small changes grow by R alone."""
    size = len(eigenvalues)
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((size, size)))[0] + 0.2 * np.triu(
        np.ones((size, size))
    )
    R = basis @ np.diag(eigenvalues) @ np.linalg.inv(basis)
    b = 1 - R.sum(axis=0)
    return numbarnn.ElmanReLU(*(array.astype(dtype) for array in (np.zeros((1, size)), R, b)))


EIGENVALUES = np.array([0.9, -0.7, 0.4, 0.2])


@pytest.mark.slow
def test_exponents_of_a_linear_network_are_the_logarithms_of_its_eigenvalues():
    cell, x, on = linear_cell(EIGENVALUES), np.zeros((200, 2, 1)), (np.ones((2, 4)),)
    exponents = lyapunov_exponents(cell, x, on, n_warmup=150)
    assert_allclose(exponents, [np.log(np.abs(EIGENVALUES))] * 2, rtol=1e-9, atol=1e-9)
    largest = lyapunov_exponents(cell, x, on, n_exponents=2, n_warmup=150)
    assert_allclose(largest, exponents[:, :2], rtol=1e-12, atol=1e-12)


def test_exponents_at_a_fixed_point_of_tanh():
    rng = np.random.default_rng(0)
    R = 0.5 * rng.standard_normal((8, 8)) / np.sqrt(8)
    cell = numbarnn.Elman(np.zeros((1, 8)), R, np.zeros(8))
    exponents = lyapunov_exponents(cell, np.zeros((2000, 1, 1)), n_warmup=200)
    assert_allclose(exponents[0], np.sort(np.log(np.abs(np.linalg.eigvals(R))))[::-1], rtol=0, atol=2e-3)


OTHERS = [
    pytest.param(name, marks=pytest.mark.slow) for name in ("leaky_elman", "peephole_lstm", "layer_norm_lstm", "gru")
]


@pytest.mark.parametrize("name", ["elman", "lstm", *OTHERS])
def test_their_sum_is_the_mean_logarithm_of_the_jacobians_determinant(name):
    cell, x, state = draw(numbarnn.cells.CELLS[name], n_units=4, shape=(12, 2))
    exponents = lyapunov_exponents(cell, x, state, n_warmup=0)
    assert exponents.shape == (2, 4 * cell.state_size)
    assert np.all(np.diff(exponents, axis=1) <= 0)
    step = getattr(reference, name)
    for n in range(2):
        now, logarithms = tuple(part[n] for part in state), []
        for t in range(12):
            moves = np.split(1j * reference.TINY * np.eye(4 * cell.state_size), cell.state_size, axis=1)
            moved = step(cell, x[t, n], [part + move for part, move in zip(now, moves, strict=True)])
            jacobian = np.concatenate([part.imag for part in moved], axis=1) / reference.TINY
            logarithms.append(np.linalg.slogdet(jacobian)[1])
            now = step(cell, x[t, n], now)
        assert_allclose(exponents[n].sum(), np.mean(logarithms), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("gain", "chaotic"), [(0.5, False), (1.8, True)])
def test_a_random_network_turns_chaotic_with_its_gain(gain, chaotic):
    """Sompolinsky, Crisanti & Sommers 1988."""
    rng = np.random.default_rng(0)
    R = gain * rng.standard_normal((100, 100)) / 10
    cell = numbarnn.Elman(np.zeros((1, 100)), R, np.zeros(100))
    exponents = lyapunov_exponents(cell, np.zeros((600, 1, 1)), (rng.standard_normal((1, 100)),), n_exponents=2)
    assert np.all(exponents > 0.02) if chaotic else np.all(exponents < -0.2)


def test_the_largest_exponent_is_the_rate_at_which_neighbours_part():
    rng = np.random.default_rng(0)
    cell = numbarnn.Elman(np.zeros((1, 100)), 2.5 * rng.standard_normal((100, 100)) / 10, np.zeros(100))
    x = np.zeros((400, 1, 1))
    settled = numbarnn.forward(cell, x[:200], (rng.standard_normal((1, 100)),)).state[0]
    exponent = lyapunov_exponents(cell, x[:100], (settled,), n_exponents=1, n_warmup=20).item()
    first, second = (numbarnn.forward(cell, x[:100], (settled + move,)).y[:, 0] for move in (0, 1e-13))
    apart = np.log(np.linalg.norm(first - second, axis=1))
    assert_allclose(exponent, (apart[79] - apart[19]) / 60, rtol=0.25, atol=0)


OF_BOTH_DTYPES = [("float64", 1e-9), pytest.param("float32", 1e-3, marks=pytest.mark.slow)]


@pytest.mark.parametrize(("dtype", "tolerance"), OF_BOTH_DTYPES)
def test_the_interval_does_not_matter(dtype, tolerance):
    cell, x, state = draw(n_units=3, shape=(100, 2), dtype=dtype)
    each = lyapunov_exponents(cell, x, state, n_warmup=10)
    some = lyapunov_exponents(cell, x, state, n_warmup=10, interval=2)
    assert each.dtype == "float64"
    assert_allclose(some, each, rtol=tolerance, atol=tolerance)


def test_sequences_do_not_depend_on_one_another():
    cell, x, state = draw(shape=(30, 3))
    all_at_once = lyapunov_exponents(cell, x, state, n_exponents=4)
    for n in range(3):
        alone = lyapunov_exponents(cell, x[:, [n]], tuple(part[[n]] for part in state), n_exponents=4)
        assert_allclose(alone[0], all_at_once[n], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"n_warmup": 4, "interval": 3}], ids=str)
def test_a_ragged_batch_has_the_exponents_of_each_sequence_alone(options):
    cell, x, state = draw(shape=(30, 3))
    lengths = [17, 30, 5]
    padded = np.where(np.arange(30)[:, None, None] < np.array(lengths)[:, None], x, np.nan)
    exponents = lyapunov_exponents(cell, padded, state, lengths=lengths, **options)
    for n, length in enumerate(lengths):
        alone = lyapunov_exponents(cell, x[:length, [n]], tuple(part[[n]] for part in state), **options)
        assert_array_equal(exponents[n], alone[0])
    assert lyapunov_exponents(cell, x[:, :0], lengths=[]).shape == (0, 10)


def test_the_same_call_gives_the_same_bits_on_two_threads():
    cell, x, state = draw(shape=(30, 3))
    assert_array_equal(lyapunov_exponents(cell, x, state), lyapunov_exponents(cell, x, state, n_jobs=2))


@pytest.mark.slow
def test_a_shut_rectifier_loses_every_direction():
    cell = numbarnn.ElmanReLU(np.zeros((1, 3)), np.eye(3), np.full(3, -1.0))
    assert_array_equal(lyapunov_exponents(cell, np.zeros((20, 1, 1))), -np.inf)


def test_lyapunov_errors():
    cell, x, state = draw()
    with pytest.raises(TypeError, match="cell must be a cell"):
        lyapunov_exponents(None, x)
    with pytest.raises(ValueError, match=r"x must have shape \(any, any, 2\)"):
        lyapunov_exponents(cell, x[0])
    with pytest.raises(ValueError, match="x must have at least one step"):
        lyapunov_exponents(cell, x[:0])
    with pytest.raises(ValueError, match="x must be finite"):
        lyapunov_exponents(cell, np.full_like(x, np.inf))
    with pytest.raises(ValueError, match="state must be a tuple of 2"):
        lyapunov_exponents(cell, x, state[:1])
    with pytest.raises(ValueError, match="n_exponents must be from 1 to 10, got 11"):
        lyapunov_exponents(cell, x, n_exponents=11)
    with pytest.raises(ValueError, match="n_warmup must be from 0 to 5, got 6"):
        lyapunov_exponents(cell, x, n_warmup=6)
    with pytest.raises(ValueError, match="n_warmup must be from 0 to 2, got 3"):
        lyapunov_exponents(cell, x, n_warmup=3, lengths=[6, 3, 5])
    with pytest.raises(ValueError, match="lengths must be at least 1, got 0"):
        lyapunov_exponents(cell, x, lengths=LENGTHS)
    with pytest.raises(ValueError, match=r"lengths must lie in 0 \.\. 6"):
        lyapunov_exponents(cell, x, lengths=[6, 7, 5])
    with pytest.raises(ValueError, match="interval must be at least 1, got 0"):
        lyapunov_exponents(cell, x, interval=0)
    with pytest.raises(TypeError, match=r"interval must be an integer, got 1\.5"):
        lyapunov_exponents(cell, x, interval=1.5)


@pytest.mark.slow
def test_an_overflow_asks_for_a_shorter_interval():
    tiny, huge = np.array([[1e-200]]), np.array([[1e200]])
    cell = numbarnn.ElmanReLU(tiny, huge, np.zeros(1))
    still = np.zeros((2, 1, 1))
    assert_allclose(lyapunov_exponents(cell, still, (tiny,)), 200 * np.log(10), rtol=1e-12, atol=0)
    with pytest.raises(ValueError, match="take a shorter interval"):
        lyapunov_exponents(cell, still, (tiny,), interval=2)
