"""Random numbers that a file asks for, drawn anew at every run: AXON's own, from a key in the net.

``seed`` is what the key begins with, if a file names one; the numbers are not those of others.
"""

from typing import NamedTuple

import numpy as np

from axon import ops
from axon.backend import FLOAT, DType, Shape
from axon.core import Tensor
from axon.onnx.run.operators.budget import allowed
from axon.onnx.run.operators.table import Context, operator

ONE_MORE = Tensor(np.array([0, 1], np.uint32))
TYPES = {0: None, 1: "float32", 6: "int32", 7: "int64", 9: "bool", 10: "float32", 11: "float64"}


class DrawOptions(NamedTuple):
    """The attributes that all of them have."""

    dtype: int = 0
    seed: float = 0.0


def _key(context: Context) -> Tensor:
    if context.seed_state is None:
        raise ValueError("there is no key to draw random numbers with.")
    key = ops.copy(context.seed_state)
    ops.add_in_place(context.seed_state, ONE_MORE)
    return key


def _type(asked: DrawOptions, usual: DType) -> np.dtype:
    if asked.dtype not in TYPES:
        raise ValueError(f"random numbers of the type {asked.dtype} are not supported.")
    return np.dtype(TYPES[asked.dtype] or usual)


def _normal(shape: Shape, asked: DrawOptions, usual: DType, context: Context) -> Tensor:
    dtype = _type(asked, usual if usual.kind == "f" else FLOAT)
    return ops.normal(_key(context), shape=allowed(shape), dtype=dtype)


def _uniform(shape: Shape, asked: DrawOptions, usual: DType, context: Context) -> Tensor:
    dtype = _type(asked, usual if usual.kind == "f" else FLOAT)
    return ops.uniform(_key(context), shape=allowed(shape), dtype=dtype)


@operator("RandomNormalLike")
def normal_like(
    x: Tensor, /, *, asked: DrawOptions, mean: float = 0.0, scale: float = 1.0, context: Context
) -> Tensor:
    """Normal numbers in the shape of x."""
    return _normal(x.shape, asked, x.dtype, context) * scale + mean


@operator("RandomUniformLike")
def uniform_like(
    x: Tensor, /, *, asked: DrawOptions, high: float = 1.0, low: float = 0.0, context: Context
) -> Tensor:
    """Numbers from ``low`` to ``high`` in the shape of x."""
    return _uniform(x.shape, asked, x.dtype, context) * (high - low) + low


@operator("RandomNormal")
def normal(
    *, asked: DrawOptions, mean: float = 0.0, scale: float = 1.0, shape: list[int], context: Context
) -> Tensor:
    """Normal numbers in a shape."""
    return _normal(tuple(shape), asked, FLOAT, context) * scale + mean


@operator("RandomUniform")
def uniform(
    *, asked: DrawOptions, high: float = 1.0, low: float = 0.0, shape: list[int], context: Context
) -> Tensor:
    """Numbers from ``low`` to ``high`` in a shape."""
    return _uniform(tuple(shape), asked, FLOAT, context) * (high - low) + low


@operator("Bernoulli")
def bernoulli(x: Tensor, /, *, asked: DrawOptions, context: Context) -> Tensor:
    """1 with the probability x, else 0."""
    drawn = ops.uniform(_key(context), shape=allowed(x.shape), dtype=FLOAT)
    return ops.less(drawn, x).astype(_type(asked, x.dtype))


DRAWING = ("RandomNormalLike", "RandomUniformLike", "RandomNormal", "RandomUniform", "Bernoulli")
