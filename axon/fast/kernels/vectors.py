"""Several numbers at once: a loop's body written once, for vectors and for the rest.

``load(address, like)`` reads a vector if ``like`` is one (``vector()``), and a single number if it
is a number; what follows is written the same for both. So a loop over channels takes ``LANES`` at
a time, and those left over one by one, however short it is.
"""

import operator
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

FEATURES = binding.get_host_cpu_features()
LANES = 16 if FEATURES.get("avx512f") else 8 if FEATURES.get("avx2") else 4
FLOAT, WORD = ir.FloatType(), ir.IntType(64)
VECTOR = ir.VectorType(FLOAT, LANES)
WIDE = LANES * 4  # bytes of a vector


class Vector(types.Type):  # type: ignore[misc]
    """As many float32 numbers as the processor works on at once."""

    def __init__(self) -> None:
        super().__init__(name=f"Vector{LANES}")


VECTORS = Vector()


@register_model(Vector)
class _Model(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, type_: Any) -> None:
        super().__init__(manager, type_, VECTOR)


@intrinsic
def vector(context: Any) -> Any:
    """A vector of zeros."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return ir.Constant(VECTOR, None)

    return VECTORS(), build


def _place(context: Any, builder: Any, type_: Any, address: Any) -> Any:
    """The pointer to a vector or a number at an address."""
    return builder.inttoptr(address, context.get_value_type(type_).as_pointer())


@intrinsic
def load(context: Any, address: Any, like: Any) -> Any:
    """The vector, or the number, at an address."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load(_place(context, builder, like, given[0]), align=4)

    return like(types.intp, like), build


@intrinsic
def store(context: Any, address: Any, value: Any) -> Any:
    """Write a vector, or a number, to an address."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        builder.store(given[1], _place(context, builder, value, given[0]), align=4)
        return context.get_dummy_value()

    return types.void(types.intp, value), build


def _integers(context: Any, type_: Any, bits: int) -> Any:
    """The integers that go with vectors, or with a number."""
    one = ir.IntType(bits)
    return ir.VectorType(one, LANES) if isinstance(type_, Vector) else one


@intrinsic
def load_bytes(context: Any, address: Any, like: Any) -> Any:
    """Bytes at an address, as floats."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        type_ = _integers(context, like, 8)
        value = builder.load(builder.inttoptr(given[0], type_.as_pointer()), align=1)
        return builder.uitofp(value, context.get_value_type(like))

    return like(types.intp, like), build


@intrinsic
def store_bytes(context: Any, address: Any, value: Any) -> Any:
    """Write integers below 256, which are kept as floats, as bytes."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        type_ = _integers(context, value, 8)
        number = builder.trunc(builder.fptosi(given[1], _integers(context, value, 32)), type_)
        builder.store(number, builder.inttoptr(given[0], type_.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(types.intp, value), build


def repeat(builder: Any, number: Any) -> Any:
    """A vector of one number."""
    nothing = ir.Constant(VECTOR, ir.Undefined)
    one = builder.insert_element(nothing, number, ir.Constant(ir.IntType(32), 0))
    every = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, nothing, every)


@intrinsic
def fill(context: Any, number: Any, like: Any) -> Any:
    """A number, as often as ``like`` has places."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return repeat(builder, given[0]) if isinstance(like, Vector) else given[0]

    return like(types.float32, like), build


def _choice(relation: str, ordered: bool) -> Any:
    @intrinsic
    def choose(context: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            compare = builder.fcmp_ordered if ordered else builder.fcmp_unordered
            return builder.select(compare(relation, *given[:2]), *given[2:])

        return yes(a, a, yes, yes), build

    return choose


where_greater = _choice(">", True)  # where_greater(a, b, yes, no): yes where a > b, else no
where_equal = _choice("==", True)
where_nan = _choice("uno", False)  # where a or b is no number


@intrinsic
def multiply_add(context: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once where the processor can."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return fma(builder, *given)

    return a(a, a, a), build


def fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c as an instruction."""
    name = f"llvm.fmuladd.v{LANES}f32" if a.type == VECTOR else "llvm.fmuladd.f32"
    type_ = ir.FunctionType(a.type, [a.type] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, type_, name), [a, b, c])


def _operator(function: Any, instruction: str) -> None:
    @infer_global(function)
    class _Typed(ConcreteTemplate):  # type: ignore[misc]
        cases = (signature(VECTORS, VECTORS, VECTORS),)

    @lower_builtin(function, VECTORS, VECTORS)
    def _build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return getattr(builder, instruction)(*given)


for _function, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_function, _instruction)


@njit(inline="always")
def by_vectors(each: Any, n: int, arguments: Any) -> None:
    """each(like, bytes before it, arguments) for n numbers: by vectors, the rest one by one."""
    rest = n // LANES * LANES
    for i in range(0, rest, LANES):
        each(vector(), 4 * i, arguments)
    for i in range(rest, n):
        each(np.float32(0), 4 * i, arguments)


@njit(inline="always")
def by_full_vectors(each: Any, n: int, arguments: Any) -> None:
    """The same for n numbers that are whole vectors."""
    for i in range(0, n, LANES):
        each(vector(), 4 * i, arguments)
