"""Tuples of vectors: what one step of a cell reads and writes for the units of one vector.

How many vectors a tuple has follows from the cell's type, so that kernels stay free of any cell's name. The Python
bodies are the definitions, as in `numbarnn.kernels.cpu.simd`.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import lower_builtin, type_callable

from numbarnn.cells.form import form_of, n_memory
from numbarnn.kernels.cpu.simd import address, emit_load, emit_store, multiply_add, sum_lanes, vector_of
from numbarnn.kernels.cpu.tile import VECTORS


def panel(cell):
    """Return the gates of a block of units, the blocks of a panel, and its vectors: constants of the type.

    All gates of a unit fall into one panel. A cell some of whose gates are no part of every product, or that has more
    than `VECTORS` of them, has one block a panel.
    """
    return panel_of(type(cell))


def all_spans(cell):
    """Return the spans of a panel's vectors, `(first, number)`, that each fit one tile."""
    return _spans(type(cell), tuple(range(cell.n_gates)))


def input_spans(cell):
    """As `all_spans`, of the vectors that the inputs' product adds to. Without any, one span is empty."""
    return _spans(type(cell), form_of(type(cell)).input_gates)


def outer_spans(cell):
    """As `input_spans`, of the product with h."""
    return _spans(type(cell), form_of(type(cell)).outer_gates)


def inner_spans(cell):
    """As `input_spans`, of the product with the inner state."""
    return _spans(type(cell), form_of(type(cell)).inner_gates)


def input_blocks(cell):
    """Return which of W's blocks of columns goes to each of a unit's vectors, -1 where none does."""
    return _blocks(type(cell), form_of(type(cell)).input_gates)


def recurrent_blocks(cell):
    """As `input_blocks`, of R."""
    return _blocks(type(cell), form_of(type(cell)).recurrent_gates)


def bias_blocks(cell):
    """As `input_blocks`, of b."""
    return form_of(type(cell)).order


@cache
def panel_of(cell_class):
    """Return the panel of a class of cells."""
    form = form_of(cell_class)
    every = tuple(range(form.n_gates))
    alike = form.input_gates == form.outer_gates == every
    return form.n_gates, max(1, VECTORS // form.n_gates) if alike else 1, max(VECTORS, form.n_gates)


@cache
def _spans(cell_class, gates):
    form = form_of(cell_class)
    places = sorted(form.order.index(g) for g in gates)
    if len(places) == form.n_gates:
        places = [*range(max(VECTORS, form.n_gates))]  # all blocks of a panel
    spans, first = [], 0
    for i in range(1, len(places) + 1):
        if i == len(places) or places[i] != places[i - 1] + 1:
            n = i - first
            ends = [n * part // -(-n // VECTORS) for part in range(-(-n // VECTORS) + 1)]
            spans.extend((places[first] + start, end - start) for start, end in pairwise(ends))
            first = i
    return tuple(spans) or ((0, 0),)


@cache
def _blocks(cell_class, gates):
    return tuple(gates.index(g) if g in gates else -1 for g in form_of(cell_class).order)


def load_gates(cell, panels, at):
    """Return the vectors of one block of units, those of each of its gates, from `panels[at]` on."""
    *lead, column = at
    order = form_of(type(cell)).order
    return tuple(panels[(*lead, column + order.index(g))] for g in range(cell.n_gates))


def store_gates(cell, panels, at, values):
    """Write what `load_gates` reads."""
    *lead, column = at
    for place, g in enumerate(form_of(type(cell)).order):
        panels[(*lead, column + place)] = values[g]


def load_memory(cell, array, at, count):
    """Return the `n_memory` vectors at `array[.., i, at[-1]]`, i from `at[-2]` on, of a contiguous array.

    Lanes from `count` on are zero and are not read.
    """
    return _load(n_memory(type(cell)), array, at)


def load_saved(cell, array, at, count):
    """As `load_memory`, of the `n_saved` numbers that `step` saved."""
    return _load(cell.n_saved, array, at)


def load_recorded(cell, array, at, count):
    """As `load_memory`, of all parts of the units' state, as a modified step records them."""
    return _load(cell.state_size, array, at)


def load_parameters(cell, array, at, count):
    """As `load_memory`, of the unit parameters."""
    return _load(len(form_of(type(cell)).unit_parameters), array, at)


def load_by_gate(cell, array, at, count):
    """As `load_memory`, of as many numbers as there are gates."""
    return _load(cell.n_gates, array, at)


def store_units(array, at, count, values):
    """Write the first `count` lanes of the vectors to `array[.., i, at[-1]]`, i from `at[-2]` on."""
    *lead, first, unit = at
    for i, value in enumerate(values):
        array[(*lead, first + i, unit)] = value


def add(values, others):
    """Return the sums of two tuples' vectors."""
    return tuple(a + b for a, b in zip(values, others, strict=True))


def no_gates(cell, array):
    """Return zeros, as many vectors of the array's type as there are gates."""
    return (array.dtype.type(0),) * cell.n_gates


def multiply(values, factor):
    """Return the tuple's vectors times one vector, or times those of another tuple."""
    return tuple(a * b for a, b in zip(values, _as_tuple(factor, values), strict=True))


def add_products(totals, values, factor):
    """Return the vectors of `totals` plus those of `multiply`, rounded once where the processor can."""
    return add(totals, multiply(values, factor))


def total(values):
    """Return the sum over a tuple's vectors and over their lanes, in every lane."""
    return sum(values[1:], start=values[0])


def _as_tuple(factor, values):
    return factor if isinstance(factor, tuple) else (factor,) * len(values)


def _load(size, array, at):
    *lead, first, unit = at
    return tuple(array[(*lead, first + i, unit)] for i in range(size))


def _unit_pointers(context, builder, array_type, array, at_type, at, size):
    pointer = address(context, builder, array_type, array, at_type, at)
    shape = cgutils.unpack_tuple(builder, context.make_array(array_type)(context, builder, array).shape)
    return [builder.gep(pointer, [builder.mul(shape[-1], ir.IntType(64)(i))]) for i in range(size)]


def _gate_pointers(context, builder, array_type, array, at_type, at, cell_type):
    pointer = address(context, builder, array_type, array, at_type, at)
    count = vector_of(array_type.dtype).count
    order = form_of(cell_type.instance_class).order
    return [builder.gep(pointer, [ir.IntType(64)(order.index(g) * count)]) for g in range(len(order))]


def _tuple_type(array, size):
    return types.Tuple.from_types([vector_of(array.dtype)] * size)


def _define_constant(function, of) -> None:
    """Let kernels see a tuple of integers that the cell's type alone decides as a constant."""

    @type_callable(function)
    def type_constant(context):
        return lambda cell: types.UniTuple(types.intp, len(of(cell.instance_class)))

    @lower_builtin(function, types.BaseNamedTuple)
    def lower_constant(context, builder, signature, args):
        numbers = [context.get_constant(types.intp, n) for n in of(signature.args[0].instance_class)]
        return context.make_tuple(builder, signature.return_type, numbers)


def _define_spans(function, gates_of) -> None:
    """Let kernels see spans as constants."""
    pair = types.UniTuple(types.intp, 2)

    def of(cell_class):
        return _spans(cell_class, gates_of(form_of(cell_class)))

    @type_callable(function)
    def type_spans(context):
        return lambda cell: types.UniTuple(pair, len(of(cell.instance_class)))

    @lower_builtin(function, types.BaseNamedTuple)
    def lower_spans(context, builder, signature, args):
        spans = of(signature.args[0].instance_class)
        pairs = [context.make_tuple(builder, pair, [context.get_constant(types.intp, n) for n in s]) for s in spans]
        return context.make_tuple(builder, signature.return_type, pairs)


_define_constant(panel, panel_of)
_define_constant(input_blocks, lambda cell_class: _blocks(cell_class, form_of(cell_class).input_gates))
_define_constant(recurrent_blocks, lambda cell_class: _blocks(cell_class, form_of(cell_class).recurrent_gates))
_define_constant(bias_blocks, lambda cell_class: form_of(cell_class).order)
_define_spans(all_spans, lambda form: tuple(range(form.n_gates)))
_define_spans(input_spans, lambda form: form.input_gates)
_define_spans(outer_spans, lambda form: form.outer_gates)
_define_spans(inner_spans, lambda form: form.inner_gates)


@type_callable(load_gates)
def _type_load_gates(context):
    return lambda cell, panels, at: _tuple_type(panels, cell.instance_class.n_gates)


@lower_builtin(load_gates, types.BaseNamedTuple, types.Array, types.BaseTuple)
def _lower_load_gates(context, builder, signature, args):
    cell_type, array_type, at_type = signature.args
    pointers = _gate_pointers(context, builder, array_type, args[1], at_type, args[2], cell_type)
    vector_type = context.get_value_type(vector_of(array_type.dtype))
    values = [emit_load(builder, vector_type, pointer, None) for pointer in pointers]
    return context.make_tuple(builder, signature.return_type, values)


@type_callable(store_gates)
def _type_store_gates(context):
    return lambda cell, panels, at, values: types.none


@lower_builtin(store_gates, types.BaseNamedTuple, types.Array, types.BaseTuple, types.BaseTuple)
def _lower_store_gates(context, builder, signature, args):
    cell_type, array_type, at_type, _ = signature.args
    pointers = _gate_pointers(context, builder, array_type, args[1], at_type, args[2], cell_type)
    vector_type = context.get_value_type(vector_of(array_type.dtype))
    for pointer, value in zip(pointers, cgutils.unpack_tuple(builder, args[3]), strict=True):
        emit_store(builder, vector_type, pointer, None, value)
    return context.get_dummy_value()


@type_callable(add)
def _type_add(context):
    return lambda values, others: values


@lower_builtin(add, types.BaseTuple, types.BaseTuple)
def _lower_add(context, builder, signature, args):
    pairs = zip(*(cgutils.unpack_tuple(builder, arg) for arg in args), strict=True)
    return context.make_tuple(builder, signature.return_type, [builder.fadd(*pair) for pair in pairs])


@type_callable(no_gates)
def _type_no_gates(context):
    return lambda cell, array: _tuple_type(array, cell.instance_class.n_gates)


@lower_builtin(no_gates, types.BaseNamedTuple, types.Array)
def _lower_no_gates(context, builder, signature, args):
    return ir.Constant(context.get_value_type(signature.return_type), None)


@type_callable(multiply)
def _type_multiply(context):
    return lambda values, factor: values


@type_callable(add_products)
def _type_add_products(context):
    return lambda totals, values, factor: totals


def _factors(builder, factor_type, factor, size):
    return cgutils.unpack_tuple(builder, factor) if isinstance(factor_type, types.BaseTuple) else [factor] * size


@lower_builtin(multiply, types.BaseTuple, types.Any)
def _lower_multiply(context, builder, signature, args):
    values = cgutils.unpack_tuple(builder, args[0])
    pairs = zip(values, _factors(builder, signature.args[1], args[1], len(values)), strict=True)
    return context.make_tuple(builder, signature.return_type, [builder.fmul(*pair) for pair in pairs])


@lower_builtin(add_products, types.BaseTuple, types.BaseTuple, types.Any)
def _lower_add_products(context, builder, signature, args):
    totals, values = (cgutils.unpack_tuple(builder, arg) for arg in args[:2])
    factors = _factors(builder, signature.args[2], args[2], len(values))
    results = [
        multiply_add(builder, value.type, value, factor, start)
        for start, value, factor in zip(totals, values, factors, strict=True)
    ]
    return context.make_tuple(builder, signature.return_type, results)


@type_callable(total)
def _type_total(context):
    return lambda values: values[0]


@lower_builtin(total, types.BaseTuple)
def _lower_total(context, builder, signature, args):
    first, *rest = cgutils.unpack_tuple(builder, args[0])
    for value in rest:
        first = builder.fadd(first, value)
    return sum_lanes(builder, first.type, first)


def _define_load(function, size_of) -> None:
    @type_callable(function)
    def type_load(context):
        return lambda cell, array, at, count: _tuple_type(array, size_of(cell.instance_class))

    @lower_builtin(function, types.BaseNamedTuple, types.Array, types.BaseTuple, types.Integer)
    def lower_load(context, builder, signature, args):
        _, array_type, at_type, _ = signature.args
        pointers = _unit_pointers(context, builder, array_type, args[1], at_type, args[2], len(signature.return_type))
        vector_type = context.get_value_type(vector_of(array_type.dtype))
        values = [emit_load(builder, vector_type, pointer, args[3]) for pointer in pointers]
        return context.make_tuple(builder, signature.return_type, values)


_define_load(load_memory, n_memory)
_define_load(load_saved, lambda cell_class: cell_class.n_saved)
_define_load(load_recorded, lambda cell_class: cell_class.state_size)
_define_load(load_by_gate, lambda cell_class: cell_class.n_gates)
_define_load(load_parameters, lambda cell_class: len(form_of(cell_class).unit_parameters))


@type_callable(store_units)
def _type_store_units(context):
    return lambda array, at, count, values: types.none


@lower_builtin(store_units, types.Array, types.BaseTuple, types.Integer, types.BaseTuple)
def _lower_store_units(context, builder, signature, args):
    array_type, at_type, _, values_type = signature.args
    pointers = _unit_pointers(context, builder, array_type, args[0], at_type, args[1], len(values_type))
    vector_type = context.get_value_type(vector_of(array_type.dtype))
    for pointer, value in zip(pointers, cgutils.unpack_tuple(builder, args[3]), strict=True):
        emit_store(builder, vector_type, pointer, args[2], value)
    return context.get_dummy_value()
