"""The vocabulary: every primitive that is not an activation, a loss or an optimizer's update.

Called with arrays they are NumPy functions, called with Tensors they are recorded and
differentiable. Arrays are positional, everything else is by keyword.

>>> from axon import Tensor, ops
>>> ops.add([1.0, 2.0], 0.5)
array([1.5, 2.5])
>>> ops.sum(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
Tensor([4., 6.], dtype=float32)
"""

from axon.ops.compare import equal, greater, greater_equal, less, less_equal, not_equal, where
from axon.ops.elementwise import (
    absolute,
    add,
    divide,
    exp,
    log,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sign,
    sqrt,
    square,
    subtract,
)
from axon.ops.index import slice, slice_gradient, take, take_gradient
from axon.ops.matmul import matmul
from axon.ops.memory import add_in_place, assign, cast, copy
from axon.ops.reduce import argmax, broadcast_to, max, sum, sum_to
from axon.ops.shape import reshape, transpose
