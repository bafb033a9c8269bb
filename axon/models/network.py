"""Network: layers joined, their inputs and shapes; nothing about how they are trained."""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from axon.backend import FLOAT, DType, Shape
from axon.core import Tensor
from axon.layers.module import Module, shape_after
from axon.program.changing import Changing


class Network(Module):
    """Layers, assigned as attributes and called in ``forward``: what a Model is before ``compile``.

    Attributes:
        stop_training: a callback sets it to end training.
    """

    _follows: ClassVar[bool] = False

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)
        self.stop_training = False
        self._shapes: tuple[tuple[Shape, ...], Shape] | None = None

    @property
    def layers(self) -> tuple[Module, ...]:
        """The parts of the model, in the order of their definition."""
        return tuple(child for _, child in self.children())

    @property
    def only_batch(self) -> int | None:
        """How many samples the model takes at a time; None: any number."""
        return None

    @property
    def input_dtype(self) -> DType:
        """What the data are converted to before they enter: what the first layer wants."""
        children = [child for _, child in self.children()]
        wanted = children[0].input_dtype if children else FLOAT
        exact = wanted.kind == "f" and True in [child.exact for child in children]
        return np.dtype(np.float64) if exact else wanted

    @property
    def exact(self) -> bool:  # type: ignore[override]
        """Whether a layer inside needs the data in float64, whatever the others compute in."""
        return True in [child.exact for _, child in self.children()]

    @property
    def input_shape(self) -> Any:
        """The shape of the input without the batch axis, if it is known; a tuple of several."""
        if self._shapes is None:
            return None
        return self._shapes[0] if self.width > 1 else self._shapes[0][0]

    @property
    def input_names(self) -> list[str]:
        """What ``forward`` calls its inputs."""
        from inspect import signature  # numpy has loaded it

        takes = signature(self.forward).parameters.values()
        return [p.name for p in takes if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty]

    @property
    def width(self) -> int:
        """The number of inputs."""
        return len(self._shapes[0]) if self._shapes else 1

    @property
    def output_shape(self) -> Shape | None:
        """The shape of the output without the batch axis, if it is known."""
        return self._shapes[1] if self._shapes else None

    def build(self, *input_shapes: Shape) -> Shape:
        """Build the layers for inputs of these shapes, by passing zeros through ``forward``."""
        if self._shapes is None or self._shapes[0] != input_shapes:
            self._shapes = input_shapes, self._shape_after(input_shapes)
        return self._shapes[1]

    def _shape_after(self, input_shapes: tuple[Shape, ...]) -> Shape:
        return shape_after(self.forward, input_shapes, [self.input_dtype] * len(input_shapes))

    def backward(self, dL_dout: Any, input_gradient: bool = True) -> Any:
        """Not for a ``forward`` of your own, which may take any path: autograd knows which."""
        raise NotImplementedError(
            f"model {self.name!r}: only a Sequential can go back layer by layer. Let autograd do "
            "it: loss(y, model(Tensor(x))).backward(), then optimizer.step()."
        )

    def labels(self) -> dict[int, str]:
        """What programs call the parameters and buffers."""
        named = {**self.named_parameters(), **self.named_buffers()}
        return {id(tensor): path for path, tensor in named.items()}


def kept_by(parts: Iterable[object]) -> list[Tensor]:
    """The Tensors that are attributes of parts: parameters, buffers, and what users' own keep."""
    return [t for part in parts for t in dict(vars(part)).values() if isinstance(t, Tensor)]


def changing_in(parts: Iterable[object]) -> list[Changing]:
    """The numbers of parts that may change while programs run, such as rates of Dropout."""
    return [c for part in parts for c in dict(vars(part)).values() if isinstance(c, Changing)]
