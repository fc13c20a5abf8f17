"""A decoder that reads its own outputs: arrays in, arrays out, on as many threads as asked for."""

from __future__ import annotations

import numpy as np
from numba import typeof

from numbarnn.kernels.cpu.calls import run_forward
from numbarnn.kernels.cpu.compile import kernel_for
from numbarnn.kernels.cpu.decoder import run_decoder
from numbarnn.kernels.cpu.decoder_passes import attending_of, decoder_team
from numbarnn.kernels.cpu.free_running import Reading, Readout, Running, start
from numbarnn.kernels.cpu.memory import n_padded
from numbarnn.kernels.cpu.operands import Modifiers, Steps
from numbarnn.kernels.cpu.outline import n_bytes
from numbarnn.kernels.cpu.packing import sizes_of
from numbarnn.kernels.cpu.passes import unpacked
from numbarnn.kernels.cpu.product import packed_panels
from numbarnn.kernels.cpu.state import join_state
from numbarnn.kernels.cpu.tile import prepare


def run(cell, attention, state, clip, readout, table, read, replaced, uniform, n_choices, lengths, n_threads):
    """Run a decoder and a dense layer that reads out, in one call; return how many steps each row has taken.

    `attention` is a pair of projections and memory, or None. The state is that of the cell, and behind it the context
    if there is attention. With a table (V, I), `read (T + 1, B)` holds codes, its rows; without, it holds the inputs
    themselves, `(T + 1, B, I)`. Where `replaced (T + 1, B)` is true, the outputs of the step before are written to it.
    A code is drawn by `uniform (T + 1, B)`, or is the best one if that is None, of the first `n_choices` outputs; a row
    ends with the code of the last output, or after `lengths (B,)` steps.
    """
    sizes, dtype, (n_steps, n_sequences) = sizes_of(cell), cell.R.dtype, replaced.shape
    prepare(dtype)
    rows, attending, memory, contexts = np.arange(n_sequences), None, None, np.empty((0, 1, 0), dtype)
    x = np.zeros((1, n_sequences, len(cell.W)), dtype)
    n_own = len(cell.W)
    if attention is not None:
        *state, context = state
        n_own -= context.shape[1]
        x[0, :, n_own:] = context
        attending = attending_of(*attention, rows, 1, sizes.n_outputs)
        memory, contexts = attending.memory, attending.of.contexts
    h = np.empty((2, n_sequences, sizes.n_outputs), dtype)
    h[0], first_memory = join_state(cell, sizes, state, n_sequences)
    # The state is updated in place, and that of the caller stays as it is.
    steps = Steps(x, np.ones(n_sequences, np.intp), h, first_memory[np.newaxis].copy())
    n_outputs = readout.b.size
    of_dense = Readout(packed_panels(readout.W, readout.b), np.empty((n_sequences, n_padded(n_outputs, dtype)), dtype))
    reading = Reading(
        read if table is None else np.empty((0, 0, n_own), dtype),
        np.empty((0, 0), np.intp) if table is None else read,
        np.empty((0, n_own), dtype) if table is None else table,
        replaced,
        np.empty((0, 0)) if uniform is None else uniform,
        n_choices,
        n_outputs,
        lengths.copy(),
    )
    bounds, n_ranges, board = decoder_team(cell, (n_steps, n_sequences), memory, n_threads, 1)
    times = np.zeros(n_ranges, np.intp)
    running = Running(steps, rows, contexts, of_dense, reading, n_own, times, bounds, n_ranges)
    operands = np.empty(n_bytes(typeof(running)), np.uint8)
    hook = np.array([start(running, operands.ctypes.data), operands.ctypes.data])
    team = bounds, n_ranges, board, hook
    if attending is not None:
        modifiers = Modifiers(None, None, clip)
        kernel_for(cell, run_decoder)(*unpacked(cell, sizes), steps, modifiers, attending, n_own, *team)
    else:
        states = (np.empty((0, sizes.n_outputs), dtype), np.empty((0, sizes.n_memory, sizes.n_units), dtype)) * 2
        modifiers, options = (None, None, clip), (True, False)  # packs the weights, looks for no faults
        kernel_for(cell, run_forward)(*unpacked(cell, sizes), *steps, *states, *modifiers, *team, *options)
    return reading.lengths
