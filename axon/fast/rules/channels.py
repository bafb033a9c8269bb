"""Rules for batch statistics, and for padding."""

from functools import partial
from math import prod

from axon.core import Tensor
from axon.fast.rules.calls import At, Call, Site, Work, Workspace, flat, lowers
from axon.fast.rules.convolution import around, each
from axon.fast.rules.reduce import combined
from axon.program.trace import Instruction

FIXED = 100.0  # nanoseconds
EACH = 0.1  # nanoseconds for each number


def _rows(site: Site, x: Tensor) -> tuple[int, bool]:
    """How many rows there are, and whether they are samples."""
    batched = site.batched(x) and site.rows(x)
    return (site.batch if batched else x.shape[0]), batched


def _at(t: Tensor, rows: int) -> At:
    return At(t, t.data.nbytes // rows)


def _cost(x: Tensor) -> float:
    return FIXED + EACH * x.size


@lowers("channel_moments")
def channel_moments(site: Site, instruction: Instruction) -> Work | None:
    """Samples; pieces leave mean, squares and count."""
    (x,), out = instruction.inputs, instruction.out
    if not flat(x, out) or not x.size or not _rows(site, x)[1]:
        return None
    rows, C = site.batch, x.shape[-1]
    parts = Workspace(by_piece=-(-(out.data.nbytes + 8) // 64) * 64)  # and the count
    place = At(parts, by_piece=parts.by_piece)
    pixels = x.size // C // rows
    call = Call("channel_moments", pixels=pixels, C=C, part=place, x=_at(x, rows))

    def after(pieces: int) -> Work:
        sizes = {"C": C, "pieces": pieces, "piece_bytes": parts.by_piece}
        join = Call("join_moments", **sizes, out=At(out), parts=At(parts))
        return Work((join,), 1, FIXED + C * pieces)

    return Work((call,), rows, 2 * _cost(x), True, after)


@lowers("channel_affine")
def channel_affine(site: Site, instruction: Instruction) -> Work | None:
    """Center, slope and offset; samples."""
    (p, x), out = instruction.inputs, instruction.out
    if not flat(p, x, out) or not x.size:
        return None
    (rows, batched), C = _rows(site, x), x.shape[-1]
    places = {"out": _at(out, rows), "p": At(p), "x": _at(x, rows)}
    call = Call("channel_affine", pixels=x.size // C // rows, C=C, **places)
    return Work((call,), rows, _cost(x), batched)


@lowers("channel_scale")
def channel_scale(site: Site, instruction: Instruction) -> Work | None:
    """Samples; slopes."""
    (x, slope), out = instruction.inputs, instruction.out
    if not flat(x, slope, out) or not x.size:
        return None
    (rows, batched), C = _rows(site, x), x.shape[-1]
    places = {"out": _at(out, rows), "x": _at(x, rows), "slope": At(slope)}
    call = Call("channel_scale", pixels=x.size // C // rows, C=C, **places)
    return Work((call,), rows, _cost(x), batched)


@lowers("channel_affine_gradient")
def channel_affine_gradient(site: Site, instruction: Instruction) -> Work | None:
    """The gradient of the result, the samples, and p."""
    (g, x, p), out = instruction.inputs, instruction.out
    if not flat(g, x, p, out) or not x.size:
        return None
    if not (site.batched(g) and site.batched(x) and site.rows(x)):
        return None
    rows, C = site.batch, x.shape[-1]
    parts = Workspace(by_piece=-(-out.data.nbytes // 64) * 64)
    place = At(parts, by_piece=parts.by_piece)
    places = {"part": place, "g": _at(g, rows), "x": _at(x, rows), "p": At(p)}
    call = Call("channel_affine_gradient", pixels=x.size // C // rows, C=C, **places)
    cost = _cost(x) + _cost(g)
    after = partial(combined, At(out, 4), out.size, parts)
    return Work((call,), rows, cost, True, after)


# ------------------------------------------------------------------------------------ padding


@lowers("pad")
def pad(site: Site, instruction: Instruction) -> Work | None:
    """Zeros before and after along the second and the third axis."""
    (x,), out = instruction.inputs, instruction.out
    ends = instruction.meta["padding"]
    if not flat(x, out) or not x.size or x.ndim < 2 or any(map(any, (ends[0], *ends[3:]))):
        return None
    if x.shape[0] != site.batch or not (site.batched(x) or site.wide):
        return None
    second = x.shape[2] if x.ndim > 2 else 1
    shape = (x.shape[0], x.shape[1], second, prod(x.shape[3:]))
    pads = (ends[1], ends[2] if x.ndim > 2 else (0, 0))
    call = around("pad_images", each(out), each(x), shape, pads)
    return Work((call,), site.batch, _cost(out), True)
