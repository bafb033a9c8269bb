"""The shape of a model's input, said before any data are seen."""

from typing import Any

import numpy as np

from axon.backend import DType, Shape
from axon.checks import Integers, integer
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.options import TypeName
from axon.layers.symbolic import GraphCall, Stands, Symbolic, ValueSpec
from axon.modes import modes


class Input(Stands, Layer):
    """Fix the shape of what comes in, so that the layers behind it are built as they are added.

    In the functional style it stands for what comes in: a layer that is called with it gives a
    symbolic value, and ``Model(inputs, outputs)`` is made of such.

    Args:
        shape: the shape of one sample, without the batch axis; one number for (features,).
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
        if None in given:
            raise ValueError(
                f"Input: shape={tuple(given)} leaves a size open, but a graph is laid for one. Say "
                "the longest there will be, and fill up shorter ones (pad_sequences, Masking); or "
                "leave Input out of a Sequential, which then takes any length."
            )
        self.shape = tuple(integer("Input", "shape", n) for n in given)
        self._incoming = np.dtype(dtype) if integers else self.dtype
        self._comes = np.dtype(object) if text else self._incoming
        self.dtype = self._incoming  # what is described
        self.passes_on = dtype is None  # type: ignore[misc]
        self.build(self.shape)

    def config(self) -> dict[str, Any]:
        """The arguments that make this layer again."""
        text = {"dtype": "string"} if self._comes.kind == "O" else {}
        return {**super().config(), **text}

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
        if shape[1:] != self.shape and not steps:
            raise self.misfit(f"(n, {', '.join(map(str, self.shape))})", shape)

    def call(self, x: Tensor) -> Tensor:
        """Pass x on."""
        return x
