"""Operations on arrays that layers need besides the recurrences."""

from __future__ import annotations

from numbarnn.cells.numbers import zero
from numbarnn.kernels.cuda.compile import kernel
from numbarnn.kernels.cuda.launch import over
from numbarnn.kernels.cuda.packing import fill, fill_rows, matrix
from numbarnn.kernels.cuda.shim import cuda, empty


def for_each(state, n_sequences):
    """Return a state with one row per sequence, of parts `(B, H)` or `(H,)`; None for an empty one."""
    return tuple(part if part.ndim == 2 else _rows(part, n_sequences) for part in state) or None


def times(x, mask):
    """Return the product with a mask, which may lack leading axes of x."""
    product = empty(x.shape, x.dtype)
    if x.size:
        _times[over(x.size)](x.reshape(x.size), mask.reshape(mask.size), product.reshape(x.size))
    return product


def joined(parts):
    """Return arrays joined along their last axis."""
    if len(parts) == 1:
        return parts[0]
    *leading, width = parts[0].shape
    whole = empty((*leading, width * len(parts)), parts[0].dtype)
    for i, part in enumerate(parts):
        if part.size:
            _copy_columns[over(part.size)](matrix(part, width), 0, matrix(whole, width * len(parts)), i * width, width)
    return whole


def columns(x, first, stop):
    """Return the entries `first` to `stop` of the last axis, contiguous."""
    *leading, width = x.shape
    if stop - first == width:
        return x
    part = empty((*leading, stop - first), x.dtype)
    if part.size:
        _copy_columns[over(part.size)](matrix(x, width), first, matrix(part, stop - first), 0, stop - first)
    return part


def total(arrays):
    """Return the sum of arrays of one shape."""
    added, *others = arrays
    for other in others:
        terms, added = added, empty(other.shape, other.dtype)
        if other.size:
            _add[over(other.size)](*(array.reshape(other.size) for array in (terms, other, added)))
    return added


def sum_over_sequences(part):
    """Return the sum of `part (B, H)` over the sequences."""
    added = empty((part.shape[1],), part.dtype)
    _sum_rows[over(added.size)](part, added)
    return added


def concatenated(arrays):
    """Return all numbers of the arrays, one array after the other, as a flat vector."""
    flat = empty((sum(array.size for array in arrays),), arrays[0].dtype)
    first = 0
    for array in arrays:
        _copy[over(array.size)](array.reshape(array.size), flat, first)
        first += array.size
    return flat


def zeros(shape, dtype):
    """Return a device array of zeros."""
    array = empty(shape, dtype)
    fill(array, 0)
    return array


def _rows(row, n_rows):
    rows = empty((n_rows, row.size), row.dtype)
    fill_rows(rows, row)
    return rows


@kernel
def _times(x, mask, product):
    for k in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        product[k] = x[k] * mask[k % mask.size]


@kernel
def _add(x, other, added):
    for k in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        added[k] = x[k] + other[k]


@kernel
def _copy(array, flat, first):
    for k in range(cuda.grid(1), array.size, cuda.gridsize(1)):
        flat[first + k] = array[k]


@kernel
def _copy_columns(source, source_first, out, out_first, n_columns):
    for k in range(cuda.grid(1), source.shape[0] * n_columns, cuda.gridsize(1)):
        row, column = k // n_columns, k % n_columns
        out[row, out_first + column] = source[row, source_first + column]


@kernel
def _sum_rows(rows, added):
    for j in range(cuda.grid(1), added.size, cuda.gridsize(1)):
        value = zero(added[j])
        for b in range(rows.shape[0]):
            value += rows[b, j]
        added[j] = value
