"""Zeros between numbers."""

from axon.core import Tensor
from axon.ops.pad import pad_


def dilated(x: Tensor, axis: int, step: int) -> Tensor:
    """x with ``step`` - 1 zeros between its numbers along an axis.

    >>> dilated(Tensor([1.0, 2.0]), 0, 3)
    Tensor([1., 0., 0., 2.], dtype=float32)
    """
    if step == 1 or x.shape[axis] == 0:
        return x
    n = x.shape[axis]
    ends = [(0, 0)] * (x.ndim + 1)
    ends[axis + 1] = (0, step - 1)
    apart = pad_(x.reshape(*x.shape[: axis + 1], 1, *x.shape[axis + 1 :]), padding=tuple(ends))
    long = apart.reshape(*x.shape[:axis], n * step, *x.shape[axis + 1 :])
    return long[(*(slice(None),) * axis, slice((n - 1) * step + 1))]
