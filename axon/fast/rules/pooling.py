"""Rules for pooling."""

from typing import Any

import numpy as np

from axon.core import Tensor
from axon.fast.rules.calls import At, Call, Site, Word, Work, flat, lowers
from axon.fast.rules.convolution import each
from axon.ops.pool import windows_of
from axon.ops.windows import UNPADDED, Windows
from axon.program.trace import Instruction

FIXED = 100.0  # nanoseconds
TAP = 0.1  # nanoseconds for each number that a window sees
NOWHERE = Word(0)


def _windows(meta: dict[str, Any]) -> Windows:
    return windows_of(meta["pool_size"], meta["strides"], meta.get("padding", UNPADDED))


def _suits(site: Site, x: Tensor, y: Tensor) -> bool:
    return site.batched(x) and x.shape[0] == site.batch and flat(x) and y.size > 0


def _work(
    site: Site, kernel: str, x: Tensor, y: Tensor, places: tuple[At | Word, ...], windows: Windows,
    *more: At | Word,
) -> Work:  # fmt: skip
    """x are the images, whether they are read or written; places: x, y, index."""
    (above, _), (left, _) = windows.padding
    numbers = (*x.shape[1:], *y.shape[1:3], *windows.size, *windows.strides, above, left)
    words = (*map(Word, numbers), *places[1:], *more)
    cost = FIXED + TAP * y.size * windows.size[0] * windows.size[1]
    return Work((Call(kernel, (places[0], *words)),), site.batch, cost, True)


@lowers("max_pool2d")
def max_pool2d(site: Site, instruction: Instruction) -> Work | None:
    """Images."""
    (x,), y = instruction.inputs, instruction.out
    if not _suits(site, x, y) or not flat(y):
        return None
    return _work(site, "largest", x, y, (each(x), each(y), NOWHERE), _windows(instruction.meta))


@lowers("max_pool2d_argmax")
def max_pool2d_argmax(site: Site, instruction: Instruction) -> Work | None:
    """Images, and the largest numbers, which are found again faster than read."""
    (x, y), index = instruction.inputs, instruction.out
    if not _suits(site, x, index) or index.dtype != np.uint8:
        return None
    places = (each(x), NOWHERE, each(index))
    return _work(site, "largest", x, y, places, _windows(instruction.meta), each(y))


@lowers("max_pool2d_gradient")
def max_pool2d_gradient(site: Site, instruction: Instruction) -> Work | None:
    """The gradient of the result, and which taps it belongs to."""
    (g, index), out = instruction.inputs, instruction.out
    right = index.dtype == np.uint8 and index.data.flags.c_contiguous and flat(out)
    if not _suits(site, g, out) or not right:
        return None
    windows = _windows(instruction.meta)
    places = (each(out), each(g), each(index))
    return _work(site, "largest_back", out, g, places, windows, *_filling(windows, out.shape))


@lowers("average_pool2d")
def average_pool2d(site: Site, instruction: Instruction) -> Work | None:
    """Images."""
    (x,), y = instruction.inputs, instruction.out
    if not _suits(site, x, y) or not flat(y):
        return None
    return _work(site, "mean", x, y, (each(x), each(y), NOWHERE), _windows(instruction.meta))


@lowers("average_pool2d_gradient")
def average_pool2d_gradient(site: Site, instruction: Instruction) -> Work | None:
    """The gradient of the result."""
    (g,), out = instruction.inputs, instruction.out
    if not _suits(site, g, out) or not flat(out):
        return None
    windows = _windows(instruction.meta)
    places = (each(out), each(g), NOWHERE)
    return _work(site, "mean_back", out, g, places, windows, *_filling(windows, out.shape))


def _filling(windows: Windows, shape: tuple[int, ...]) -> tuple[Word, Word]:
    """Whether zeros come first, since not all pixels are seen once; whether none is seen twice."""
    pairs = list(zip(windows.counts(shape), windows.size, windows.strides, strict=True))
    alone = all(stride >= size for _, size, stride in pairs)
    room = tuple(count * size for count, size, _ in pairs)
    covering = windows.strides == windows.size and room == shape[1:3] and not windows.padded
    return Word(int(not covering)), Word(int(alone))
