"""The register tile: the product of rows with a panel of vectors, accumulated in registers.

A tile holds a few rows by up to `VECTORS` vectors of the result in registers while one loop runs over the depth: each
turn loads one vector of weights per column of vectors and broadcasts one number per row. The function loops over all
the rows of a product, in tiles as tall as the registers allow (`HEIGHTS`), and may go on with a second
product, or with the same one through further panels, before it stores anything. Every entry is summed in the order of
the depth with nothing in between, so a row's bits depend neither on the other rows nor on how they were cut into tiles.

Weights come packed in panels: `weights[.., k, :]` holds the numbers that turn k needs. As in
`numbarnn.kernels.cpu.simd`, the Python bodies are the definitions, and run when the JIT is off.
"""

from __future__ import annotations

from functools import cache
from inspect import signature
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba.core import cgutils, config, types
from numba.extending import intrinsic, lower_builtin, type_callable
from numba.np.numpy_support import from_dtype

from numbarnn.kernels.cpu.compile import c_function
from numbarnn.kernels.cpu.simd import N_REGISTERS, address, emit_load, emit_store, multiply_add, splat, vector_of

VECTORS = 4
# Rows of the tallest tile by its number of vectors: the accumulators, the factors held and one more fit the registers.
# A few heights are enough: where fewer rows are left than the tallest has, several tiles take them.
HEIGHTS = (
    {1: (1, 2, 3, 6, 12), 2: (1, 2, 3, 6, 12), 3: (1, 2, 4, 8), 4: (1, 2, 3, 4, 5, 6)}
    if N_REGISTERS == 32
    else {1: (1, 2, 3, 6, 12), 2: (1, 2, 3, 6), 3: (1, 2, 4), 4: (1, 2, 3)}
)
TILE_ROWS = max(HEIGHTS[VECTORS])
_INTEGER = ir.IntType(64)


def tile_from(tile, at, rows, vectors, start, start_at, a, a_at, weights, w_at, depth):
    """Set rows of `tile` to the one row at `start[start_at]` plus `a @ weights`, as `tile_add` has them."""
    _window(tile, at, rows, vectors)[:] = _window(start, start_at, 1, vectors)
    tile_add(tile, at, rows, vectors, a, a_at, weights, w_at, depth)


def tile_add(tile, at, rows, vectors, a, a_at, weights, w_at, depth):
    """Add `a @ weights` to the `rows` by `vectors * lanes` numbers of `tile` from `tile[at]` on.

    `a[a_at]` is the first of `rows` by `depth` numbers, `weights[w_at]` that of `depth` by `vectors * lanes`. Arrays
    are contiguous, and rows follow each other as in memory, also beyond the end of an inner axis. Without vectors (0 or
    less), or without depth, nothing happens.
    """
    if vectors > 0 and depth > 0:
        _window(tile, at, rows, vectors)[:] += _window(a, a_at, rows, depth) @ _window(weights, w_at, depth, vectors)


def tile_add_transposed(tile, at, rows, vectors, a, a_at, weights, w_at, depth):
    """Add `a.T @ weights` in the same way; `a[a_at]` is the first of `depth` by `rows` numbers."""
    if vectors > 0:
        a_part = _window(a, a_at, depth, rows)
        _window(tile, at, rows, vectors)[:] += a_part.T @ _window(weights, w_at, depth, vectors)


def tile_from_both(tile, at, rows, vectors, weights, w_at, x, x_at, h, h_at):
    """Set rows of `tile` to `b + x @ W + h @ R`, with W, R and b one below the other in a panel of `weights`.

    `weights[w_at]` is in the panel's first row. The rows of x and h are as deep as the arrays' last axes.
    """
    panel, _, column = w_at
    bias = panel, weights.shape[1] - 1, column
    tile_from(tile, at, rows, vectors, weights, bias, x, x_at, weights, w_at, x.shape[-1])
    tile_add(tile, at, rows, vectors, h, h_at, weights, (panel, x.shape[-1], column), h.shape[-1])


def tile_add_pair(tile, at, vectors, a, a_at, weights, w_at, depth):
    """Add as `tile_add` one row to panel `at[0]` of `tile`, and in the same loop one to the panel behind it."""
    for panel in range(2):
        to, of = (at[0] + panel, *at[1:]), (w_at[0] + panel, *w_at[1:])
        tile_add(tile, to, 1, vectors, a, a_at, weights, of, depth)


def tile_over_panels(tile, at, rows, vectors, a, a_at, weights, w_at, depth, last_depth, add):
    """Set rows of `tile`, or add to them, the products of all panels of `a (P, .., span)` with transposed weights.

    Of each panel `depth` numbers count from `a_at[-1]` on, of the last one `last_depth`; those of panel p meet the rows
    of `weights` from `w_at[-2] + p * span` on.
    """
    if not add:
        _window(tile, at, rows, vectors)[:] = 0
    n_panels, _, span = a.shape
    for p in range(n_panels):
        a_p, w_p = (a_at[0] + p, *a_at[1:]), (*w_at[:-2], w_at[-2] + p * span, w_at[-1])
        tile_add(tile, at, rows, vectors, a, a_p, weights, w_p, depth if p < n_panels - 1 else last_depth)


def _window(array, at, rows, columns):
    first = 0  # numpy.ravel_multi_index refuses empty arrays
    for i, size in zip(at[:-1], array.shape[:-1], strict=True):
        first = first * size + i
    rows_of_all = array.reshape(prod(array.shape[:-1]), array.shape[-1])
    return rows_of_all[first : first + rows, at[-1] : at[-1] + max(0, columns)]


# What a call asks for, as integers in memory: pointers, and distances in numbers. A product has parts: `n_parts` of
# them, each as far from the one before as `a_part` (in bytes) and `w_part` say; the last one has a depth and a distance
# from row to row of its own. A start of 0 is zero. `vectors` beyond VECTORS are so many less of two panels each, the
# second one `.._next` further on.
_REQUEST = (
    "tile",
    "start",
    "a",
    "weights",
    "tile_row",
    "start_row",
    "a_row",
    "last_a_row",
    "a_k",
    "a_part",
    "w_k",
    "w_part",
    "n_parts",
    "depth",
    "last_depth",
    "rows",
    "vectors",
    "tile_next",
    "w_next",
)


@cache
def prepare(dtype: np.dtype) -> None:
    """Make the tile function for a float type known to the linker; every kernel of that type needs it first.

    All kernels call one compiled function by its symbol. Were it emitted into each of them, it would be most of what
    they take to compile.
    """
    if config.DISABLE_JIT:
        return
    scalar = from_dtype(dtype)
    signature = types.void(types.CPointer(scalar), types.CPointer(types.int64))
    binding.add_symbol(_symbol(scalar), c_function(signature)(_run_tile).address)


def _run_tile(tile, request):
    _emit_rows(tile, request)


def _symbol(scalar) -> str:
    return f"numbarnn_tile_{scalar}"


@intrinsic
def _emit_rows(typing, tile, request):
    """Emit the loop over the rows, which chooses among the loops for all shapes of tile."""

    def generate(context, builder, signature, values):
        fields = [builder.load(builder.gep(values[1], [_INTEGER(i)])) for i in range(len(_REQUEST))]
        args = SimpleNamespace(**dict(zip(_REQUEST, fields, strict=True)))
        vector_type = context.get_value_type(vector_of(tile.dtype))
        emit = _Emitter(builder, vector_type, args)
        done = builder.append_basic_block("done")
        switch = builder.switch(args.vectors, done)
        for n in range(1, VECTORS + 1):
            for n_panels, heights in (1, HEIGHTS[n]), (2, (1,)):
                block = builder.append_basic_block(f"vectors_{n_panels}x{n}")
                switch.add_case(_INTEGER(n + (n_panels - 1) * VECTORS), block)
                builder.position_at_end(block)
                emit.rows(heights, [(panel, v) for panel in range(n_panels) for v in range(n)], done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(tile, request), generate


class _Emitter:
    """Emits the loops of the tile function for one request."""

    def __init__(self, builder: ir.IRBuilder, vector_type: ir.VectorType, args: Any) -> None:
        self.builder = builder
        self.vector_type = vector_type
        self.args = args
        self.scalar_pointer = vector_type.element.as_pointer()
        self.tile, self.weights = map(self._pointer, (args.tile, args.weights))
        # Where nothing is to start from, a row of zeros.
        zeros = cgutils.alloca_once_value(builder, ir.Constant(ir.ArrayType(vector_type, VECTORS), None))
        is_zero = builder.icmp_signed("==", args.start, _INTEGER(0))
        zeros = builder.bitcast(zeros, self.scalar_pointer)
        self.start = builder.select(is_zero, zeros, self._pointer(args.start))

    def _pointer(self, integer):
        return self.builder.inttoptr(integer, self.scalar_pointer)

    def _append(self, name: str):
        return self.builder.append_basic_block(name)

    def rows(self, heights: tuple[int, ...], vectors: list[tuple[int, int]], done) -> None:
        """Emit the loop over rows in tiles of these heights, of these vectors: `(panel, place in it)`."""
        builder, args = self.builder, self.args
        tallest = heights[-1]
        entry, head = builder.block, self._append("rows")
        builder.branch(head)
        builder.position_at_end(head)
        row = builder.phi(_INTEGER)
        row.add_incoming(_INTEGER(0), entry)
        left = builder.sub(args.rows, row)
        body = self._append("tile")
        builder.cbranch(builder.icmp_signed(">", left, _INTEGER(0)), body, done)
        builder.position_at_end(body)
        height = _INTEGER(1)
        for n_rows in heights[1:]:
            height = builder.select(builder.icmp_signed(">=", left, _INTEGER(n_rows)), _INTEGER(n_rows), height)
        half = (tallest + 1) // 2
        if half in heights:  # two tiles of about one height rather than a last one of a single row
            one_more = builder.icmp_signed("==", left, _INTEGER(tallest + 1))
            height = builder.select(one_more, _INTEGER(half), height)
        tile = builder.gep(self.tile, [builder.mul(row, args.tile_row)])
        start = builder.gep(self.start, [builder.mul(row, args.start_row)])
        switch, next_tile = builder.switch(height, done), self._append("next_tile")
        for n_rows in heights:
            block = self._append(f"tile_{n_rows}x{len(vectors)}")
            switch.add_case(_INTEGER(n_rows), block)
            builder.position_at_end(block)
            self.shape(n_rows, vectors, tile, start, row)
            builder.branch(next_tile)
        builder.position_at_end(next_tile)
        row.add_incoming(builder.add(row, height), next_tile)
        builder.branch(head)

    def shape(self, rows: int, vectors: list[tuple[int, int]], tile, start, row) -> None:
        """Emit one shape of tile: load the accumulators, loop over parts and depth, store the accumulators."""
        builder, args = self.builder, self.args
        cells = [(r, v) for r in range(rows) for v in vectors]

        def pointer(base, row_stride, r, v):
            place = builder.add(builder.mul(row_stride, _INTEGER(r)), self._vector_offset(v, args.tile_next))
            return builder.gep(base, [place])

        first = [emit_load(builder, self.vector_type, pointer(start, args.start_row, r, v), None) for r, v in cells]
        entry, parts, done = builder.block, self._append("part"), self._append("last_part")
        builder.branch(parts)
        builder.position_at_end(parts)
        part, a, weights = (builder.phi(t) for t in (_INTEGER, _INTEGER, self.scalar_pointer))
        sums = [builder.phi(self.vector_type) for _ in cells]
        part_next = builder.add(part, _INTEGER(1))
        is_last = builder.icmp_signed("==", part_next, args.n_parts)
        depth = builder.select(is_last, args.last_depth, args.depth)
        a_row = builder.select(is_last, args.last_a_row, args.a_row)
        column = builder.gep(self._pointer(a), [builder.mul(row, a_row)])
        after = self.depth(cells, rows, vectors, sums, column, a_row, weights, depth)
        a_next, w_next = builder.add(a, args.a_part), builder.gep(weights, [args.w_part])
        end = builder.block
        builder.cbranch(is_last, done, parts)
        _join(part, (_INTEGER(0), entry), (part_next, end))
        _join(a, (args.a, entry), (a_next, end))
        _join(weights, (self.weights, entry), (w_next, end))
        for total, before, now in zip(sums, first, after, strict=True):
            _join(total, (before, entry), (now, end))
        builder.position_at_end(done)
        for (r, v), now in zip(cells, after, strict=True):
            emit_store(builder, self.vector_type, pointer(tile, args.tile_row, r, v), None, now)

    def depth(self, cells, rows, vectors, first, column, a_row, weights, depth):
        """Emit the loop over one part's depth, and return the accumulators after it."""
        builder, args = self.builder, self.args
        entry = builder.block
        loop, done = self._append("depth"), self._append("depth_done")
        # Rows a common distance apart share pointers, two rows beyond each, so that few registers hold addresses.
        bases = [builder.gep(column, [builder.mul(a_row, _INTEGER(r))]) for r in range(0, rows, 3)]
        distances = [_INTEGER(0), a_row, builder.mul(a_row, _INTEGER(2))]
        builder.cbranch(builder.icmp_signed(">", depth, _INTEGER(0)), loop, done)
        builder.position_at_end(loop)
        k, w = builder.phi(_INTEGER), builder.phi(self.scalar_pointer)
        columns = [builder.phi(self.scalar_pointer) for _ in bases]
        sums = [builder.phi(self.vector_type) for _ in cells]

        def weight(v):
            place = builder.gep(w, [self._vector_offset(v, args.w_next)])
            return emit_load(builder, self.vector_type, place, None)

        def number(r):
            return splat(builder, self.vector_type, builder.load(builder.gep(columns[r // 3], [distances[r % 3]])))

        # Of whichever factor has fewer, all are held at a time, of the other one: with the accumulators these fit the
        # registers (24 + 4 + 1 of 32, 12 + 3 + 1 of 16). The other way round, accumulators would move from one to
        # another.
        last = dict(zip(cells, sums, strict=True))
        if rows < len(vectors):
            held = [number(r) for r in range(rows)]
            pairs = ((r, v, held[r], loaded) for v in vectors for loaded in [weight(v)] for r in range(rows))
        else:
            held = {v: weight(v) for v in vectors}
            pairs = ((r, v, splatted, held[v]) for r in range(rows) for splatted in [number(r)] for v in vectors)
        for r, v, splatted, loaded in pairs:
            last[r, v] = multiply_add(builder, self.vector_type, splatted, loaded, last[r, v])
        k_next, w_next = builder.add(k, _INTEGER(1)), builder.gep(w, [args.w_k])
        columns_next = [builder.gep(c, [args.a_k]) for c in columns]
        builder.cbranch(builder.icmp_signed("<", k_next, depth), loop, done)
        _join(k, (_INTEGER(0), entry), (k_next, loop))
        _join(w, (weights, entry), (w_next, loop))
        for phi, before, after in zip(columns, bases, columns_next, strict=True):
            _join(phi, (before, entry), (after, loop))
        for total, before, after in zip(sums, first, last.values(), strict=True):
            _join(total, (before, entry), (after, loop))
        builder.position_at_end(done)
        results = [builder.phi(self.vector_type) for _ in cells]
        for result, before, after in zip(results, first, last.values(), strict=True):
            _join(result, (before, entry), (after, loop))
        return results

    def _vector_offset(self, v: tuple[int, int], next_panel):
        """Return how far a vector is from the first one of the first panel."""
        panel, place = v
        offset = _INTEGER(place * self.vector_type.count)
        return self.builder.add(next_panel, offset) if panel else offset


def _join(phi, *incoming) -> None:
    for value, block in incoming:
        phi.add_incoming(value, block)


class _Operand:
    """Address of a contiguous array argument at an index, and how far apart in it rows and panels are."""

    def __init__(self, context, builder, array_type, array, index_type, index) -> None:
        pointer = address(context, builder, array_type, array, index_type, index)
        self.pointer = builder.ptrtoint(pointer, _INTEGER)
        # Not the array's strides: where an axis has size 1, NumPy may put anything there.
        self.shape = cgutils.unpack_tuple(builder, context.make_array(array_type)(context, builder, array).shape)
        self.row = self.shape[-1]
        self.panel = builder.mul(self.shape[-1], self.shape[-2]) if len(self.shape) > 1 else _INTEGER(0)


def _call(context, builder, array_type, **given) -> None:
    """Emit the call of the tile function with a request, in which what is not given has its usual value."""
    usual = {"a_k": _INTEGER(1), "n_parts": _INTEGER(1), "last_depth": given["depth"]}
    request = {name: _INTEGER(0) for name in _REQUEST} | usual | given
    place = cgutils.alloca_once(builder, _INTEGER, size=len(_REQUEST))
    for i, name in enumerate(_REQUEST):
        builder.store(request[name], builder.gep(place, [_INTEGER(i)]))
    scalar_pointer = context.get_value_type(array_type.dtype).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [scalar_pointer, place.type])
    function = cgutils.get_or_insert_function(builder.module, kind, _symbol(array_type.dtype))
    builder.call(function, [builder.inttoptr(request["tile"], scalar_pointer), place])


def _define(function, emit) -> None:
    """Lower a function of the tile: `emit(context, builder, integer, operand)` makes the request.

    `operand(i)` is the array argument i at the index behind it, `integer(i)` an argument as a 64-bit integer.
    """

    @type_callable(function)
    def type_function(context):
        def typer(*args):
            return types.none

        typer.__signature__ = signature(function)  # Numba matches the arguments of a call with it
        return typer

    def lower(context, builder, types_of, args):
        kinds = types_of.args
        itemsize = _INTEGER(kinds[0].dtype.bitwidth // 8)

        def operand(i):
            return _Operand(context, builder, kinds[i], args[i], kinds[i + 1], args[i + 1])

        def integer(i):
            return context.cast(builder, args[i], kinds[i], types.int64)

        _call(context, builder, kinds[0], **emit(builder, integer, operand, itemsize))
        return context.get_dummy_value()

    lower_builtin(function, *[types.Any] * len(signature(function).parameters))(lower)


def _request_from(builder, integer, operand, itemsize):
    tile, start, a, weights = operand(0), operand(4), operand(6), operand(8)
    return {
        "tile": tile.pointer,
        "start": start.pointer,
        "a": a.pointer,
        "weights": weights.pointer,
        "tile_row": tile.row,
        "a_row": a.row,
        "last_a_row": a.row,
        "w_k": weights.row,
        "depth": integer(10),
        "rows": integer(2),
        "vectors": integer(3),
    }


def _request_add(builder, integer, operand, itemsize):
    tile, a, weights = operand(0), operand(4), operand(6)
    return {
        "tile": tile.pointer,
        "start": tile.pointer,
        "a": a.pointer,
        "weights": weights.pointer,
        "tile_row": tile.row,
        "start_row": tile.row,
        "a_row": a.row,
        "last_a_row": a.row,
        "w_k": weights.row,
        "depth": integer(8),
        "rows": integer(2),
        "vectors": integer(3),
    }


def _request_add_transposed(builder, integer, operand, itemsize):
    one = _INTEGER(1)
    return _request_add(builder, integer, operand, itemsize) | {"a_row": one, "last_a_row": one, "a_k": operand(4).row}


def _request_from_both(builder, integer, operand, itemsize):
    tile, weights, x, h = operand(0), operand(4), operand(6), operand(8)
    bias = builder.mul(builder.sub(weights.shape[-2], _INTEGER(1)), builder.mul(weights.row, itemsize))
    return {
        "tile": tile.pointer,
        "start": builder.add(weights.pointer, bias),
        "a": x.pointer,
        "weights": weights.pointer,
        "tile_row": tile.row,
        "a_row": x.row,
        "last_a_row": h.row,
        "a_part": builder.sub(h.pointer, x.pointer),
        "w_k": weights.row,
        "w_part": builder.mul(weights.row, x.row),
        "n_parts": _INTEGER(2),
        "depth": x.row,
        "last_depth": h.row,
        "rows": integer(2),
        "vectors": integer(3),
    }


def _request_add_pair(builder, integer, operand, itemsize):
    tile, a, weights = operand(0), operand(3), operand(5)
    return {
        "tile": tile.pointer,
        "start": tile.pointer,
        "a": a.pointer,
        "weights": weights.pointer,
        "w_k": weights.row,
        "depth": integer(7),
        "rows": _INTEGER(1),
        "vectors": builder.add(integer(2), _INTEGER(VECTORS)),
        "tile_next": tile.panel,
        "w_next": weights.panel,
    }


def _request_over_panels(builder, integer, operand, itemsize):
    tile, a, weights = operand(0), operand(4), operand(6)
    add = builder.icmp_signed("!=", integer(10), _INTEGER(0))
    return {
        "tile": tile.pointer,
        "start": builder.select(add, tile.pointer, _INTEGER(0)),
        "a": a.pointer,
        "weights": weights.pointer,
        "tile_row": tile.row,
        "start_row": builder.select(add, tile.row, _INTEGER(0)),
        "a_row": a.row,
        "last_a_row": a.row,
        "a_part": builder.mul(a.panel, itemsize),
        "w_k": weights.row,
        "w_part": builder.mul(weights.row, a.row),
        "n_parts": a.shape[0],
        "depth": integer(8),
        "last_depth": integer(9),
        "rows": integer(2),
        "vectors": integer(3),
    }


_define(tile_from, _request_from)
_define(tile_add, _request_add)
_define(tile_add_transposed, _request_add_transposed)
_define(tile_from_both, _request_from_both)
_define(tile_add_pair, _request_add_pair)
_define(tile_over_panels, _request_over_panels)
