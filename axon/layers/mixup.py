"""MixUp: pairs of samples, and of their labels, mixed."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from axon.backend import Array, as_array, float_type
from axon.checks import demand, integer
from axon.core import Tensor, TensorLike
from axon.ops.index import take
from axon.random import stream

Pair = tuple[Tensor | Array, Tensor | Array]
Batch = Sequence[TensorLike]  # (x, y)


class MixUp:
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
        self.alpha = float(alpha)
        demand(0 < self.alpha < np.inf, "MixUp", "alpha", "greater than 0", alpha)
        given = num_classes is not None
        self.num_classes = integer("MixUp", "num_classes", num_classes) if given else None
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
                f"MixUp: got {samples.shape[0]} samples, but {labels.shape[0]} labels."
            )
        random = stream("augment") if self._random is None else self._random
        shares = random.beta(self.alpha, self.alpha, len(samples))
        others = random.permutation(len(samples))
        return self._mixed(samples, shares, others), self._mixed(labels, shares, others)

    def batches(self, source: Iterable[Batch]) -> Iterable[Pair]:
        """Mix every batch (x, y) of an iterable, each time that it is walked over."""
        mixed = Mixed(self, source)
        return iter(mixed) if iter(source) is source else mixed  # a generator stays one

    def _mixed(self, x: Tensor | Array, shares: Array, others: Array) -> Tensor | Array:
        share = shares.reshape(-1, *[1] * (x.ndim - 1)).astype(x.dtype)
        return x * share + take(x, others) * (1 - share)

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
                f"MixUp: labels of shape {labels.shape} and dtype {labels.dtype} cannot be mixed. "
                "Pass them one-hot (n, classes), or as whole numbers with MixUp(num_classes=...)."
            )
        if labels.size and not 0 <= labels.min() <= labels.max() < self.num_classes:
            raise ValueError(
                f"MixUp: labels must be from 0 to {self.num_classes - 1}, got {labels.min()} to "
                f"{labels.max()}."
            )
        rows = np.eye(self.num_classes, dtype=np.float32)[labels]
        return Tensor(rows) if isinstance(y, Tensor) else rows


class Mixed:
    """Batches (x, y) of an iterable, mixed as they pass."""

    def __init__(self, mix: MixUp, source: Iterable[Batch]) -> None:
        self.mix, self.source = mix, source

    def __iter__(self) -> Iterator[Pair]:
        for item in self.source:
            if not isinstance(item, tuple | list) or len(item) != 2:
                raise ValueError(
                    "MixUp.batches: expected batches (x, y); weights cannot be mixed. Got "
                    f"{type(item).__name__} of {len(item)}."
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
