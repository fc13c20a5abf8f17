"""Calling compiled functions through addresses, so that a thread can run a function without knowing its types."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.registry import cpu_target
from numba.extending import lower_builtin, type_callable

_INTEGER = ir.IntType(64)
_BYTES = ir.IntType(8).as_pointer()
_KIND = ir.FunctionType(ir.VoidType(), [_BYTES, _INTEGER])
_outlined: list[Any] = []  # functions and operands, by the numbers that stand for addresses while the JIT is off


def outlined(function, operands):
    """Return the addresses of a function `function(operands, i)` and of the operands, for `call`.

    That of the operands is valid until the function that called `outlined` returns.
    """
    _outlined[:] = function, operands
    return 0, 1


def call(function, operands, i):
    """Call the function at an address with the operands at another one."""
    _outlined[function](_outlined[operands], i)


def keep(operands, place):
    """Write operands to an address, for calls after the function that called `outlined` has returned.

    There must be `n_bytes` of them. What the operands refer to must live as long as the calls.
    """


def n_bytes(operands_type: Any) -> int:
    """Return the size in memory of operands of a Numba type."""
    context = cpu_target.target_context
    return context.get_abi_sizeof(context.get_value_type(operands_type))


def _body_type(operands):
    return operands, types.int64


@type_callable(outlined)
def _type_outlined(context):
    def typer(function, operands):
        context.resolve_function_type(function, _body_type(operands), {})  # compiles it
        return types.UniTuple(types.int64, 2)

    return typer


@lower_builtin(outlined, types.Dispatcher, types.BaseTuple)
def _lower_outlined(context, builder, signature, args):
    function, operands = signature.args
    compiled = function.dispatcher.overloads[_body_type(operands)]
    context.active_code_library.add_linking_library(compiled.library)
    body = ir.Function(builder.module, _KIND, f"{compiled.fndesc.mangled_name}.outlined")
    body.linkage = "internal"
    inside = ir.IRBuilder(body.append_basic_block())
    place = inside.bitcast(body.args[0], args[1].type.as_pointer())
    context.call_internal_no_propagate(inside, compiled.fndesc, compiled.signature, [inside.load(place), body.args[1]])
    inside.ret_void()
    place = cgutils.alloca_once_value(builder, args[1])
    addresses = [builder.ptrtoint(pointer, _INTEGER) for pointer in (body, place)]
    return context.make_tuple(builder, signature.return_type, addresses)


@type_callable(call)
def _type_call(context):
    return lambda function, operands, i: types.none


@lower_builtin(call, types.Integer, types.Integer, types.Integer)
def _lower_call(context, builder, signature, args):
    function, operands, i = (
        context.cast(builder, value, kind, types.int64) for value, kind in zip(args, signature.args, strict=True)
    )
    builder.call(builder.inttoptr(function, _KIND.as_pointer()), [builder.inttoptr(operands, _BYTES), i])
    return context.get_dummy_value()


@type_callable(keep)
def _type_keep(context):
    return lambda operands, place: types.none


@lower_builtin(keep, types.BaseTuple, types.Integer)
def _lower_keep(context, builder, signature, args):
    place = context.cast(builder, args[1], signature.args[1], types.int64)
    operands = _without_owners(context, builder, signature.args[0], args[0])
    builder.store(operands, builder.inttoptr(place, operands.type.as_pointer()))
    return context.get_dummy_value()


def _without_owners(context, builder, kind, value):
    """Return operands whose arrays count no references; what counts those of an argument is freed after the call."""
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value)
        array.meminfo = array.parent = cgutils.get_null_value(array.meminfo.type)
        return array._getvalue()
    if isinstance(kind, types.BaseTuple):
        parts = zip(kind, cgutils.unpack_tuple(builder, value), strict=True)
        return context.make_tuple(builder, kind, [_without_owners(context, builder, *part) for part in parts])
    return value
