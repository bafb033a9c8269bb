"""Rules for pooling."""

from typing import Any

import numpy as np

from axon.core import Tensor
from axon.fast.kernels import pooling
from axon.fast.rules.calls import At, Call, Site, Work, flat, lowers
from axon.fast.rules.convolution import each
from axon.ops.pool import windows_of
from axon.ops.windows import ONE, UNPADDED, Windows
from axon.program.trace import Instruction

FIXED = 100.0  # nanoseconds
TAP = 0.1  # nanoseconds for each number that a window sees


def _windows(meta: dict[str, Any]) -> Windows:
    return windows_of(meta["pool_size"], meta["strides"], meta.get("padding", UNPADDED))


def _suits(site: Site, x: Tensor, y: Tensor, meta: dict[str, Any]) -> bool:
    """Whether the compiled kernels can do it: they know of no gaps between taps."""
    batch = (site.batched(x) and x.shape[0] == site.batch) or site.wide
    return batch and flat(x) and y.size > 0 and meta.get("dilation", ONE) == ONE


def _work(
    site: Site, kernel: str, images: Tensor, result: Tensor, windows: Windows,
    **arguments: At | bool | None,
) -> Work:  # fmt: skip
    """A kernel on images, read or written, and the result of what windows see."""
    (above, _), (left, _) = windows.padding
    sizes = (*images.shape[1:], *result.shape[1:3], *windows.size, *windows.strides, above, left)
    cost = FIXED + TAP * result.size * windows.size[0] * windows.size[1]
    call = Call(kernel, windows=pooling.PoolWindows(*sizes), **arguments)
    return Work((call,), len(images), cost, len(images) == site.batch)


@lowers("max_pool2d")
def max_pool2d(site: Site, instruction: Instruction) -> Work | None:
    """Images."""
    (x,), y = instruction.inputs, instruction.out
    if not _suits(site, x, y, instruction.meta) or not flat(y):
        return None
    places = {"x": each(x), "y": each(y), "index": None, "found": None}
    return _work(site, "largest", x, y, _windows(instruction.meta), **places)


@lowers("max_pool2d_argmax")
def max_pool2d_argmax(site: Site, instruction: Instruction) -> Work | None:
    """Images, and the largest numbers, which are found again faster than read."""
    (x, y), index = instruction.inputs, instruction.out
    if not _suits(site, x, index, instruction.meta) or index.dtype != np.uint8:
        return None
    places = {"x": each(x), "y": None, "index": each(index), "found": each(y)}
    return _work(site, "largest", x, y, _windows(instruction.meta), **places)


@lowers("max_pool2d_gradient")
def max_pool2d_gradient(site: Site, instruction: Instruction) -> Work | None:
    """The gradient of the result, and which taps it belongs to."""
    (g, index), out = instruction.inputs, instruction.out
    right = index.dtype == np.uint8 and index.data.flags.c_contiguous and flat(out)
    if not _suits(site, g, out, instruction.meta) or not right:
        return None
    windows = _windows(instruction.meta)
    places = {"dx": each(out), "g": each(g), "index": each(index)}
    return _work(site, "largest_back", out, g, windows, **places, **_filling(windows, out.shape))


@lowers("average_pool2d")
def average_pool2d(site: Site, instruction: Instruction) -> Work | None:
    """Images."""
    (x,), y = instruction.inputs, instruction.out
    if not _suits(site, x, y, instruction.meta) or not flat(y):
        return None
    return _work(site, "mean", x, y, _windows(instruction.meta), x=each(x), y=each(y))


@lowers("average_pool2d_gradient")
def average_pool2d_gradient(site: Site, instruction: Instruction) -> Work | None:
    """The gradient of the result."""
    (g,), out = instruction.inputs, instruction.out
    if not _suits(site, g, out, instruction.meta) or not flat(out):
        return None
    windows = _windows(instruction.meta)
    places = {"dx": each(out), "g": each(g)}
    return _work(site, "mean_back", out, g, windows, **places, **_filling(windows, out.shape))


def _filling(windows: Windows, shape: tuple[int, ...]) -> dict[str, bool]:
    """Whether zeros come first, since not all pixels are seen once; whether none is seen twice."""
    triples = list(zip(windows.counts(shape), windows.size, windows.strides, strict=True))
    alone = all(stride >= size for _, size, stride in triples)
    covered = tuple(count * size for count, size, _ in triples)
    once = windows.strides == windows.size and covered == shape[1:3] and not windows.padded
    return {"zeros": not once, "alone": alone}
