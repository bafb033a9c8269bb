"""Windows over volumes (n, channels, depth, height, width), made of those over images."""

from collections.abc import Callable
from functools import partial

from axon import ops
from axon.backend import Shape
from axon.core import Tensor
from axon.onnx.run.operators import gaps
from axon.onnx.run.operators.budget import allowed
from axon.ops.volumes import conv3d, conv3d_input, pool3d
from axon.ops.windows import Pair, same

Ints = list[int] | None
Around = tuple[Pair, ...]


def triple(name: str, given: Ints, usual: int = 1) -> Shape:
    """Three numbers that are no less than usual ones may be.

    Raises:
        ValueError: there are more or fewer.
    """
    numbers = [usual] * 3 if given is None else given
    if len(numbers) != 3 or min(numbers) < usual:
        raise ValueError(f"{name}={numbers} does not fit 3 axes.")
    return tuple(numbers)


def around(auto_pad: str, pads: Ints, sizes: Shape, spans: Shape, strides: Shape) -> Around:
    """Before and behind each axis."""
    if auto_pad.startswith("SAME"):
        found = [same(*n) for n in zip(sizes, spans, strides, strict=True)]
        return tuple((b, a) if auto_pad == "SAME_LOWER" else (a, b) for a, b in found)
    numbers = [0] * 6 if pads is None or auto_pad == "VALID" else pads
    if len(numbers) != 6 or min(numbers) < 0 or max(numbers) > 2**16:
        raise ValueError(f"pads={numbers} do not fit 3 axes, or are out of range.")
    return tuple((numbers[i], numbers[i + 3]) for i in range(3))


def _spans(size: Shape, dilation: Shape) -> Shape:
    return tuple((k - 1) * d + 1 for k, d in zip(size, dilation, strict=True))


def _demand_small(x: Tensor, padding: Around, channels: int) -> None:
    sides = zip(x.shape[1:4], padding, strict=True)
    allowed((x.shape[0], *(n + sum(pair) for n, pair in sides), channels))


def convolved(
    x: Tensor, w: Tensor, group: int, auto_pad: str, dilations: Ints, pads: Ints, strides: Ints
) -> Tensor:
    """The convolution of volumes with a kernel (depth, height, width, channels, filters)."""
    apart, steps = triple("dilations", dilations), triple("strides", strides)
    padding = around(auto_pad, pads, x.shape[1:4], _spans(w.shape[:3], apart), steps)
    _demand_small(x, padding, max(x.shape[4] * w.shape[0], w.shape[4]))
    return conv3d(x, w, strides=steps, padding=padding, dilation=apart, groups=group)


def painted(
    x: Tensor,
    w: Tensor,
    group: int,
    auto_pad: str,
    dilations: Ints,
    pads: Ints,
    strides: Ints,
    more: Ints,
    wanted: Ints,
) -> Tensor:
    """A convolution of volumes run backwards."""
    apart, steps = triple("dilations", dilations), triple("strides", strides)
    beyond, spans = triple("output_padding", more, 0), _spans(w.shape[:3], apart)
    sides = zip(x.shape[1:4], steps, spans, beyond, strict=True)
    full = [(n - 1) * s + k + e for n, s, k, e in sides]
    if wanted is None and not auto_pad.startswith("SAME"):
        padding = around(auto_pad, pads, x.shape[1:4], spans, steps)
        sizes = [n - sum(pair) for n, pair in zip(full, padding, strict=True)]
    else:
        scaled = [n * s for n, s in zip(x.shape[1:4], steps, strict=True)]
        sizes = scaled if wanted is None else list(triple("output_shape", wanted[-3:]))
        cuts = [max(0, n - m) for n, m in zip(full, sizes, strict=True)]
        upper = auto_pad == "SAME_UPPER"
        padding = tuple((c // 2, c - c // 2) if upper else (c - c // 2, c // 2) for c in cuts)
    shape = allowed((x.shape[0], *sizes, w.shape[3]))
    allowed((*shape, w.shape[0]))
    if group < 1 or x.shape[4] % group:
        raise ValueError(f"group={group} does not divide {x.shape[4]} channels.")
    each = x.shape[4] // group
    parts = [slice(i * each, (i + 1) * each) for i in range(group)]
    back = partial(conv3d_input, shape=shape, strides=steps, padding=padding, dilation=apart)
    made = [back(x[..., p], w[..., p]) for p in parts]
    return made[0] if group == 1 else ops.concatenate(made, axis=-1)


def pooled(
    pool: Callable[..., Tensor],
    x: Tensor,
    size: list[int],
    ceil_mode: int,
    auto_pad: str,
    dilations: Ints,
    pads: Ints,
    strides: Ints,
    count_include_pad: int = 0,
) -> Tensor:
    """The largest, or the mean, of what each window sees."""
    window, steps = triple("kernel_shape", size), triple("strides", strides)
    apart = triple("dilations", dilations)
    spans = _spans(window, apart)
    padding = around(auto_pad, pads, x.shape[1:4], spans, steps)
    _demand_small(x, padding, x.shape[4])
    counted = padding if count_include_pad else ((0, 0),) * 3
    if ceil_mode and auto_pad == "NOTSET":
        sides = zip(padding, x.shape[1:4], spans, steps, strict=True)
        padding = tuple((b, _end(b, a, n, k, s)) for (b, a), n, k, s in sides)
    if apart != (1, 1, 1):
        if pool is ops.max_pool2d:
            return gaps.largest(x, window, steps, apart, padding)
        return gaps.mean(x, window, steps, apart, padding, counted)
    if any(map(any, counted)):
        x = ops.pad(x, padding=((0, 0), *counted, (0, 0)))
        padding = tuple((b - c, a - d) for (b, a), (c, d) in zip(padding, counted, strict=True))
    return pool3d(pool, x, pool_size=window, strides=steps, padding=padding)


def _end(before: int, after: int, n: int, k: int, s: int) -> int:
    """The padding behind, so that the last window that begins on the volume counts."""
    count = -(-(n + before + after - k) // s) + 1
    count -= (count - 1) * s >= n + before
    return max(after, (count - 1) * s + k - n - before)
