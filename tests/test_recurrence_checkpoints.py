"""Tapes that are cut into segments: the bits of a whole one, in the memory that is given."""

from __future__ import annotations

import pickle
import tracemalloc
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

import numbarnn
from numbarnn.cells.form import n_memory
from numbarnn.kernels.cpu import checkpoints, passes
from numbarnn.kernels.cpu.checkpoints import Checkpoints
from numbarnn.kernels.masks import mask_bytes
from numbarnn.kernels.tape import Settings
from tests import grid
from tests.grid import assert_same_bits

CASE = grid.case("lstm", "long", "float32")
# The others' tapes are their inputs and outputs.
CELLS = [name for name, cell in numbarnn.cells.CELLS.items() if cell.state_size + cell.n_saved > 1]


def budgets(case, shares=(0, 0.02, 0.05, 0.1, 0.3, 0.6, 0.99), **options):
    """MB from the least that will do up to almost those of a whole tape."""
    least, whole = bounds(case, **options)
    return [max(1, least + int(share * (whole - least))) / 1e6 for share in shares]


def bounds(case, *, outputs=True):
    """Bytes of a state and the tape of one step, and those of a whole tape."""
    tape, T = case.tape, case.spec.T
    given, h, record = tape.lengths.nbytes + mask_bytes(tape.masks), tape.h[0].nbytes, tape.record[0].nbytes
    memory = tape.record[0, :, : n_memory(type(case.cell))].nbytes
    whole = given + h + (T + 1) * record + (0 if outputs else T * h)
    least = given + (h + memory) + memory + 2 * (h + record) if T else whole
    return min(least, whole), whole


def results(case, tape, **options):
    return (
        numbarnn.adjoint(case.cell, tape, case.y_bar, case.state_bar, **options),
        numbarnn.tangent(case.cell, tape, case.cell_dot, case.x_dot, case.state_dot, **options),
    )


@grid.over()
def test_the_bits_of_a_whole_tape(case):
    whole = case.run()
    expected = case.adjoint(), case.tangent()
    for checkpoint_memory_mb in budgets(case):
        y, state, tape = case.run(checkpoint_memory_mb=checkpoint_memory_mb)
        assert_same_bits((y, state), whole[:2])
        assert_same_bits(results(case, tape), expected)


@grid.over(CELLS, specs=["long"])
def test_the_budgets_call_for_every_form_of_plan(case):
    plans = [case.run(checkpoint_memory_mb=checkpoint_memory_mb).tape.plan for checkpoint_memory_mb in budgets(case)]
    assert any(plan.piece == 1 for plan in plans)
    assert any(plan.piece > 1 and plan.slots == 0 for plan in plans)
    assert any(plan.piece > 2 and plan.slots > 1 for plan in plans)


@grid.over(specs=["several_tiles", "long"])
@pytest.mark.parametrize("n_jobs", [2, -1])
def test_number_of_threads(case, n_jobs):
    for checkpoint_memory_mb in budgets(case, shares=(0.02, 0.3)):
        y, state, tape = case.run(checkpoint_memory_mb=checkpoint_memory_mb, n_jobs=n_jobs)
        assert_same_bits((y, state), case.run()[:2])
        assert_same_bits(results(case, tape, n_jobs=n_jobs), (case.adjoint(), case.tangent()))


@grid.over(CELLS, specs=["small", "several_tiles"])
def test_what_stands_past_a_length_is_not_read(case):
    def poisoned(array):
        return np.where(case.valid[..., None], array, np.nan).astype(case.dtype)

    (checkpoint_memory_mb,) = budgets(case, shares=(0.1,))
    tape = numbarnn.forward(
        case.cell, poisoned(case.x), case.state, case.lengths, checkpoint_memory_mb=checkpoint_memory_mb
    ).tape
    assert isinstance(tape, Checkpoints)
    bars = numbarnn.adjoint(case.cell, tape, poisoned(case.y_bar), case.state_bar)
    moved = numbarnn.tangent(case.cell, tape, case.cell_dot, poisoned(case.x_dot), case.state_dot)
    assert_same_bits((bars, moved), (case.adjoint(), case.tangent()))


@grid.over(CELLS, specs=["long"], dtypes=["float64"])
def test_what_may_be_missing(case):
    for checkpoint_memory_mb in budgets(case, shares=(0, 0.1)):
        whole = numbarnn.forward(case.cell, case.x)
        part = numbarnn.forward(case.cell, case.x, checkpoint_memory_mb=checkpoint_memory_mb)
        assert isinstance(part.tape, Checkpoints)
        assert_same_bits(part[:2], whole[:2])
        for given in ({"y_bar": case.y_bar}, {"state_bar": case.state_bar}, {}):
            bars = [numbarnn.adjoint(case.cell, tape, **given, inputs=False) for tape in (part.tape, whole.tape)]
            assert bars[0].x is None
            assert_same_bits((bars[0].cell, bars[0].state), (bars[1].cell, bars[1].state))
        assert_same_bits(*(numbarnn.tangent(case.cell, tape, x_dot=case.x_dot) for tape in (part.tape, whole.tape)))


@grid.over(specs=["small", "long"])
def test_outputs_that_nobody_wants(case):
    """For callers within the package that go on with the last state alone."""
    lengths = None if case.lengths is None else case.lengths.astype(np.intp)
    given, whole = (case.cell, case.x, case.state, lengths), case.run()
    y, state, tape = passes.forward(*given, Settings(keep_tape=False, outputs=False))
    assert y is None
    assert tape is None
    assert_same_bits(state, whole.state)
    for checkpoint_memory_mb in (*budgets(case, outputs=False), 1e3):
        settings = Settings(tape_bytes=round(checkpoint_memory_mb * 1e6), outputs=False)
        y, state, tape = passes.forward(*given, settings)
        assert y is None
        assert_same_bits(state, whole.state)
        assert_same_bits(results(case, tape), (case.adjoint(), case.tangent()))


def test_a_budget_for_the_whole_tape():
    whole = bounds(CASE)[1]
    assert isinstance(CASE.run(checkpoint_memory_mb=whole / 1e6).tape, passes.Tape)
    assert isinstance(CASE.run(checkpoint_memory_mb=(whole - 1) / 1e6).tape, Checkpoints)
    assert isinstance(CASE.run(checkpoint_memory_mb=float("inf")).tape, passes.Tape)
    assert CASE.run(checkpoint_memory_mb=1e-6, keep_tape=False).tape is None


@grid.over(specs=["one_of_everything", "long", "several_tiles"], dtypes=["float64"])
def test_too_small_a_budget(case):
    least, _ = bounds(case)
    assert case.run(checkpoint_memory_mb=least / 1e6).tape is not None
    with pytest.raises(ValueError, match=rf"checkpoint_memory_mb must be at least .* \({least} bytes.*, got"):
        case.run(checkpoint_memory_mb=(least - 1) / 1e6)


@pytest.mark.parametrize("checkpoint_memory_mb", [0, -1.5, float("nan"), -float("inf")])
def test_a_budget_that_is_none(checkpoint_memory_mb):
    with pytest.raises(ValueError, match=r"checkpoint_memory_mb must be above 0, got"):
        CASE.run(checkpoint_memory_mb=checkpoint_memory_mb)


@pytest.mark.parametrize("checkpoint_memory_mb", ["64", True, 1j, [64]])
def test_a_budget_that_is_no_number(checkpoint_memory_mb):
    with pytest.raises(TypeError, match=r"checkpoint_memory_mb must be a number of MB or None, got"):
        CASE.run(checkpoint_memory_mb=checkpoint_memory_mb)


def test_numbers_of_any_real_kind():
    for checkpoint_memory_mb in (1, 1.0, np.float32(1), np.int64(1)):
        assert_same_bits(CASE.run(checkpoint_memory_mb=checkpoint_memory_mb)[:2], CASE.run()[:2])


def test_the_tape_is_left_alone():
    tape = CASE.run(checkpoint_memory_mb=budgets(CASE)[3]).tape
    before = [array.copy() for array in tape.arrays]
    once, again = results(CASE, tape), results(CASE, tape)
    assert_same_bits(once, again)
    assert_same_bits(tape.arrays, before)


def test_the_tape_does_not_share_the_outputs():
    y, _, tape = CASE.run(checkpoint_memory_mb=budgets(CASE)[3])
    y[:] = np.nan
    assert_same_bits(results(CASE, tape), (CASE.adjoint(), CASE.tangent()))


def test_pickled():
    tape = CASE.run(checkpoint_memory_mb=budgets(CASE)[3]).tape
    buffers = []
    apart = pickle.dumps(tape, 5, buffer_callback=buffers.append)
    read_only = pickle.loads(apart, buffers=[bytes(b.raw()) for b in buffers])
    for loaded in (pickle.loads(pickle.dumps(tape)), read_only):
        assert_same_bits(results(CASE, loaded), (CASE.adjoint(), CASE.tangent()))


@pytest.mark.parametrize("field", ["x", "lengths", "h", "memory"])
def test_tapes_that_forward_did_not_leave(field):
    tape = CASE.run(checkpoint_memory_mb=budgets(CASE)[3]).tape
    for changed in (getattr(tape, field)[:1].copy(), getattr(tape, field).astype(float)):
        for function in (numbarnn.adjoint, numbarnn.tangent):
            with pytest.raises(ValueError, match="tape"):
                function(CASE.cell, tape._replace(**{field: changed}))


def test_tapes_of_another_cell():
    tape = CASE.run(checkpoint_memory_mb=budgets(CASE)[3]).tape
    other = grid.case("elman", "long", "float32").cell
    with pytest.raises(ValueError, match="tape must come from a forward pass of Elman"):
        numbarnn.adjoint(other, tape)


class Long(NamedTuple):
    """2000 steps of 8 sequences and 16 units, whose whole tape is 5.2 MB and whose outputs are 1 MB."""

    cell: numbarnn.LSTM
    x: np.ndarray
    small = 100_000  # bytes of weights, gradients, states, Python's own objects

    def forward(self, tape_bytes, *, outputs):
        return passes.forward(self.cell, self.x, None, None, Settings(tape_bytes=tape_bytes, outputs=outputs))

    def adjoint(self, tape):
        return passes.adjoint(self.cell, tape, None, None, inputs=False, n_threads=1)


@pytest.fixture(scope="module")
def long():
    case = Long(
        numbarnn.LSTM.init(1, 16, random_state=0),
        np.random.default_rng(0).standard_normal((2000, 8, 1), dtype=np.float32),
    )
    run = case.forward(None, outputs=True)  # compiles
    case.adjoint(run[2])
    return case


@pytest.mark.parametrize("tape_bytes", [60_000, 150_000, 250_000, 1_000_000, 3_000_000])
@pytest.mark.parametrize("outputs", [True, False])
def test_memory(long, tape_bytes, outputs):
    """The kernels' own buffers, of a fixed size, are not seen here."""
    of_outputs = 2001 * 8 * 16 * 4 if outputs else 0
    tracemalloc.start()
    try:
        y, _, tape = long.forward(tape_bytes, outputs=outputs)
        _, forward_peak = tracemalloc.get_traced_memory()
        del y
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        long.adjoint(tape)
        _, adjoint_peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(tape, Checkpoints)
    assert sum(array.nbytes for array in tape.arrays[1:]) <= tape_bytes
    assert forward_peak <= tape_bytes + of_outputs + long.small
    assert held <= tape_bytes + long.small
    assert adjoint_peak <= tape_bytes + long.small


def test_masks_count():
    """Masks of dropout and zoneout are part of the tape, whatever its form."""
    case = grid.case("lstm", "long", "float64")
    T, B, H = case.spec.T, case.spec.B, case.spec.H
    masks = numbarnn.RecurrentMasks(np.ones((B, H)), (np.full((T, B, H), 0.1), np.full((T, B, H), 0.2)))
    of_masks = (2 * T + 1) * B * H * 8
    given = case.cell, case.x, case.state, case.lengths
    run = numbarnn.forward(*given, masks=masks, preactivation_clip=2.0)
    held = sum(array.nbytes for array in run.tape.arrays[1:]) - run.y.nbytes
    fits = (held + of_masks) / 1e6

    def tape_of(megabytes):
        return numbarnn.forward(*given, masks=masks, preactivation_clip=2.0, checkpoint_memory_mb=megabytes).tape

    assert isinstance(tape_of(fits), passes.Tape)
    assert isinstance(tape_of(fits - 1e-6), Checkpoints)
    with pytest.raises(ValueError, match=r"^checkpoint_memory_mb must be at least "):
        tape_of(of_masks / 1e6)


def test_a_tight_budget_is_used(long):
    """What the plan counts is what there is: not far below a budget that calls for every byte."""
    tape = long.forward(60_000, outputs=True)[2]
    tracemalloc.start()
    try:
        long.adjoint(tape)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak + sum(array.nbytes for array in tape.arrays[1:]) >= 45_000


def test_last_states_alone_take_no_memory_of_all_steps(long):
    x = np.tile(long.x, (10, 1, 1))
    tracemalloc.start()
    try:
        passes.forward(long.cell, x, None, None, Settings(keep_tape=False, outputs=False))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= checkpoints.SEGMENT_BYTES + long.small < 20_000 * 8 * 16 * 4


@cache
def fewest_advances(n, n_states):
    """Griewank & Walther's recurrence: keep a state behind k segments, reverse the rest, then those k."""
    if n == 1 or n_states == 1:
        return n * (n - 1) // 2
    return min(k + fewest_advances(n - k, n_states - 1) + fewest_advances(k, n_states) for k in range(1, n))


def advances_by_split(n, n_states):
    if n == 1 or n_states == 1:
        return n * (n - 1) // 2
    k = checkpoints.split(n, n_states)
    return k + advances_by_split(n - k, n_states - 1) + advances_by_split(k, n_states)


@pytest.mark.parametrize("n_states", [1, 2, 3, 4, 7, 30])
def test_the_schedule_is_the_best_one(n_states):
    for n in range(1, 60):
        fewest = fewest_advances(n, n_states)
        assert checkpoints.advances(n, n_states) == fewest
        assert advances_by_split(n, n_states) == fewest


@pytest.mark.parametrize("tape_bytes", [60_000, 100_000, 250_000])
def test_the_plan_tells_how_much_runs_again(long, tape_bytes, monkeypatch):
    calls = []
    run = checkpoints._Replay._run

    def counted(replay, k, record):
        if len(record) == 1:
            calls.append(k)
        return run(replay, k, record)

    tape = long.forward(tape_bytes, outputs=True)[2]
    monkeypatch.setattr(checkpoints._Replay, "_run", counted)
    long.adjoint(tape)
    segment, piece, slots = tape.plan
    n_segments = -(-2000 // segment)
    full, rest = divmod(n_segments, piece)
    expected = full * checkpoints.advances(piece, slots + 1)
    expected += checkpoints.advances(rest, slots + 1) if rest else 0
    assert len(calls) == expected
