"""Denormal numbers taken for zero while a kernel runs.

A gradient that fades on its way back through many steps ends in numbers below 1e-38, and an x86 processor takes some
hundred cycles for each operation on one. They are set to zero instead, in the thread and for the time of a kernel only.
Elsewhere nothing changes, as in Python with the JIT off.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.registry import cpu_target
from numba.extending import lower_builtin, type_callable

_FLUSH = 1 << 15 | 1 << 6  # of the control register MXCSR: results to zero, operands as zero
_REGISTER = ir.IntType(32)


def flush_denormals() -> int:
    """Take denormal numbers for zero from now on; return the mode before."""
    return 0


def restore_mode(mode: int) -> None:
    """Go back to a mode that `flush_denormals` returned."""


def _is_x86() -> bool:
    return cpu_target.target_context.codegen().magic_tuple()[0].startswith(("x86_64", "i386", "i686"))


def _access(builder, verb, place) -> None:
    pointer = builder.bitcast(place, ir.IntType(8).as_pointer())
    signature = ir.FunctionType(ir.VoidType(), [pointer.type])
    builder.call(cgutils.get_or_insert_function(builder.module, signature, f"llvm.x86.sse.{verb}mxcsr"), [pointer])


@type_callable(flush_denormals)
def _type_flush_denormals(context):
    return lambda: types.int32


@lower_builtin(flush_denormals)
def _lower_flush_denormals(context, builder, signature, args):
    if not _is_x86():
        return _REGISTER(0)
    place = cgutils.alloca_once(builder, _REGISTER)
    _access(builder, "st", place)
    mode = builder.load(place)
    builder.store(builder.or_(mode, _REGISTER(_FLUSH)), place)
    _access(builder, "ld", place)
    return mode


@type_callable(restore_mode)
def _type_restore_mode(context):
    return lambda mode: types.none


@lower_builtin(restore_mode, types.int32)
def _lower_restore_mode(context, builder, signature, args):
    if _is_x86():
        place = cgutils.alloca_once_value(builder, args[0])
        _access(builder, "ld", place)
    return context.get_dummy_value()
