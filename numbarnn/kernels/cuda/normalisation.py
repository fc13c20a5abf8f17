"""The parts of the passes of cells with normalisation that are computed for all time steps at once.

The equations are in `numbarnn.cells.normalisation`. A block takes one row of a matrix at a time. The products are those
of centred weights, so their mean is zero and their variance is the mean of their squares.
"""

from __future__ import annotations

from numbarnn.cells.normalisation import slope
from numbarnn.cells.numbers import reciprocal_deviation, zero
from numbarnn.kernels.cuda.compile import inline, kernel
from numbarnn.kernels.cuda.launch import over, row_by_row
from numbarnn.kernels.cuda.rows import PARTS, row_mean, row_mean_product, row_mean_weighted, row_variance
from numbarnn.kernels.cuda.shim import cuda, empty


def centred(cell):
    """Return a cell whose W and R have the mean of each row subtracted."""
    return cell._replace(**{name: centred_rows(getattr(cell, name)) for name in ("W", "R")})


def centred_rows(matrix):
    """Return the matrix with the mean of each row subtracted."""
    result = empty(matrix.shape, matrix.dtype)
    _centre[row_by_row(*matrix.shape)](matrix, result)
    return result


def normalise(z, gain, bias, valid):
    """Turn the valid rows of centred products `z (M, N)` into `gain LN(z) + bias`, in place."""
    if z.size:
        _normalise[row_by_row(*z.shape)](z, gain, bias, valid)


def add_tangent(a_dot, z, z_dot, gain, gain_dot, valid):
    """Add the tangent of `gain LN(z)` to the valid rows of `a_dot (M, N)`."""
    if z.size:
        _add_tangent[row_by_row(*z.shape)](a_dot, z, z_dot, gain, gain_dot, valid)


def reverse(a_bar, z, gain, valid):
    """Reverse `a = gain LN(z)` in the valid rows: z becomes its adjoint, `a_bar (M, N)` is multiplied by LN(z)."""
    if z.size:
        _reverse[row_by_row(*z.shape)](a_bar, z, gain, valid)


def statistics(cell, record, valid):
    """Return the statistics `(3, T * B)` by which the valid steps of a tape were normalised.

    These are the mean and the reciprocal deviation of c after each step, and the reciprocal deviation of `h_(t-1) R`.
    """
    n_sequences, size = record.shape[1], record.shape[3]
    results = empty((3, valid.size), record.dtype)
    if valid.size:
        launch = row_by_row(valid.size, size)
        _take_statistics[launch](_rows(record), size, cell.b.size, n_sequences, valid, results)
    return results


def set_products(products, a_bar, record, scales, valid):
    """Set the valid rows of `products (M, N)` to `a_bar (M, N)` times the normalised `h_(t-1) R` of the tape."""
    if products.size:
        _set_products[over(products.size)](products, a_bar, _rows(record), record.shape[1], scales, valid)


def _rows(record):
    return record.reshape(record.shape[0] * record.shape[1], record.shape[2] * record.shape[3])


@inline
def normalised_c(record, statistics, at):
    """Return LN(c) of the unit at `at = (t, b, unit)` after step t, from the tape and its `statistics (3, T, B)`."""
    t, b, unit = at
    return (record[t + 1, b, 0, unit] - statistics[0, t, b]) * statistics[1, t, b]


@inline
def output_parameters(units, unit):
    """Return a unit's parameters of the output, the last two of `units (1, 1, .., H)`."""
    last = units.shape[2] - 1
    return units[0, 0, last - 1, unit], units[0, 0, last, unit]


@kernel
def _centre(matrix, result):
    parts = cuda.shared.array(PARTS, matrix.dtype)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    for row in range(cuda.blockIdx.x, matrix.shape[0], cuda.gridDim.x):
        mean = row_mean(parts, matrix[row], thread, n_threads, runs=True)
        for k in range(thread, matrix.shape[1], n_threads):
            result[row, k] = matrix[row, k] - mean


@kernel
def _normalise(z, gain, bias, valid):
    parts = cuda.shared.array(PARTS, z.dtype)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    for row in range(cuda.blockIdx.x, z.shape[0], cuda.gridDim.x):
        runs = valid[row] != 0
        scale = reciprocal_deviation(row_variance(parts, z[row], zero(z[row, 0]), thread, n_threads, runs))
        if runs:
            for k in range(thread, z.shape[1], n_threads):
                z[row, k] = gain[k] * (z[row, k] * scale) + bias[k]


@kernel
def _add_tangent(a_dot, z, z_dot, gain, gain_dot, valid):
    parts = cuda.shared.array(PARTS, z.dtype)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    for row in range(cuda.blockIdx.x, z.shape[0], cuda.gridDim.x):
        runs = valid[row] != 0
        scale = reciprocal_deviation(row_variance(parts, z[row], zero(z[row, 0]), thread, n_threads, runs))
        vz_dot_mean = scale * row_mean_product(parts, z[row], z_dot[row], thread, n_threads, runs)
        if runs:
            for k in range(thread, z.shape[1], n_threads):
                v = z[row, k] * scale
                v_dot = slope(v, scale, z_dot[row, k], vz_dot_mean)
                # a = .. + gain v
                a_dot[row, k] += gain_dot[k] * v + gain[k] * v_dot


@kernel
def _reverse(a_bar, z, gain, valid):
    parts = cuda.shared.array(PARTS, z.dtype)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    for row in range(cuda.blockIdx.x, z.shape[0], cuda.gridDim.x):
        runs = valid[row] != 0
        scale = reciprocal_deviation(row_variance(parts, z[row], zero(z[row, 0]), thread, n_threads, runs))
        vv_bar_mean = scale * row_mean_weighted(parts, z[row], a_bar[row], gain, thread, n_threads, runs)
        if runs:
            for k in range(thread, z.shape[1], n_threads):
                v = z[row, k] * scale
                # v = LN(z)
                z[row, k] = slope(v, scale, a_bar[row, k] * gain[k], vv_bar_mean)
                # a = .. + gain v
                a_bar[row, k] *= v


@kernel
def _take_statistics(rows, n_units, n_products, n_sequences, valid, results):
    parts = cuda.shared.array(PARTS, rows.dtype)
    thread, n_threads = cuda.threadIdx.x, cuda.blockDim.x
    for row in range(cuda.blockIdx.x, valid.size, cuda.gridDim.x):
        runs, after = valid[row] != 0, rows[row + n_sequences]
        c, z = after[:n_units], after[after.size - n_products :]
        mean = row_mean(parts, c, thread, n_threads, runs)
        variance = row_variance(parts, c, mean, thread, n_threads, runs)
        mean_square = row_variance(parts, z, zero(mean), thread, n_threads, runs)
        if thread == 0:
            results[0, row] = mean
            results[1, row] = reciprocal_deviation(variance)
            results[2, row] = reciprocal_deviation(mean_square)


@kernel
def _set_products(products, a_bar, rows, n_sequences, scales, valid):
    n_products = products.shape[1]
    for k in range(cuda.grid(1), products.size, cuda.gridsize(1)):
        row, column = k // n_products, k % n_products
        if valid[row] != 0:
            z = rows[row + n_sequences, rows.shape[1] - n_products + column]
            products[row, column] = a_bar[row, column] * (z * scales[row])
