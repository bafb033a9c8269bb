"""What Numba lacks: arrays over addresses, calls of addresses, and atomic counters.

Everything a compiled program touches is an address in a table of integers.
"""

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WORD = ir.IntType(64)
ARM = platform.machine() in ("aarch64", "arm64")


@intrinsic
def call(context: Any, function: Any, arguments: Any) -> Any:
    """Call the kernel at an address with the address of its arguments."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kernel = ir.FunctionType(ir.VoidType(), [WORD]).as_pointer()
        builder.call(builder.inttoptr(given[0], kernel), [given[1]])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), build


@intrinsic
def load(context: Any, address: Any) -> Any:
    """Read a word that another thread may write."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load_atomic(_word(builder, given[0]), "acquire", 8)

    return types.intp(types.intp), build


@intrinsic
def store(context: Any, address: Any, value: Any) -> Any:
    """Write a word that another thread may read; all written before it is seen by then."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        builder.store_atomic(given[1], _word(builder, given[0]), "release", 8)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), build


@intrinsic
def increase(context: Any, address: Any, by: Any) -> Any:
    """Add to a word that other threads add to; return what it was."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.atomic_rmw("add", _word(builder, given[0]), given[1], "seq_cst")

    return types.intp(types.intp, types.intp), build


@intrinsic
def replace(context: Any, address: Any, old: Any, new: Any) -> Any:
    """Write a word if it still is ``old``; whether that was done."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        place = _word(builder, given[0])
        pair = builder.cmpxchg(place, given[1], given[2], "seq_cst")
        return builder.extract_value(pair, 1)

    return types.boolean(types.intp, types.intp, types.intp), build


def _word(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, WORD.as_pointer())


def _numbers(type_: Any) -> Any:
    """What makes an address and a size numbers of a type: a bare pointer, quick to compile.

    Numba's arrays know their size and count negative places from the end; compiling that takes a
    third longer. The size says to readers how many numbers there are.
    """

    def numbers(context: Any, address: Any, size: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return builder.inttoptr(given[0], context.get_value_type(signature.return_type))

        return types.CPointer(type_)(types.intp, types.intp), build

    return intrinsic(numbers)


words, ints, unsigned = (_numbers(t) for t in (types.int64, types.int32, types.uint32))
floats, doubles, bytes_ = (_numbers(t) for t in (types.float32, types.float64, types.uint8))


@intrinsic
def pause(context: Any) -> Any:
    """Tell the core that this thread only waits."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        name, given = ("llvm.aarch64.hint", [1]) if ARM else ("llvm.x86.sse2.pause", [])
        numbers = [ir.Constant(ir.IntType(32), n) for n in given]
        type_ = ir.FunctionType(ir.VoidType(), [n.type for n in numbers])
        builder.call(cgutils.get_or_insert_function(builder.module, type_, name), numbers)
        return context.get_dummy_value()

    return types.void(), build


@intrinsic
def fetch(context: Any, address: Any) -> Any:
    """Ask for the line of the cache at an address, which will be read soon."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        i = ir.IntType(32)
        type_ = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, i, i, i])
        function = cgutils.get_or_insert_function(builder.module, type_, "llvm.prefetch.p0i8")
        place = builder.inttoptr(given[0], cgutils.voidptr_t)
        read, once, data = (ir.Constant(i, n) for n in (0, 2, 1))
        builder.call(function, [place, read, once, data])
        return context.get_dummy_value()

    return types.void(types.intp), build


@intrinsic
def cycles(context: Any) -> Any:
    """The core's count of cycles."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        type_ = ir.FunctionType(WORD, [])
        name = "llvm.readcyclecounter"
        return builder.call(cgutils.get_or_insert_function(builder.module, type_, name), [])

    return types.intp(), build


@intrinsic
def give_way(context: Any, function: Any) -> Any:
    """Let another thread have the core: calls the system's function at this address."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        type_ = ir.FunctionType(ir.IntType(32), []).as_pointer()
        builder.call(builder.inttoptr(given[0], type_), [])
        return context.get_dummy_value()

    return types.void(types.intp), build


@intrinsic
def sgemm(
    context: Any, function: Any, ta: Any, tb: Any, m: Any, n: Any, k: Any, alpha: Any,
    a: Any, lda: Any, b: Any, ldb: Any, beta: Any, c: Any, ldc: Any,
) -> Any:  # fmt: skip
    """C <- alpha A B + beta C, by the ``cblas_sgemm`` (64-bit sizes) at an address; row-major."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        i, f = ir.IntType(32), ir.FloatType()
        type_ = ir.FunctionType(
            ir.VoidType(), [i, i, i, WORD, WORD, WORD, f, WORD, WORD, WORD, WORD, f, WORD, WORD]
        )
        ta, tb = (builder.trunc(x, i) for x in given[1:3])
        values = [ir.Constant(i, 101), ta, tb, *given[3:]]
        builder.call(builder.inttoptr(given[0], type_.as_pointer()), values)
        return context.get_dummy_value()

    p, real = types.intp, types.float32
    return types.void(p, p, p, p, p, p, real, p, p, p, p, real, p, p), build
