"""The rows of threads of a block, and the memory that a block works in while it runs through time.

Each sequence of a block has a row of threads and some vectors; the rows share the packed weights. The memory is shared
memory if it fits there, else it is in the device's memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numbarnn.cells.form import form_of
from numbarnn.kernels.cuda.compile import by_cell, by_form, device, inline
from numbarnn.kernels.cuda.rows import PARTS
from numbarnn.kernels.cuda.shim import cuda


class Row(NamedTuple):
    """A thread's place in its row, and the sequence of the row."""

    thread: Any  # the thread has every n_threads-th entry of a vector, from this one on
    n_threads: Any
    b: Any  # the sequence, which may be past the last one
    length: Any  # valid steps of the sequence; 0 past the last sequence
    last: Any  # valid steps of the longest sequence of the block


@device
def row_of(lengths):
    """Return the row of a thread."""
    rows = cuda.blockDim.y
    first = cuda.blockIdx.x * rows
    b = first + cuda.threadIdx.y
    length = lengths[b] if b < lengths.size else 0
    return Row(cuda.threadIdx.x, cuda.blockDim.x, b, length, longest(lengths, first, rows))


@inline
def longest(lengths, first, rows):
    """Return the number of steps of the longest of a block's sequences."""
    last = 0
    for b in range(first, min(first + rows, lengths.size)):
        last = max(last, lengths[b])
    return last


@device
def memory_of(packed, staged, workspace):
    """Return the memory of the block, and the packed weights: at the end of that memory if they are to be staged."""
    memory = workspace[cuda.blockIdx.x] if workspace.shape[0] > 0 else cuda.shared.array(0, packed.dtype)
    if staged:
        first = memory.size - packed.size
        thread, n_threads = cuda.threadIdx.y * cuda.blockDim.x + cuda.threadIdx.x, cuda.blockDim.x * cuda.blockDim.y
        for k in range(thread, packed.size, n_threads):
            memory[first + k] = packed[k]
        packed = memory[first:]
    return memory, packed


class Matrices(NamedTuple):
    """The packed weights of a step, each a flat matrix."""

    R: Any  # of the gates that see h
    inner: Any  # R of the gates that see the inner state
    P: Any  # of the projection


@inline
def matrices_of(cell, packed, n_outputs, n_units):
    """Return the packed weights of a cell, one by one."""
    n_outer, n_inner = _n_products(cell)
    end = n_outputs * n_outer * n_units
    inner_end = end + n_units * n_inner * n_units
    return Matrices(packed[:end], packed[end:inner_end], packed[inner_end:])


class Vectors(NamedTuple):
    """The vectors of a row within a step; in the tangent and the adjoint pass, their tangents or adjoints."""

    h: Any  # (N,): h as it enters the product with R
    products: Any  # (n * H,): the products with it, gate by gate
    inner_products: Any  # (n * H,): the products with the inner state
    inner: Any  # (H,): the inner state, or the units' outputs before the projection; else empty


@inline
def _ends(cell, n_outputs, n_units):
    """Return where each of the vectors of a row ends."""
    n_outer, n_inner = _n_products(cell)
    products = n_outputs + n_outer * n_units
    inner_products = products + n_inner * n_units
    return n_outputs, products, inner_products, inner_products + _n_within_step(cell) * n_units


@device
def vectors_of(cell, memory, n_outputs, n_units):
    """Return the vectors of a row."""
    ends = _ends(cell, n_outputs, n_units)
    own = memory[cuda.threadIdx.y * ends[3] : (cuda.threadIdx.y + 1) * ends[3]]
    return Vectors(own[: ends[0]], own[ends[0] : ends[1]], own[ends[1] : ends[2]], own[ends[2] :])


def row_size(cell, n_outputs, n_units):
    """Return how many numbers the vectors of a row hold."""
    return _ends(cell, n_outputs, n_units)[3]


class NormalisedVectors(NamedTuple):
    """The vectors of a row within a step of a cell with normalisation."""

    h: Any  # (H,): h as it enters the product with R
    products: Any  # (n_gates * H,): the products with it
    c: Any  # (H,)
    terms: Any  # (H,): the terms of a mean
    parts: Any  # (PARTS,): the parts of a mean
    other_parts: Any  # (PARTS,): the parts of a second mean


@inline
def _normalised_ends(cell, n_units):
    """Return where each of the vectors of a row ends, of a cell with normalisation."""
    products = n_units + _n_products(cell)[0] * n_units
    terms = products + 2 * n_units
    return n_units, products, products + n_units, terms, terms + PARTS, terms + 2 * PARTS


@device
def normalised_vectors_of(cell, memory, n_units):
    """Return the vectors of a row, of a cell with normalisation."""
    ends = _normalised_ends(cell, n_units)
    own = memory[cuda.threadIdx.y * ends[5] : (cuda.threadIdx.y + 1) * ends[5]]
    return NormalisedVectors(
        own[: ends[0]],
        own[ends[0] : ends[1]],
        own[ends[1] : ends[2]],
        own[ends[2] : ends[3]],
        own[ends[3] : ends[4]],
        own[ends[4] : ends[5]],
    )


def normalised_row_size(cell, n_outputs, n_units):
    """Return how many numbers the vectors of a row hold, of a cell with normalisation."""
    return _normalised_ends(cell, n_units)[5]


@inline
def clear_past_end(h, lengths, b, thread, n_threads):
    """Set the outputs `h[1:]` past the end of a sequence to zero."""
    if b < lengths.size:
        for t in range(lengths[b], h.shape[0] - 1):
            for j in range(thread, h.shape[2], n_threads):
                h[t + 1, b, j] = 0


def _constant(numbers):
    """Return the function of a cell that returns these numbers."""

    def constant(cell):
        return numbers

    return constant


@by_cell(lambda c: _constant((len(form_of(c).outer_gates), len(form_of(c).inner_gates))))
def _n_products(cell):
    """Return how many gates have a product with h, and how many one with the inner state."""


@by_form(lambda form: form.inner_gates or form.projection, _constant(1), _constant(0))
def _n_within_step(cell):
    """Return how many vectors (H,) a step needs besides h and the products."""
