"""The shape of a model's input, said before any data are seen."""

from typing import Any

import numpy as np

from axon.backend import DType, Shape
from axon.checks import Integers, integer
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.open_sizes import OPEN, fits, shown
from axon.layers.options import TypeName
from axon.layers.symbolic import GraphCall, Stands, Symbolic, ValueSpec
from axon.modes import modes


class Input(Stands, Layer):
    """Fix the shape of what comes in, so that the layers behind it are built as they are added.

    In the functional style it stands for what comes in: a layer that is called with it gives a
    symbolic value, and ``Model(inputs, outputs)`` is made of such.

    Args:
        shape: the shape of one sample, without the batch axis; one number for (features,). None
            leaves a size open: ``(None, 8)`` for sequences of any length, all of a batch alike,
            ``(None, None, 3)`` for images of any size.
        dtype: what inputs are converted to: float32 unless told otherwise; whole numbers, such as
            "int64" for an Embedding, are possible; and "string" before layers such as
            TextVectorization.
        options: name.

    >>> from axon.layers import Dense
    >>> from axon.models import Sequential
    >>> Sequential([Input((784,)), Dense(10)]).count_params()
    7850
    >>> x = Input((784,))
    >>> Dense(10)(x / 255.0)
    <Symbolic (None, 10) float32, of 'dense'>
    """

    on_mask = masks.EACH

    def __init__(self, shape: Integers, dtype: TypeName = None, **options: Any) -> None:
        text = dtype is not None and np.dtype("O" if dtype == "string" else dtype).kind in "OUS"
        integers = dtype is not None and not text and np.dtype(dtype).kind in "iu"
        super().__init__(dtype=None if integers or text else dtype, **options)
        given = shape if isinstance(shape, tuple | list) else (shape,)
        self.shape = tuple(OPEN if n == OPEN else integer("Input", "shape", n) for n in given)
        self._incoming = np.dtype(dtype) if integers else self.dtype
        self._comes = np.dtype(object) if text else self._incoming
        self.dtype = self._incoming  # what is described
        self.passes_on = dtype is None  # type: ignore[misc]
        self.build(self.shape)

    def config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        text = {"dtype": "string"} if self._comes.kind == "O" else {}
        return {**super().config(), "shape": [*shown(self.shape)], **text}

    def build(self, *input_shapes: Shape) -> Any:
        """What comes out is what comes in."""
        within = (-1, *input_shapes[0])
        self.accept(within)
        if self.output_shape is None:
            self.input_shape = self.output_shape = self.shape
        return input_shapes[0]

    @property
    def input_dtype(self) -> DType:
        """What inputs are converted to."""
        return self._incoming

    @property
    def symbolic(self) -> Symbolic:
        """What comes in, as a symbolic value."""
        if "_calls" not in vars(self):
            spec = ValueSpec((1, *self.shape), self._comes, raw=True)
            vars(self)["_calls"] = [GraphCall(self, (), {}, spec)]
        found: Symbolic = vars(self)["_calls"][0].results
        return found

    @property
    def output(self) -> Symbolic:
        """What comes in, as a symbolic value."""
        return self.symbolic

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Raise ValueError unless samples have the shape that was said."""
        steps = modes.past is not None and shape[2:] == self.shape[1:]  # any number of them
        if not (fits(shape[1:], self.shape) or steps):
            raise self.misfit(f"(n, {', '.join(map(str, self.shape))})", shape)

    def call(self, x: Tensor) -> Tensor:
        """Pass x on."""
        return x
