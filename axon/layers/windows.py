"""Arguments of layers that look at images or series through windows, and inputs that fit them."""

from collections.abc import Sequence
from typing import ClassVar

from axon.backend import Shape
from axon.layers.base import Layer
from axon.names import resolve
from axon.ops.windows import Padding, Pair, same

AXES = {1: "(n, time, channels)", 2: "(n, height, width, channels)"}


def padding_name(owner: str, value: object, known: Sequence[str]) -> str:
    """Read the name of a padding, in small letters.

    >>> padding_name("Conv2D", "SAME", ["valid", "same"])
    'same'
    """
    if not isinstance(value, str):
        raise TypeError(f"{owner}: padding must be one of {', '.join(known)}, got {value!r}.")
    return resolve(f"padding of {owner}", value.lower(), {name: name for name in known})


def lifted(sizes: Shape) -> Pair:
    """Sizes of an image; a series is an image of height 1.

    >>> lifted((5,)), lifted((3, 5))
    ((1, 5), (3, 5))
    """
    return (1, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])


def padding_of(name: str, shape: Shape, spans: Pair, strides: Pair) -> Padding:
    """Return the padding, ((above, below), (left, right)), that a name means for images (H, W).

    >>> padding_of("same", (28, 28), (3, 3), (1, 1)), padding_of("causal", (1, 9), (1, 3), (1, 1))
    (((1, 1), (1, 1)), ((0, 0), (2, 0)))
    """
    if name == "valid":
        return (0, 0), (0, 0)
    if name == "causal":
        return (spans[0] - 1, 0), (spans[1] - 1, 0)
    down, across = zip(shape, spans, strides, strict=True)
    return same(*down), same(*across)


def demand_axes(layer: Layer, shape: Shape, axes: int) -> None:
    """Raise ValueError unless these are images (or series), with channels."""
    if len(shape) == axes + 2:
        return
    hint = ""
    if len(shape) == axes + 1:
        hint = " Use x[..., None] to add an axis of one channel, x[None] for one sample."
    raise layer.misfit(AXES[axes], shape, hint)


def demand_fitting(layer: Layer, shape: Shape, spans: Shape, argument: str) -> None:
    """Raise ValueError if a window is larger than the images and they are not padded."""
    if all(n >= span for n, span in zip(shape[1:-1], spans, strict=True)):
        return
    least = ", ".join(f"at least {span}" for span in spans)
    hint = f" The windows are larger: use padding='same' or a smaller {argument}."
    raise layer.misfit(f"(n, {least}, channels)", shape, hint)


class Windowed(Layer):
    """A layer of series (n, time, channels), or of images: subclasses say along how many axes."""

    axes: ClassVar[int]

    def accept(self, shape: Shape, *more: Shape) -> None:
        """They may have any size, and any number of channels."""
        demand_axes(self, shape, self.axes)
