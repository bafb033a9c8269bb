"""An activation as a layer of its own."""

from typing import Unpack

from axon import activations
from axon.backend import Shape
from axon.core import Tensor
from axon.layers import masks
from axon.layers.base import Layer, LayerOptions


class Activation(Layer):
    """y = f(x): an activation function, for where it stands alone, as behind a normalization.

    Args:
        activation: a function or its name.
        options: name, dtype.

    >>> Activation("relu").forward([[-1.0, 2.0]])
    array([[0., 2.]], dtype=float32)
    """

    def __init__(
        self, activation: "str | activations.Activation | None", **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.activation = activations.get(activation)

    @property
    def on_mask(self) -> str:  # type: ignore[override]
        """Softmax mixes the numbers of a step."""
        mixes = self.activation in (activations.softmax, activations.log_softmax)
        return masks.STEPS if mixes else masks.EACH

    def accept(self, shape: Shape, *more: Shape) -> None:
        """Inputs may have any shape."""

    def call(self, x: Tensor) -> Tensor:
        """Compute f(x)."""
        return self.activation(x)
