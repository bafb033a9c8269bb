"""Rules for convolutions."""

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from axon.blas import sgemm_address
from axon.core import Tensor
from axon.fast.kernels.convolution import Columns, ImagePadding, ImageWindows, Lines, Taps
from axon.fast.kernels.vectors import LANES
from axon.fast.kernels.winograd import SPACE, TABLE, TILES, TileGrid
from axon.fast.rules.calls import At, Call, Site, Work, Workspace, flat, lowers
from axon.fast.rules.reduce import combined
from axon.ops.windows import ONE, ConvolutionSizes, convolution
from axon.program.trace import Instruction

GFLOPS = 100.0  # of one core, about
FIXED = 200.0  # nanoseconds
COLUMNS = 2**18  # bytes of columns at a time
TURNED = 2**20  # bytes of a kernel that is turned around again and again


class Images(NamedTuple):
    """Where images lie, and how large one of them is with its padding."""

    place: At
    shape: tuple[int, int, int]  # H, W, C

    @property
    def size(self) -> int:
        """Bytes of an image."""
        return prod(self.shape) * 4

    @property
    def line(self) -> int:
        """Bytes of a line."""
        return prod(self.shape[1:]) * 4


def table(numbers: Any) -> At:
    """The place of integers that are known beforehand."""
    return At(Tensor(np.array(numbers, np.int64)))


def each(t: Tensor) -> At:
    """A tensor, sample by sample."""
    return At(t, t.data.nbytes // max(t.shape[0], 1))


def suits(site: Site, c: ConvolutionSizes, *tensors: Tensor) -> bool:
    """Whether these are the images of a batch, all in one group."""
    batch = c.shape[0] == site.batch and (site.wide or any(site.batched(t) for t in tensors))
    return batch and c.G == 1 and flat(*tensors) and all(t.size for t in tensors)


def cost(c: ConvolutionSizes) -> float:
    """Nanoseconds."""
    return FIXED + 2.0 * prod(c.out) * c.K / GFLOPS


# ------------------------------------------------------------------------------------ padding


def padded(x: Tensor, ends: Any) -> tuple[tuple[Call, ...], Images]:
    """Images with zeros around them, copied if there are any."""
    _, H, W, C = x.shape
    (above, below), (left, right) = ends
    if not any((above, below, left, right)):
        return (), Images(each(x), (H, W, C))
    shape = (H + above + below, W + left + right, C)
    place = images_of_its_own(shape)
    return (around("pad_images", place, each(x), x.shape, ends),), Images(place, shape)


def around(kernel: str, out: At, x: At, shape: tuple[int, ...], ends: Any) -> Call:
    """The call that puts images into their padding, or takes them out."""
    _, H, W, C = shape
    (above, below), (left, right) = ends
    padding = ImagePadding(above, below, H, left * C * 4, right * C * 4, W * C * 4)
    return Call(kernel, padding=padding, out=out, x=x)


def images_of_its_own(shape: Sequence[int]) -> At:
    """A workspace for images."""
    workspace = Workspace(by_row=prod(shape) * 4)
    return At(workspace, workspace.by_row)


def windows_on(c: ConvolutionSizes, x: Images) -> ImageWindows:
    """Where windows lie on images."""
    (SH, SW), (_, _, C) = c.windows.strides, x.shape
    return ImageWindows(x.place, x.size, SH * x.line, SW * C * 4, *c.counts)


def taps(c: ConvolutionSizes, line: int, C: int) -> tuple[list[int], int, int]:
    """Where runs of taps lie from the first, in bytes; how many runs in a line; their length."""
    (KH, KW), (DH, DW) = c.windows.size, c.windows.dilation
    if DW == 1 or KW == 1:
        return [kh * DH * line for kh in range(KH)], 1, KW * C
    places = [kh * DH * line + kw * DW * C * 4 for kh in range(KH) for kw in range(KW)]
    return places, KW, C


# ------------------------------------------------------------------------------------ tiles


def tiles(
    c: ConvolutionSizes, x: Images, weights: At, bias: At, out: At, counts: Any, filters: int,
    above: int = 0, lines: int = 0, done: bool = False,
) -> Call:  # fmt: skip
    """The call of ``convolve``, perhaps only for what is not finite."""
    (KH, _), SH, DH = c.windows.size, c.windows.strides[0], c.windows.dilation[0]
    H, _, C = x.shape
    runs, in_line, length = taps(c, x.line, C)
    OH, OW = counts
    seen = Lines(above, lines or H, KH, SH, DH)
    sizes = {"in_line": in_line, "length": length, "filters": filters}
    places = {"table": table(runs), "weights": weights, "bias": bias, "out": out}
    windows = windows_on(c, x)._replace(OH=OH, OW=OW)
    return Call("convolve", windows=windows, lines=seen, **sizes, **places, done=done)


def zeros(n: int) -> At:
    """So many of them."""
    return At(Tensor(np.zeros(n, np.float32)))


def of_samples(site: Site, instruction: Instruction, c: ConvolutionSizes) -> Work | None:
    """Images of a batch, a kernel, and perhaps a bias."""
    (x, w, *bias), out = instruction.inputs, instruction.out
    if not suits(site, c, x, w, *bias, out) or not (site.batched(x) or site.wide):
        return None
    F = c.kernel[3]
    start, y = (At(bias[0]) if bias else zeros(F)), At(out, out.data.nbytes // site.batch)
    if fewer(c):
        calls, images = padded(x, complete_tiles(c))
        places = {"x": images.place, "weights": At(w), "bias": start, "out": y}
        calls += (winograd("winograd", c, **places),)
        calls += (tiles(c, images, At(w), start, y, c.counts, F, done=True),)
        return Work(calls, site.batch, SHARE * cost(c), True)
    calls, images = padded(x, c.windows.padding)
    if F % LANES == 0:
        calls += (tiles(c, images, At(w), start, y, c.counts, F),)
    elif sgemm_address():
        calls += (matrices("convolve_matrix", c, images, weights=At(w), bias=start, out=y),)
    else:
        return None
    return Work(calls, site.batch, cost(c), True)


@lowers("conv2d_input")
def conv2d_input(site: Site, instruction: Instruction) -> Work | None:
    """The gradient of the result, and the kernel."""
    (g, w), out = instruction.inputs, instruction.out
    meta = dict(instruction.meta)
    c = convolution(meta.pop("shape"), w.shape, g.dtype, **meta)
    if not suits(site, c, g, w, out) or not (site.batched(g) or site.wide):
        return None
    calls = _fewer_back(c, g, w, out) or _turned(c, g, w, out) or _sent_back(c, g, w, out)
    nanoseconds = SHARE * cost(c) if fewer(c) else cost(c)
    return Work(calls, site.batch, nanoseconds, True) if calls else None


def _turned(c: ConvolutionSizes, g: Tensor, w: Tensor, out: Tensor) -> tuple[Call, ...] | None:
    """Back by a convolution of padded g with the kernel turned around."""
    (KH, KW, C, F), (OH, _) = c.kernel, c.counts
    if c.windows.strides != ONE or C % LANES or w.data.nbytes > TURNED:
        return None
    ends = []
    for axis, (span, count) in enumerate(zip(c.windows.spans(), c.counts, strict=True)):
        before = span - 1 - c.windows.padding[axis][0]
        ends.append((before, c.shape[1 + axis] + span - 1 - count - before))
    if min(min(pair) for pair in ends) < 0:
        return None
    calls, images = padded(g, ends)
    place = At(Workspace(by_thread=w.data.nbytes))
    turn = Call("turn_kernel", taps=KH * KW, C=C, F=F, out=place, x=At(w))
    above = ends[0][0]
    back = tiles(c, images, place, zeros(C), each(out), c.shape[1:3], C, above, OH)
    return (*calls, turn, back)


def _sent_back(c: ConvolutionSizes, g: Tensor, w: Tensor, out: Tensor) -> tuple[Call, ...] | None:
    """Back by a matrix product, and sums of what meets at a pixel."""
    if not sgemm_address():
        return None
    H, W, C = c.shape[1:]
    if not c.windows.padded:
        images = Images(each(out), (H, W, C))
        return (_to_images(c, images, w, g),)
    shape = (*c.windows.padded_size(c.shape), C)
    place = images_of_its_own(shape)
    crop = around("crop_images", each(out), place, c.shape, c.windows.padding)
    return _to_images(c, Images(place, shape), w, g), crop


def _to_images(c: ConvolutionSizes, x: Images, w: Tensor, g: Tensor, done: bool = False) -> Call:
    places = {"weights": At(w), "g": each(g)}
    return matrices("convolve_matrix_input", c, x, **places, done=done)


@lowers("conv2d_weight")
def conv2d_weight(site: Site, instruction: Instruction) -> Work | None:
    """The images, and the gradient of the result."""
    (x, g), out = instruction.inputs, instruction.out
    meta = dict(instruction.meta)
    c = convolution(x.shape, meta.pop("shape"), x.dtype, **meta)
    if not suits(site, c, x, g) or not (site.batched(x) and site.batched(g)):
        return None
    if out.dtype != np.float32 or not out.size:
        return None
    parts = Workspace(by_piece=-(-out.data.nbytes // 64) * 64)
    place, F = At(parts, by_piece=parts.by_piece), c.kernel[3]
    calls, images = padded(x, complete_tiles(c) if fewer(c) else c.windows.padding)
    if fewer(c):
        own = At(Workspace(by_thread=parts.by_piece))
        calls += (winograd("winograd_weight", c, x=images.place, g=each(g), out=own),)
        calls += (_weight_tiles(c, images, each(g), place, own),)
    elif F % LANES == 0:
        calls += (_weight_tiles(c, images, each(g), place),)
    elif sgemm_address():
        calls += (matrices("convolve_matrix_weight", c, images, g=each(g), out=place),)
    else:
        return None
    nanoseconds = SHARE * cost(c) if fewer(c) else cost(c)
    after = partial(combined, At(out, 4), out.size, parts)
    return Work(calls, site.batch, nanoseconds, True, after)


def _weight_tiles(c: ConvolutionSizes, x: Images, g: At, out: At, done: At | None = None) -> Call:
    OH, SH = c.counts[0], c.windows.strides[0]
    runs, _, length = taps(c, x.line, x.shape[2])
    every = [run + 4 * k for run in runs for k in range(length)]
    tables = {"lines": table([i * SH * x.line for i in range(OH)]), "taps": table(every)}
    sizes = {"K": len(every), "filters": c.kernel[3]}
    places = {"windows": windows_on(c, x), "g": g, "out": out, "done": done}
    return Call("convolve_weight", **tables, **sizes, **places)


# ------------------------------------------------------------------------------------ 3 x 3


SHARE = 0.4  # of the time, with fewer multiplications
MOST = 2**19  # bytes of a kernel for which that pays


def _grid(c: ConvolutionSizes) -> tuple[int, int]:
    """How many tiles of 4 x 4 there are, downwards and across."""
    return -(-c.counts[0] // 4), -(-c.counts[1] // 4)


def fewer(c: ConvolutionSizes) -> bool:
    """Whether Winograd's convolution suits: 3 x 3, whole vectors, tiles that are mostly full."""
    KH, KW, C, F = c.kernel
    right = (KH, KW) == (3, 3) and c.windows.strides == c.windows.dilation == ONE
    if not right or C % LANES or F % LANES or c.K * F * 4 > MOST or not sgemm_address():
        return False
    return 16 * prod(_grid(c)) < 1.7 * prod(c.counts)


def complete_tiles(c: ConvolutionSizes) -> Any:
    """Padding to what complete tiles see."""
    ends = []
    for axis, (tiles, (before, _)) in enumerate(zip(_grid(c), c.windows.padding, strict=True)):
        ends.append((before, 4 * tiles + 2 - c.shape[1 + axis] - before))
    return ends


def winograd(kernel: str, c: ConvolutionSizes, **places: At) -> Call:
    """The call of one of the three kernels."""
    grid, (_, _, C, F) = TileGrid(*_grid(c), *c.counts), c.kernel
    tiles = 2 * TILES if kernel == "winograd_weight" else TILES
    floats = max(C, F) + SPACE * LANES + 36 * (C * F + tiles * (C + F))
    workspace = At(Workspace(by_thread=TABLE + -(-floats // 16) * 64))
    return Call(kernel, workspace=workspace, grid=grid, C=C, N=F, **places)


def _fewer_back(c: ConvolutionSizes, g: Tensor, w: Tensor, out: Tensor) -> tuple[Call, ...] | None:
    """Back by fewer multiplications, into images of complete tiles."""
    if not fewer(c):
        return None
    ends = complete_tiles(c)
    shape = tuple(n + sum(pair) for n, pair in zip(c.shape[1:3], ends, strict=True))
    shape = (*shape, c.shape[3])
    images = Images(images_of_its_own(shape), shape)
    place, (C, F) = At(Workspace(by_thread=w.data.nbytes)), c.kernel[2:]
    turn = Call("turn_kernel", taps=9, C=C, F=F, out=place, x=At(w))
    back = winograd("winograd_input", c, out=images.place, weights=place, g=each(g))
    otherwise = _to_images(c, images, w, g, done=True)
    crop = around("crop_images", each(out), images.place, c.shape, ends)
    return turn, back, otherwise, crop


# ------------------------------------------------------------------------------------ matrices


def matrices(
    kernel: str, c: ConvolutionSizes, x: Images, batched: bool = True, /, **arguments: At | bool
) -> Call:
    """The call of a kernel that gathers what windows see and leaves the product to BLAS."""
    OH, OW = c.counts
    runs, _, length = taps(c, x.line, x.shape[2])
    lines = min(OH, max(1, COLUMNS // (OW * c.K * 4)))
    size = -(-lines * OW * c.K * 4 // 64) * 64
    place = At(Workspace(by_thread=size)) if batched else At(Workspace(by_piece=size), 0, size)
    geometry = {
        "windows": windows_on(c, x),
        "taps": Taps(table(runs), len(runs), length * 4),
        "columns": Columns(place, lines, c.K, c.kernel[3]),
    }
    return Call(kernel, **geometry, blas=sgemm_address(), **arguments)
