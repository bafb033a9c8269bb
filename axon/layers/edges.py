"""Layers that cut edges off, put something around, or repeat: of series, images and volumes."""

from typing import ClassVar, Unpack

from axon.backend import Array, Shape
from axon.checks import Integers, finite, integers
from axon.core import Tensor
from axon.layers import masks
from axon.layers.options import LayerOptions
from axon.layers.windows import Ends, PaddingLike, Windowed, ends_of
from axon.names import resolve
from axon.ops.pad import pad
from axon.ops.reduce import broadcast_to

MODES = {name: name for name in ("constant", "reflect", "symmetric", "edge", "circular")}
MODES["replicate"] = "edge"  # as PyTorch calls it


class _Cropping(Windowed):
    """Edges cut off; subclasses say along how many axes."""

    on_mask = masks.REFUSED
    cropping: Ends

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Something must be left."""
        super().accept(shape)
        if any(n <= sum(ends) for n, ends in zip(shape[1:-1], self.cropping, strict=True)):
            raise self.misfit(f"larger ones than cropping={self.cropping}", shape)

    def call(self, x: Tensor) -> Tensor:
        """Cut; no work is done."""
        sizes = zip(x.shape[1:-1], self.cropping, strict=True)
        return x[(slice(None), *(slice(before, n - after) for n, (before, after) in sizes))]


class Cropping1D(_Cropping):
    """Steps cut off before and after.

    Args:
        cropping: how many: one number, or (before, after).
        options: name, dtype.

    Shapes: (n, time, channels) -> (n, shorter, channels).

    >>> Cropping1D((1, 0)).forward(np.array([[[1.0], [2.0], [3.0]]])).ravel()
    array([2., 3.], dtype=float32)
    """

    on_mask = masks.STEPS
    axes = 1

    def __init__(self, cropping: PaddingLike = (1, 1), **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.cropping = ends_of("Cropping1D", "cropping", cropping, 1)

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """Of what is left."""
        real = masks.as_mask(mask)
        if real is None:
            return None
        before, after = self.cropping[0]
        return real[:, before : real.shape[1] - after]


class Cropping2D(_Cropping):
    """Rows and columns cut off.

    Args:
        cropping: how many: one number, (above and below, left and right), or
            ((above, below), (left, right)).
        options: name, dtype.

    Shapes: (n, height, width, channels) -> the same, smaller.

    >>> Cropping2D(((1, 0), (0, 1))).forward(np.arange(4.0).reshape(1, 2, 2, 1)).ravel()
    array([2.], dtype=float32)
    """

    axes = 2

    def __init__(
        self, cropping: PaddingLike = ((0, 0), (0, 0)), **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.cropping = ends_of("Cropping2D", "cropping", cropping, 2)


class Cropping3D(_Cropping):
    """The faces of volumes cut off.

    Args:
        cropping: how much: one number, one for each axis, or (before, after) for each.
        options: name, dtype.

    Shapes: (n, depth, height, width, channels) -> the same, smaller.

    >>> Cropping3D().forward(np.zeros((1, 3, 4, 5, 1))).shape
    (1, 1, 2, 3, 1)
    """

    axes = 3

    def __init__(
        self, cropping: PaddingLike = ((1, 1), (1, 1), (1, 1)), **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.cropping = ends_of("Cropping3D", "cropping", cropping, 3)


class ZeroPadding3D(Windowed):
    """Zeros around volumes.

    Args:
        padding: how many: one number, one for each axis, or (before, after) for each.
        options: name, dtype.

    Shapes: (n, depth, height, width, channels) -> the same, larger.

    >>> ZeroPadding3D((0, 0, (1, 0))).forward(np.ones((1, 1, 1, 2, 1))).ravel()
    array([0., 1., 1.], dtype=float32)
    """

    on_mask = masks.REFUSED
    axes = 3

    def __init__(
        self, padding: PaddingLike = ((1, 1), (1, 1), (1, 1)), **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.padding = ends_of("ZeroPadding3D", "padding", padding, 3)

    def call(self, x: Tensor) -> Tensor:
        """Put zeros around."""
        return pad(x, ((0, 0), *self.padding, (0, 0)))


class _Around(Windowed):
    """Something put around: a number, or what lies inside.

    Args:
        padding: how much, before and after along each axis: one number for all axes, one for each,
            or (before, after) for each.
        mode: "constant"; "reflect", mirrored about the outermost; "symmetric", mirrored with it;
            "edge" (or "replicate"), the outermost repeated; "circular", as if it went round.
        value: the constant.
        options: name, dtype.
    """

    on_mask = masks.REFUSED
    least: ClassVar[dict[str, int]] = {"reflect": 1, "symmetric": 0, "circular": 0}

    def __init__(
        self,
        padding: PaddingLike,
        mode: str = "constant",
        value: float = 0.0,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        owner = type(self).__name__
        self.padding = ends_of(owner, "padding", padding, self.axes)
        self.mode = resolve(f"mode of {owner}", mode, MODES)
        self.value = finite(owner, "value", value)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """There must be enough to mirror."""
        super().accept(shape)
        rest = self.least.get(self.mode)
        sizes = zip(shape[1:-1], self.padding, strict=True)
        if rest is not None and any(max(ends) > n - rest for n, ends in sizes):
            hint = f" mode={self.mode!r} has too little to put around {self.padding}."
            raise self.misfit("larger ones", shape, hint)

    def call(self, x: Tensor) -> Tensor:
        """Put it around."""
        value = self.value if self.mode == "constant" else None
        return pad(x, ((0, 0), *self.padding, (0, 0)), self.mode, value)


class Padding1D(_Around):
    """Something put before and after series: a number, or what lies inside.

    The arguments are those of Padding2D, with one axis.

    >>> Padding1D((0, 2), "edge").forward(np.array([[[1.0], [2.0]]])).ravel()
    array([1., 2., 2., 2.], dtype=float32)
    """

    axes = 1


class Padding2D(_Around):
    """Something put around images: a number, or what lies inside.

    Args:
        padding: how much: one number, (above and below, left and right), or
            ((above, below), (left, right)).
        mode: "constant"; "reflect", mirrored about the outermost; "symmetric", mirrored with it;
            "edge" (or "replicate"), the outermost repeated; "circular", as if it went round.
        value: the constant.
        options: name, dtype.

    Shapes: (n, height, width, channels) -> the same, larger.

    >>> Padding2D((0, 1), "reflect").forward(np.array([[[[1.0], [2.0]]]])).ravel()
    array([2., 1., 2., 1.], dtype=float32)
    """

    axes = 2


class Padding3D(_Around):
    """Something put around volumes: a number, or what lies inside.

    The arguments are those of Padding2D, with three axes.

    >>> Padding3D((0, 0, 1), value=7).forward(np.ones((1, 1, 1, 1, 1))).ravel()
    array([7., 1., 7.], dtype=float32)
    """

    axes = 3


class UpSampling3D(Windowed):
    """Volumes made larger by whole factors: each number is repeated.

    Args:
        size: factors of depth, height and width; one number for all.
        options: name, dtype.

    Shapes: (n, depth, height, width, channels) -> the same, larger.

    >>> UpSampling3D((1, 1, 2)).forward(np.array([[[[[1.0], [2.0]]]]])).ravel()
    array([1., 1., 2., 2.], dtype=float32)
    """

    on_mask = masks.REFUSED
    axes = 3

    def __init__(self, size: Integers = (2, 2, 2), **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.size = integers("UpSampling3D", "size", size, 3)

    def call(self, x: Tensor) -> Tensor:
        """Repeat."""
        N, *sizes, C = x.shape
        apart = [m for n in sizes for m in (n, 1)]
        wide = [m for n, k in zip(sizes, self.size, strict=True) for m in (n, k)]
        many = broadcast_to(x.reshape(N, *apart, C), shape=(N, *wide, C))
        return many.reshape(N, *(n * k for n, k in zip(sizes, self.size, strict=True)), C)
