"""Rules for joining tensors, and for the gradient of a slice."""

from itertools import pairwise
from typing import Any

import numpy as np

from axon.core import Tensor
from axon.fast.kernels.walk import Loops, Strided
from axon.fast.rules.calls import At, Call, Site, Work, lowers, strides
from axon.fast.rules.elementwise import FIXED, merged
from axon.program.trace import Instruction

Array = Any


def laid_in(site: Site, out: Tensor, part: Array, x: Tensor, batched: bool) -> Call | None:
    """Copy x to a part of the result; None if there are too many axes."""
    shape = part.shape or (1,)
    steps = [strides(Tensor(part), shape), strides(x, shape)]
    offset = part.ctypes.data - out.data.ctypes.data
    rows = site.batch if batched else 1
    k = shape[0] // rows
    sizes, loops = merged((k, *shape[1:]), steps)
    if len(sizes) > 4:
        return None
    pad = 4 - len(sizes)
    by_row = [k * step[0] if batched else 0 for step in steps]
    places = At(out, by_row[0] * 4, offset=offset), At(x, by_row[1] * 4)
    to, source = (
        Strided(place, row, *(0,) * pad, *loop)
        for place, row, loop in zip(places, by_row, loops, strict=True)
    )
    return Call("lay", loops=Loops(*(1,) * pad, *sizes), out=to, x=source)


def _lines(site: Site, out: Tensor, parts: list[Array], xs: list[Tensor]) -> bool:
    """Whether each sample of the inputs goes to the same sample of the result."""
    if not out.ndim:  # the slice of a single number has an axis that this has not
        return False
    parts_of_all = all(p.ndim and p.shape[0] == out.shape[0] for p in parts)
    alike = all(x.ndim and x.shape[0] == out.shape[0] for x in xs)
    if not parts_of_all or not alike or not site.rows(out) or not any(map(site.batched, xs)):
        return False
    return all(p.strides[0] == out.data.strides[0] for p in parts)


@lowers("concatenate")
def concatenate(site: Site, instruction: Instruction) -> Work | None:
    """Each input is copied to its part."""
    xs, out = list(instruction.inputs), instruction.out
    axis = instruction.meta.get("axis", -1) % out.ndim
    if not out.size or any(t.data.itemsize != 4 or t.dtype != out.dtype for t in (*xs, out)):
        return None
    ends = np.cumsum([0, *(x.shape[axis] for x in xs)])
    where = [(np.s_[:],) * axis + (np.s_[a:b],) for a, b in pairwise(ends)]
    pairs = [(out.data[w], x) for w, x in zip(where, xs, strict=True) if x.size]
    parts, xs = [p for p, _ in pairs], [x for _, x in pairs]
    batched = _lines(site, out, parts, xs)
    calls = [laid_in(site, out, p, x, batched) for p, x in zip(parts, xs, strict=True)]
    return _all(calls, site, out, batched)


@lowers("slice_gradient")
def slice_gradient(site: Site, instruction: Instruction) -> Work | None:
    """Zeros, and g in its place."""
    (g,), out = instruction.inputs, instruction.out
    if g.dtype != np.float32 or not out.size or not g.size:
        return None
    index = instruction.meta["index"]
    parts = index if isinstance(index, tuple) else (index,)
    part = out.data[parts if Ellipsis in parts else (*parts, ...)]  # an array, not a number
    if part.shape != g.shape:
        return None
    batched = _lines(site, out, [part], [g])
    rows = site.batch if batched else 1
    zeros = Call("zeros", n=out.size // rows, out=At(out, out.data.nbytes // rows))
    laid = laid_in(site, out, part, g, batched)
    return _all([zeros, laid] if part.size < out.size else [laid], site, out, batched)


def _all(calls: list[Call | None], site: Site, out: Tensor, batched: bool) -> Work | None:
    done = [c for c in calls if c is not None]
    if len(done) < len(calls):
        return None
    cost = FIXED * len(done) + 0.3 * out.size
    return Work(tuple(done), site.batch if batched else 1, cost, batched)
