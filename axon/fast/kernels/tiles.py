"""The innermost loop of convolutions: a tile of the result that lives in registers.

A tile is a few rows (pixels, or weights of one filter each) by a few vectors (of filters). For
each step of depth one number of each row is multiplied with the same vectors:

    C[i, j] <- start[i, j] + sum over runs r, steps k of  A[i][table[r] + k] B[r, k, j]

Rows begin anywhere; a run is a stretch of numbers that lie ``step`` bytes apart, and ``table``
says where runs begin: so windows on images need not be copied into the rows of a matrix.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from axon.fast.kernels.vectors import FEATURES, FLOAT, VECTOR, WIDE, WORD, fma, repeat

MANY = bool(FEATURES.get("avx512f")) or not FEATURES.get("sse2")  # 32 registers, not 16
WIDTHS = (4, 2, 1) if MANY else (2, 1)  # vectors in a row of a tile
HEIGHTS = {4: 6, 2: 12, 1: 12} if MANY else {2: 5, 1: 10}  # rows
PLACES = 32  # words: where the rows of A and of C begin


@intrinsic
def places(context: Any) -> Any:
    """The address of words that a kernel may use while it runs: places of A, then of C."""

    def build(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        memory = cgutils.alloca_once(builder, WORD, size=ir.Constant(WORD, PLACES))
        return builder.ptrtoint(memory, WORD)

    return types.intp(), build


def tile(height: int, width: int) -> Any:
    """The loop for tiles of a size.

    Arguments of what it returns: address of places (of A, and from half of ``PLACES`` on, of C),
    step along a run, table, runs, steps in a run, B, step of B, start, its step from row to row.
    """

    @intrinsic
    def accumulate(
        context: Any, where: Any, step: Any, table: Any, runs: Any, length: Any,
        b: Any, step_b: Any, start: Any, step_start: Any,
    ) -> Any:  # fmt: skip
        p = types.intp
        return types.void(*[p] * 9), lambda c, builder, s, given: _build(
            c, builder, given, height, width
        )

    return accumulate


def _vector(builder: Any, address: Any, number: int) -> Any:
    """The pointer to one of the vectors of a row."""
    place = builder.add(address, ir.Constant(WORD, number * WIDE))
    return builder.inttoptr(place, VECTOR.as_pointer())


def _row(builder: Any, address: Any, width: int) -> list[Any]:
    return [builder.load(_vector(builder, address, j), align=4) for j in range(width)]


class _Loop:
    """A loop from 0 to a bound (at least once) that carries values along."""

    def __init__(self, builder: Any, name: str, values: list[Any]) -> None:
        self.builder, before = builder, builder.block
        self.block = builder.append_basic_block(name)
        builder.branch(self.block)
        builder.position_at_end(self.block)
        self._phis = [builder.phi(v.type) for v in (ir.Constant(WORD, 0), *values)]
        for phi, value in zip(self._phis, (ir.Constant(WORD, 0), *values), strict=True):
            phi.add_incoming(value, before)
        self.number, *self.values = self._phis

    def end(self, bound: Any, values: list[Any]) -> None:
        """Go on with these values, unless the bound is reached."""
        following = self.builder.add(self.number, ir.Constant(WORD, 1))
        for phi, value in zip(self._phis, (following, *values), strict=True):
            phi.add_incoming(value, self.builder.block)
        after = self.builder.append_basic_block("after")
        more = self.builder.icmp_signed("<", following, bound)
        self.builder.cbranch(more, self.block, after)
        self.builder.position_at_end(after)


def _build(context: Any, builder: Any, given: Any, height: int, width: int) -> Any:
    where, step, table, runs, length, b, step_b, start, step_start = given
    words = builder.inttoptr(where, WORD.as_pointer())
    rows = range(height)

    def place(i: int) -> Any:
        return builder.load(builder.gep(words, [ir.Constant(WORD, i)]))

    a = [place(i) for i in rows]
    c = [place(PLACES // 2 + i) for i in rows]
    begin = [builder.add(start, builder.mul(step_start, ir.Constant(WORD, i))) for i in rows]
    sums = [v for address in begin for v in _row(builder, address, width)]
    run = _Loop(builder, "run", [b, *sums])
    offset = builder.load(builder.gep(builder.inttoptr(table, WORD.as_pointer()), [run.number]))
    k = _Loop(builder, "step", [offset, *run.values])
    offset, b, *sums = k.values
    vectors = _row(builder, b, width)
    added = []
    for i in rows:
        address = builder.inttoptr(builder.add(a[i], offset), FLOAT.as_pointer())
        number = builder.load(address, align=4)
        many = repeat(builder, number)
        added += [fma(builder, many, vectors[j], sums[i * width + j]) for j in range(width)]
    b = builder.add(b, step_b)
    k.end(length, [builder.add(offset, step), b, *added])
    run.end(runs, [b, *added])
    for i in rows:
        for j in range(width):
            builder.store(added[i * width + j], _vector(builder, c[i], j), align=4)
    return context.get_dummy_value()


TILES = {(h, w): tile(h, w) for w, height in HEIGHTS.items() for h in (height, 3, 1)}
