"""The loop over time of the forward pass: one launch for all steps.

A block has a slice of the batch, a row of threads for each of its sequences. Blocks never wait for each other.
"""

from __future__ import annotations

from numbarnn.cells.form import form_of
from numbarnn.kernels.cuda.compile import by_cell, by_form, inline, kernel
from numbarnn.kernels.cuda.masks import load_before, masked, see_first
from numbarnn.kernels.cuda.modified import inner, project, step
from numbarnn.kernels.cuda.product import dot, multiply_row
from numbarnn.kernels.cuda.room import clear_past_end, copy_to_end, last_step, length_of, room_bounds, weights_bounds
from numbarnn.kernels.cuda.shim import cuda
from numbarnn.kernels.cuda.state import store_state
from numbarnn.kernels.cuda.units import add_inner, add_outer, load_gates, load_parameters, store_units


@kernel
def forward(cell, weights, staged, units, a, lengths, h, record, mask, changes, workspace):
    """Run all sequences through all their steps.

    Parameters
    ----------
    cell : NamedTuple
        Names the equations by its type.
    weights : ndarray of shape (K,)
        From `pack`.
    staged : bool
        Whether a block's shared memory has room for the weights behind its own.
    units : ndarray of shape (1, 1, n_unit_parameters, H)
        The parameters of the units.
    a : ndarray of shape (T, B, n_gates, H)
        `x_t W + b`; the rest of the pre-activations is added to it.
    lengths : ndarray of shape (B,), intp
    h : ndarray of shape (T + 1, B, N)
        `h[0]` is the initial h; `h[t + 1]`, zero or the projection's bias, becomes the output of step t, zero past a
        sequence's end.
    record : ndarray of shape (T + 1, B, n_memory + n_saved, H) or (1, B, n_memory, H)
        As the CPU's forward pass has it.
    mask : tuple of an ndarray of shape (B, N), or ()
        Multiplies what the recurrent weights see.
    changes : tuple
        `(zoneout, clip)` or `()`, see `numbarnn.kernels.cuda.modified`.
    workspace : ndarray of shape (blocks, size) or (0, 0)
        Room for each block where its shared memory is too small.
    """
    n_units, n_outputs = record.shape[3], h.shape[2]
    thread, n_threads, row, rows = cuda.threadIdx.x, cuda.blockDim.x, cuda.threadIdx.y, cuda.blockDim.y
    first = cuda.blockIdx.x * rows
    b = first + row
    room = workspace[cuda.blockIdx.x] if workspace.shape[0] > 0 else cuda.shared.array(0, h.dtype)
    if staged:
        copy_to_end(weights, room, row * n_threads + thread, rows * n_threads)
        weights = room[room.size - weights.size :]
    R_end, inner_end = weights_bounds(cell, n_outputs, n_units)
    R, R_inner, P = weights[:R_end], weights[R_end:inner_end], weights[inner_end:]
    ends = room_bounds(cell, n_outputs, n_units)
    own = room[row * ends[3] : (row + 1) * ends[3]]
    seen, products, inner_products, u = own[: ends[0]], own[ends[0] : ends[1]], own[ends[1] : ends[2]], own[ends[2] :]
    length, last = length_of(lengths, b), last_step(lengths, first, rows)
    see_first(cell, mask, h, b, seen, thread, n_threads)
    cuda.syncthreads()
    for t in range(last):
        runs = t < length
        if runs:
            # a = x_t W + b + h_(t-1) R
            multiply_row(seen, R, products, thread, n_threads)
        cuda.syncthreads()
        if runs:
            _after_h(cell, units, a, products, seen, u, h, record, mask, changes, t, b, thread, n_threads)
        cuda.syncthreads()
        _after_all_h(
            cell, R_inner, P, units, a, inner_products, seen, u, h, record, mask, changes, t, b, thread, n_threads, runs
        )
    clear_past_end(h, lengths, b, thread, n_threads)


def _step(cell, units, a, products, seen, u, h, record, mask, changes, t, b, thread, n_threads):
    """Step the units of a row."""
    for unit in range(thread, record.shape[3], n_threads):
        gates = add_outer(cell, load_gates(cell, a, (t, b, 0, unit)), products, unit, record.shape[3])
        step_unit(cell, units, gates, seen, u, h, record, mask, changes, t, b, unit)


def _inner(cell, units, a, products, seen, u, h, record, mask, changes, t, b, thread, n_threads):
    """Take the inner state of the units of a row from their pre-activations, as `_step` takes the state."""
    now = t if record.shape[0] > 1 else 0
    for unit in range(thread, record.shape[3], n_threads):
        at = (t, b, 0, unit)
        gates = add_outer(cell, load_gates(cell, a, at), products, unit, record.shape[3])
        before = load_before(cell, mask, seen, h, (t, b, unit), record, (now, b, 0, unit))
        value, gates = inner(cell, changes, gates, before)
        u[unit] = masked(cell, mask, value, (b, unit))
        store_units(a, at, gates)


@inline
def step_unit(cell, units, gates, seen, u, h, record, mask, changes, t, b, unit):
    """Step one unit, of whose h the recurrent weights have `seen` this, from its pre-activations."""
    keep = record.shape[0] > 1
    now = t if keep else 0
    before = load_before(cell, mask, seen, h, (t, b, unit), record, (now, b, 0, unit))
    state, saved = step(cell, changes, (t, b, unit), gates, before, load_parameters(cell, units, (0, 0, 0, unit)))
    if keep:
        store_state(cell, h, (t + 1, b, unit), record, (t + 1, b, 0, unit), state, saved)
    else:
        store_state(cell, h, (t + 1, b, unit), record, (0, b, 0, unit), state, ())
    _keep(cell, mask, seen, u, b, unit, state)


def _add_inner(cell, R_inner, P, units, a, products, seen, u, h, record, mask, changes, t, b, thread, n_threads, runs):
    """Add the inner state's product to the pre-activations, and step."""
    if runs:
        multiply_row(u, R_inner, products, thread, n_threads)
    cuda.syncthreads()
    if runs:
        for unit in range(thread, record.shape[3], n_threads):
            gates = add_inner(cell, load_gates(cell, a, (t, b, 0, unit)), products, unit, record.shape[3])
            step_unit(cell, units, gates, seen, u, h, record, mask, changes, t, b, unit)
    cuda.syncthreads()


def _project(cell, R_inner, P, units, a, products, seen, u, h, record, mask, changes, t, b, thread, n_threads, runs):
    """Set `h = m P + b_P` of the units' outputs m, which stand in u."""
    if runs:
        for j in range(thread, seen.size, n_threads):
            h[t + 1, b, j] += dot(u, P, j, seen.size)
            h[t + 1, b, j] = project(cell, changes, (t, b, j), h[t, b, j], h[t + 1, b, j])
            seen[j] = masked(cell, mask, h[t + 1, b, j], (b, j))
    cuda.syncthreads()


def _nothing(cell, R_inner, P, units, a, products, seen, u, h, record, mask, changes, t, b, thread, n_threads, runs):
    pass


def _keep_h(cell, mask, seen, u, b, unit, state):
    seen[unit] = masked(cell, mask, state[0], (b, unit))


def _keep_m(cell, mask, seen, u, b, unit, state):
    u[unit] = state[0]


def _choose_after_all_h(cell_class):
    form = form_of(cell_class)
    return _add_inner if form.inner_gates else _project if form.projection else _nothing


_after_h = by_form(lambda form: form.inner_gates, _inner, _step)
_after_all_h = by_cell(_choose_after_all_h)
_keep = by_form(lambda form: form.projection, _keep_m, _keep_h)
