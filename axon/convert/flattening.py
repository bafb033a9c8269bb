"""Where images are flattened: PyTorch's rows stand in the order C, H, W, and ours in H, W, C."""

from math import prod

import numpy as np

from axon.backend import Array, Shape
from axon.core import Tensor
from axon.inspect.call_graph import Structure
from axon.layers.convolution import Conv1D
from axon.layers.dense import Dense
from axon.layers.model_like import ModelLike
from axon.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
)
from axon.layers.pooling import AveragePooling1D, MaxPooling1D
from axon.layers.reshaping import UpSampling1D, ZeroPadding1D
from axon.program.trace import Instruction

READS_ROWS = (Dense, BatchNormalization, LayerNormalization, RMSNormalization)
SERIES = (Conv1D, AveragePooling1D, MaxPooling1D, UpSampling1D, ZeroPadding1D)  # C, T in PyTorch
UNKNOWN = (-1,)  # in the place of a shape
MIXES = {"matmul"}  # whose weights have taken account of the order


def foreign_order(array: Array, shape: Shape) -> Array:
    """Bring rows that stand in the order of C, H, W into that of H, W, C.

    Args:
        array: (C H W, ...).
        shape: (C, H, W), or (C, T).

    >>> foreign_order(np.arange(6), (2, 3))
    array([0, 3, 1, 4, 2, 5])
    """
    apart = array.reshape(*shape, *array.shape[1:])
    return np.moveaxis(apart, 0, len(shape) - 1).reshape(array.shape)


def flattened(model: ModelLike) -> dict[int, Shape]:
    """By id of a layer that reads flattened images: their shape in PyTorch, (C, H, W).

    One sample is passed through the model, and what enters the layers is followed back to where it
    was made flat. Series (T, C) count if a convolution or the like made them. UNKNOWN is what was
    flattened, but has been cut, joined or turned since.
    """
    flow = Flow(Structure(model, model.modules()))
    readers = [c for c in flow.calls.values() if isinstance(c.module, READS_ROWS)]
    shapes = {id(c.module): flow.before_flattening(c.inputs[0]) for c in readers}
    return {key: shape for key, shape in shapes.items() if shape is not None}


class Flow:
    """What was made of what, as one sample passed through a model."""

    def __init__(self, structure: Structure) -> None:
        self.made = {id(i.out): i for i in structure.instructions}
        self.calls = {id(call.output): call for call in structure.calls}

    def before_flattening(self, x: Tensor) -> Shape | None:
        """The shape that the rows x (1, features) had before they were made flat, if they were."""
        while x.ndim == 2 and id(x) in self.made:
            step = self.made[id(x)]
            if step.primitive.name == "reshape" and step.inputs[0].ndim > 2:
                return self._flat(step)
            same = _same_places(step)
            if same is None:
                return None if step.primitive.name in MIXES else self._somewhere(step)
            x = same
        return None

    def _flat(self, step: Instruction) -> Shape | None:
        """What PyTorch's shape of this input was, if it keeps the channels in another place."""
        before = step.inputs[0]
        *places, channels = before.shape[1:]
        first = len(places) > 1 or self._made_as_series(before)
        alone = len(before) == len(step.out) == 1  # otherwise pixels became samples
        turned = alone and first and channels > 1 and prod(places) > 1
        return (channels, *places) if turned else None

    def _somewhere(self, step: Instruction) -> Shape | None:
        """UNKNOWN if something that was flattened has come into this."""
        shapes = [self.before_flattening(x) for x in step.inputs]
        return UNKNOWN if any(shape is not None for shape in shapes) else None

    def _made_as_series(self, x: Tensor) -> bool:
        """Whether the last that knew an order of axes was a convolution of series, or the like."""
        while True:
            call = self.calls.get(id(x))
            if call is not None and isinstance(call.module, SERIES):
                return True
            same = _same_places(self.made[id(x)]) if id(x) in self.made else None
            if call is not None and isinstance(call.module, GroupNormalization):
                same = call.inputs[0]  # which has its own shapes inside
            if same is None:
                return False
            x = same


def _same_places(step: Instruction) -> Tensor | None:
    """The input whose numbers stand at the same places as those of the output, if there is one."""
    alike = [t for t in step.inputs if t.shape == step.out.shape]
    if not alike:
        return None
    if step.kind == "views":
        a, b = step.out.data, alike[0].data
        same = a.strides == b.strides and a.ctypes.data == b.ctypes.data
        return alike[0] if same else None
    return alike[0] if step.primitive.facts.places else None
