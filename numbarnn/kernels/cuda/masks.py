"""RecurrentMasks within the recurrence: what of h the recurrent weights see.

A kernel takes a mask as a tuple of one array, or of none, and compiles nothing of it then.
"""

from __future__ import annotations

from numbarnn.kernels.cuda.compile import by_given, inline, kernel
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.state import load_state
from numbarnn.kernels.masks import RecurrentMasks


def for_kernels(masks, clip):
    """Return what the kernels take: the recurrent mask, and what changes their steps; `()` where there is none."""
    recurrent, zoneout = masks or RecurrentMasks()
    mask, bound = (() if given is None else (given,) for given in (recurrent, clip))
    return mask, (zoneout or (), bound) if zoneout or bound else ()


def see(h, mask, seen):
    """Return the h that the recurrent weights see at each step, written to `seen (T, B, N)`; without a mask, `h`."""
    if not mask:
        return h
    if seen.size:
        _see[over(seen.size)](h, mask[0], seen)
    return seen


@kernel
def _see(h, mask, seen):
    n_sequences, n_outputs = mask.shape
    for k in range(cuda.grid(1), seen.size, cuda.gridsize(1)):
        t, b, j = k // (n_sequences * n_outputs), k // n_outputs % n_sequences, k % n_outputs
        seen[t, b, j] = h[t, b, j] * mask[b, j]


def _load_seen(cell, mask, seen, h, h_at, memory, memory_at):
    return load_state(cell, seen, h_at[2], memory, memory_at)


def _load_unseen(cell, mask, seen, h, h_at, memory, memory_at):
    return load_state(cell, h, h_at, memory, memory_at)


# (cell, mask, value, (b, j)): the value, times the mask's if there is one.
masked = by_given(lambda cell, mask, value, at: value, lambda cell, mask, value, at: value * mask[0][at])

# (cell, mask, seen, h, h_at, memory, memory_at): the state before a step. Without a mask its h is what is `seen`.
load_before = by_given(_load_seen, _load_unseen)


@inline
def see_first(cell, mask, h, b, seen, thread, n_threads):
    """Set a row's vector to what the recurrent weights see first of a sequence, if the row has one."""
    if b < h.shape[1]:
        for j in range(thread, seen.size, n_threads):
            seen[j] = masked(cell, mask, h[0, b, j], (b, j))
