"""Integers in memory that several threads change."""

from __future__ import annotations

import os

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.registry import cpu_target
from numba.extending import lower_builtin, type_callable

from numbarnn.kernels.cpu.simd import address

_INTEGER = ir.IntType(64)
_ORDER = "seq_cst"


def get(array, i):
    """Return `array[i]`."""
    return array[i]


def put(array, i, value):
    """Set `array[i]`; a thread that reads the value also sees everything that this thread has written before."""
    array[i] = value


def add(array, i, value):
    """Add to `array[i]`, and return what it was before."""
    before = array[i]
    array[i] += value
    return before


def exchange(array, i, expected, value) -> bool:
    """Set `array[i]` to a value if it is as expected; return whether it was."""
    found = array[i] == expected
    if found:
        array[i] = value
    return bool(found)


def pause():
    """Spare the processor while this thread waits for another one's write."""


def give_way():
    """Let the operating system run another thread."""


def _pointer(context, builder, signature, args):
    index_type = types.UniTuple(signature.args[1], 1)
    index = context.make_tuple(builder, index_type, args[1:2])
    return address(context, builder, signature.args[0], args[0], index_type, index)


def _integer(context, builder, signature, args, i):
    return context.cast(builder, args[i], signature.args[i], types.int64)


def _define(function, result):
    def decorate(lower):
        n_integers = function.__code__.co_argcount - 1

        @type_callable(function)
        def type_function(context):
            typers = (
                lambda array, i: result,
                lambda array, i, value: result,
                lambda array, i, expected, value: result,
            )
            return typers[n_integers - 1]

        lower_builtin(function, types.Array, *[types.Integer] * n_integers)(lower)
        return lower

    return decorate


@_define(get, types.int64)
def _lower_get(context, builder, signature, args):
    return builder.load_atomic(_pointer(context, builder, signature, args), _ORDER, 8)


@_define(put, types.none)
def _lower_put(context, builder, signature, args):
    value = _integer(context, builder, signature, args, 2)
    builder.store_atomic(value, _pointer(context, builder, signature, args), _ORDER, 8)
    return context.get_dummy_value()


@_define(add, types.int64)
def _lower_add(context, builder, signature, args):
    value = _integer(context, builder, signature, args, 2)
    return builder.atomic_rmw("add", _pointer(context, builder, signature, args), value, _ORDER)


@_define(exchange, types.boolean)
def _lower_exchange(context, builder, signature, args):
    expected, value = (_integer(context, builder, signature, args, i) for i in (2, 3))
    result = builder.cmpxchg(_pointer(context, builder, signature, args), expected, value, _ORDER, _ORDER)
    return builder.extract_value(result, 1)


@type_callable(pause)
def _type_pause(context):
    return lambda: types.none


@lower_builtin(pause)
def _lower_pause(context, builder, signature, args):
    triple, number = cpu_target.target_context.codegen().magic_tuple()[0], ir.IntType(32)
    name, kinds, operands = None, [], []
    if triple.startswith(("x86_64", "i686")):
        name = "llvm.x86.sse2.pause"
    elif triple.startswith(("aarch64", "arm64")):
        name, kinds, operands = "llvm.aarch64.hint", [number], [number(1)]  # yield
    if name is not None:
        builder.call(
            cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), kinds), name), operands
        )
    return context.get_dummy_value()


@type_callable(give_way)
def _type_give_way(context):
    return lambda: types.none


@lower_builtin(give_way)
def _lower_give_way(context, builder, signature, args):
    name = "SwitchToThread" if os.name == "nt" else "sched_yield"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.IntType(32), []), name)
    builder.call(function, [])
    return context.get_dummy_value()
