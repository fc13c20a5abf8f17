"""The register tile: the product of a few rows with a panel of vectors, accumulated in registers.

A tile holds up to `TILE_ROWS` rows by `VECTORS` vectors of the result in registers while one loop runs over the
depth: each step loads one vector of weights per column of vectors and broadcasts one number per row. Every entry is
summed in the order of the depth with nothing in between, so a row's bits depend neither on the rows beside it nor on
how the rows were cut into tiles.

Weights come packed in panels: `weights[.., k, :]` holds the `VECTORS * lanes` numbers that step k needs. As in
`numbarnn.kernels.cpu.simd`, the Python bodies are the definitions, and run when the JIT is off.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import numpy as np
from llvmlite import binding, ir
from numba import cfunc
from numba.core import cgutils, config, types
from numba.extending import intrinsic, lower_builtin, type_callable
from numba.np.numpy_support import from_dtype

from numbarnn.kernels.cpu.compile import inline
from numbarnn.kernels.cpu.simd import N_REGISTERS, address, emit_load, emit_store, multiply_add, splat, vector_of

VECTORS = 4
TILE_ROWS = 6 if N_REGISTERS == 32 else 3
_INTEGER = ir.IntType(64)


@inline
def n_tiles(n_rows):
    """Return how many tiles `n_rows` rows take."""
    return (n_rows + TILE_ROWS - 1) // TILE_ROWS


@inline
def split(n_rows, i, n_parts):
    """Return the first row of part i of `n_rows` rows cut into parts as even as can be."""
    return n_rows * i // n_parts


def tile_from(tile, at, rows, vectors, start, start_at, a, a_at, weights, w_at, depth):
    """Set rows of `tile` to the one row at `start[start_at]` plus `a @ weights`, as `tile_add` has them."""
    _window(tile, at, rows, vectors)[:] = _window(start, start_at, 1, vectors)
    tile_add(tile, at, rows, vectors, a, a_at, weights, w_at, depth)


def tile_add(tile, at, rows, vectors, a, a_at, weights, w_at, depth):
    """Add `a @ weights` to the `rows` by `vectors * lanes` numbers of `tile` from `tile[at]` on.

    `a[a_at]` is the first of `rows` by `depth` numbers, `weights[w_at]` that of `depth` by `vectors * lanes`. Arrays
    are contiguous, and rows follow each other as in memory, also beyond the end of an inner axis.
    """
    _window(tile, at, rows, vectors)[:] += _window(a, a_at, rows, depth) @ _window(weights, w_at, depth, vectors)


def tile_add_transposed(tile, at, rows, vectors, a, a_at, weights, w_at, depth):
    """Add `a.T @ weights` in the same way; `a[a_at]` is the first of `depth` by `rows` numbers."""
    _window(tile, at, rows, vectors)[:] += _window(a, a_at, depth, rows).T @ _window(weights, w_at, depth, vectors)


def _window(array, at, rows, columns):
    first = np.ravel_multi_index(at[:-1], array.shape[:-1])
    return array.reshape(-1, array.shape[-1])[first : first + rows, at[-1] : at[-1] + columns]


_POINTERS = ("tile", "start", "a", "weights")
_STRIDES = ("tile_row", "start_row", "a_row", "a_k", "w_k")
_ARGUMENTS = (*_POINTERS, *_STRIDES, "depth", "rows", "vectors")


@cache
def prepare(dtype: np.dtype) -> None:
    """Make the tile function for a float type known to the linker; every kernel of that type needs it first.

    All kernels call one compiled function by its symbol. Were it emitted into each of them, it would be most of what
    they take to compile.
    """
    if config.DISABLE_JIT:
        return
    scalar = from_dtype(dtype)
    pointer, integer = types.CPointer(scalar), types.int64
    signature = types.void(*(pointer if name in _POINTERS else integer for name in _ARGUMENTS))
    binding.add_symbol(_symbol(scalar), cfunc(signature, cache=True)(_run_tile).address)


def _run_tile(tile, start, a, weights, tile_row, start_row, a_row, a_k, w_k, depth, rows, vectors):
    _emit_shapes(tile, start, a, weights, tile_row, start_row, a_row, a_k, w_k, depth, rows, vectors)


def _symbol(scalar) -> str:
    return f"numbarnn_tile_{scalar}"


@intrinsic
def _emit_shapes(typing, tile, start, a, weights, tile_row, start_row, a_row, a_k, w_k, depth, rows, vectors):
    """Choose among the loops for all shapes of tile."""
    parameters = (tile, start, a, weights, tile_row, start_row, a_row, a_k, w_k, depth, rows, vectors)

    def generate(context, builder, signature, values):
        args = SimpleNamespace(**dict(zip(_ARGUMENTS, values, strict=True)))
        vector_type = context.get_value_type(vector_of(tile.dtype))
        done = builder.append_basic_block("done")
        switch = builder.switch(builder.add(builder.mul(args.rows, _INTEGER(VECTORS + 1)), args.vectors), done)
        for n_rows in range(1, TILE_ROWS + 1):
            for n_vectors in range(1, VECTORS + 1):
                block = builder.append_basic_block(f"tile_{n_rows}x{n_vectors}")
                switch.add_case(_INTEGER(n_rows * (VECTORS + 1) + n_vectors), block)
                builder.position_at_end(block)
                _emit_shape(builder, vector_type, args, n_rows, n_vectors)
                builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(*parameters), generate


def _emit_shape(builder, vector_type, args, rows, vectors) -> None:
    """Emit one shape of tile: load the accumulators, loop over the depth, store the accumulators."""
    entry = builder.block
    cells = [(r, v) for r in range(rows) for v in range(vectors)]

    def pointer(base, row_stride, r, v):
        return builder.gep(base, [builder.add(builder.mul(row_stride, _INTEGER(r)), _INTEGER(v * vector_type.count))])

    first = [emit_load(builder, vector_type, pointer(args.start, args.start_row, r, v), None) for r, v in cells]
    row_offsets = [builder.mul(args.a_row, _INTEGER(r)) for r in range(rows)]
    loop = builder.append_basic_block(f"depth_{rows}x{vectors}")
    done = builder.append_basic_block(f"done_{rows}x{vectors}")
    builder.cbranch(builder.icmp_signed(">", args.depth, _INTEGER(0)), loop, done)

    builder.position_at_end(loop)
    k = builder.phi(_INTEGER)
    sums = [builder.phi(vector_type) for _ in cells]
    weights = builder.gep(args.weights, [builder.mul(k, args.w_k)])
    column = builder.gep(args.a, [builder.mul(k, args.a_k)])

    def weight(v):
        return emit_load(builder, vector_type, builder.gep(weights, [_INTEGER(v * vector_type.count)]), None)

    def number(r):
        return splat(builder, vector_type, builder.load(builder.gep(column, [row_offsets[r]])))

    # Of whichever factor has fewer, all are held at a time, of the other one: with the accumulators these fit the
    # registers (24 + 4 + 1 of 32, 12 + 3 + 1 of 16). The other way round, accumulators would move from one to another.
    last = dict(zip(cells, sums, strict=True))
    if rows < vectors:
        held = [number(r) for r in range(rows)]
        pairs = ((r, v, held[r], loaded) for v in range(vectors) for loaded in [weight(v)] for r in range(rows))
    else:
        held = [weight(v) for v in range(vectors)]
        pairs = ((r, v, broadcast, held[v]) for r in range(rows) for broadcast in [number(r)] for v in range(vectors))
    for r, v, broadcast, loaded in pairs:
        last[r, v] = multiply_add(builder, vector_type, broadcast, loaded, last[r, v])
    k_next = builder.add(k, _INTEGER(1))
    builder.cbranch(builder.icmp_signed("<", k_next, args.depth), loop, done)
    _join(k, (_INTEGER(0), entry), (k_next, loop))
    for total, before, after in zip(sums, first, last.values(), strict=True):
        _join(total, (before, entry), (after, loop))

    builder.position_at_end(done)
    results = [builder.phi(vector_type) for _ in cells]
    for (r, v), result, before, after in zip(cells, results, first, last.values(), strict=True):
        _join(result, (before, entry), (after, loop))
        emit_store(builder, vector_type, pointer(args.tile, args.tile_row, r, v), None, result)


def _join(phi, *incoming) -> None:
    for value, block in incoming:
        phi.add_incoming(value, block)


class _Operand:
    """Address of a contiguous array argument at an index, and how far apart in it rows and columns are."""

    def __init__(self, context, builder, array_type, array, index_type, index) -> None:
        self.pointer = address(context, builder, array_type, array, index_type, index)
        # Not the array's strides: where an axis has size 1, NumPy may put anything there.
        shape = cgutils.unpack_tuple(builder, context.make_array(array_type)(context, builder, array).shape)
        self.strides = shape[-1], _INTEGER(1)


def _define(function, starts: bool = False, transposed: bool = False) -> None:
    @type_callable(function)
    def type_function(context):
        if starts:
            return lambda tile, at, rows, vectors, start, start_at, a, a_at, weights, w_at, depth: types.none
        return lambda tile, at, rows, vectors, a, a_at, weights, w_at, depth: types.none

    pair = (types.Array, types.BaseTuple)
    start_pair = pair if starts else ()

    @lower_builtin(function, *pair, types.Integer, types.Integer, *start_pair, *pair, *pair, types.Integer)
    def lower(context, builder, signature, args):
        def operand(i):
            return _Operand(context, builder, signature.args[i], args[i], signature.args[i + 1], args[i + 1])

        tile, a, weights = operand(0), operand(-5), operand(-3)
        start = operand(4).pointer if starts else tile.pointer
        start_row = _INTEGER(0) if starts else tile.strides[0]
        a_row, a_k = reversed(a.strides) if transposed else a.strides
        rows, vectors, depth = (context.cast(builder, args[i], signature.args[i], types.int64) for i in (2, 3, -1))
        pointers = [tile.pointer, start, a.pointer, weights.pointer]
        values = [*pointers, tile.strides[0], start_row, a_row, a_k, weights.strides[0], depth, rows, vectors]
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, _symbol(signature.args[0].dtype)), values)
        return context.get_dummy_value()


_define(tile_from, starts=True)
_define(tile_add)
_define(tile_add_transposed, transposed=True)
