"""Layers that make one of several inputs: sums, products, means, and what lies side by side.

They are called with a list, as Keras has it, ``Add()([a, b])``, or with each input for itself.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Unpack

import numpy as np

from axon.backend import Shape
from axon.checks import Integers, integer, integers
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.module import shape_after
from axon.layers.options import LayerOptions
from axon.layers.symbolic import Tree
from axon.ops.elementwise import maximum as larger
from axon.ops.elementwise import minimum as smaller
from axon.ops.elementwise import sqrt
from axon.ops.join import concatenate as beside

NEAR_ZERO = 1e-7  # a vector shorter than this has no direction: it stays short


class Merge(Layer):
    """What layers of several inputs have in common; leaves write ``merge``.

    Inputs of fewer axes are given axes of size 1 behind that of the samples, and sizes of 1 are
    repeated. A step is real where it is in one of the inputs: padding of all stays padding.

    Args:
        options: name, dtype.
    """

    on_mask = masks.EACH
    passes_on = True
    inputs_needed: range = range(1, 10**9)

    def __init__(self, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Raise ValueError unless there are as many inputs as needed, which fit each other."""
        shapes = (shape, *more)
        if len(shapes) not in self.inputs_needed:
            raise ValueError(
                f"layer {self.name!r} ({self!r}): expected {_count(self.inputs_needed)} inputs, "
                f"got {len(shapes)}: {self.name}([a, b])."
            )
        try:
            self.fit([s[1:] for s in shapes])
        except ValueError:
            listed = " and ".join(str(("n", *s[1:])).replace("'", "") for s in shapes)
            raise ValueError(
                f"layer {self.name!r} ({self!r}): its inputs do not fit each other: shapes {listed}"
            ) from None

    def fit(self, shapes: Sequence[Shape]) -> None:
        """Raise ValueError unless samples of these shapes can be merged."""
        most = max(map(len, shapes))
        np.broadcast_shapes(*((1,) * (most - len(s)) + s for s in shapes))

    def build(self, *input_shapes: Shape) -> Shape:
        """Find the shape of the output, which each input has a part in."""
        self.accept(*((-1, *shape) for shape in input_shapes))
        dtypes = [self.input_dtype] * len(input_shapes)
        self.output_shape = shape_after(self.call, input_shapes, dtypes)
        self.input_shape = input_shapes[0]
        return self.output_shape

    def call(self, *inputs: Tensor) -> Tensor:
        """Merge them."""
        most = max(x.ndim for x in inputs)
        return self.merge([_with_axes(x, most) for x in inputs])

    def merge(self, xs: list[Tensor]) -> Tensor:
        """Merge inputs of as many axes each."""
        raise NotImplementedError(f"{type(self).__name__}: write merge.")

    def incoming(self, *inputs: Tensor) -> Tensor | None:
        """The mask of the result."""
        found = [x.mask for x in inputs if x.mask is not None]
        alike = len({mask.shape for mask in found}) == 1 and len(found) == len(inputs)
        return reduce(larger, found) if alike else None


def _with_axes(x: Tensor, count: int) -> Tensor:
    """Axes of size 1 behind that of the samples, until there are so many."""
    missing = count - x.ndim
    return x if not missing else x.reshape(x.shape[0], *(1,) * missing, *x.shape[1:])


def _count(needed: range) -> str:
    return str(needed[0]) if len(needed) == 1 else f"at least {needed[0]}"


class Add(Merge):
    """The sum of the inputs: y = x1 + x2 + ...

    >>> Add()([np.ones((1, 2)), np.ones((1, 2))])
    array([[2., 2.]], dtype=float32)
    """

    def merge(self, xs: list[Tensor]) -> Tensor:
        """Add them up."""
        return reduce(lambda a, b: a + b, xs)


class Subtract(Merge):
    """The difference of two inputs: y = x1 - x2.

    >>> Subtract()([np.ones((1, 2)), np.ones((1, 2))])
    array([[0., 0.]], dtype=float32)
    """

    inputs_needed = range(2, 3)

    def merge(self, xs: list[Tensor]) -> Tensor:
        """Subtract the second from the first."""
        return xs[0] - xs[1]


class Multiply(Merge):
    """The product of the inputs, number by number: y = x1 x2 ...

    >>> Multiply()([np.full((1, 2), 3.0), np.full((1, 2), 2.0)])
    array([[6., 6.]], dtype=float32)
    """

    def merge(self, xs: list[Tensor]) -> Tensor:
        """Multiply them."""
        return reduce(lambda a, b: a * b, xs)


class Average(Merge):
    """The mean of the k inputs: y = (x1 + x2 + ...) / k.

    >>> Average()([np.zeros((1, 2)), np.ones((1, 2))])
    array([[0.5, 0.5]], dtype=float32)
    """

    def merge(self, xs: list[Tensor]) -> Tensor:
        """Take the mean."""
        return reduce(lambda a, b: a + b, xs) / float(len(xs))


class Maximum(Merge):
    """The largest of the inputs, number by number.

    >>> Maximum()([np.zeros((1, 2)), np.ones((1, 2))])
    array([[1., 1.]], dtype=float32)
    """

    def merge(self, xs: list[Tensor]) -> Tensor:
        """Take the largest."""
        return reduce(larger, xs)


class Minimum(Merge):
    """The smallest of the inputs, number by number.

    >>> Minimum()([np.zeros((1, 2)), np.ones((1, 2))])
    array([[0., 0.]], dtype=float32)
    """

    def merge(self, xs: list[Tensor]) -> Tensor:
        """Take the smallest."""
        return reduce(smaller, xs)


class Concatenate(Merge):
    """The inputs one behind another along an axis.

    Args:
        axis: -1, the default, for features beside features; 1 for steps after steps.
        options: name, dtype.

    Of masks, steps after steps keep theirs; features side by side are real where one of them is.

    >>> Concatenate()([np.zeros((1, 2)), np.ones((1, 1))])
    array([[0., 0., 1.]], dtype=float32)
    """

    def __init__(self, axis: int = -1, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.axis = integer("Concatenate", "axis", axis, least=-(10**9))
        if not axis:
            raise ValueError("Concatenate: axis 0 is that of the samples. Choose 1, or -1.")

    def fit(self, shapes: Sequence[Shape]) -> None:
        """All sizes but the one along the axis must be the same."""
        ndim = len(shapes[0]) + 1
        rest = {(*s[: self.axis % ndim - 1], *s[self.axis % ndim :]) for s in shapes}
        if not -ndim < self.axis < ndim or len(rest) > 1 or len({len(s) for s in shapes}) > 1:
            raise ValueError("they differ")

    def merge(self, xs: list[Tensor]) -> Tensor:
        """Join them."""
        return beside(xs, axis=self.axis)

    def incoming(self, *inputs: Tensor) -> Tensor | None:
        """The mask of the result."""
        known = next((x.mask for x in inputs if x.mask is not None), None)
        if known is None:
            return None
        real = [
            Tensor(np.ones(x.shape[: known.ndim], bool)) if x.mask is None else x.mask
            for x in inputs
        ]
        axis = self.axis % inputs[0].ndim
        if axis < known.ndim:
            return beside(real, axis=axis)
        return reduce(larger, real)


class Dot(Merge):
    """Products of two inputs, summed over one axis of each: y_n = sum_i x1[n, .., i, ..] x2[..].

    Args:
        axes: the axis of both that is summed over, or (of the first, of the second); that of the
            samples, 0, counts, and cannot be chosen.
        normalize: divide vectors along the axis by their length first: y is the cosine between
            them.
        options: name, dtype.

    Shapes: (n, a) and (n, a) -> (n, 1); (n, t, a) and (n, s, a), axes=2 -> (n, t, s): the other
    axes of the first, then those of the second.

    >>> Dot(axes=1)([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])])
    array([[11.]], dtype=float32)
    """

    inputs_needed = range(2, 3)

    def __init__(
        self, axes: Integers, normalize: bool = False, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        both_axes = isinstance(axes, tuple | list)
        self.axes = integers("Dot", "axes", axes, 2, least=-(10**9)) if both_axes else axes
        self.normalize = bool(normalize)

    def _places(self, ndims: Sequence[int]) -> list[int]:
        """The axis of each input that is summed over."""
        given = self.axes if isinstance(self.axes, tuple | list) else (self.axes, self.axes)
        if not all(-n < axis < n and axis % n for axis, n in zip(given, ndims, strict=True)):
            raise ValueError(f"Dot: axes={self.axes} are no axes of inputs with {ndims} axes.")
        return [axis % n for axis, n in zip(given, ndims, strict=True)]

    def fit(self, shapes: Sequence[Shape]) -> None:
        """Both must be as long along the axes."""
        a, b = self._places([len(s) + 1 for s in shapes])
        if shapes[0][a - 1] != shapes[1][b - 1]:
            raise ValueError("they differ")

    def call(self, *inputs: Tensor) -> Tensor:
        """Bring the axes to where a product of matrices wants them."""
        places = self._places([x.ndim for x in inputs])
        x, y = (_last(_unit(t, a) if self.normalize else t, a) for t, a in zip(inputs, places))  # noqa: B905
        n, rows, columns = len(x), x.shape[1:-1], y.shape[1:-1]
        x = x.reshape(n, -1, x.shape[-1])  # (n, rows, a)
        y = y.reshape(n, -1, y.shape[-1])  # (n, columns, a)
        made = x @ y.transpose(0, 2, 1)
        return made.reshape(n, *((*rows, *columns) or (1,)))

    def incoming(self, *inputs: Tensor) -> None:
        """There are no steps left, or those of both: no mask."""


def _last(x: Tensor, axis: int) -> Tensor:
    """The tensor with one axis moved to the end."""
    order = [i for i in range(x.ndim) if i != axis]
    return x if axis == x.ndim - 1 else x.transpose(*order, axis)


def _unit(x: Tensor, axis: int) -> Tensor:
    """Vectors along an axis, of length 1."""
    return x / sqrt(larger((x * x).sum(axis, keepdims=True), NEAR_ZERO**2))


# ------------------------------------------------------------------------------------ in one call


def add(inputs: Sequence[Tree], **options: Unpack[LayerOptions]) -> Tree:
    """``Add(**options)(inputs)``."""
    return Add(**options)(list(inputs))


def subtract(inputs: Sequence[Tree], **options: Unpack[LayerOptions]) -> Tree:
    """``Subtract(**options)(inputs)``."""
    return Subtract(**options)(list(inputs))


def multiply(inputs: Sequence[Tree], **options: Unpack[LayerOptions]) -> Tree:
    """``Multiply(**options)(inputs)``."""
    return Multiply(**options)(list(inputs))


def average(inputs: Sequence[Tree], **options: Unpack[LayerOptions]) -> Tree:
    """``Average(**options)(inputs)``."""
    return Average(**options)(list(inputs))


def maximum(inputs: Sequence[Tree], **options: Unpack[LayerOptions]) -> Tree:
    """``Maximum(**options)(inputs)``."""
    return Maximum(**options)(list(inputs))


def minimum(inputs: Sequence[Tree], **options: Unpack[LayerOptions]) -> Tree:
    """``Minimum(**options)(inputs)``."""
    return Minimum(**options)(list(inputs))


def concatenate(inputs: Sequence[Tree], axis: int = -1, **options: Unpack[LayerOptions]) -> Tree:
    """``Concatenate(axis, **options)(inputs)``."""
    return Concatenate(axis, **options)(list(inputs))


def dot(
    inputs: Sequence[Tree], axes: Integers, normalize: bool = False, **options: Unpack[LayerOptions]
) -> Tree:
    """``Dot(axes, normalize, **options)(inputs)``."""
    return Dot(axes, normalize, **options)(list(inputs))
