"""Views: another shape over the same memory, no work done."""

from typing import Any

from axon.backend import Array, Shape
from axon.bounds import same
from axon.core import primitive


@primitive(kind="views", bounds=same)
def reshape(x: Array, *, xp: Any, shape: Shape) -> Array:
    """The same elements, row by row, in another shape; one size may be -1.

    Raises:
        ValueError: they do not lie row by row in memory, so there is no such view.
            ``tensor.reshape()`` copies them then.
    """
    y = x.reshape(shape)
    if not x.flags.c_contiguous and not xp.may_share_memory(x, y):
        raise ValueError(
            f"reshape: a tensor of shape {x.shape} whose elements do not lie row by row in memory "
            f"has no view of shape {shape}. Use tensor.reshape(), or axon.ops.copy(x) before."
        )
    return y


@primitive(kind="views", bounds=same)
def transpose(x: Array, *, xp: Any, axes: Shape) -> Array:
    """The axes in another order."""
    return x.transpose(axes)


def _inverse(axes: Shape) -> Shape:
    """The order that undoes ``axes``."""
    return tuple(sorted(range(len(axes)), key=lambda i: axes[i] % len(axes)))


reshape.gradient(lambda g, y, x, shape: g.reshape(x.shape))
transpose.gradient(lambda g, y, x, axes: g.transpose(*_inverse(axes)))
