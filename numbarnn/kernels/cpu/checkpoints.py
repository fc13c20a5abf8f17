"""A tape of a few states, from which the rest is computed again: backpropagation through time in bounded memory.

The steps are cut into segments, and the forward pass keeps the state before each `piece`-th of them (Chen et al. 2016).
The backward pass runs forward again from the last state kept to the last segment, stores that one's tape, reverses it,
and so on. Where a piece has several segments it keeps further states in `slots` on the way; which ones is the binomial
schedule of Griewank & Walther (2000), the optimum that Gruslys et al. (2016) find by dynamic programming.

The kernels take a segment as they take a whole sequence, every sum goes on from the last segment's in the order of the
steps, and so the bits are those of a stored tape.

References
----------
A. Griewank, A. Walther, "Algorithm 799: revolve: an implementation of checkpointing for the reverse or adjoint mode of
computational differentiation", ACM Transactions on Mathematical Software 26(1), 2000.
T. Chen, B. Xu, C. Zhang, C. Guestrin, "Training deep nets with sublinear memory cost", arXiv:1604.06174, 2016.
A. Gruslys, R. Munos, I. Danihelka, M. Lanctot, A. Graves, "Memory-efficient backpropagation through time", NIPS 2016.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb, log
from typing import NamedTuple

import numpy as np

from numbarnn.cells.form import n_memory, n_units
from numbarnn.kernels.cpu.calls import run_forward
from numbarnn.kernels.cpu.compile import kernel_for
from numbarnn.kernels.cpu.hook import NO_HOOK
from numbarnn.kernels.cpu.masks import modifiers_of, of_steps
from numbarnn.kernels.cpu.operands import Steps
from numbarnn.kernels.cpu.packing import sizes_of
from numbarnn.kernels.cpu.state import join_state, split_state
from numbarnn.kernels.finite import NotFiniteError
from numbarnn.kernels.masks import RecurrentMasks, mask_bytes, n_recorded

# If there is a choice, a segment's tape stays in the cache, but there are steps enough that the calls count for little.
SEGMENT_BYTES = 2_000_000
SEGMENT_STEPS = 16


class Plan(NamedTuple):
    """How a sequence is cut."""

    segment: int  # steps whose tape is held at once
    piece: int  # segments from one state of the tape to the next
    slots: int  # states that the backward pass may hold in addition

    def n_states(self, n_steps: int) -> int:
        """Return how many states the tape holds."""
        return -(-n_steps // (self.segment * self.piece))


class Checkpoints(NamedTuple):
    """The result of a forward pass whose whole tape would be too large."""

    x: np.ndarray  # (T, B, I)
    lengths: np.ndarray  # (B,)
    h: np.ndarray  # (n_states, B, H): before every `segment * piece`-th step
    memory: np.ndarray  # (n_states, B, n_memory, H): the rest of the state there
    plan: Plan
    cell_type: type  # whose equations left it
    masks: RecurrentMasks | None = None
    preactivation_clip: np.floating | None = None

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All that is not of a fixed small size."""
        return self[:4]


class Sizes(NamedTuple):
    """Bytes of what tapes are made of, for a cell and a batch."""

    h: int
    state: int
    step: int  # the state and what the step saved
    given: int  # the lengths and the masks, which any tape holds

    def whole(self, n_steps: int, *, outputs: bool) -> int:
        """Return the bytes of a stored tape without the inputs, and without the outputs if the caller gets them."""
        return self.given + (n_steps + 1) * self.step - (n_steps * self.h if outputs else 0)

    def checkpointed(self, plan: Plan, n_steps: int) -> int:
        """Return the bytes of a checkpointed tape and of all that the backward pass holds in addition."""
        working = self.state - self.h
        n_states = plan.n_states(n_steps) + plan.slots
        return self.given + working + n_states * self.state + (plan.segment + 1) * self.step


def _sizes(cell, n_sequences, masks):
    """Return the sizes for a cell and a batch."""
    h = n_sequences * cell.R.shape[0] * cell.R.dtype.itemsize
    of_units = n_sequences * n_units(cell) * cell.R.dtype.itemsize
    state = h + n_memory(type(cell)) * of_units
    given = n_sequences * np.dtype(np.intp).itemsize + mask_bytes(masks)
    return Sizes(h, state, h + n_recorded(cell, masks) * of_units, given)


def plan_for(cell, x, keep_tape, tape_bytes, outputs, masks):
    """Return how the forward pass is to be cut; None if it is not."""
    if tape_bytes is None if keep_tape else outputs:
        return None
    sizes = _sizes(cell, x.shape[1], masks)
    if not keep_tape:
        return Plan(max(SEGMENT_STEPS, SEGMENT_BYTES // max(1, sizes.h)), 1, 0)
    return plan(x.shape[0], sizes, tape_bytes, outputs=outputs)


@lru_cache(1024)
def plan(n_steps: int, sizes: Sizes, budget: float, *, outputs: bool) -> Plan | None:
    """Return the plan with the fewest steps run again that fits into the bytes; None if the whole tape does.

    Raises
    ------
    ValueError
        If not even one state and the tape of one step do.
    """
    least = whole = sizes.whole(n_steps, outputs=outputs)
    if whole <= budget:
        return None
    if n_steps:
        least = min(whole, sizes.checkpointed(Plan(1, n_steps, 0), n_steps))
    if least > budget:
        raise ValueError(
            f"checkpoint_memory_mb must be at least {least / 1e6:g} ({least} bytes: the tape of one step, a state and "
            f"the masks), got {budget / 1e6:g}"
        )
    best = max(SEGMENT_STEPS, SEGMENT_BYTES // sizes.step)
    plans = (
        (again, abs(log(segment / best)), Plan(segment, piece, slots))
        for segment in {min(best, n_steps), *_spread(n_steps)}
        for again, piece, slots in _pieces(-(-n_steps // segment), segment, sizes, budget)
    )
    return min(plans)[2]


def _pieces(n_segments, segment, sizes, budget):
    """Yield how many steps run again, the segments of a piece and the slots, for each use of the states' memory."""
    n_fit = int((budget - sizes.checkpointed(Plan(segment, 1, 0), 0)) // sizes.state)
    if n_fit >= n_segments:
        yield 0, 1, 0
        return
    for slots in {0, *_spread(n_fit - 1)}:
        if slots < n_fit:
            piece = -(-n_segments // (n_fit - slots))
            yield -(-n_segments // piece) * segment * advances(piece, slots + 1), piece, slots


def _spread(n):
    """Return numbers from 1 to n, each about a fourth larger than the one before."""
    return {min(n, round(1.25**i)) for i in range(int(log(n, 1.25)) + 2)} if n > 0 else set()


def advances(n: int, n_states: int) -> int:
    """Return how often a segment is passed without a tape until `n` of them are reversed with memory for `n_states`."""
    if n_states == 1:
        return n * (n - 1) // 2
    repetition = _repetition(n, n_states)
    return repetition * n - (comb(n_states + repetition, n_states + 1) if repetition else 0)


def _repetition(n, n_states):
    """Return how often a segment is passed at most; the binomial schedule needs no more than any other."""
    repetition = 0
    while comb(n_states + repetition, n_states) < n:
        repetition += 1
    return repetition


def split(n: int, n_states: int) -> int:
    """Return how many of `n` segments to pass before the next state is kept, with memory for 2 states or more."""
    repetition = _repetition(n, n_states)
    fewest = comb(n_states + repetition - 2, n_states)
    return max(1, fewest, n - comb(n_states - 1 + repetition, n_states - 1))


def forward(weights, x, state, lengths, plan, settings, team):
    """Return outputs (None unless wanted), final state, and checkpoints (None unless wanted).

    `team` are the last arguments of `run_forward` before the hook and the options.
    """
    cell, (n_steps, n_sequences, _), masks = weights.cell, x.shape, settings.masks
    plan = plan._replace(segment=max(1, min(plan.segment, n_steps)))
    h = np.zeros(((n_steps if settings.outputs else plan.segment) + 1, n_sequences, cell.R.shape[0]), x.dtype)
    memory = np.empty((1, n_sequences, n_memory(type(cell)), n_units(cell)), x.dtype)
    ends = np.full(n_sequences, n_steps, np.intp) if lengths is None else lengths
    kept_h, kept_memory = _states(cell, plan.n_states(n_steps) if settings.keep_tape else 0, n_sequences)
    tape = Checkpoints(x, ends, kept_h, kept_memory, plan, type(cell), masks, settings.preactivation_clip)
    kernel, no_state, (bounds, n_ranges, board) = kernel_for(cell, run_forward), _no_state(cell), team
    modifiers = modifiers_of(masks, settings.preactivation_clip)
    steps = x, ends, h, memory, *join_state(cell, sizes_of(cell), state, n_sequences), *no_state
    if not kernel(*weights, *steps, *modifiers, bounds, 0, board, NO_HOOK, True, settings.check):
        raise NotFiniteError
    for k in range(-(-n_steps // plan.segment)):
        start, stop, part, part_ends = _cut(tape, k)
        part_h = h[start : stop + 1] if settings.outputs else h[: stop - start + 1]
        if settings.keep_tape and k % plan.piece == 0:
            tape.h[k // plan.piece], tape.memory[k // plan.piece] = part_h[0], memory[0]
        modifiers = modifiers_of(of_steps(masks, slice(start, stop)), settings.preactivation_clip)
        operands = *weights, part, part_ends, part_h, memory, *no_state, *no_state, *modifiers
        kernel(*operands, bounds, n_ranges, board, NO_HOOK, False, False)
        if not settings.outputs:
            h[0] = _at(part_h, part_ends)
    final = split_state(cell, _at(h, ends) if settings.outputs else h[0].copy(), memory[0])
    return h[1:] if settings.outputs else None, final, tape if settings.keep_tape else None


def backward_segments(weights, tape, team):
    """Yield first step, end and Steps of each segment, the last first. Each is written over by the next one."""
    n_segments, slots = _n_segments(tape), tape.plan.slots
    states = _states(weights.cell, slots, tape.x.shape[1])
    replay = _Replay(weights, tape, team)
    for i in reversed(range(len(tape.h))):
        kept = [i * tape.plan.piece]  # the segments before which a state is kept: the tape's, then those in slots
        end = min(kept[0] + tape.plan.piece, n_segments)
        while kept:
            k = kept[-1]
            replay.load(*((tape.h, tape.memory, i) if len(kept) == 1 else (*states, len(kept) - 2)))
            while end - k > 1 and len(kept) <= slots:
                k += replay.advance(k, split(end - k, slots + 2 - len(kept)))
                replay.save(*states, len(kept) - 1)
                kept.append(k)
            replay.advance(k, end - 1 - k)
            yield replay.tape(end - 1)
            end -= 1
            if end == kept[-1]:
                kept.pop()


def forward_segments(weights, tape, team):
    """As `backward_segments`, the first segment first."""
    replay = _Replay(weights, tape, team)
    replay.load(tape.h, tape.memory, 0)
    for k in range(_n_segments(tape)):
        segment = replay.tape(k)
        yield segment
        replay.carry(segment[2])


class _Replay:
    """A second forward pass through the segments; `h[0]` and `memory[0]` are the state before the next one."""

    def __init__(self, weights, tape, team):
        cell, n_sequences, n_times = weights.cell, tape.x.shape[1], tape.plan.segment + 1
        self.kernel = kernel_for(cell, run_forward)
        self.weights, self.tape_left, self.team = weights, tape, team
        self.no_state = _no_state(cell)
        self.h = np.zeros((n_times, n_sequences, cell.R.shape[0]), tape.x.dtype)
        self.memory = np.empty((1, n_sequences, n_memory(type(cell)), n_units(cell)), tape.x.dtype)
        self.record = np.empty((n_times, n_sequences, n_recorded(cell, tape.masks), n_units(cell)), tape.x.dtype)
        self.packed = False

    def load(self, h, memory, i):
        """Take up state i."""
        self.h[0], self.memory[0] = h[i], memory[i]

    def save(self, h, memory, i):
        """Keep the state as state i."""
        h[i], memory[i] = self.h[0], self.memory[0]

    def advance(self, k, n):
        """Pass n segments from segment k on, and return n."""
        for i in range(k, k + n):
            self.carry(self._run(i, self.memory)[2])
        return n

    def tape(self, k):
        """Return the first step, the end and the Steps of segment k, and stay before it."""
        self.record[0, :, : self.memory.shape[2]] = self.memory[0]
        return self._run(k, self.record)

    def carry(self, steps):
        """Make what a segment ended with the state."""
        _, ends, h, record = steps
        self.h[0] = _at(h, ends)
        if len(record) > 1:  # else it has been written over step by step
            self.memory[0] = _at(record, ends)[:, : self.memory.shape[2]]

    def _run(self, k, record):
        start, stop, x, ends = _cut(self.tape_left, k)
        modifiers = modifiers_of(of_steps(self.tape_left.masks, slice(start, stop)), self.tape_left.preactivation_clip)
        steps = Steps(x, ends, self.h[: len(x) + 1], record[: len(x) + 1])
        states = *self.no_state, *self.no_state
        self.kernel(*self.weights, *steps, *states, *modifiers, *self.team, NO_HOOK, not self.packed, False)
        self.packed = True
        return start, stop, steps


def _n_segments(tape):
    return -(-tape.x.shape[0] // tape.plan.segment)


def _cut(tape, k):
    """Return the first step of segment k, its end, its inputs and its lengths."""
    start = k * tape.plan.segment
    x = tape.x[start : start + tape.plan.segment]
    return start, start + len(x), x, np.clip(tape.lengths - start, 0, len(x))


def _at(values, times):
    """Return what `values (.., B, ...)` are at each sequence's own time."""
    return values[times, np.arange(times.size)]


def _states(cell, n_states, n_sequences):
    """Return arrays for states: h, and the rest."""
    h = np.empty((n_states, n_sequences, cell.R.shape[0]), cell.R.dtype)
    return h, np.empty((n_states, n_sequences, n_memory(type(cell)), n_units(cell)), cell.R.dtype)


def _no_state(cell):
    """Return the arrays of the states of no sequences, for a kernel that is to neither set nor get one."""
    h, memory = _states(cell, 1, 0)
    return h[0], memory[0]
