"""Images mixed with others, and with changes of themselves that are drawn from a list."""

from collections.abc import Sequence
from math import e
from typing import Any, Unpack

import numpy as np

from axon.backend import Array
from axon.checks import boolean, demand, integer, positive
from axon.core import Tensor
from axon.layers import masks
from axon.layers.augmentation import (
    Factor,
    Mixture,
    RandomRotation,
    RandomTranslation,
    _Augmentation,
)
from axon.layers.base import Layer
from axon.layers.bends import RandomShear
from axon.layers.colors import (
    BYTES,
    AutoContrast,
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
    RandomPosterization,
    RandomSharpness,
    Solarization,
    limits,
    range_of,
)
from axon.layers.histograms import Equalization
from axon.layers.options import LayerOptions
from axon.ops.compare import where
from axon.ops.elementwise import exp, log, maximum, minimum
from axon.ops.index import take
from axon.ops.random import normal, uniform
from axon.ops.rounding import floor

ROUNDS = 8  # tries of a draw that is refused 1 time in 20 at most
SLIGHT = 1e-6  # Beta needs more than 0


class CutMix(Mixture):
    """Paste a box of another image into each image of a batch, and mix their labels likewise.

    The labels are mixed by the shares of the area: y <- s y + (1 - s) y' (Yun et al., 2019). It
    changes labels, too, so it is no layer: it stands between the data and ``fit``.

    Args:
        factor: shares come from Beta(a, a), a between 0 and f, or in (low, high), from 0 to 1;
            the larger, the more varied boxes are.
        num_classes: how many there are, if labels come as whole numbers (n,).
        seed: a whole number, for the same mixtures each time; nothing: the stream "augment".

    >>> mix = CutMix(num_classes=2, seed=0)
    >>> x, y = mix(np.stack([np.zeros((4, 4, 1)), np.ones((4, 4, 1))]), np.array([0, 1]))
    >>> np.allclose(x.mean(axis=(1, 2, 3)), y[:, 1])
    True

    Batches for ``fit`` are mixed anew in each epoch by ``mix.batches(batches)``.
    """

    def __init__(
        self, factor: Factor = 1.0, *, num_classes: int | None = None, seed: int | None = None
    ) -> None:
        super().__init__(num_classes=num_classes, seed=seed)
        self.factor = limits("CutMix", "factor", factor, 0, 1)

    def _drawn(
        self, x: Tensor | Array, random: "np.random.Generator"
    ) -> tuple[Tensor | Array, Array, Array]:
        demand(x.ndim == 4, "CutMix", "x", "images (n, height, width, channels)", x.shape)
        n, H, W, _ = x.shape
        a = random.uniform(*self.factor) + SLIGHT
        side = np.sqrt(1 - random.beta(a, a, n))
        inside = _stretch(H, side, random)[:, :, None] & _stretch(W, side, random)[:, None]
        others = random.permutation(n)
        boxes = inside[..., None]
        pasted: Any = where if isinstance(x, Tensor) else np.where
        shares = 1 - inside.mean(axis=(1, 2))
        return pasted(boxes, take(x, others), x), shares, others


def _stretch(size: int, share: Array, random: "np.random.Generator") -> Array:
    """Which of so many places lie in a stretch of such a share, anywhere: (n, size)."""
    start = random.random(len(share)) * (size - share * size)
    at = np.arange(size)
    return (at >= start[:, None]) & (at < (start + share * size)[:, None])


def changes(
    factor: tuple[float, float],
    value_range: tuple[float, float],
    interpolation: str,
    seed: int | None,
    **options: Unpack[LayerOptions],
) -> list[Layer]:
    """The changes from which RandAugment and AugMix choose, the last four of colour alone."""
    seeds = iter(range(10)) if seed is None else iter(range(seed, seed + 10))

    def more() -> dict[str, Any]:
        own = next(seeds)
        return {**options, "seed": None if seed is None else own}

    bits, colour = max(1, int(8 * factor[1])), (factor, value_range)
    return [
        RandomShear(factor, factor, interpolation, **more()),
        RandomTranslation(factor, factor, interpolation=interpolation, **more()),
        RandomRotation(factor, interpolation=interpolation, **more()),
        RandomPosterization(bits, value_range, **more()),
        Solarization(factor, factor, value_range, **more()),
        AutoContrast(value_range, **options),
        Equalization(value_range, **options),
        RandomBrightness(*colour, **more()),
        RandomColorDegeneration(*colour, **more()),
        RandomContrast(*colour, **more()),
        RandomSharpness(*colour, **more()),
    ]


class _Policy(_Augmentation):
    """What changes images by some of a list of changes, each image by others.

    All are computed, and for each image one is taken: it suits small images best.
    """

    on_mask = masks.REFUSED

    def __init__(
        self,
        value_range: Sequence[float],
        factor: Factor,
        interpolation: str,
        seed: int | None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(seed, **options)
        owner = type(self).__name__
        self.value_range = range_of(owner, value_range)
        self.factor = limits(owner, "factor", factor, 0, 1)
        self.interpolation = interpolation
        given = None if seed is None else seed + 1
        inside: LayerOptions = {"dtype": self.dtype}
        self.parts = changes(self.factor, self.value_range, interpolation, given, **inside)

    def accept(self, shape: tuple[int, ...], *more: tuple[int, ...]) -> None:
        """Three colours."""
        super().accept(shape)
        if shape[-1] != 3:
            raise self.misfit("(n, height, width, 3): red, green and blue", shape)

    def one_of(self, x: Tensor, nothing: bool = False) -> Tensor:
        """Each image, changed in one of the ways; or, if asked for, left as it is as often."""
        which = floor(self.shares(x, 1, 1, 1) * float(len(self.parts) + nothing))
        found = x
        for i, part in enumerate(self.parts):
            found = where(which == float(i), part.forward(x), found)
        return found


class RandAugment(_Policy):
    """Change each image in some ways while training, drawn from a list of eleven (Cubuk, 2020).

    The list: shear, translation, rotation, posterization, solarization, contrast by its range and
    by its mean, equalization, brightness, less colour, sharpness.

    Args:
        value_range: between which numbers colours lie.
        num_ops: how many changes, one after another.
        factor: how strong they are, from 0 to 1: f for up to f, or (low, high).
        interpolation: "bilinear" draws straight lines between pixels, "nearest" takes the nearest.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    All changes are computed, and for each image one is taken: it suits small images best.

    >>> layer = RandAugment(seed=0)
    >>> layer(np.full((2, 4, 4, 3), 9.0), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = BYTES,
        num_ops: int = 2,
        factor: Factor = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed, **options)
        self.num_ops = integer("RandAugment", "num_ops", num_ops)

    def disturb(self, x: Tensor) -> Tensor:
        """Change one after another."""
        for _ in range(self.num_ops):
            x = self.one_of(x)
        return x


class AugMix(_Policy):
    """Mix each image, while training, with a mean of several chains of changes of it.

    y = s x + (1 - s) sum w_i x_i, with s from Beta(alpha, alpha), w from Dirichlet(alpha), and x_i
    changed up to ``chain_depth`` times (Hendrycks et al., 2020).

    Args:
        value_range: between which numbers colours lie, and stay.
        num_chains: how many chains.
        chain_depth: how many changes a chain has at most; each may be none.
        factor: how strong they are, from 0 to 1: f for up to f, or (low, high).
        alpha: small: one of the images is mostly seen; 1: any mixture is as likely.
        all_ops: also brightness, less colour, contrast and sharpness.
        interpolation: "bilinear" draws straight lines between pixels, "nearest" takes the nearest.
        seed: a whole number, for the same changes each time.
        options: name, dtype.

    All changes are computed, and for each image one is taken: it suits small images best.

    >>> layer = AugMix(num_chains=1, chain_depth=1, seed=0)
    >>> layer(np.full((2, 4, 4, 3), 9.0), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = BYTES,
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Factor = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed, **options)
        self.num_chains = integer("AugMix", "num_chains", num_chains)
        self.chain_depth = integer("AugMix", "chain_depth", chain_depth)
        self.alpha = positive("AugMix", "alpha", alpha)
        self.all_ops = boolean("AugMix", "all_ops", all_ops)
        if not self.all_ops:
            self.parts = self.parts[:-4]

    def disturb(self, x: Tensor) -> Tensor:
        """Change, and mix."""
        n = len(x)
        weights = self.gammas(x, self.num_chains)
        weights = weights / weights.sum(axis=1, keepdims=True)
        pair = self.gammas(x, 2)
        share = (pair[:, 0] / pair.sum(axis=1)).reshape(n, 1, 1, 1)
        mixed = x * share
        for i in range(self.num_chains):
            changed = x
            for _ in range(self.chain_depth):
                changed = self.one_of(changed, nothing=True)
            mixed = mixed + changed * (weights[:, i].reshape(n, 1, 1, 1) * (1.0 - share))
        return minimum(maximum(mixed, self.value_range[0]), self.value_range[1])

    def gammas(self, x: Tensor, number: int) -> Tensor:
        """Numbers from Gamma(alpha), (n, number), by Marsaglia and Tsang (2000)."""
        shape, d = (len(x), number), self.alpha + 1 - 1 / 3
        found = Tensor(np.full(shape, d, x.dtype))
        for _ in range(ROUNDS):
            z = normal(self.key(), shape=shape, dtype=x.dtype)
            u = uniform(self.key(), shape=shape, dtype=x.dtype)
            v = 1.0 + z * (1 / np.sqrt(9 * d))
            cube = maximum(v * v * v, SLIGHT)
            kept = log(maximum(u, SLIGHT)) < z * z * 0.5 + (1.0 - cube + log(cube)) * d
            found = where(kept, where(v > 0.0, cube * d, found), found)
        last = uniform(self.key(), shape=shape, dtype=x.dtype)  # from alpha + 1 to alpha
        return maximum(found * exp(log(maximum(last, SLIGHT)) / self.alpha), e**-60)
