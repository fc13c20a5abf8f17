"""Weights and other arrays in the order in which the kernels read them."""

from __future__ import annotations

import numpy as np

from numbarnn.cells.form import form_of, n_units
from numbarnn.kernels.cuda.compile import kernel
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.library import note
from numbarnn.kernels.cuda.shim import cuda, empty


def pack(cell):
    """Return the weights of a step as a flat array: R of the gates that see h, R of the inner gates, P."""
    return _pack(cell, transposed=False)


def pack_transposed(cell):
    """Return the weights of a step as `pack` does, each of them transposed."""
    return _pack(cell, transposed=True)


def _pack(cell, *, transposed):
    form, size = form_of(type(cell)), n_units(cell)
    products = form.outer_gates, form.inner_gates
    matrices = [(cell.R, size, [form.recurrent_gates.index(g) for g in gates]) for gates in products]
    matrices += [(cell.P, cell.P.shape[1], [0])] if form.projection else []
    packed = empty((sum(matrix.shape[0] * width * len(blocks) for matrix, width, blocks in matrices),), cell.R.dtype)
    first = 0
    for matrix, width, blocks in matrices:
        pack_blocks(matrix, width, blocks, packed, first, transposed=transposed)
        first += matrix.shape[0] * width * len(blocks)
    return packed


def pack_blocks(matrix, width, blocks, packed, first, *, transposed):
    """Write the given blocks of `width` columns, joined or transposed, into `packed` from `first` on."""
    for place, block in enumerate(blocks):
        launch = over(matrix.shape[0] * width)
        _copy_block[launch](matrix, width, block, place, len(blocks), transposed, packed, first)


@kernel
def _copy_block(matrix, width, block, place, n_blocks, transposed, packed, first):
    rows = matrix.shape[0]
    for k in range(cuda.grid(1), rows * width, cuda.gridsize(1)):
        row, column = k // width, k % width
        to = (place * width + column) * rows + row if transposed else row * n_blocks * width + place * width + column
        packed[first + to] = matrix[row, block * width + column]


def unit_parameters(cell):
    """Return the parameters of the units as one array (1, 1, n, H), with one row for each gate."""
    arrays = [getattr(cell, name) for name in form_of(type(cell)).by_unit]
    size = sum(array.size for array in arrays)
    units, first = empty((size,), cell.R.dtype), 0
    for array in arrays:
        units[first : first + array.size].copy_to_device(array)
        first += array.size
    return units.reshape(1, 1, size // n_units(cell), n_units(cell))


def spans(gates, selected=None):
    """Return `[block, gate, count]` for runs of blocks of a matrix's columns whose gates follow each other.

    `gates` are the gates of the blocks. Only the gates in `selected` count, unless it is None.
    """
    found = []
    for block, gate in enumerate(gates):
        if selected is not None and gate not in selected:
            continue
        if found and found[-1][0] + found[-1][2] == block and found[-1][1] + found[-1][2] == gate:
            found[-1][2] += 1
        else:
            found.append([block, gate, 1])
    return found


def matrix(array, n_columns):
    """Return a view of a contiguous array as rows of the given length."""
    return array.reshape(array.size // n_columns, n_columns)


def valid_mask(lengths, n_steps):
    """Return for each row of an array `(T * B, ..)` 1 if its step is within the length of its sequence, else 0."""
    valid = empty((n_steps * lengths.size,), np.int8)
    if valid.size:
        _set_valid[over(valid.size)](lengths, valid)
        note(valid, lengths, n_steps)
    return valid


@kernel
def _set_valid(lengths, valid):
    for k in range(cuda.grid(1), valid.size, cuda.gridsize(1)):
        valid[k] = k // lengths.size < lengths[k % lengths.size]


def fill(array, number):
    """Set all entries to a number."""
    if array.size:
        _fill[over(array.size)](array.reshape(array.size), number)


def zeros_like(array):
    """Return zeros of an array's shape and type."""
    zeros = empty(array.shape, array.dtype)
    fill(zeros, 0)
    return zeros


def fill_rows(matrix, row):
    """Set all rows of `matrix (M, N)` to `row (N,)`."""
    if matrix.size:
        _fill_rows[over(matrix.size)](matrix, row)


@kernel
def _fill(array, number):
    for k in range(cuda.grid(1), array.size, cuda.gridsize(1)):
        array[k] = number


@kernel
def _fill_rows(matrix, row):
    for k in range(cuda.grid(1), matrix.size, cuda.gridsize(1)):
        matrix[k // matrix.shape[1], k % matrix.shape[1]] = row[k % matrix.shape[1]]
