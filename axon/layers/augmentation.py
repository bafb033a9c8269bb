"""Layers that change images at random while training, so that a network sees more than there are.

Each image of a batch is changed in its own way; images are (n, height, width, channels). Otherwise
the layers pass on what comes, so they may stand in the model that is used. MixUp, which changes
labels, too, stands before it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from axon.backend import Array, Shape, as_array, float_type
from axon.checks import demand, finite, integer, is_number
from axon.core import Tensor, TensorLike
from axon.layers import masks
from axon.layers.noise import Noise
from axon.layers.options import LayerOptions
from axon.layers.windows import Windowed
from axon.names import resolve
from axon.ops.boxes import random_boxes
from axon.ops.compare import less, where
from axon.ops.index import take
from axon.ops.join import concatenate
from axon.ops.random import uniform
from axon.ops.warp import FILL_MODES, affine_maps, corner_maps, warp
from axon.random import stream

Range = tuple[float, float]
Factor = float | Sequence[float]  # f for (-f, f), or (low, high)


def span(owner: str, argument: str, value: Factor, low: float = -np.inf) -> Range:
    """Read a range: a number f is (-f, f), or (low, high).

    >>> span("RandomZoom", "height_factor", 0.25), span("RandomZoom", "height_factor", (0, 0.5))
    ((-0.25, 0.25), (0.0, 0.5))
    """
    given = value if isinstance(value, tuple | list) else (value, value)
    numbers = all(map(is_number, given))
    if numbers and given is not value:
        given = (-given[1], given[1])
    if len(given) != 2 or not numbers or not low < given[0] <= given[1] < np.inf:
        above = "" if low == -np.inf else f", both greater than {low}"
        raise ValueError(
            f"{owner}: {argument} must be a number or (low, high){above}, got {value!r}. A number "
            "f of at least 0 stands for (-f, f)."
        )
    return float(given[0]), float(given[1])


class _Augmentation(Windowed, Noise):
    """What the augmentations share: images come in, and seeds are drawn from a stream of their own.

    Args:
        seed: a whole number, for the same changes each time.
        options: name, dtype.
    """

    on_mask = masks.REFUSED
    axes = 2
    draws_from: ClassVar[str] = "augment"

    def shares(self, x: Tensor, *sizes: int) -> Tensor:
        """Random numbers in [0, 1) for each image: (n, *sizes)."""
        return uniform(self.key(), shape=(x.shape[0], *sizes), dtype=x.dtype)

    def some_of(self, x: Tensor, factor: Range) -> Tensor:
        """Which images are changed, (n, 1, 1, 1): each with a probability from that range."""
        low, high = factor
        shares = self.shares(x, 2, 1, 1, 1)
        return less(shares[:, 0], shares[:, 1] * (high - low) + low)


FLIPS = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (2, 1)}


class RandomFlip(_Augmentation):
    """Mirror half of the images while training, left to right, upside down, or each by chance.

    Args:
        mode: "horizontal", "vertical" or "horizontal_and_vertical".
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> RandomFlip("horizontal", seed=2)(np.arange(3.0).reshape(1, 1, 3, 1), training=True).ravel()
    array([2., 1., 0.], dtype=float32)
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(seed, **options)
        self.mode = mode
        self._axes = resolve("RandomFlip: mode", mode, FLIPS)

    def disturb(self, x: Tensor) -> Tensor:
        """Mirror along each axis of the mode, or not."""
        for axis in self._axes:
            mirrored = x[(slice(None),) * axis + (slice(None, None, -1),)]
            x = where(less(self.shares(x, 1, 1, 1), 0.5), mirrored, x)
        return x


class _Affine(_Augmentation):
    """Move, turn and stretch images: subclasses say within which ranges."""

    def __init__(
        self,
        ranges: dict[int, Range],
        fill_mode: str,
        fill_value: float,
        interpolation: str,
        seed: int | None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(seed, **options)
        owner = type(self).__name__
        self.fill_mode = resolve(f"{owner}: fill_mode", fill_mode, {m: m for m in FILL_MODES})
        self.interpolation = interpolation
        self._smooth = resolve(f"{owner}: interpolation", interpolation, SMOOTH)
        self.fill_value = finite(owner, "fill_value", fill_value)
        ends = [ranges.get(i, (0.0, 0.0)) for i in range(5)]  # down, right, turn, height, width
        self._low = np.array([low for low, _ in ends])
        self._spans = np.array([high - low for low, high in ends])

    def disturb(self, x: Tensor) -> Tensor:
        """Draw a map for each image and look up its pixels."""
        shares = self.shares(x, 5)
        if self._tied():
            shares = concatenate([shares[:, :4], shares[:, 3:4]])
        moves = shares * self._spans.astype(x.dtype) + self._low.astype(x.dtype)
        size = (x.shape[1], x.shape[2])
        filled = {"fill_mode": self.fill_mode, "fill_value": self.fill_value}
        return warp(x, affine_maps(moves, size=size), size=size, smooth=self._smooth, **filled)

    def _tied(self) -> bool:
        """Whether height and width are stretched alike."""
        return False


SMOOTH = {"bilinear": True, "nearest": False}


class RandomTranslation(_Affine):
    """Move images at random while training.

    Args:
        height_factor: how far down, as a share of the height: a number f for -f to f, or
            (low, high); negative is up.
        width_factor: how far to the right, as a share of the width.
        fill_mode: what appears at the edge: "reflect", the "nearest" pixel, or "constant".
        interpolation: "bilinear" draws straight lines between pixels, "nearest" takes the nearest.
        seed: a whole number, for the same changes each time.
        fill_value: the constant.
        options: name, dtype.

    >>> layer = RandomTranslation(0, (0.5, 0.5), fill_mode="constant")
    >>> layer(np.array([[[[1.0], [2.0]]]]), training=True)[0, 0, :, 0]
    array([0., 1.], dtype=float32)
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        **options: Unpack[LayerOptions],
    ) -> None:
        owner = "RandomTranslation"
        ranges = {
            0: span(owner, "height_factor", height_factor),
            1: span(owner, "width_factor", width_factor),
        }
        super().__init__(ranges, fill_mode, fill_value, interpolation, seed, **options)
        self.height_factor, self.width_factor = height_factor, width_factor


class RandomRotation(_Affine):
    """Turn images about their middle at random while training.

    Args:
        factor: how far against the clock, as a share of a circle: a number f for -f to f, or
            (low, high); 0.1 is up to 36 degrees either way.

    The other arguments are those of RandomTranslation.

    >>> layer = RandomRotation((0.25, 0.25))
    >>> layer(np.array([[[[1.0], [2.0]], [[3.0], [4.0]]]]), training=True)[0, :, :, 0]
    array([[2., 4.],
           [1., 3.]], dtype=float32)
    """

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        **options: Unpack[LayerOptions],
    ) -> None:
        ranges = {2: span("RandomRotation", "factor", factor)}
        super().__init__(ranges, fill_mode, fill_value, interpolation, seed, **options)
        self.factor = factor


class RandomZoom(_Affine):
    """Zoom images in or out at random while training.

    Args:
        height_factor: by how much more is seen of the height: 0.2 shrinks what is on the image by
            20 %, -0.2 enlarges it; a number f for -f to f, or (low, high), greater than -1.
        width_factor: the same for the width; nothing: as much as the height.

    The other arguments are those of RandomTranslation.

    >>> layer = RandomZoom((1.0, 1.0), (0.0, 0.0), fill_mode="constant", fill_value=-1.0)
    >>> layer(np.array([[[[1.0]], [[3.0]], [[5.0]]]]), training=True)[0, :, 0, 0]
    array([-1.,  3., -1.], dtype=float32)
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        **options: Unpack[LayerOptions],
    ) -> None:
        wide = height_factor if width_factor is None else width_factor
        ranges = {
            3: span("RandomZoom", "height_factor", height_factor, low=-1),
            4: span("RandomZoom", "width_factor", wide, low=-1),
        }
        super().__init__(ranges, fill_mode, fill_value, interpolation, seed, **options)
        self.height_factor, self.width_factor = height_factor, width_factor

    def _tied(self) -> bool:
        return self.width_factor is None


class RandomCrop(_Augmentation):
    """Cut a window out of each image, anywhere while training, in the middle otherwise.

    Args:
        height: of the window.
        width: of the window.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    Shapes: (n, at least height, at least width, channels) -> (n, height, width, channels).

    >>> RandomCrop(1, 2)(np.arange(4.0).reshape(1, 1, 4, 1)).ravel()
    array([1., 2.], dtype=float32)
    """

    def __init__(
        self, height: int, width: int, seed: int | None = None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(seed, **options)
        self.height = integer("RandomCrop", "height", height)
        self.width = integer("RandomCrop", "width", width)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Images must be large enough."""
        super().accept(shape, *more)
        if shape[1] < self.height or shape[2] < self.width:
            hint = " The window is larger than the image: make it smaller, or pad the images."
            expected = f"(n, at least {self.height}, at least {self.width}, channels)"
            raise self.misfit(expected, shape, hint)

    def disturb(self, x: Tensor) -> Tensor:
        """Cut a window out anywhere."""
        limits = (x.shape[1] - self.height, x.shape[2] - self.width)
        corners = corner_maps(self.shares(x, 2), room=limits)
        return warp(x, corners, size=(self.height, self.width), smooth=False)

    def undisturbed(self, x: Tensor) -> Tensor:
        """Cut the middle out."""
        top, left = (x.shape[1] - self.height) // 2, (x.shape[2] - self.width) // 2
        return x[:, top : top + self.height, left : left + self.width]


class RandomErasing(_Augmentation):
    """Paint a rectangle over some images while training (Zhong et al., 2020).

    Its sides are as 1 to 3 at most, and it lies anywhere on the image as a whole.

    Args:
        factor: share of the images that are painted over.
        scale: the rectangle's share of the image: (low, high), between 0 and 1.
        fill_value: what is painted.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    >>> layer = RandomErasing(scale=(1.0, 1.0), fill_value=9.0, seed=0)
    >>> (layer(np.zeros((1, 8, 8, 1)), training=True) == 9).any()
    np.True_
    """

    def __init__(
        self,
        factor: float = 1.0,
        scale: Factor = (0.02, 0.33),
        fill_value: float = 0.0,
        *,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(seed, **options)
        self.factor = finite("RandomErasing", "factor", factor)
        self.fill_value = finite("RandomErasing", "fill_value", fill_value)
        demand(0 <= self.factor <= 1, "RandomErasing", "factor", "from 0 to 1", factor)
        low, high = span("RandomErasing", "scale", scale)
        if not 0 <= low <= high <= 1:
            raise ValueError(f"RandomErasing: scale must lie between 0 and 1, got {scale!r}.")
        self.scale = (low, high)

    def disturb(self, x: Tensor) -> Tensor:
        """Paint over."""
        size = (x.shape[1], x.shape[2])
        boxes = random_boxes(self.shares(x, 5), size=size, scale=self.scale, share=self.factor)
        return where(boxes, self.fill_value, x)


Pair = tuple[Tensor | Array, Tensor | Array]
Batch = Sequence[TensorLike]  # (x, y)


class Mixture:
    """What mixes each sample of a batch with another one, and their labels likewise.

    It changes labels, too, so it is no layer: it stands between the data and ``fit``. Subclasses
    write ``_drawn``.

    Args:
        num_classes: how many there are, if labels come as whole numbers (n,).
        seed: a whole number, for the same mixtures each time; nothing: the stream "augment".
    """

    def __init__(self, *, num_classes: int | None = None, seed: int | None = None) -> None:
        given, owner = num_classes is not None, type(self).__name__
        self.num_classes = integer(owner, "num_classes", num_classes) if given else None
        self.seed = seed
        self._random = None if seed is None else np.random.default_rng(seed)

    def __call__(self, x: TensorLike, y: TensorLike) -> Pair:
        """Mix one batch.

        Args:
            x: samples (n, ...), an array or a Tensor.
            y: labels: one-hot (n, classes), or whole numbers (n,).

        Returns:
            The mixed samples and labels; arrays for arrays, Tensors for Tensors.
        """
        samples, labels = self._floats(x), self._one_hot(y)
        if samples.shape[:1] != labels.shape[:1]:
            raise ValueError(
                f"{type(self).__name__}: got {samples.shape[0]} samples, but {labels.shape[0]} "
                "labels."
            )
        random = stream("augment") if self._random is None else self._random
        made, shares, others = self._drawn(samples, random)
        return made, between(labels, shares, others)

    def _drawn(
        self, x: Tensor | Array, random: "np.random.Generator"
    ) -> tuple[Tensor | Array, Array, Array]:
        """Samples that are mixed, with what share of their own, and with which others."""
        raise NotImplementedError(f"{type(self).__name__}: write _drawn.")

    def batches(self, source: Iterable[Batch]) -> Iterable[Pair]:
        """Mix every batch (x, y) of an iterable, each time that it is walked over."""
        mixed = Mixed(self, source)
        return iter(mixed) if iter(source) is source else mixed  # a generator stays one

    def _floats(self, x: TensorLike) -> Tensor | Array:
        if isinstance(x, Tensor):
            return x if x.dtype.kind == "f" else x.astype(np.float32)
        array = as_array(x)
        return array.astype(float_type([array]), copy=False)

    def _one_hot(self, y: TensorLike) -> Tensor | Array:
        labels = y.data if isinstance(y, Tensor) else as_array(y)
        if labels.ndim > 1:
            return self._floats(y)
        if self.num_classes is None or labels.dtype.kind not in "iu":
            raise ValueError(
                f"{type(self).__name__}: labels of shape {labels.shape} and dtype {labels.dtype} "
                "cannot be mixed. Pass them one-hot (n, classes), or as whole numbers with "
                f"{type(self).__name__}(num_classes=...)."
            )
        if labels.size and not 0 <= labels.min() <= labels.max() < self.num_classes:
            raise ValueError(
                f"{type(self).__name__}: labels must be from 0 to {self.num_classes - 1}, got "
                f"{labels.min()} to {labels.max()}."
            )
        rows = np.eye(self.num_classes, dtype=np.float32)[labels]
        return Tensor(rows) if isinstance(y, Tensor) else rows


def between(x: Tensor | Array, shares: Array, others: Array) -> Tensor | Array:
    """s x + (1 - s) x', row by row."""
    share = shares.reshape(-1, *[1] * (x.ndim - 1)).astype(x.dtype)
    return x * share + take(x, others) * (1 - share)


class MixUp(Mixture):
    """Mix each sample of a batch with another one, and their labels likewise.

    x <- s x + (1 - s) x', y <- s y + (1 - s) y', with s from Beta(alpha, alpha) for each sample
    (Zhang et al., 2018). It changes labels, too, so it is no layer: it stands between the data and
    ``fit``.

    Args:
        alpha: greater than 0; small: one of the two is mostly seen, 1: any share is as likely.
        num_classes: how many there are, if labels come as whole numbers (n,).
        seed: a whole number, for the same mixtures each time; nothing: the stream "augment".

    >>> mix = MixUp(0.2, num_classes=3, seed=0)
    >>> x, y = mix(np.ones((4, 2, 2, 1)), np.array([0, 1, 2, 1]))
    >>> x.shape, y.shape, y.sum(axis=1).tolist()
    ((4, 2, 2, 1), (4, 3), [1.0, 1.0, 1.0, 1.0])

    Batches for ``fit`` are mixed anew in each epoch by ``mix.batches(batches)``.
    """

    def __init__(
        self, alpha: float = 0.2, *, num_classes: int | None = None, seed: int | None = None
    ) -> None:
        super().__init__(num_classes=num_classes, seed=seed)
        self.alpha = float(alpha)
        demand(0 < self.alpha < np.inf, "MixUp", "alpha", "greater than 0", alpha)

    def _drawn(
        self, x: Tensor | Array, random: "np.random.Generator"
    ) -> tuple[Tensor | Array, Array, Array]:
        shares = random.beta(self.alpha, self.alpha, len(x))
        others = random.permutation(len(x))
        return between(x, shares, others), shares, others


class Mixed:
    """Batches (x, y) of an iterable, mixed as they pass."""

    def __init__(self, mix: Mixture, source: Iterable[Batch]) -> None:
        self.mix, self.source = mix, source

    def __iter__(self) -> Iterator[Pair]:
        for item in self.source:
            if not isinstance(item, tuple | list) or len(item) != 2:
                raise ValueError(
                    f"{type(self.mix).__name__}.batches: expected batches (x, y); weights cannot "
                    f"be mixed. Got {type(item).__name__} of {len(item)}."
                )
            yield self.mix(*item)

    def state_dict(self) -> dict[str, Any]:
        """Where the mixture's own random numbers stand, if it has some, so that ``fit`` resumes."""
        own = self.mix._random
        return {} if own is None else {"random": own.bit_generator.state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take that back."""
        if self.mix._random is not None:
            self.mix._random.bit_generator.state = state["random"]
