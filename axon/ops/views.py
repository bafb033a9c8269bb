"""Views: another shape over the same memory, no work done."""

from typing import Any

from axon.backend import Array, Shape
from axon.bounds import same
from axon.core import Tensor, primitive
from axon.ops.composite import composite


@primitive(kind="views", bounds=same)
def reshape_(x: Array, *, xp: Any, shape: Shape) -> Array:
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
def transpose_(x: Array, *, xp: Any, axes: Shape) -> Array:
    """The axes in another order."""
    return x.transpose(axes)


def _inverse(axes: Shape) -> Shape:
    """The order that undoes ``axes``."""
    return tuple(sorted(range(len(axes)), key=lambda i: axes[i] % len(axes)))


reshape_.gradient(lambda g, y, x, shape: g.reshape(x.shape))
transpose_.gradient(lambda g, y, x, axes: g.transpose(*_inverse(axes)))


@composite
def reshape(x: Tensor, shape: int | Shape) -> Tensor:
    """The same elements in another shape; one size may be -1. A view, if they lie row by row.

    >>> reshape(np.arange(6), (3, -1))
    array([[0, 1],
           [2, 3],
           [4, 5]])
    """
    return x.reshape(shape)


@composite
def transpose(x: Tensor, axes: Shape | None = None) -> Tensor:
    """The axes in another order, reversed by default.

    >>> transpose(np.ones((2, 3))).shape, transpose(np.ones((2, 3, 4)), (0, 2, 1)).shape
    ((3, 2), (2, 4, 3))
    """
    if axes is not None and sorted(a % x.ndim for a in axes) != list(range(x.ndim)):
        raise ValueError(f"transpose: axes {tuple(axes)} do not fit {x.ndim} axes.")
    return x.transpose(*(axes or ()))
