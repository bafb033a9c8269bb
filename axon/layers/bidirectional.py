"""Bidirectional: two recurrent layers that read a sequence from both ends."""

from typing import Any, Unpack

from axon.backend import Array, Shape
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer
from axon.layers.options import LayerOptions
from axon.layers.recurrent import Recurrent
from axon.names import resolve
from axon.ops.join import concatenate

MERGES: dict[str, Any] = {
    "concat": lambda a, b: concatenate([a, b]),
    "sum": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "ave": lambda a, b: (a + b) * 0.5,
}


class Bidirectional(Layer):
    """Read a sequence forwards and, with a second layer, backwards; join what the two say.

    Args:
        layer: a SimpleRNN, LSTM or GRU; the second one is made with the same arguments.
        merge_mode: "concat" puts the outputs beside one another, "sum", "mul" and "ave" combine
            them number by number.
        backward_layer: the second one, if it is to be another.
        options: name, dtype, trainable.

    Shapes: (n, time, features) -> (n, 2 units) or (n, units); with ``return_sequences``, which both
    layers must agree in, (n, time, ...) in the order of the input. Padding at the end is skipped on
    the way back, too. The layers are ``forward_layer`` and ``backward_layer``, so parameters are
    called ``forward_layer/weights`` and so on (Schuster and Paliwal, 1997).

    >>> import numpy as np
    >>> from axon.layers import LSTM
    >>> Bidirectional(LSTM(3)).forward(np.ones((2, 5, 4))).shape
    (2, 6)
    """

    on_mask = masks.USED

    def __init__(
        self,
        layer: Recurrent,
        merge_mode: str = "concat",
        *,
        backward_layer: Recurrent | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:
        if not isinstance(layer, Recurrent):
            raise TypeError(f"Bidirectional: expected a SimpleRNN, LSTM or GRU, got {layer!r}.")
        options.setdefault("dtype", layer.dtype)
        super().__init__(**options)
        self.merge_mode = merge_mode
        self.forward_layer = layer
        self.backward_layer = backward_layer or _reversed(layer)
        ends = (self.forward_layer.go_backwards, self.backward_layer.go_backwards)
        if ends[0] == ends[1]:
            raise ValueError(f"Bidirectional: one layer must go backwards, go_backwards is {ends}.")
        if self.forward_layer.return_sequences != self.backward_layer.return_sequences:
            raise ValueError("Bidirectional: return_sequences must be the same in both layers.")
        if not self._trainable:
            self.trainable = False  # of the layers inside, too

    @property
    def merge_mode(self) -> str:
        """How outputs are joined."""
        return self._merge_mode

    @merge_mode.setter
    def merge_mode(self, merge_mode: str) -> None:
        resolve("merge_mode", str(merge_mode), MERGES)
        self._merge_mode = str(merge_mode).lower()

    @property
    def layer(self) -> Recurrent:
        """The layer that was given."""
        return self.forward_layer

    def accept(self, shape: Shape, *more: Shape) -> None:
        """What the layers accept."""
        self.forward_layer.accept(shape)

    def create(self, *input_shapes: Shape) -> None:
        """Create the parameters of both."""
        self.forward_layer.build(*input_shapes)
        self.backward_layer.build(*input_shapes)

    def call(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Read in both directions and join."""
        outputs = [self._read(way, x, mask) for way in (self.forward_layer, self.backward_layer)]
        return MERGES[self.merge_mode](*outputs)

    def _read(self, layer: Recurrent, x: Tensor, mask: Tensor | None) -> Tensor:
        """The output of one layer, in the order of the input."""
        y: Tensor = layer.forward(x, mask=mask)
        return y[:, ::-1] if layer.go_backwards and layer.return_sequences else y

    def compute_mask(self, x: Tensor | Array, mask: masks.Mask = None) -> masks.Mask:
        """The same steps; none where only the last outputs remain."""
        del x
        return mask if self.forward_layer.return_sequences else None


def _reversed(layer: Recurrent) -> Recurrent:
    """Make a layer with the same arguments that reads the other way."""
    given = {**layer._arguments(), "go_backwards": not layer.go_backwards}
    return type(layer)(**{**given, "name": None})
