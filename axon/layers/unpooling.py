"""What undoes max pooling, and max pooling of windows that are drawn."""

from collections.abc import Sequence
from typing import ClassVar, Unpack

import numpy as np

from axon.backend import DType, Shape, as_array
from axon.checks import Integers, boolean, demand, fraction, integers
from axon.core import Tensor, TensorLike
from axon.layers import masks
from axon.layers.base import LayerResult
from axon.layers.merge import Merge
from axon.layers.noise import Noise
from axon.layers.options import LayerOptions
from axon.layers.windows import PaddingLike, Windowed, demand_axes, padding_given
from axon.ops.random import uniform
from axon.ops.unpooling import fractional_starts, largest_from, max_unpool

# ------------------------------------------------------------------------------------ put back


class _MaxUnpooling(Merge):
    """Numbers put back to where a max pooling found them, and 0 elsewhere.

    Args:
        pool_size: of the pooling; one number for all axes.
        strides: of the pooling; as far apart as windows are large unless told otherwise.
        padding: of the pooling: "valid", "same", or how far windows reached over the edges.
        options: name, dtype, data_format.
    """

    has_format = True
    on_mask = masks.REFUSED
    inputs_needed = range(2, 3)
    axes: ClassVar[int]

    def __init__(
        self,
        pool_size: Integers = 2,
        strides: Integers | None = None,
        padding: PaddingLike = "valid",
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**options)
        owner = type(self).__name__
        self.pool_size = integers(owner, "pool_size", pool_size, self.axes)
        apart = self.pool_size if strides is None else strides
        self.strides = integers(owner, "strides", apart, self.axes)
        self.padding = padding_given(owner, padding, ["valid", "same"], self.axes)

    def taking(self, x: TensorLike) -> DType:
        """Whole numbers are places, all else are numbers to be put there."""
        given = x if isinstance(x, Tensor) else as_array(x)
        return np.dtype(np.int64) if given.dtype.kind in "iu" else self.dtype

    def fit(self, shapes: Sequence[Shape]) -> None:
        """Both inputs have the same shape."""
        for shape in shapes:
            demand_axes(self, (1, *shape), self.axes)
        if shapes[0] != shapes[1]:
            raise ValueError

    def call(self, *inputs: Tensor, output_size: Integers | None = None) -> Tensor:
        """Put each number to its place.

        Args:
            inputs: numbers (n, places..., channels), and for each its place in its image of the
                result, counted row by row, as MaxPooling gives them with ``return_indices``.
            output_size: sizes of the result, where several sizes are pooled to that of the input.
        """
        x, places = inputs
        sizes = self.sizes(x.shape[1:-1], output_size)
        return max_unpool(x.astype(self.dtype), places.astype(np.int64), sizes)

    def sizes(self, pooled: Shape, wanted: Integers | None = None) -> Shape:
        """The sizes of the result: the smallest that are pooled to these, unless told otherwise."""
        each = zip(pooled, self.pool_size, self.strides, strict=True)
        if isinstance(self.padding, str):
            beyond: tuple[int, ...] = (0,) * self.axes
        else:
            beyond = tuple(map(sum, self.padding))
        if self.padding == "same":
            usual = tuple(n * s for n, _, s in each)
        else:
            usual = tuple((n - 1) * s + k - b for (n, k, s), b in zip(each, beyond, strict=True))
        if wanted is None:
            return usual
        given = integers(type(self).__name__, "output_size", wanted, self.axes)
        near = zip(given, usual, self.strides, strict=True)
        expected = f"within {self.strides} of {usual}, less than the strides"
        fits = all(abs(n - m) < s for n, m, s in near)
        demand(fits, type(self).__name__, "output_size", expected, wanted)
        return given

    def incoming(self, *inputs: Tensor) -> Tensor | None:
        """The mask of the numbers, which is refused."""
        return inputs[0].mask


class MaxUnpooling1D(_MaxUnpooling):
    """Numbers put back to the steps where MaxPooling1D found them; see MaxUnpooling2D.

    Shapes: (n, time, channels) twice -> (n, longer time, channels).

    >>> from axon.layers import MaxPooling1D
    >>> pooled, places = MaxPooling1D(2, return_indices=True)(np.array([[[1.0], [4.0]]]))
    >>> MaxUnpooling1D(2)([pooled, places]).ravel()
    array([0., 4.], dtype=float32)
    """

    axes = 1


class MaxUnpooling2D(_MaxUnpooling):
    """Numbers put back to where MaxPooling2D found them, and 0 elsewhere.

    Args:
        pool_size: of the pooling; one number for squares.
        strides: of the pooling; as far apart as windows are large unless told otherwise.
        padding: of the pooling: "valid", "same", or how far windows reached over the edges.
        options: name, dtype, data_format.

    Inputs are a list, [numbers, places], as ``MaxPooling2D(return_indices=True)`` gives them; and
    ``output_size=`` by name where more than one size is pooled to the size of the input. Where
    several numbers go to one place, the last one stays.

    Shapes: (n, height, width, channels) twice -> (n, larger height, larger width, channels).

    Raises:
        IndexError: a place lies outside; at every step.

    >>> from axon.layers import MaxPooling2D
    >>> x = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> pooled, places = MaxPooling2D(return_indices=True)(x)
    >>> MaxUnpooling2D()([pooled, places])[0, :, :, 0]
    array([[0., 0.],
           [0., 3.]], dtype=float32)
    """

    axes = 2


class MaxUnpooling3D(_MaxUnpooling):
    """Numbers put back to where MaxPooling3D found them; see MaxUnpooling2D.

    Shapes: (n, depth, height, width, channels) twice -> the same, with larger sizes.

    >>> MaxUnpooling3D()([np.ones((1, 1, 1, 1, 1)), np.full((1, 1, 1, 1, 1), 6)]).ravel()
    array([0., 0., 0., 0., 0., 0., 1., 0.], dtype=float32)
    """

    axes = 3


# ------------------------------------------------------------------------------------ drawn windows


class _FractionalMaxPooling(Windowed, Noise):
    """The largest number of windows whose distance is no whole number (Graham, 2014).

    Where each begins follows from one random number u for each sample, channel and axis: the first
    at 0, the last at the end, the others at floor((i + u) a) - floor(u a), where a is their mean
    distance. While training u is drawn, otherwise it is 1/2.

    Args:
        pool_size: of the windows; one number for all axes.
        output_size: sizes of the result; this or ``output_ratio``.
        output_ratio: sizes of the result as shares of those of the images, between 0 and 1.
        return_indices: return (numbers, places), as MaxPooling2D does.
        seed: a whole number, for the same windows each time.
        options: name, dtype, data_format.
    """

    on_mask = masks.REFUSED

    def __init__(
        self,
        pool_size: Integers,
        output_size: Integers | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        super().__init__(seed, **options)
        owner = type(self).__name__
        self.pool_size = integers(owner, "pool_size", pool_size, self.axes)
        one = (output_size is None) != (output_ratio is None)
        demand(one, owner, "output_size", "either this or output_ratio", output_size)
        self.output_size: Shape | None = None
        if output_size is not None:
            self.output_size = integers(owner, "output_size", output_size, self.axes)
        self.output_ratio = output_ratio
        if output_ratio is not None:
            several = isinstance(output_ratio, tuple | list)
            given = tuple(output_ratio) if several else (output_ratio,) * self.axes  # type: ignore[arg-type]
            demand(len(given) == self.axes, owner, "output_ratio", f"{self.axes} shares", given)
            self.output_ratio = tuple(fraction(owner, "output_ratio", share) for share in given)
        self.return_indices = boolean(owner, "return_indices", return_indices)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Windows must fit as often as wanted."""
        Windowed.accept(self, shape)
        sizes = shape[1:-1]
        for size, wanted, pool in zip(sizes, self.sizes(sizes), self.pool_size, strict=True):
            if wanted < 1 or wanted + pool - 1 > size:
                hint = " The windows are larger, or too many: use a smaller pool_size or result."
                raise self.misfit("images that all windows fit into", shape, hint)

    def sizes(self, sizes: Shape) -> Shape:
        """The sizes of the result."""
        if self.output_size is not None:
            return self.output_size
        shares = self.output_ratio
        assert isinstance(shares, tuple)
        return tuple(int(n * share) for n, share in zip(sizes, shares, strict=True))

    def disturb(self, x: Tensor) -> LayerResult:
        """Draw where windows begin."""
        drawn = uniform(self.key(), shape=(x.shape[0], x.shape[-1], self.axes), dtype=x.dtype)
        return self.pooled(x, drawn)

    def undisturbed(self, x: Tensor) -> LayerResult:
        """The windows of u = 1/2."""
        half = np.full((1, 1, self.axes), 0.5, x.dtype)
        return self.pooled(x, Tensor(half))

    def call(self, x: Tensor, *, random_samples: TensorLike | None = None) -> LayerResult:
        """Pool; with numbers between 0 and 1 (n, channels, axes) that tell where windows begin."""
        if random_samples is None:
            return super().call(x)
        given = random_samples
        shares = given if isinstance(given, Tensor) else Tensor(as_array(given, x.dtype))
        return self.pooled(x, shares)

    def pooled(self, x: Tensor, shares: Tensor) -> LayerResult:
        """Pool the windows of these shares, (n, channels, axes)."""
        sizes = x.shape[1:-1]
        order = (1, 0) if self.axes == 2 else (0, 1, 2)  # PyTorch's first of two is the width's
        starts = [
            fractional_starts(shares[..., order[i]], n, m, k)
            for i, (n, m, k) in enumerate(
                zip(sizes, self.sizes(sizes), self.pool_size, strict=True)
            )
        ]
        found = largest_from(x, starts, self.pool_size)
        return found if self.return_indices else found[0]


class FractionalMaxPooling2D(_FractionalMaxPooling):
    """The largest number of windows whose distance is no whole number (Graham, 2014).

    Where each begins follows from one random number u for each sample, channel and axis: the first
    at 0, the last at the end, the others at floor((i + u) a) - floor(u a), where a is their mean
    distance. While training u is drawn, otherwise it is 1/2. ``random_samples=``, (n, channels, 2)
    between 0 and 1, for the width and the height, says it at a call, as in PyTorch.

    Args:
        pool_size: height and width of the windows; one number for squares.
        output_size: height and width of the result; this or ``output_ratio``.
        output_ratio: sizes of the result as shares of those of the images, between 0 and 1.
        return_indices: return (numbers, places), as MaxPooling2D does.
        seed: a whole number, for the same windows each time.
        options: name, dtype, data_format.

    Shapes: (n, height, width, channels) -> (n, *output_size, channels). Equal numbers share the
    gradient.

    >>> FractionalMaxPooling2D(2, 3)(np.arange(25.0).reshape(1, 5, 5, 1))[0, :, :, 0]
    array([[ 6.,  8.,  9.],
           [16., 18., 19.],
           [21., 23., 24.]], dtype=float32)
    """

    axes = 2


class FractionalMaxPooling3D(_FractionalMaxPooling):
    """FractionalMaxPooling2D of volumes: three numbers where that has two, depth first.

    Shapes: (n, depth, height, width, channels) -> (n, *output_size, channels).

    >>> FractionalMaxPooling3D(2, 1)(np.arange(8.0).reshape(1, 2, 2, 2, 1)).ravel()
    array([7.], dtype=float32)
    """

    axes = 3
