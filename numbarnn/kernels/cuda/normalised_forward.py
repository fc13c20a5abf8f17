"""The loop over time of the forward pass, for cells with normalisation.

The inputs' products are normalised before, for all steps at once. Each step has two sums over a row, of h R and of c,
and after each the units go on.
"""

from __future__ import annotations

from numbarnn.cells.equations import output
from numbarnn.cells.numbers import reciprocal_deviation, zero
from numbarnn.kernels.cuda.compile import inline, kernel
from numbarnn.kernels.cuda.masks import load_before, masked, see_first
from numbarnn.kernels.cuda.modified import step
from numbarnn.kernels.cuda.normalisation import output_parameters
from numbarnn.kernels.cuda.product import multiply_row
from numbarnn.kernels.cuda.room import clear_past_end, copy_to_end, last_step, length_of, normalised_room_bounds
from numbarnn.kernels.cuda.rows import row_mean, row_variance
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.state import store_state
from numbarnn.kernels.cuda.units import add, load_gates, load_products, multiply, scale


@kernel
def forward(cell, weights, staged, units, a, lengths, h, record, mask, changes, workspace):
    """Run all sequences through all their steps.

    The arguments are those of `numbarnn.kernels.cuda.forward.forward`; the weights are centred, `units (1, 1, .., H)` are the
    parameters of the normalisation, and a is `gain_x LN(x_t W) + b`. What a step saves are the gates and the centred
    `h_(t-1) R`.
    """
    n_units = record.shape[3]
    thread, n_threads, row, rows = cuda.threadIdx.x, cuda.blockDim.x, cuda.threadIdx.y, cuda.blockDim.y
    first = cuda.blockIdx.x * rows
    b = first + row
    room = workspace[cuda.blockIdx.x] if workspace.shape[0] > 0 else cuda.shared.array(0, h.dtype)
    if staged:
        copy_to_end(weights, room, row * n_threads + thread, rows * n_threads)
        weights = room[room.size - weights.size :]
    ends = normalised_room_bounds(cell, n_units)
    own = room[row * ends[5] : (row + 1) * ends[5]]
    seen, z = own[: ends[0]], own[ends[0] : ends[1]]
    c = own[ends[1] : ends[2]]
    parts = own[ends[3] : ends[4]]
    length, last = length_of(lengths, b), last_step(lengths, first, rows)
    see_first(cell, mask, h, b, seen, thread, n_threads)
    cuda.syncthreads()
    for t in range(last):
        runs = t < length
        if runs:
            # z = h_(t-1) R, centred
            multiply_row(seen, weights, z, thread, n_threads)
        variance = row_variance(parts, z, zero(z[0]), thread, n_threads, runs)
        if runs:
            _step(cell, units, a, z, variance, seen, c, h, record, mask, changes, t, b, thread, n_threads)
        mean = row_mean(parts, c, thread, n_threads, runs)
        variance = row_variance(parts, c, mean, thread, n_threads, runs)
        if runs:
            _set_output(cell, units, mean, variance, seen, c, h, mask, t, b, thread, n_threads)
        cuda.syncthreads()
    clear_past_end(h, lengths, b, thread, n_threads)


@inline
def _step(cell, units, a, z, variance, seen, c, h, record, mask, changes, t, b, thread, n_threads):
    """Add the normalised `h_(t-1) R` to the pre-activations, and step; o stands where h is to stand."""
    n_units, n_gates = record.shape[3], a.shape[2]
    keep = record.shape[0] > 1
    now, after = (t, t + 1) if keep else (0, 0)
    deviation = reciprocal_deviation(variance)
    for unit in range(thread, n_units, n_threads):
        centred = load_products(cell, z, unit, n_units)
        gain = load_gates(cell, units, (0, 0, n_gates, unit))
        # a = .. + gain_h LN(h_(t-1) R)
        gates = add(load_gates(cell, a, (t, b, 0, unit)), multiply(gain, scale(centred, deviation)))
        before = load_before(cell, mask, seen, h, (t, b, unit), record, (now, b, 0, unit))
        state, saved = step(cell, changes, (t, b, unit), gates, before, ())
        if keep:
            store_state(cell, h, (t + 1, b, unit), record, (after, b, 0, unit), state, saved + centred)
        else:
            store_state(cell, h, (t + 1, b, unit), record, (after, b, 0, unit), state, ())
        c[unit] = state[1]


@inline
def _set_output(cell, units, mean, variance, seen, c, h, mask, t, b, thread, n_threads):
    """Set h from the normalised c and from o."""
    deviation = reciprocal_deviation(variance)
    for unit in range(thread, c.size, n_threads):
        v = (c[unit] - mean) * deviation
        h[t + 1, b, unit] = output(cell, h[t + 1, b, unit], v, output_parameters(units, unit))
        seen[unit] = masked(cell, mask, h[t + 1, b, unit], (b, unit))
