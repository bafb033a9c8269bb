"""What lies around arrays: mirrored, repeated, going round, or a number."""

from collections.abc import Iterator, Sequence

import numpy as np

from axon.backend import Shape
from axon.core import Tensor
from axon.ops.join import concatenate
from axon.ops.pad import pad
from axon.ops.reduce import broadcast_to
from axon.ops.windows import Pair

MODES = {"reflect": "reflect", "symmetric": "symmetric", "edge": "edge", "circular": "wrap"}


def around(
    x: Tensor, padding: Sequence[Pair], *, mode: str = "constant", value: float = 0.0
) -> Tensor:
    """x with something around it: ``padding`` has (before, after) for each axis.

    Args:
        x: a Tensor.
        padding: how much, before and after, along each axis.
        mode: "constant"; "reflect", mirrored about the outermost numbers; "symmetric", mirrored
            with these; "edge", the outermost repeated; "circular", as if it went round.
        value: the constant.

    Raises:
        ValueError: there is nothing to mirror, repeat or go round.

    >>> around(Tensor([1.0, 2.0, 3.0]), [(2, 1)], mode="reflect")
    Tensor([3., 2., 1., 2., 3., 2.], dtype=float32)
    """
    if mode == "constant" and not value:
        return pad(x, padding=tuple(padding))
    for axis, (before, after) in enumerate(padding):
        if before or after:
            parts = _parts(x, axis, before, after, mode, value)
            x = concatenate(parts, axis=axis)
    return x


def _parts(x: Tensor, axis: int, before: int, after: int, mode: str, value: float) -> list[Tensor]:
    if mode == "constant":
        ends = [_filled(x, axis, count, value) for count in (before, after)]
        return [ends[0], x, ends[1]]
    size = x.shape[axis]
    if not size:
        raise ValueError(f"around: shape {x.shape} has nothing along axis {axis} to repeat.")
    lead = (slice(None),) * axis
    places = np.pad(np.arange(size), (before, after), MODES[mode])  # type: ignore[call-overload]
    return [x[(*lead, run)] for run in _runs(places.tolist())]


def _filled(x: Tensor, axis: int, count: int, value: float) -> Tensor:
    shape: Shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    return broadcast_to(Tensor(np.full((1,) * x.ndim, value, x.dtype)), shape=shape)


def _runs(places: list[int]) -> Iterator[slice]:
    """Slices that read these places one after another, as few as there can be.

    >>> list(_runs([2, 1, 0, 1, 2]))
    [slice(2, 0, -1), slice(0, 3, 1)]
    """
    while places:
        step = places[1] - places[0] if len(places) > 1 else 1
        step = step if step in (1, -1) else 1
        count = 1
        while count < len(places) and places[count] == places[0] + count * step:
            count += 1
        if step < 0 and 0 < count < len(places) and places[count - 1] == 0:
            count -= 1  # the turning point belongs to what goes up: -1 would end no slice
        stop = places[0] + count * step
        yield slice(places[0], stop if stop >= 0 else None, step)
        places = places[count:]


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
    apart = pad(x.reshape(*x.shape[: axis + 1], 1, *x.shape[axis + 1 :]), padding=tuple(ends))
    long = apart.reshape(*x.shape[:axis], n * step, *x.shape[axis + 1 :])
    return long[(*(slice(None),) * axis, slice((n - 1) * step + 1))]
