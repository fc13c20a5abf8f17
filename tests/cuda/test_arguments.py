"""Arguments of the passes on the device: accepted, refused, and no effect of the launch on any bit."""

from __future__ import annotations

import numpy as np
import pytest

import numbarnn
from tests import grid
from tests.cuda.device import adjoint, down, needs_device, run, tangent, up
from tests.grid import assert_same_bits

pytestmark = needs_device

# plain, with an inner state, with a projection, normalised
CELLS = ["lstm", "gru_reset_before", "projected_lstm", "layer_norm_lstm"]
small = grid.over(cells=CELLS, specs=["small"], dtypes=["float64"])


def three_passes(case):
    y, state, tape = run(case)
    return [down((y, state)), adjoint(case, tape), tangent(case, tape)]


@small
def test_the_same_bits_from_run_to_run(case):
    assert_same_bits(three_passes(case), three_passes(case))


LAUNCHES = {
    "several sequences a block": {"n_multiprocessors": lambda: 1, "BLOCK_THREADS": 6, "ROW_THREADS": 2},
    "one sequence a block": {"n_multiprocessors": lambda: 100},
    "weights not in shared memory": {"shared_bytes": lambda: 400},
    "nothing in shared memory": {"shared_bytes": lambda: 0},
}


@small
@pytest.mark.parametrize("launch", LAUNCHES)
def test_no_bit_depends_on_the_launch(case, launch, monkeypatch):
    from numbarnn.kernels.cuda import launch as launches

    expected = three_passes(case)
    monkeypatch.setattr(launches, "RESIDENT_THREADS", 0)
    for name, value in LAUNCHES[launch].items():
        monkeypatch.setattr(launches, name, value)
    assert_same_bits(three_passes(case), expected)


@small
def test_a_sequence_alone(case):
    everyone = down(run(case)[:2])
    for b in range(case.spec.B):
        one = slice(b, b + 1)
        state = tuple(part[one] for part in case.state)
        alone = numbarnn.forward(up(case.cell), up(case.x[:, one]), up(state), case.lengths[one])
        assert_same_bits(down(alone[:2]), (everyone[0][:, one], tuple(part[one] for part in everyone[1])))


@small
def test_steps_past_the_end_are_not_read(case):
    def poisoned(array):
        return up(np.where(case.valid[..., None], array, np.nan).astype(case.dtype))

    tape = numbarnn.forward(up(case.cell), poisoned(case.x), up(case.state), case.lengths).tape
    bars = numbarnn.adjoint(up(case.cell), tape, poisoned(case.y_bar), up(case.state_bar))
    dots = numbarnn.tangent(up(case.cell), tape, up(case.cell_dot), poisoned(case.x_dot), up(case.state_dot))
    assert_same_bits([down(bars), down(dots)], three_passes(case)[1:])


@grid.over(cells=CELLS[:3], specs=["small"], dtypes=["float64"])
def test_missing_arguments_are_zero(case):
    cell, x = up(case.cell), up(case.x)
    y, state, tape = numbarnn.forward(cell, x)
    expected_y, expected_state, expected_tape = numbarnn.forward(case.cell, case.x)
    case.assert_close(down((y, state)), (expected_y, expected_state))
    bars = numbarnn.adjoint(cell, tape, state_bar=(*(None for _ in state[1:]), up(case.state_bar[-1])), inputs=False)
    expected = numbarnn.adjoint(case.cell, expected_tape, state_bar=(*(None for _ in state[1:]), case.state_bar[-1]))
    assert bars.x is None
    case.assert_close((*down(bars.cell), *down(bars.state)), (*expected.cell, *expected.state))
    case.assert_close(
        down(numbarnn.tangent(cell, tape, x_dot=x)), numbarnn.tangent(case.cell, expected_tape, x_dot=case.x)
    )
    case.assert_close(down(numbarnn.tangent(cell, tape, cell)), numbarnn.tangent(case.cell, expected_tape, case.cell))


@small
def test_without_a_tape(case):
    without = run(case, keep_tape=False)
    assert without.tape is None
    assert_same_bits(down(without[:2]), down(run(case)[:2]))


@pytest.fixture
def cell():
    return numbarnn.LSTM.init(2, 3, random_state=0)


@pytest.fixture
def x():
    return np.random.default_rng(0).standard_normal((4, 3, 2)).astype("float32")


def with_nan(array):
    array = array.copy()
    array.flat[array.size // 2] = np.nan
    return array


REFUSED = {
    "weights elsewhere": (lambda cell, x: (cell, up(x)), {}, TypeError, "cell.W must be a .* CUDA array"),
    "inputs elsewhere": (lambda cell, x: (up(cell), x), {}, TypeError, "cell.W must be a .* NumPy array"),
    "other dtype": (lambda cell, x: (up(cell), up(x.astype("float64"))), {}, TypeError, "x must be float32"),
    "other inputs": (lambda cell, x: (up(cell), up(x[..., :1])), {}, ValueError, "x must have shape"),
    "strides": (lambda cell, x: (up(cell), up(x)[::2]), {}, ValueError, "x must be C-contiguous"),
    "a NaN": (lambda cell, x: (up(cell), up(with_nan(x))), {}, ValueError, "x must be finite"),
    "a NaN in R": (
        lambda cell, x: (up(cell._replace(R=with_nan(cell.R))), up(x)), {}, ValueError, r"cell\.R must be finite",
    ),
    "no cell": (lambda cell, x: ("lstm", up(x)), {}, TypeError, "cell must be a cell"),
    "lengths": (lambda cell, x: (up(cell), up(x)), {"lengths": [4, 5, 4]}, ValueError, "lengths must lie"),
    "checkpoints": (
        lambda cell, x: (up(cell), up(x)), {"checkpoint_memory_mb": 1}, ValueError, "checkpoint_memory_mb is for",
    ),
}  # fmt: skip


@pytest.mark.parametrize("refused", REFUSED)
def test_refused(cell, x, refused):
    arguments, options, error, message = REFUSED[refused]
    with pytest.raises(error, match=message):
        numbarnn.forward(*arguments(cell, x), **options)


def test_derivatives_refuse_arrays_elsewhere(cell, x):
    y, _, tape = numbarnn.forward(up(cell), up(x))
    with pytest.raises(TypeError, match=r"cell\.W must be a .* CUDA array"):
        numbarnn.adjoint(cell, tape)
    with pytest.raises(TypeError, match="y_bar must be a CUDA array"):
        numbarnn.adjoint(up(cell), tape, down(y))
    with pytest.raises(TypeError, match=r"cell_dot\.W must be a .* CUDA array"):
        numbarnn.tangent(up(cell), tape, cell)
    with pytest.raises(ValueError, match="tape must come from a forward pass"):
        numbarnn.adjoint(up(numbarnn.Elman.init(2, 3)), tape)
    with pytest.raises(TypeError, match="NumPy array"):
        numbarnn.stream(up(cell))
    with pytest.raises(TypeError, match="tape must hold arrays of the same device as the cell's"):
        numbarnn.gradient_flow(cell, tape, down(y))
    elsewhere = tape._replace(x=x)
    with pytest.raises(TypeError, match=r"cell\.W must be a .* NumPy array"):
        numbarnn.adjoint(up(cell), elsewhere)
    with pytest.raises(TypeError, match="tape must hold arrays of the same device as the cell's"):
        numbarnn.adjoint(cell, elsewhere)


def test_lengths_on_the_device(cell, x):
    there, here = (
        numbarnn.forward(up(cell), up(x), lengths=lengths) for lengths in (up(np.array([4, 0, 2])), [4, 0, 2])
    )
    assert_same_bits(down(there[:2]), down(here[:2]))


def test_a_request_that_does_not_fit(cell, x, monkeypatch):
    from numbarnn.kernels.cuda import launch

    tape = numbarnn.forward(up(cell), up(x)).tape
    monkeypatch.setattr(launch, "free_bytes", lambda: 100)
    for call in (
        lambda: numbarnn.forward(up(cell), up(x)),
        lambda: numbarnn.adjoint(up(cell), tape),
        lambda: numbarnn.tangent(up(cell), tape),
    ):
        with pytest.raises(MemoryError, match=r"needs [\d,]+ bytes .* 100 bytes free"):
            call()


class Mine(numbarnn.LSTM):
    """A cell of a user, whose kernels are not cached."""


def test_a_cell_of_a_user(cell, x):
    mine, own = (numbarnn.forward(up(kind(*cell)), up(x)) for kind in (Mine, numbarnn.LSTM))
    assert mine.tape.cell_type is Mine
    assert_same_bits(down(mine[:2]), down(own[:2]))
