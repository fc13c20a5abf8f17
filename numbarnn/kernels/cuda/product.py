"""Matrix products: of one vector within a step, and of all time steps at once in tiles.

Every entry is a sum in the order of the inner dimension, in parts of a fixed size. So its bits depend on neither the
device nor the run. All arithmetic is in the float type of the arrays.
"""

from __future__ import annotations

from numbarnn.cells.numbers import zero
from numbarnn.kernels.cuda import library
from numbarnn.kernels.cuda.compile import inline, kernel
from numbarnn.kernels.cuda.launch import PART, over
from numbarnn.kernels.cuda.shim import SIMULATED, cuda

SIDE = 2 if SIMULATED else 16  # a block has SIDE x SIDE threads,
EACH = 2 if SIMULATED else 4  # each of which holds EACH x EACH entries of the result in registers
TILE = SIDE * EACH
DEPTH = 8 if SIMULATED else 16  # rows of the factors that are in shared memory at a time
PADDED = TILE + 1  # so that the entries of a column are in different banks
CHUNK = 16 if SIMULATED else 2048  # rows that one block adds up


@inline
def dot(vector, weights, column, n_columns):
    """Return `vector (K,)` times a column of `weights (K, n_columns)`, flat."""
    total = zero(vector[0])
    for begin in range(0, vector.shape[0], PART):
        part = zero(total)
        for k in range(begin, min(begin + PART, vector.shape[0])):
            part += vector[k] * weights[k * n_columns + column]
        total += part
    return total


@inline
def multiply_row(vector, weights, products, row):
    """Set `products (N,)` to `vector (K,)` times `weights (K, N)`, flat, by the threads of a row."""
    for column in range(row.thread, products.size, row.n_threads):
        products[column] = dot(vector, weights, column, products.size)


def add_product(out, out_at, a, a_at, b, b_at, size, valid):
    """Add `a @ b` to `out`, for blocks of the matrices.

    Parameters
    ----------
    out, a, b : matrices
    out_at, a_at, b_at : tuple of two ints
        The first row and column of each block.
    size : tuple of three ints
        Rows and columns of the product, and the inner dimension.
    valid : ndarray of shape (rows,), int8
        Rows of `a` where it is zero are not read and count as zero.
    """
    rows, columns, depth = size
    if not (rows and columns and depth):
        return
    if library.takes(valid):
        library.add_product(out, out_at, a, a_at, b, b_at, size)
    else:
        grid = -(-rows // TILE), -(-columns // TILE)
        _add_product[grid, (SIDE, SIDE)](out, out_at, a, a_at, b, b_at, size, valid)


def parts_size(n_entries, depth):
    """Return the size of the `parts` that `set_product_over_rows` needs for a result of so many entries."""
    return -(-depth // CHUNK) * n_entries


def set_product_over_rows(out, column, a, a_at, b, b_at, size, valid, parts):
    """Set columns of `out`, from `column` on, to `a.T @ b`, a sum over rows of both.

    Parameters
    ----------
    out, a, b : matrices
    column : int
    a_at, b_at : tuple of two ints
        The first row and column of the blocks of a and b.
    size : tuple of three ints
        Rows and columns of the product, and the number of rows of a and b, the depth.
    valid : ndarray of shape (depth,), int8
        Rows where it is zero are not read.
    parts : ndarray
        Work array of at least `parts_size(rows * columns, depth)` numbers.
    """
    rows, columns, depth = size
    if depth and library.takes(valid):
        library.set_product_over_rows(out, column, a, a_at, b, b_at, size)
        return
    n_parts = -(-depth // CHUNK)
    parts = parts[: n_parts * rows * columns].reshape(n_parts, rows, columns)
    if n_parts:
        grid = -(-rows // TILE), -(-columns // TILE), parts.shape[0]
        _product_over_rows[grid, (SIDE, SIDE)](parts, a, a_at, b, b_at, depth, valid)
    _sum_parts[over(rows * columns)](parts, out, column)


def set_sum_over_sequences(out, parts, i):
    """Set `out (H,)` to the sum of `parts[0, :, i]` over the sequences."""
    _sum_sequences[over(out.size)](parts, i, out)


@kernel
def _add_product(out, out_at, a, a_at, b, b_at, size, valid):
    rows, columns, depth = size
    left = cuda.shared.array((DEPTH, PADDED), out.dtype)  # a, transposed
    right = cuda.shared.array((DEPTH, PADDED), out.dtype)
    sums = cuda.local.array((EACH, EACH), out.dtype)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    first_row, first_column = cuda.blockIdx.x * TILE, cuda.blockIdx.y * TILE
    _clear(sums)
    for start in range(0, depth, DEPTH):
        for i in range(y * SIDE + x, TILE * DEPTH, SIDE * SIDE):
            row, k = first_row + i // DEPTH, start + i % DEPTH
            value = zero(sums[0, 0])
            if row < rows and k < depth and valid[row] != 0:
                value = a[a_at[0] + row, a_at[1] + k]
            left[i % DEPTH, i // DEPTH] = value
        for i in range(y * SIDE + x, TILE * DEPTH, SIDE * SIDE):
            k, column = start + i // TILE, first_column + i % TILE
            value = zero(sums[0, 0])
            if k < depth and column < columns:
                value = b[b_at[0] + k, b_at[1] + column]
            right[i // TILE, i % TILE] = value
        cuda.syncthreads()
        _multiply_add(sums, left, right, x, y)
        cuda.syncthreads()
    for i in range(EACH):
        for j in range(EACH):
            row, column = first_row + i * SIDE + y, first_column + j * SIDE + x
            if row < rows and column < columns:
                out[out_at[0] + row, out_at[1] + column] += sums[i, j]


@kernel
def _product_over_rows(parts, a, a_at, b, b_at, depth, valid):
    _, rows, columns = parts.shape
    left = cuda.shared.array((DEPTH, PADDED), parts.dtype)
    right = cuda.shared.array((DEPTH, PADDED), parts.dtype)
    sums = cuda.local.array((EACH, EACH), parts.dtype)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    first_row, first_column = cuda.blockIdx.x * TILE, cuda.blockIdx.y * TILE
    begin = cuda.blockIdx.z * CHUNK
    end = min(begin + CHUNK, depth)
    _clear(sums)
    for start in range(begin, end, DEPTH):
        for i in range(y * SIDE + x, TILE * DEPTH, SIDE * SIDE):
            k, row, column = start + i // TILE, first_row + i % TILE, first_column + i % TILE
            runs = k < end and valid[k] != 0
            value, other = zero(sums[0, 0]), zero(sums[0, 0])
            if runs and row < rows:
                value = a[a_at[0] + k, a_at[1] + row]
            if runs and column < columns:
                other = b[b_at[0] + k, b_at[1] + column]
            left[i // TILE, i % TILE] = value
            right[i // TILE, i % TILE] = other
        cuda.syncthreads()
        _multiply_add(sums, left, right, x, y)
        cuda.syncthreads()
    for i in range(EACH):
        for j in range(EACH):
            row, column = first_row + i * SIDE + y, first_column + j * SIDE + x
            if row < rows and column < columns:
                parts[cuda.blockIdx.z, row, column] = sums[i, j]


@inline
def _clear(sums):
    for i in range(EACH):
        for j in range(EACH):
            sums[i, j] = 0


@inline
def _multiply_add(sums, left, right, x, y):
    """Add `left.T @ right` to a thread's entries of it."""
    for k in range(DEPTH):
        for i in range(EACH):
            for j in range(EACH):
                sums[i, j] += left[k, i * SIDE + y] * right[k, j * SIDE + x]


@kernel
def _sum_parts(parts, out, first_column):
    _, rows, columns = parts.shape
    for k in range(cuda.grid(1), rows * columns, cuda.gridsize(1)):
        row, column = k // columns, k % columns
        total = zero(out[row, first_column + column])
        for part in range(parts.shape[0]):
            total += parts[part, row, column]
        out[row, first_column + column] = total


@kernel
def _sum_sequences(parts, i, out):
    for unit in range(cuda.grid(1), out.size, cuda.gridsize(1)):
        total = zero(out[unit])
        for b in range(parts.shape[1]):
            total += parts[0, b, i, unit]
        out[unit] = total
