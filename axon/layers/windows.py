"""Arguments of layers that look at images or series through windows, and inputs that fit them."""

from collections.abc import Sequence
from typing import ClassVar

from axon.backend import Shape
from axon.checks import demand, integer, is_integer
from axon.layers.base import Layer
from axon.names import resolve
from axon.ops.windows import Pair, same
from axon.ops.windows import spans_of as spans_of

AXES = {
    1: "(n, time, channels)",
    2: "(n, height, width, channels)",
    3: "(n, depth, height, width, channels)",
}
Ends = tuple[Pair, ...]  # how much before and after, along each axis
PaddingLike = str | int | Sequence[int | Sequence[int]]  # a name, or numbers as ``ends_of`` reads


def padding_name(owner: str, value: object, known: Sequence[str]) -> str:
    """Read the name of a padding, in small letters.

    >>> padding_name("Conv2D", "SAME", ["valid", "same"])
    'same'
    """
    if not isinstance(value, str):
        raise TypeError(f"{owner}: padding must be one of {', '.join(known)}, got {value!r}.")
    return resolve(f"padding of {owner}", value.lower(), {name: name for name in known})


def padding_given(owner: str, value: object, known: Sequence[str], axes: int) -> str | Ends:
    """Read a padding: its name, or how many zeros lie around.

    >>> padding_given("Conv2D", 1, ["valid", "same"], 2)
    ((1, 1), (1, 1))
    """
    if isinstance(value, str) or not (is_integer(value) or isinstance(value, tuple | list)):
        return padding_name(owner, value, known)
    return ends_of(owner, "padding", value, axes)


def ends_of(owner: str, name: str, value: object, axes: int) -> Ends:
    """Read numbers for both ends of each axis: one for all, one each, or (before, after) each.

    >>> ends_of("Cropping2D", "cropping", (1, (0, 2)), 2)
    ((1, 1), (0, 2))
    """
    given = value if isinstance(value, tuple | list) else (value,) * axes
    if axes == 1 and len(given) == 2:
        given = (given,)
    each = [one if isinstance(one, tuple | list) else (one, one) for one in given]
    pairs = "a whole number, or (before, after)"
    expected = pairs if axes == 1 else f"a whole number, or {axes}, each for both ends or a pair"
    fits = len(each) == axes and all(len(one) == 2 for one in each)
    demand(fits, owner, name, expected, value)
    return tuple((integer(owner, name, a, 0), integer(owner, name, b, 0)) for a, b in each)


def lifted(sizes: Shape) -> Shape:
    """Sizes of an image; a series is an image of height 1. Those of volumes stay.

    >>> lifted((5,)), lifted((3, 5))
    ((1, 5), (3, 5))
    """
    return (1, *sizes) if len(sizes) == 1 else tuple(sizes)


def padding_of(name: str | Ends, shape: Shape, spans: Shape, strides: Shape) -> Ends:
    """Return the padding, ((above, below), (left, right)), that a name means for images (H, W).

    >>> padding_of("same", (28, 28), (3, 3), (1, 1)), padding_of("causal", (1, 9), (1, 3), (1, 1))
    (((1, 1), (1, 1)), ((0, 0), (2, 0)))
    """
    if not isinstance(name, str):
        return ((0, 0), *name) if len(name) == 1 else name
    if name == "valid":
        return ((0, 0),) * len(shape)
    if name == "causal":
        return tuple((span - 1, 0) for span in spans)
    return tuple(same(*axis) for axis in zip(shape, spans, strides, strict=True))


def demand_axes(layer: Layer, shape: Shape, axes: int) -> None:
    """Raise ValueError unless these are images (or series), with channels."""
    if len(shape) == axes + 2:
        return
    hint = ""
    if len(shape) == axes + 1:
        hint = " Use x[..., None] to add an axis of one channel, x[None] for one sample."
    raise layer.misfit(AXES[axes], shape, hint)


def demand_fitting(
    layer: Layer, shape: Shape, spans: Shape, argument: str, padding: str | Ends = "valid"
) -> None:
    """Raise ValueError if a window is larger than the images with what lies around them."""
    if isinstance(padding, str):
        if padding != "valid":
            return
        padding = ((0, 0),) * len(spans)
    sizes = (n + before + after for n, (before, after) in zip(shape[1:-1], padding, strict=True))
    if all(n >= span for n, span in zip(sizes, spans, strict=True)):
        return
    least = ", ".join(f"at least {span}" for span in spans)
    hint = f" The windows are larger: use padding='same' or a smaller {argument}."
    raise layer.misfit(f"(n, {least}, channels)", shape, hint)


class Windowed(Layer):
    """A layer of series (n, time, channels), or of images: subclasses say along how many axes."""

    has_format = True
    axes: ClassVar[int]

    def accept(self, shape: Shape, *more: Shape) -> None:
        """They may have any size, and any number of channels."""
        demand_axes(self, shape, self.axes)
