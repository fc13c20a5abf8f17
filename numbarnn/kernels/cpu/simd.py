"""A SIMD vector as a number: the type on which the CPU kernels evaluate a cell's equations.

Each function here is two things at once. Its Python body is the definition for one lane, and what runs when the JIT is
off; inside a kernel the same name is lowered to LLVM vector instructions over `lanes(array)` numbers.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba.core import cgutils, config, types
from numba.core.registry import cpu_target
from numba.extending import lower_builtin, models, register_model, type_callable


class Vector(types.Type):
    """Numba type of `count` floats in one register (or in several, where the processor's are shorter)."""

    def __init__(self, scalar: types.Float, count: int) -> None:
        self.scalar = scalar
        self.count = count
        super().__init__(name=f"Vector({scalar}, {count})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type) -> None:
        super().__init__(dmm, fe_type, ir.VectorType(dmm.lookup(fe_type.scalar).get_value_type(), fe_type.count))


def _register_file() -> tuple[int, int]:
    """Bits of a vector register and how many of them there are, from the features that Numba compiles for."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    if "+avx512f" in features:
        return 512, 32
    if "+avx" in features:
        return 256, 16
    return 128, 32 if triple.startswith(("aarch64", "arm64")) else 16


REGISTER_BITS, N_REGISTERS = (64, 16) if config.DISABLE_JIT else _register_file()
# AVX-512 masks loads and stores at no cost. Elsewhere they take slow instructions (AVX) or a branch for every lane:
# there one branch skips them where all lanes count, which makes a pass a tenth (128 bits) to a fifth (AVX2) faster.
HAS_MASK_REGISTERS = REGISTER_BITS == 512


def vector_of(dtype: types.Float) -> Vector:
    """Return the vector type that fills one register with `dtype`."""
    return Vector(dtype, REGISTER_BITS // dtype.bitwidth)


def lanes(array) -> int:
    """Return how many numbers of the array's type a vector holds: a constant at compile time."""
    return 1 if config.DISABLE_JIT else REGISTER_BITS // (8 * array.itemsize)


def load(array, index, count):
    """Return the vector that starts at `array[index]`; lanes from `count` on are zero and are not read."""
    return array[index]


def store(array, index, count, value):
    """Write the first `count` lanes of `value` from `array[index]` on."""
    array[index] = value


def store_down(array, index, value):
    """Write the lanes of `value` from `array[index]` on one below the other, in the rows of a contiguous array."""
    array[index] = value


def copy(array, index, source, source_index, count):
    """Write `count` numbers of a contiguous array, from `source[source_index]` on, from `array[index]` on."""
    for place, value in zip(_behind(array, index, count), _behind(source, source_index, count), strict=True):
        place[...] = value


def _behind(array, index, count):
    """Return views of `count` numbers of a contiguous array from an index on."""
    first = sum(i * stride for i, stride in zip(index, array.strides, strict=True)) // array.itemsize
    return array.reshape(-1, 1)[first : first + count]


def spread(array, number):
    """Return the vector with a number in every lane, of the array's type."""
    return array.dtype.type(number)


def first_lanes(value, count):
    """Return the vector with its lanes from `count` on set to zero."""
    return value


def all_zero(value) -> bool:
    """Return whether every lane is zero."""
    return bool(value == 0)


def prefetch(array, index):
    """Have the processor fetch the cache line of `array[index]`, which need not be within the array."""


def address(context, builder, array_type, array, index_type, index):
    """Emit the address of `array[index]`, unchecked."""
    struct = context.make_array(array_type)(context, builder, array)
    indices = [
        context.cast(builder, value, kind, types.intp)
        for value, kind in zip(cgutils.unpack_tuple(builder, index), index_type, strict=True)
    ]
    return cgutils.get_item_pointer(context, builder, array_type, struct, indices)


def emit_load(builder, vector_type, pointer, count):
    """Emit a load of `count` lanes (all of them where `count` is None), the others zero."""
    if count is None:
        return builder.load(builder.bitcast(pointer, vector_type.as_pointer()), align=_align(vector_type))
    if HAS_MASK_REGISTERS:
        return _emit_masked_load(builder, vector_type, pointer, count)
    with builder.if_else(_fills(builder, vector_type, count), likely=True) as (then, otherwise):
        with then:
            whole, whole_block = emit_load(builder, vector_type, pointer, None), builder.block
        with otherwise:
            part, part_block = _emit_masked_load(builder, vector_type, pointer, count), builder.block
    loaded = builder.phi(vector_type)
    loaded.add_incoming(whole, whole_block)
    loaded.add_incoming(part, part_block)
    return loaded


def emit_store(builder, vector_type, pointer, count, value) -> None:
    """Emit a store of the first `count` lanes (all of them where `count` is None)."""
    if count is None:
        builder.store(value, builder.bitcast(pointer, vector_type.as_pointer()), align=_align(vector_type))
    elif HAS_MASK_REGISTERS:
        _emit_masked_store(builder, vector_type, pointer, count, value)
    else:
        with builder.if_else(_fills(builder, vector_type, count), likely=True) as (then, otherwise):
            with then:
                emit_store(builder, vector_type, pointer, None, value)
            with otherwise:
                _emit_masked_store(builder, vector_type, pointer, count, value)


def splat(builder, vector_type, scalar):
    """Emit a vector with `scalar` in every lane."""
    first = builder.insert_element(ir.Constant(vector_type, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    lane_zero = ir.Constant(ir.VectorType(ir.IntType(32), vector_type.count), None)
    return builder.shuffle_vector(first, ir.Constant(vector_type, ir.Undefined), lane_zero)


def multiply_add(builder, vector_type, a, b, c):
    """Emit a * b + c, fused where the processor can."""
    signature = ir.FunctionType(vector_type, [vector_type] * 3)
    # llvmlite's declare_intrinsic takes no vectors, so the intrinsic is inserted by its name.
    function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.fmuladd.{mangled(vector_type)}")
    return builder.call(function, [a, b, c])


def sum_lanes(builder, vector_type, value):
    """Emit the sum of all lanes, in every lane: the upper half is added to the lower one, and so on."""
    count = vector_type.count
    while count > 1:
        count //= 2
        halves = [
            ir.Constant(ir.VectorType(ir.IntType(32), count), [*range(first, first + count)]) for first in (0, count)
        ]
        value = builder.fadd(*(builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), h) for h in halves))
    return splat(builder, vector_type, builder.extract_element(value, ir.Constant(ir.IntType(32), 0)))


def emit_all_zero(builder, value):
    """Emit whether every lane is zero."""
    equal = builder.fcmp_ordered("==", value, ir.Constant(value.type, None))
    bits = ir.IntType(value.type.count)
    return builder.icmp_unsigned("==", builder.bitcast(equal, bits), ir.Constant(bits, -1))


def mangled(vector_type) -> str:
    """LLVM's name of a vector type inside the names of its intrinsics, such as v16f32."""
    return f"v{vector_type.count}f{32 if isinstance(vector_type.element, ir.FloatType) else 64}"


def _align(vector_type) -> int:
    return 4 if isinstance(vector_type.element, ir.FloatType) else 8


def _fills(builder, vector_type, count):
    return builder.icmp_signed(">=", count, ir.Constant(count.type, vector_type.count))


def _mask(builder, vector_type, count):
    indices = ir.VectorType(count.type, vector_type.count)
    return builder.icmp_signed(
        "<", ir.Constant(indices, list(range(vector_type.count))), splat(builder, indices, count)
    )


def _emit_masked_load(builder, vector_type, pointer, count):
    place, mask = _place(builder, vector_type, pointer), _mask(builder, vector_type, count)
    return _call_masked(builder, "load", vector_type, [*place, mask, ir.Constant(vector_type, None)], vector_type)


def _emit_masked_store(builder, vector_type, pointer, count, value) -> None:
    place, mask = _place(builder, vector_type, pointer), _mask(builder, vector_type, count)
    _call_masked(builder, "store", vector_type, [value, *place, mask], ir.VoidType())


def _place(builder, vector_type, pointer):
    align = ir.Constant(ir.IntType(32), _align(vector_type))
    return builder.bitcast(pointer, vector_type.as_pointer()), align


def _call_masked(builder, verb, vector_type, arguments, result_type):
    signature = ir.FunctionType(result_type, [argument.type for argument in arguments])
    name = f"llvm.masked.{verb}.{mangled(vector_type)}.p0"
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), arguments)


@type_callable(lanes)
def _type_lanes(context):
    return lambda array: types.intp


@lower_builtin(lanes, types.Array)
def _lower_lanes(context, builder, signature, args):
    return context.get_constant(types.intp, vector_of(signature.args[0].dtype).count)


@type_callable(load)
def _type_load(context):
    return lambda array, index, count: vector_of(array.dtype)


@lower_builtin(load, types.Array, types.BaseTuple, types.Integer)
def _lower_load(context, builder, signature, args):
    array_type, index_type, _ = signature.args
    pointer = address(context, builder, array_type, args[0], index_type, args[1])
    return emit_load(builder, context.get_value_type(signature.return_type), pointer, args[2])


@type_callable(store)
def _type_store(context):
    return lambda array, index, count, value: types.none


@lower_builtin(store, types.Array, types.BaseTuple, types.Integer, Vector)
def _lower_store(context, builder, signature, args):
    array_type, index_type, _, value_type = signature.args
    pointer = address(context, builder, array_type, args[0], index_type, args[1])
    emit_store(builder, context.get_value_type(value_type), pointer, args[2], args[3])
    return context.get_dummy_value()


@type_callable(store_down)
def _type_store_down(context):
    return lambda array, index, value: types.none


@lower_builtin(store_down, types.Array, types.BaseTuple, Vector)
def _lower_store_down(context, builder, signature, args):
    array_type, index_type, value_type = signature.args
    pointer = address(context, builder, array_type, args[0], index_type, args[1])
    row = cgutils.unpack_tuple(builder, context.make_array(array_type)(context, builder, args[0]).shape)[-1]
    for lane in range(value_type.count):
        builder.store(builder.extract_element(args[2], ir.IntType(32)(lane)), pointer)
        pointer = builder.gep(pointer, [row])
    return context.get_dummy_value()


@type_callable(copy)
def _type_copy(context):
    return lambda array, index, source, source_index, count: types.none


@lower_builtin(copy, types.Array, types.BaseTuple, types.Array, types.BaseTuple, types.Integer)
def _lower_copy(context, builder, signature, args):
    array_type, index_type, source_type, source_index_type, _ = signature.args
    place = address(context, builder, array_type, args[0], index_type, args[1])
    source = address(context, builder, source_type, args[2], source_index_type, args[3])
    item = context.get_abi_sizeof(place.type.pointee)
    cgutils.raw_memcpy(builder, place, source, args[4], item, align=item)
    return context.get_dummy_value()


@type_callable(prefetch)
def _type_prefetch(context):
    return lambda array, index: types.none


@lower_builtin(prefetch, types.Array, types.BaseTuple)
def _lower_prefetch(context, builder, signature, args):
    pointer = address(context, builder, signature.args[0], args[0], signature.args[1], args[1])
    place, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [place, flag, flag, flag])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(function, [builder.bitcast(pointer, place), flag(0), flag(2), flag(1)])  # for reading, of data
    return context.get_dummy_value()


@type_callable(spread)
def _type_spread(context):
    return lambda array, number: vector_of(array.dtype)


@lower_builtin(spread, types.Array, types.Number)
def _lower_spread(context, builder, signature, args):
    array_type, number_type = signature.args
    number = context.cast(builder, args[1], number_type, array_type.dtype)
    return splat(builder, context.get_value_type(signature.return_type), number)


@type_callable(first_lanes)
def _type_first_lanes(context):
    return lambda value, count: value


@lower_builtin(first_lanes, Vector, types.Integer)
def _lower_first_lanes(context, builder, signature, args):
    vector_type = context.get_value_type(signature.return_type)
    return builder.select(_mask(builder, vector_type, args[1]), args[0], ir.Constant(vector_type, None))


@type_callable(all_zero)
def _type_all_zero(context):
    return lambda value: types.boolean


@lower_builtin(all_zero, Vector)
def _lower_all_zero(context, builder, signature, args):
    return emit_all_zero(builder, args[0])


def _define_binary(function, instruction: str) -> None:
    @type_callable(function)
    def type_binary(context):
        return lambda left, right: left if isinstance(left, Vector) and left == right else None

    @lower_builtin(function, Vector, Vector)
    def lower_binary(context, builder, signature, args):
        return getattr(builder, instruction)(*args)


for _function, _instruction in [
    (operator.add, "fadd"),
    (operator.iadd, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
]:
    _define_binary(_function, _instruction)


@type_callable(operator.neg)
def _type_neg(context):
    return lambda value: value if isinstance(value, Vector) else None


@lower_builtin(operator.neg, Vector)
def _lower_neg(context, builder, signature, args):
    return builder.fneg(args[0])
