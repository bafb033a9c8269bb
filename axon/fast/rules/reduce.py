"""Rules for sums, and for softmax along rows."""

from functools import partial
from math import prod

import numpy as np

from axon.core import Tensor
from axon.fast.rules.calls import At, Call, Site, Work, Workspace, flat, lowers
from axon.fast.rules.elementwise import FIXED, SMALL
from axon.ops.reduce import axes_of
from axon.program.trace import Instruction

LARGE = 100_000  # numbers that are summed in pieces, even if these are not samples


def by_rows(site: Site, x: Tensor, lines: int) -> tuple[int, int, bool]:
    """Rows, lines in each, and whether the rows are samples."""
    if site.batched(x) and site.rows(x) and lines % site.batch == 0:
        return site.batch, lines // site.batch, True
    return (1, lines, False) if x.size <= SMALL else (lines, 1, False)


def along_rows(
    site: Site, x: Tensor, out: Tensor, n: int, kernel: str, cost: float, after: int = 0,
    **others: Tensor,
) -> Work:  # fmt: skip
    """One result for each line of n numbers; or of n lines, so many numbers wide."""
    lines = x.size // (n * max(after, 1))
    rows, k, batched = by_rows(site, x, lines)
    places = {"out": out, **(others or {"x": x})}
    arguments: dict[str, At | int] = {m: At(t, t.data.nbytes // rows) for m, t in places.items()}
    if after:
        arguments["after"] = after
    call = Call(kernel, lines=k, n=n, **arguments)
    return Work((call,), rows, FIXED + cost * x.size, batched)


def over_rows(site: Site, x: Tensor, out: Tensor, kernel: str = "sum_columns") -> Work:
    """The sum of all lines; pieces of a batch leave parts of it."""
    n = out.size
    lines = x.size // n
    rows, k, batched = by_rows(site, x, lines)
    if x.size > LARGE and site.batch and lines % site.batch == 0:  # as many lines as samples
        rows, k, batched = site.batch, lines // site.batch, True
    cost = FIXED + 0.2 * x.size

    def sizes(lines: int) -> dict[str, int]:
        return {"n": lines} if kernel == "sum_all" else {"lines": lines, "n": n}

    if not batched:
        call = Call(kernel, **sizes(lines), out=At(out), x=At(x))
        return Work((call,), 1, cost)
    parts = Workspace(by_piece=-(-n * 4 // 64) * 64)
    place = At(parts, by_piece=parts.by_piece)
    call = Call(kernel, **sizes(k), out=place, x=At(x, k * n * 4))
    after = partial(combined, At(out, 4), n, parts)
    return Work((call,), rows, cost, True, after)


def combined(out: At, n: int, parts: Workspace, pieces: int) -> Work:
    """Add up what the pieces left of n numbers."""
    sizes = {"pieces": pieces, "piece_bytes": parts.by_piece}
    call = Call("combine", **sizes, out=out, parts=At(parts, 4))
    return Work((call,), n, FIXED + 0.2 * n * pieces)


def reduced(site: Site, x: Tensor, out: Tensor, gone: tuple[int, ...], kernel: str) -> Work | None:
    """Sums or maxima along some axes of x, which lies in one piece."""
    gone = tuple(i for i in gone if x.shape[i] > 1) or gone[-1:]
    if not gone:
        return None
    sums = kernel == "sum"
    if sums and len(gone) == x.ndim:
        return over_rows(site, x, out, "sum_all")
    if sums and gone == tuple(range(len(gone))):
        return over_rows(site, x, out)
    if gone != tuple(range(gone[0], gone[-1] + 1)) or (gone[0] == 0 and sums):
        return None
    n, after = prod(x.shape[i] for i in gone), prod(x.shape[gone[-1] + 1 :])
    if sums and after == 1:
        return along_rows(site, x, out, n, "sum_rows", 0.2)
    return along_rows(site, x, out, n, f"{kernel}_between", 0.3, after)


@lowers("sum")
def sum_(site: Site, instruction: Instruction) -> Work | None:
    """Sums along neighbouring axes."""
    (x,), out = instruction.inputs, instruction.out
    axes = tuple(sorted(axes_of(instruction.meta.get("axis"), x.ndim)))
    if x.dtype == out.dtype == np.float64 and out.size == 1 and x.data.flags.c_contiguous:
        call = Call("sum_f8", n=x.size, out=At(out), x=At(x))
        return Work((call,), 1, FIXED + x.size)
    if x.dtype == out.dtype == np.float64 and x.data.flags.c_contiguous and x.size:
        last = axes == tuple(range(x.ndim - len(axes), x.ndim)) and axes
        n = prod(x.shape[a] for a in axes)
        return along_rows(site, x, out, n, "sum_rows_f8", 1.0) if last else None
    return reduced(site, x, out, axes, "sum") if flat(x) and x.size else None


@lowers("max")
def max_(site: Site, instruction: Instruction) -> Work | None:
    """Maxima along neighbouring axes."""
    (x,), out = instruction.inputs, instruction.out
    axes = tuple(sorted(axes_of(instruction.meta.get("axis"), x.ndim)))
    return reduced(site, x, out, axes, "max") if flat(x) and x.size else None


@lowers("sum_to")
def sum_to(site: Site, instruction: Instruction) -> Work | None:
    """Back to the shape before broadcasting."""
    (x,), out = instruction.inputs, instruction.out
    shape = (1,) * (x.ndim - out.ndim) + out.shape
    gone = tuple(i for i in range(x.ndim) if shape[i] != x.shape[i])
    return reduced(site, x, out, gone, "sum") if flat(x) and x.size else None


@lowers("argmax")
def argmax(site: Site, instruction: Instruction) -> Work | None:
    """Along the last axis."""
    (x,), out = instruction.inputs, instruction.out
    axis = instruction.meta.get("axis", -1)
    if not flat(x) or not x.size or axis % x.ndim != x.ndim - 1:
        return None
    return along_rows(site, x, out, x.shape[-1], "argmax", 1.0)


@lowers("log_softmax", "softmax")
def softmax(site: Site, instruction: Instruction) -> Work | None:
    """Along the last axis."""
    (x,), out = instruction.inputs, instruction.out
    axis = instruction.meta.get("axis", -1)
    if not flat(x) or not x.size or axis % x.ndim != x.ndim - 1:
        return None
    return along_rows(site, x, out, x.shape[-1], instruction.primitive.name, 1.0)


@lowers("softmax_gradient")
def softmax_gradient(site: Site, instruction: Instruction) -> Work | None:
    """Along the last axis."""
    (g, y), out = instruction.inputs, instruction.out
    axis = instruction.meta.get("axis", -1)
    if not flat(g, y) or not g.size or axis % g.ndim != g.ndim - 1:
        return None
    return along_rows(site, g, out, g.shape[-1], "softmax_gradient", 0.3, g=g, y=y)
