"""The vocabulary: every primitive that is not an activation, a loss or an optimizer's update.

Called with arrays they are NumPy functions, called with Tensors they are recorded and
differentiable. Arrays are positional, everything else is by keyword.

>>> from axon import Tensor, ops
>>> ops.add([1.0, 2.0], 0.5)
array([1.5, 2.5])
>>> ops.sum(Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
Tensor([4., 6.], dtype=float32)
"""

from axon.ops.boxes import random_boxes
from axon.ops.channels import (
    channel_affine,
    channel_affine_gradient,
    channel_moments,
    channel_scale,
)
from axon.ops.compare import equal, greater, greater_equal, less, less_equal, not_equal, where
from axon.ops.conv import conv2d, conv2d_input, conv2d_weight
from axon.ops.elementwise import (
    absolute,
    add,
    cos,
    divide,
    exp,
    log,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sign,
    sin,
    sqrt,
    square,
    subtract,
)
from axon.ops.error_function import erf
from axon.ops.index import lookup, slice, slice_gradient, take, take_gradient
from axon.ops.join import concatenate, stack
from axon.ops.matmul import matmul
from axon.ops.memory import add_in_place, assign, cast, copy
from axon.ops.pad import pad, upsample_bilinear, upsample_nearest
from axon.ops.piecewise import piecewise_matmul, piecewise_matmul_gradient
from axon.ops.pool import (
    average_pool2d,
    average_pool2d_gradient,
    max_pool2d,
    max_pool2d_argmax,
    max_pool2d_gradient,
    max_pool2d_pick,
)
from axon.ops.random import dropout_mask, keep_mask, normal, uniform
from axon.ops.recurrent import recurrence, recurrence_backward, recurrent_input
from axon.ops.reduce import argmax, broadcast_to, max, sum, sum_to
from axon.ops.shape import reshape, transpose
from axon.ops.standardize import row_scale, standardize, standardize_gradient
from axon.ops.warp import affine_maps, corner_maps, warp, warp_adjoint
