"""Between which numbers a prediction lies: found from what the operations behind it declare."""

import math
from functools import cached_property

from axon.backend import Array, Shape
from axon.bounds import UNKNOWN, Asked, Bounds
from axon.core import Tensor
from axon.parameter import Parameter

DEPTH = 20  # operations that are looked back at: what matters is how a model ends


def bounds(tensor: Tensor) -> Bounds:
    """Between which numbers a result lies, by the operations that made it.

    >>> from axon.activations import sigmoid
    >>> w = Parameter([[-1.0, 3.0]])
    >>> bounds((sigmoid(Tensor([[2.0]]) @ w) + 1.0) * 5.0)[:3]
    (5.0, 10.0, True)
    """
    return Result(tensor, DEPTH, {}).bounds


class Result:
    """A result of operations, as their rules for bounds see it.

    Args:
        tensor: the result.
        depth: how many more operations are looked back at.
        found: by id of a tensor, what was found already.
    """

    def __init__(self, tensor: Tensor, depth: int, found: dict[int, Bounds]) -> None:
        self.tensor, self.depth, self.found = tensor, depth, found

    @property
    def shape(self) -> Shape:
        """The size along each axis."""
        return self.tensor.data.shape

    @property
    def bounds(self) -> Bounds:
        """Between which numbers it lies; looked for once."""
        key = id(self.tensor)
        if key not in self.found:
            self.found[key] = self._bounds()
        return self.found[key]

    def _bounds(self) -> Bounds:
        creator = self.tensor.creator
        if creator is None:
            return _of_values(self.tensor)
        rule = creator.primitive.facts.bounds
        if rule is None or self.depth < 0:
            return UNKNOWN
        asked = Asked(creator.primitive.name, self.shape, creator.meta)
        return rule(asked, *(Result(x, self.depth - 1, self.found) for x in creator.inputs))

    @cached_property
    def learned(self) -> bool:
        """Whether it is a parameter, or another view of one."""
        tensor = self.tensor
        while (creator := tensor.creator) and creator.primitive.facts.hands_on:
            tensor = creator.inputs[0]
        return isinstance(tensor, Parameter) or (tensor.creator is None and tensor.requires_grad)

    @property
    def alone(self) -> bool:
        """Whether it depends on no other input: it was written down, or drawn."""
        creator = self.tensor.creator
        return creator is None or creator.primitive.facts.drawn


def squashed(tensor: Tensor) -> bool:
    """Whether what made it gives numbers from 0 to 1, each for itself, whatever comes in.

    >>> from axon.activations import relu, sigmoid
    >>> x = Parameter([0.5])
    >>> squashed(sigmoid(x)), squashed(relu(x))
    (True, False)
    """
    creator = tensor.creator
    if creator is None or not creator.primitive.facts.alone:
        return False
    found = Result(tensor, 0, {id(x): UNKNOWN for x in creator.inputs}).bounds
    return found.low >= 0 and found.high <= 1


def _of_values(tensor: Tensor) -> Bounds:
    """A number that was written down lies where it lies; parameters and data may be anything."""
    if isinstance(tensor, Parameter) or tensor.requires_grad or not tensor.size:
        return UNKNOWN
    low, high = float(tensor.data.min()), float(tensor.data.max())
    return UNKNOWN if math.isnan(low + high) else Bounds(low, high)


def of_array(values: Array) -> tuple[float, float]:
    """The smallest and the largest of some numbers; NaN where there is one, 0 where there is none.

    >>> import numpy as np
    >>> of_array(np.array([3.0, 1.0]))
    (1.0, 3.0)
    """
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
