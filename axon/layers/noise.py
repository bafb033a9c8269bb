"""Layers that draw random numbers while training, and pass on what comes otherwise.

How much they disturb can change while a recorded program runs: rates are set by hand, or follow a
schedule of ``axon.optimizers.schedules``.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from axon.backend import Shape
from axon.checks import finite, fraction, integer, is_number
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer, LayerResult
from axon.layers.options import LayerOptions
from axon.layers.windows import Windowed
from axon.modes import count_up
from axon.ops.memory import add_in_place, copy
from axon.ops.random import dropout_mask, normal, threshold_of
from axon.parameter import Buffer
from axon.program.changing import Changing, ChangingNumber, Rate
from axon.random import stream

WORDS = 2**32  # seeds are random words
ONE_MORE = Tensor(np.array([0, 1], np.uint32))


class Noise(Layer):
    """A layer that draws while training: subclasses write ``disturb(x)``.

    Its key (seed, count) is a buffer, ``seed_state``: it is counted up in place at every draw, so
    that each step, recorded or not, draws anew, and it is saved, so that a loaded model goes on
    where it stopped.

    Args:
        seed: a whole number; nothing: drawn, and so set by ``axon.set_random_seed``.
        options: name, dtype, trainable.
    """

    on_mask = masks.EACH
    draws_from: ClassVar[str] = "dropout"  # the stream of random numbers that chooses the seed
    strength: ClassVar[str] = ""  # the attribute, a ChangingNumber, that says how much is disturbed

    def __init__(self, seed: int | None = None, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.seed = None if seed is None else integer(type(self).__name__, "seed", seed, least=0)
        chosen = stream(self.draws_from).integers(WORDS) if seed is None else seed
        self.seed_state = Buffer(np.array([int(chosen) % WORDS, 0], np.uint32))

    @abstractmethod
    def disturb(self, x: Tensor) -> LayerResult:
        """Compute the layer as it acts while training."""

    def call(self, x: Tensor) -> LayerResult:
        """Disturb x while training; pass it on otherwise."""
        return self.disturb(x) if self.training else self.undisturbed(x)

    def undisturbed(self, x: Tensor) -> LayerResult:
        """What comes out otherwise: x."""
        return x

    def key(self) -> Tensor:
        """A key for one draw, and for no other."""
        drawn: Tensor = copy(self.seed_state)
        add_in_place(self.seed_state, ONE_MORE)
        return drawn

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Inputs may have any shape."""

    # -------------------------------------------------------------------- how much is disturbed

    def follow(self, step: int) -> None:
        """Let the rate be what its schedule says after so many updates.

        ``fit`` and ``train_on_batch`` do so; a loop of one's own does it before each step.
        """
        if self.strength:
            self._changing.follow(integer(f"layer {self.name!r}", "step", step, least=0))

    @property
    def _changing(self) -> Changing:
        number: ChangingNumber = getattr(type(self), self.strength)
        return number.of(self)

    def draws(self) -> bool:
        """Whether anything is disturbed: not by a rate of 0.

        Raises:
            RuntimeError: the rate follows a schedule, and nobody has said how far that is.
        """
        self._changing.demand_told(f"layer {self.name!r}")
        return self._changing.acts

    def _change(self, name: str, value: object) -> None:
        """A rate that is set anew is read by programs that were recorded, unless it is or was 0."""
        if name != self.strength:
            super()._change(name, value)
            return
        arguments, acted = self._present(), self._changing.acts
        object.__setattr__(self, name, value)
        vars(self)["_given"] = (), {**arguments, name: value}
        if self._changing.acts != acted:
            vars(self)["_version"] = count_up()

    def _current(self, name: str, given: Any) -> Any:
        """A rate that follows a schedule is described by that."""
        schedule = self._changing.schedule if name == self.strength else None
        return super()._current(name, given) if schedule is None else schedule

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A layer that was pickled when rates were plain attributes has one by its name."""
        super().__setstate__(state)
        if self.strength in vars(self):
            object.__setattr__(self, self.strength, vars(self).pop(self.strength))


def _share(owner: str, name: str, value: object) -> float:
    """A number that is at least 0 and less than 1."""
    if not is_number(value):
        raise TypeError(f"{owner}: {name} must be a number or a schedule, got {value!r}.")
    return fraction(owner, name, value, " It is the share that is left out.")


def _threshold_and_value(rate: float) -> tuple[float, float]:
    """What is compared with random words, and what is kept is multiplied with."""
    return float(threshold_of(rate)), 1 / (1 - rate)


def _deviation(rate: float) -> tuple[float]:
    return ((rate / (1 - rate)) ** 0.5,)


def _deviation_given(owner: str, name: str, value: object) -> float:
    return finite(owner, name, value, least=0)


class Dropout(Noise):
    """Leave out numbers at random while training: y = x m / (1 - rate), m = 0 with that rate.

    What is kept grows, so that the mean stays the same (Srivastava et al., 2014). Otherwise y = x.

    Args:
        rate: share that is left out, at least 0 and less than 1; or a schedule, a function of the
            number of updates, such as ``PolynomialDecay(0.5, 1000, 0.0)``. Setting ``layer.rate``
            changes it at once, in recorded programs, too.
        noise_shape: the shape of m, batch axis included, where it should repeat along some axes;
            its sizes are 1, the input's, or None for the input's.
        seed: a whole number, for the same numbers each time.
        options: name, dtype, trainable.

    >>> Dropout(0.5, seed=1)(np.ones((1, 6)), training=True)
    array([[0., 2., 2., 0., 2., 2.]], dtype=float32)
    >>> Dropout(0.5)(np.ones((1, 3)))
    array([[1., 1., 1.]], dtype=float32)
    """

    strength = "rate"
    rate = ChangingNumber(_share, _threshold_and_value)

    def __init__(
        self,
        rate: Rate,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(seed, **options)
        self.rate = rate
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)

    def mask_shape(self, shape: Shape) -> Shape:
        """The shape of the mask for inputs of this shape."""
        if self.noise_shape is None:
            return shape
        given = self.noise_shape
        sizes = tuple(n if m is None else m for n, m in zip(shape, given, strict=False))
        fits = (m in (1, n) for n, m in zip(shape, sizes, strict=False))
        if len(given) != len(shape) or not all(fits):
            raise ValueError(
                f"layer {self.name!r}: noise_shape={given} does not fit inputs of shape {shape}: "
                "it needs one size for each axis, 1, None or the input's."
            )
        return sizes

    def disturb(self, x: Tensor) -> Tensor:
        """Multiply with a mask."""
        if not self.draws():
            return x
        threshold, value = self._changing.tensors
        numbers = threshold.astype(np.int64), value.astype(x.dtype)
        shape = self.mask_shape(x.shape)
        return x * dropout_mask(self.key(), *numbers, shape=shape)


class SpatialDropout1D(Windowed, Dropout):
    """Leave out whole channels of series at random while training.

    Neighbours in time say nearly the same: leaving out single ones would hide little (Tompson et
    al., 2015).

    Args:
        rate: share that is left out, at least 0 and less than 1; or a schedule, as for Dropout.
        seed: a whole number, for the same numbers each time.
        options: name, dtype, trainable.

    Shapes: (n, time, channels), unchanged.

    >>> SpatialDropout1D(0.5, seed=1)(np.ones((1, 2, 3)), training=True)
    array([[[0., 2., 2.],
            [0., 2., 2.]]], dtype=float32)
    """

    axes = 1

    def __init__(
        self, rate: Rate, seed: int | None = None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(rate, seed=seed, **options)

    def mask_shape(self, shape: Shape) -> Shape:
        """One number for each sample and channel."""
        return (shape[0], *(1,) * self.axes, shape[-1])


class SpatialDropout2D(SpatialDropout1D):
    """Leave out whole channels of images at random while training.

    The arguments are those of SpatialDropout1D.

    Shapes: (n, height, width, channels), unchanged.

    >>> SpatialDropout2D(0.5, seed=1)(np.ones((1, 1, 2, 3)), training=True)
    array([[[[0., 2., 2.],
             [0., 2., 2.]]]], dtype=float32)
    """

    axes = 2

    def __init__(
        self, rate: Rate, *, seed: int | None = None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(rate, seed, **options)


class GaussianNoise(Noise):
    """Add noise while training: y = x + stddev z, where z is normal. Otherwise y = x.

    Args:
        stddev: deviation of the noise, at least 0; or a schedule, as for Dropout.
        seed: a whole number, for the same numbers each time.
        options: name, dtype, trainable.

    >>> GaussianNoise(0.1, seed=0)(np.zeros((2, 3)), training=True).shape
    (2, 3)
    """

    strength = "stddev"
    stddev = ChangingNumber(_deviation_given)

    def __init__(
        self, stddev: Rate, seed: int | None = None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(seed, **options)
        self.stddev = stddev

    def disturb(self, x: Tensor) -> Tensor:
        """Add noise."""
        if not self.draws():
            return x
        (size,) = self._changing.tensors
        return x + normal(self.key(), shape=x.shape, dtype=x.dtype) * size.astype(x.dtype)


class GaussianDropout(Noise):
    """Multiply with noise while training: y = x (1 + s z), s = sqrt(rate / (1 - rate)), z normal.

    Mean and variance are those of Dropout, but nothing is left out altogether. Otherwise y = x.

    Args:
        rate: of the Dropout that it is like, at least 0 and less than 1; or a schedule.
        seed: a whole number, for the same numbers each time.
        options: name, dtype, trainable.

    >>> GaussianDropout(0.5, seed=0)(np.ones((2, 3)), training=True).shape
    (2, 3)
    """

    strength = "rate"
    rate = ChangingNumber(_share, _deviation)

    def __init__(
        self, rate: Rate, seed: int | None = None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(seed, **options)
        self.rate = rate

    def disturb(self, x: Tensor) -> Tensor:
        """Multiply with noise around 1."""
        if not self.draws():
            return x
        (size,) = self._changing.tensors
        z = normal(self.key(), shape=x.shape, dtype=x.dtype)
        return x * (z * size.astype(x.dtype) + 1.0)
