"""Recurrent masks: the factors of h in the product with R."""

from __future__ import annotations

from numbarnn.kernels.cuda.compile import by_option, inline, kernel
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.operands import Modifiers
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.state import load_state
from numbarnn.kernels.masks import RecurrentMasks


def modifiers_of(masks, clip):
    """Return the options of a recurrence as kernels take them."""
    recurrent, zoneout = masks or RecurrentMasks()
    return Modifiers(() if recurrent is None else (recurrent,), zoneout or (), () if clip is None else (clip,))


def masked_steps(h, recurrent, result):
    """Return h of all steps as it enters the product with R, in `result (T, B, N)`; without a mask, h itself."""
    if not recurrent:
        return h
    if result.size:
        _mask_steps[over(result.size)](h, recurrent[0], result)
    return result


@kernel
def _mask_steps(h, mask, result):
    n_sequences, n_outputs = mask.shape
    for k in range(cuda.grid(1), result.size, cuda.gridsize(1)):
        t, b, j = k // (n_sequences * n_outputs), k // n_outputs % n_sequences, k % n_outputs
        result[t, b, j] = h[t, b, j] * mask[b, j]


def _unmasked(cell, recurrent, value, at):
    return value


def _times_mask(cell, recurrent, value, at):
    return value * recurrent[0][at]


@by_option(_unmasked, _times_mask)
def masked(cell, recurrent, value, at):
    """Return the value, times that of the recurrent mask at `at = (b, j)` if there is one."""


def _load_from_vector(cell, recurrent, vector, h, h_at, memory, memory_at):
    return load_state(cell, vector, h_at[2], memory, memory_at)


def _load_from_outputs(cell, recurrent, vector, h, h_at, memory, memory_at):
    return load_state(cell, h, h_at, memory, memory_at)


@by_option(_load_from_vector, _load_from_outputs)
def load_before(cell, recurrent, vector, h, h_at, memory, memory_at):
    """Return the state before a step. Without a mask its h is read from the vector that enters the product with R."""


@inline
def load_first(cell, recurrent, h, vector, row):
    """Set the vector of a row to the initial h as it enters the product with R, if the row has a sequence."""
    if row.b < h.shape[1]:
        for j in range(row.thread, vector.size, row.n_threads):
            vector[j] = masked(cell, recurrent, h[0, row.b, j], (row.b, j))
