"""Masks, which say what steps of a sequence are real: where they come from, go to, and end.

A mask is a Tensor of truth values (n, time), or of any other leading axes, that lies at another
Tensor: ``x.mask``. Layers take it from their inputs and lay the new one at their result; each class
declares in ``on_mask`` what it does with one. Between layers, in a ``forward`` of the user's own,
``follow`` carries it through the operations that leave steps what they are, and says where it ends.
"""

from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import overload

import numpy as np

from axon.backend import Array, Shape, as_array
from axon.core import Primitive, Tensor, TensorLike
from axon.layers.module import Module
from axon.modes import modes, users_frames, users_line
from axon.ops.compare import both, where
from axon.ops.join import concatenate
from axon.ops.pad import pad
from axon.ops.reduce import axes_of, broadcast_to

FOLLOWED = "followed"  # it goes with what ``call`` computes: layers of the user's own
EACH = "each number"  # it is passed on: every number is computed alone
STEPS = "each step"  # it is passed on: every step is computed alone
USED = "used"  # ``call`` takes it as ``mask=``; ``compute_mask`` says what goes on
REFUSED = "refused"  # an error: the layer cannot tell padding apart


Mask = Tensor | Array | None  # None: all steps are real


@overload
def as_mask(given: None) -> None: ...
@overload
def as_mask(given: TensorLike) -> Tensor: ...
def as_mask(given: TensorLike | None) -> Tensor | None:
    """Truth values as a Tensor; None stays None.

    >>> as_mask([[1, 0]])
    Tensor([[ True, False]], dtype=bool)
    """
    if given is None:
        return None
    mask = given if isinstance(given, Tensor) else Tensor(as_array(given))
    return mask if mask.dtype == np.bool_ else mask != 0


def over_steps(mask: Tensor, x: Tensor) -> Tensor:
    """Give a mask the axes of what it lies at: (n, time) -> (n, time, 1)."""
    return mask.reshape(*mask.shape, *(1,) * (x.ndim - mask.ndim))


def without_padding(x: Tensor, mask: TensorLike, instead: float = 0.0) -> Tensor:
    """x with the same number, 0 by default, at every step that is padding."""
    real = as_mask(mask)
    return where(over_steps(real, x), x, instead)


def demand_steps(name: str, mask: TensorLike, x: Tensor) -> Tensor:
    """The mask of a series x (n, time, ...) as truth values (n, time).

    Raises:
        ValueError: it has another shape.
    """
    real = as_mask(mask)
    if real.shape != x.shape[:2]:
        raise ValueError(
            f"layer {name!r}: expected a mask of shape {x.shape[:2]}, got {real.shape}."
        )
    return real


def stays(mask: Tensor, x: Tensor, y: Tensor) -> bool:
    """Whether a result still has the steps that a mask tells apart."""
    return bool(y.ndim >= x.ndim and mask.shape == y.shape[: mask.ndim])


def lay(mask: Mask, y: Tensor, name: str, passed: Sequence[Tensor] = ()) -> Tensor:
    """Lay a mask at a result; one that was passed on as it is becomes another Tensor for that.

    Raises:
        ValueError: it does not fit the result.
    """
    real = as_mask(mask)
    if real is not None:
        if real.shape != y.shape[: real.ndim]:
            raise ValueError(
                f"layer {name!r}: a mask of shape {real.shape} does not fit its result, of shape "
                f"{y.shape}. Let compute_mask(x, mask) return the one of the result, or None."
            )
        if modes.masks is None:
            modes.masks = follow
    if y.mask is not real:
        y = y[...] if any(y is x for x in passed) else y
        y.mask = real
    return y


# ------------------------------------------------------------------------------------ windows


def of_windows(mask: TensorLike, padding: str, spans: int, strides: int, apart: int = 1) -> Tensor:
    """Which results of windows over a series are real.

    Of "valid" ones, those that lie within what is real. Otherwise a result stands for as many
    steps as the strides are long, and is real if one of them is.
    """
    real = as_mask(mask)
    time = real.shape[1]
    if padding == "valid":
        count = (time - (spans - 1) * apart - 1) // strides + 1
        taps = [slice(k * apart, k * apart + (count - 1) * strides + 1) for k in range(spans)]
        all_real = real[:, taps[0]]
        for tap in taps[1:]:
            all_real = all_real * real[:, tap]
        return all_real[:, ::strides]
    if strides == 1:
        return real
    count = -(-time // strides)
    ends = ((0, 0), (0, count * strides - time), (0, 0))
    places = pad(real.astype(np.float32)[..., None], padding=ends)
    return places.reshape(len(real), count, strides).max(axis=-1) > 0.0


def demand_name(owner: str, padding: object) -> str:
    """The padding of a layer that is given a mask, which must have a name: "valid" or "same".

    Raises:
        ValueError: it is numbers, which do not say what steps results stand for.
    """
    if not isinstance(padding, str):
        raise ValueError(
            f"layer {owner!r}: its input has a mask, and padding={padding} does not say what steps "
            "its results stand for. Use padding='same' or 'valid', or leave the mask out."
        )
    return padding


def repeated(mask: TensorLike, size: int) -> Tensor:
    """Each step ``size`` times."""
    real = as_mask(mask)
    n, time = real.shape
    return broadcast_to(real[..., None], shape=(n, time, size)).reshape(n, time * size)


def with_ends(mask: TensorLike, ends: tuple[int, int]) -> Tensor:
    """Real steps before and after."""
    real = as_mask(mask)
    gaps = 1.0 - real.astype(np.float32)[..., None]
    return pad(gaps, padding=((0, 0), ends, (0, 0)))[..., 0] == 0.0


# ------------------------------------------------------------------------------------ on the way


def follow(
    primitive: Primitive, inputs: tuple[Tensor, ...], out: Tensor, meta: Mapping[str, object]
) -> None:
    """Carry the masks of operands to a result, or say that they end there."""
    if primitive.kind == "writes" or all(t.mask is None for t in inputs):
        return
    modes.masks = False  # what is computed of masks has none
    try:
        mask = _carried(primitive, inputs, out, meta)
    finally:
        modes.masks = follow
    if mask is None:
        _tell(primitive.name, out.shape)
    out.mask = mask


def _carried(
    primitive: Primitive, inputs: tuple[Tensor, ...], out: Tensor, meta: Mapping[str, object]
) -> Tensor | None:
    if primitive.facts.alone:
        return _of_all(inputs, out)
    rule = RULES.get(primitive.name)
    return None if rule is None else rule(inputs, out, **meta)


def _of_all(inputs: tuple[Tensor, ...], out: Tensor) -> Tensor | None:
    """Where all operands that have a mask are real."""
    found: Tensor | None = None
    for t in inputs:
        if t.mask is None:
            continue
        if t.ndim != out.ndim or not _same_steps(t.mask, out.shape):
            return None
        if found is not None and found.ndim != t.mask.ndim:
            return None
        found = both(found, t.mask)
    return found


def _same_steps(mask: Tensor, shape: Shape) -> bool:
    return bool(mask.shape == shape[: mask.ndim])


def _reshaped(inputs: tuple[Tensor, ...], out: Tensor, **_: object) -> Tensor | None:
    mask = inputs[0].mask
    return mask if mask is not None and _same_steps(mask, out.shape) else None


def _sliced(inputs: tuple[Tensor, ...], out: Tensor, index: object) -> Tensor | None:
    """Slices of steps are slices of the mask; a single step may be padding."""
    mask, ndim = inputs[0].mask, inputs[0].ndim
    parts = index if isinstance(index, tuple) else (index,)
    if Ellipsis in [p for p in parts if p is Ellipsis]:
        at = next(i for i, p in enumerate(parts) if p is Ellipsis)
        rest = ndim - sum(p is not None and p is not Ellipsis for p in parts)
        parts = (*parts[:at], *(slice(None),) * rest, *parts[at + 1 :])
    assert mask is not None
    first = parts[: mask.ndim]
    if not all(isinstance(p, slice) for p in first):
        return None
    return mask if all(p == slice(None) for p in first) else mask[first]


def _transposed(inputs: tuple[Tensor, ...], out: Tensor, axes: Shape) -> Tensor | None:
    mask = inputs[0].mask
    kept = mask is not None and tuple(axes[: mask.ndim]) == tuple(range(mask.ndim))
    return mask if kept else None


def _multiplied(inputs: tuple[Tensor, ...], out: Tensor, **_: object) -> Tensor | None:
    """Steps times a matrix stay steps."""
    x, w = inputs
    steps = x.mask is not None and w.mask is None and w.ndim == 2 and x.mask.ndim < x.ndim
    return x.mask if steps else None


def _reduced(
    inputs: tuple[Tensor, ...], out: Tensor, axis: int | Shape | None = None, **_: object
) -> Tensor | None:
    mask, ndim = inputs[0].mask, inputs[0].ndim
    assert mask is not None
    return mask if min(axes_of(axis, ndim), default=ndim) >= mask.ndim else None


def _of_rows(inputs: tuple[Tensor, ...], out: Tensor, axis: int = -1, **_: object) -> Tensor | None:
    return _reduced(inputs, out, axis)


def _beside(inputs: tuple[Tensor, ...], out: Tensor, axis: int = -1) -> Tensor | None:
    """Features beside features; or steps after steps, where all have masks or have no padding."""
    axis, masks = axis % out.ndim, [t.mask for t in inputs]
    known = next(m for m in masks if m is not None)
    if axis >= known.ndim:
        return _of_all(inputs, out)
    if any(m is not None and m.ndim != known.ndim for m in masks):
        return None
    full = (Tensor(np.ones(t.shape[: known.ndim], bool)) for t in inputs)
    parts = [w if m is None else m for m, w in zip(masks, full, strict=True)]
    return concatenate(parts, axis=axis)


RULES: dict[str, Callable[..., Tensor | None]] = {
    "reshape": _reshaped,
    "broadcast_to": _reshaped,
    "slice": _sliced,
    "transpose": _transposed,
    "matmul": _multiplied,
    "sum": _reduced,
    "max": _reduced,
    "argmax": _of_rows,
    "softmax": _of_rows,
    "log_softmax": _of_rows,
    "standardize": _of_rows,
    "concatenate": _beside,
}


def _in_a_method(frame: FrameType) -> bool:
    """Whether a frame runs a method of a layer or model, whatever that calls itself."""
    first = frame.f_locals.get(next(iter(frame.f_code.co_varnames), ""))
    return isinstance(first, Module) and frame.f_code.co_name in dir(type(first))


def _tell(name: str, shape: Shape) -> None:
    """Warn that a mask ends in a network without having been used; elsewhere it may well end."""
    from warnings import warn

    if not any(map(_in_a_method, users_frames())):
        return
    place = f" in {modes.scope!r}" if modes.scope else ""
    warn(
        f"the mask of a sequence ends{place} at {users_line()}: {name}, of shape {shape}, mixes "
        "steps, so that padding counts from here on. Use a layer that knows masks, such as "
        "GlobalAveragePooling1D, or LSTM; or say x.mask = None before it, if padding is to count "
        "or is taken care of.",
        UserWarning,
        stacklevel=2,
    )
