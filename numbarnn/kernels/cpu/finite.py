"""Whether numbers are finite, at the speed of memory."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import lower_builtin, type_callable

from numbarnn.kernels.cpu.compile import inline, kernel
from numbarnn.kernels.cpu.simd import all_zero, emit_all_zero, emit_load, lanes, load, spread, vector_of


def all_finite(array: np.ndarray, lengths: np.ndarray | None = None) -> bool:
    """Return whether a contiguous array has no NaN and no infinity.

    With `lengths (B,)`, of an array (T, B, I) only the valid steps count.
    """
    if array.size == 0:
        return True
    return _all_finite(array.reshape(-1)) if lengths is None else _all_valid_finite(array, lengths)


def all_fractions(array: np.ndarray) -> bool:
    """Return whether all numbers of an array lie in [0, 1]."""
    return array.size == 0 or bool(array.min() >= 0 and array.max() <= 1)


@kernel
def _all_finite(array):
    return finite(array)


@kernel
def _all_valid_finite(array, lengths):
    return valid_finite(array, lengths, np.intp(0), np.intp(array.shape[1]))


@inline
def valid_finite(array, lengths, first, last):
    """Return whether `array (T, B, I)` is finite in the valid steps of the sequences first .. last - 1."""
    n_steps, n_sequences, size = array.shape
    rows = array.reshape(n_steps, n_sequences * size)
    all_full = True
    for b in range(first, last):
        all_full &= lengths[b] >= n_steps
    total = spread(array, 0)
    if all_full:
        for t in range(n_steps):
            total = _add_differences(rows, t, first * size, last * size, total)
        return all_zero(total)
    for b in range(first, last):
        for t in range(min(lengths[b], n_steps)):
            total = _add_differences(rows, t, b * size, (b + 1) * size, total)
    return all_zero(total)


@inline
def _add_differences(rows, t, start, stop, total):
    """Add each number of a part of a row less itself: zero, but NaN for NaN and for infinity."""
    for i in range(start, stop, lanes(rows)):
        values = load(rows, (t, i), stop - i)
        total = total + (values - values)
    return total


def finite(array) -> bool:
    """Return whether a contiguous array has no NaN and no infinity."""
    return bool(np.isfinite(array).all())


@type_callable(finite)
def _type_finite(context):
    return lambda array: types.boolean


@lower_builtin(finite, types.Array)
def _lower_finite(context, builder, signature, args):
    """Do as `_add_differences`, with all numbers of an array of any shape."""
    array_type = signature.args[0]
    array = context.make_array(array_type)(context, builder, args[0])
    vector_type = context.get_value_type(vector_of(array_type.dtype))
    zeros = ir.Constant(vector_type, None)
    total = cgutils.alloca_once_value(builder, zeros)
    width = ir.Constant(array.nitems.type, vector_type.count)
    nothing = ir.Constant(array.nitems.type, 0)
    with cgutils.for_range_slice(builder, nothing, array.nitems, width) as (i, _):
        values = emit_load(builder, vector_type, builder.gep(array.data, [i]), builder.sub(array.nitems, i))
        builder.store(builder.fadd(builder.load(total), builder.fsub(values, values)), total)
    return emit_all_zero(builder, builder.load(total))
