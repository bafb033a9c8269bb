"""Primitives that every optimizer may need besides its own: clipping, decay, averages, means."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from axon.backend import Array, DType, Shape, like_first, tiny
from axon.core import Tensor, primitive
from axon.pieces import by_rows

Spec = list[tuple[Shape, DType]]


@primitive(kind="writes", writes=1, workspace=like_first(1), rows=by_rows, flops=2)
def shrink(w: Array, share: Array, *, xp: Any, workspace: list[Array]) -> None:
    """w <- w - share w."""
    (step,) = workspace  # not w (1 - share): rounding the factor would change a small share
    xp.multiply(w, share, out=step)
    xp.subtract(w, step, out=w)


@primitive(kind="writes", writes=1, workspace=like_first(1), rows=by_rows, flops=3)
def approach(a: Array, w: Array, share: Array, *, xp: Any, workspace: list[Array]) -> None:
    """a <- a + share (w - a), a moving average of w."""
    (step,) = workspace
    xp.subtract(w, a, out=step)
    xp.multiply(step, share, out=step)
    xp.add(a, step, out=a)


@primitive(kind="writes", writes=1, rows=by_rows, flops=2)
def complete_mean(total: Array, x: Array, *, xp: Any, count: int) -> None:
    """total <- (total + x) / count: the last of ``count`` summands makes it a mean."""
    xp.add(total, x, out=total)
    xp.divide(total, count, out=total)


# ------------------------------------------------------------------------------------ clipping


def _add_norm_workspace(total: Array, x: Array) -> Spec:
    return [(x.shape, x.dtype), ((), x.dtype), ((), total.dtype)]


def _limit_norm_workspace(x: Array, norm: Array, **_: object) -> Spec:
    return [((), norm.dtype), ((), x.dtype)]


@primitive(kind="writes", writes=1, workspace=_add_norm_workspace, flops=2)
def add_norm(total: Array, x: Array, *, xp: Any, workspace: list[Array]) -> None:
    """total <- sqrt(total^2 + |x|^2), |x|^2 the sum of all squares, which is not to overflow."""
    t, largest, size = workspace
    xp.absolute(x, out=t)
    xp.maximum.reduce(t, axis=None, out=largest, initial=0)
    xp.maximum(largest, tiny(x.dtype), out=largest)  # all zeros: 0 / tiny is 0
    xp.divide(t, largest, out=t)
    xp.multiply(t, t, out=t)
    xp.add.reduce(t, axis=None, dtype=total.dtype, out=size)
    xp.sqrt(size, out=size)
    xp.multiply(size, largest, out=size)
    xp.hypot(total, size, out=total)


@primitive(kind="writes", writes=1, workspace=_limit_norm_workspace)
def limit_norm(x: Array, norm: Array, *, xp: Any, workspace: list[Array], limit: float) -> None:
    """x <- x min(1, limit / norm)."""
    ratio, factor = workspace
    xp.maximum(norm, limit, out=ratio)
    xp.divide(limit, ratio, out=ratio)
    xp.copyto(factor, ratio, casting="same_kind")
    xp.multiply(x, factor, out=x)


@primitive(kind="writes", writes=1)
def limit_value(x: Array, *, xp: Any, limit: float) -> None:
    """x <- x, but at most ``limit`` and at least -``limit``."""
    xp.minimum(x, limit, out=x)
    xp.maximum(x, -limit, out=x)


def clip_values(gradients: Sequence[Tensor], norm: Tensor, limit: float) -> None:
    """Cut each number of each gradient."""
    del norm
    for g in gradients:
        limit_value(g, limit=limit)


def clip_norms(gradients: Sequence[Tensor], norm: Tensor, limit: float) -> None:
    """Shorten each gradient that is longer than ``limit``."""
    for g in gradients:
        clip_global_norm([g], norm, limit)


def clip_global_norm(gradients: Sequence[Tensor], norm: Tensor, limit: float) -> None:
    """Shorten all gradients alike, if they together, as one vector, are longer than ``limit``."""
    norm.assign(0.0)
    for g in gradients:
        add_norm(norm, g)
    for g in gradients:
        limit_norm(g, norm, limit=limit)


CLIPS: dict[str, Callable[[Sequence[Tensor], Tensor, float], None]] = {
    "clipvalue": clip_values,
    "clipnorm": clip_norms,
    "global_clipnorm": clip_global_norm,
}


def clip_as_set(limits: Mapping[str, float | None], gradients: list[Tensor], norm: Tensor) -> None:
    """Clip gradients in the way, a key of ``CLIPS``, that has a limit, if there is one."""
    for name, limit in limits.items():
        if limit is not None:
            CLIPS[name](gradients, norm, limit)
