"""Samples of the primitives in axon/ops: what is not convolution, pooling or a sequence."""

from math import prod
from typing import Any

import numpy as np

from tests.samples.primitives.case import (
    LARGE,
    PAIRS,
    SHAPES,
    Case,
    below,
    binary,
    digits,
    normal,
    positive,
    reduction,
    truth,
    unary,
)


def _product(a: Any, b: Any) -> Any:
    rows, columns = a.reshape(1, -1) if a.ndim < 2 else a, b.reshape(-1, 1) if b.ndim < 2 else b
    y = np.einsum("...ij,...jk->...ik", rows, columns)
    y = y[..., 0] if b.ndim < 2 else y
    return y[..., 0] if a.ndim < 2 and b.ndim < 2 else y[..., 0, :] if a.ndim < 2 else y


def _take_gradient(g: Any, indices: Any, shape: tuple[int, ...]) -> Any:
    one_hot = np.arange(shape[0]) == indices.astype(int).reshape(-1, 1) % shape[0]
    rows = g.reshape(indices.size, *shape[1:])
    return np.einsum("ir,i...->r...", one_hot.astype(g.dtype), rows)


def _spread(*shape: int) -> Any:
    """Numbers without chance: the others of this file are drawn one after another."""
    return np.cos(np.arange(prod(shape)) * 2.0).reshape(shape)


_PLACES = [
    (np.array([[[0, 3], [4, 0], [2, 1]], [[1, 1], [0, 2], [4, 0]]]), 5),
    (np.array([[[1], [0]]], np.uint8), 3),
    (np.zeros((0, 2, 1), int), 3),
    (np.zeros((1, 0, 2), int), 2),
]


def _put(x: Any, places: Any, size: int) -> Any:
    out = np.zeros((len(x), size, x.shape[2]), x.dtype)
    for index, value in np.ndenumerate(x):
        out[index[0], places[index], index[2]] = value
    return out


def _slice_gradient(g: Any, shape: tuple[int, ...], index: Any) -> Any:
    where = np.asarray(np.arange(prod(shape)).reshape(shape)[index])
    out = np.zeros(prod(shape), g.dtype)
    out[where.ravel()] = g.ravel()
    return out.reshape(shape)


def _sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    while x.ndim > len(shape):
        x = x.sum(axis=0)
    for axis, n in enumerate(shape):
        x = x if x.shape[axis] == n else x.sum(axis=axis, keepdims=True)
    return x


_MATRICES = [
    ((2, 3), (3, 4)),
    ((1, 3), (3, 1)),
    ((3,), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3,)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((4, 1, 2, 3), (5, 3, 2)),
    ((3,), (5, 3, 2)),
    ((5, 2, 3), (3,)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
]
_ROWS = [
    (normal(4, 3), below(4, 6)),
    (normal(4), below(4, 2, 3)),
    (normal(1, 2, 3), below(1, 5)),
    (normal(3, 2), below(3)),
    (normal(3, 2), below(3, 0)),
    (normal(300, 2), below(100, 9).astype(np.int8)),
    (normal(300, 2), np.array([255, 0, 1], np.uint8)),
]
_INDICES: list[tuple[tuple[int, ...], Any]] = [
    ((4, 5), 1),
    ((4, 5), (slice(1, 3), -1)),
    ((4, 5), (..., slice(None, None, -2))),
    ((1, 3), (None, slice(0, 1))),
    ((7,), slice(-3, None)),
    ((7,), 6),
    ((2, 3, 4), (1, ..., 2)),
    ((3,), slice(2, 2)),
    ((), ()),
]


SAMPLES: dict[str, Case] = {
    # axon/ops/elementwise.py
    "add": binary(lambda x, y: x - -y),
    "subtract": binary(lambda x, y: x + -y),
    "multiply": binary(lambda x, y: x * y),
    "divide": binary(lambda x, y: x * (1 / y)),
    "power": binary(lambda x, p: np.exp(p * np.log(x)), positive, normal),
    "negative": unary(lambda x: 0 - x),
    "absolute": unary(lambda x: np.where(x < 0, -x, x)),
    "sign": unary(lambda x: np.where(x < 0, -1, np.where(x > 0, 1, x))),
    "square": unary(lambda x: x * x),
    "sqrt": unary(lambda x: x**0.5, positive),
    "exp": unary(lambda x: np.e**x),
    "log": unary(lambda x: np.log2(x) / np.log2(np.e), positive),
    "maximum": binary(lambda x, y: np.where(x > y, x, y)),
    "minimum": binary(lambda x, y: np.where(x < y, x, y)),
    # axon/ops/compare.py
    "equal": binary(lambda x, y: ~((x < y) | (x > y)), digits, nan_shows=[]),
    "not_equal": binary(lambda x, y: (x < y) | (x > y), digits, nan_shows=[]),
    "less": binary(lambda x, y: y > x, digits, nan_shows=[]),
    "less_equal": binary(lambda x, y: ~(x > y), digits, nan_shows=[]),
    "greater": binary(lambda x, y: y < x, digits, nan_shows=[]),
    "greater_equal": binary(lambda x, y: ~(x < y), digits, nan_shows=[]),
    "where": Case(
        lambda c, x, y: c * x + ~c * y,
        [((truth(*b), normal(*a), normal(*b)), {}) for a, b in PAIRS],
        ((truth(*LARGE), normal(*LARGE), normal(*LARGE)), {}),
        nan_shows=[],
    ),
    # axon/ops/reduce.py
    "sum": reduction(np.sum),
    "max": reduction(lambda x, **meta: -np.min(-x, **meta), empty=False),
    "argmax": reduction(
        lambda x, axis: np.argsort(-x, axis=axis, kind="stable").take(0, axis),
        empty=False,
        one_axis=True,
        nan_shows=[],
    ),
    "broadcast_to": Case(
        lambda x, shape: x + np.zeros(shape, x.dtype),
        [
            ((normal(3),), {"shape": (2, 3)}),
            ((normal(2, 1, 3),), {"shape": (4, 2, 5, 3)}),
            ((normal(),), {"shape": (2, 1)}),
            ((normal(1, 3),), {"shape": (1, 3)}),
            ((normal(1, 3),), {"shape": (0, 3)}),
        ],
        ((normal(512),), {"shape": LARGE}),
    ),
    "sum_to": Case(
        _sum_to,
        [
            ((normal(2, 3),), {"shape": (3,)}),
            ((normal(4, 2, 5, 3),), {"shape": (2, 1, 3)}),
            ((normal(2, 1),), {"shape": ()}),
            ((normal(1, 3),), {"shape": (1, 3)}),
            ((normal(0, 3),), {"shape": (1, 3)}),
        ],
        ((normal(*LARGE),), {"shape": (512,)}),
    ),
    # axon/ops/matmul.py
    "matmul": Case(
        _product,
        [((normal(*a), normal(*b)), {}) for a, b in _MATRICES],
        ((normal(*LARGE), normal(512, 256)), {}),
    ),
    # axon/ops/index.py
    "take": Case(
        lambda x, i: np.array([x[k] for k in i.ravel()]).reshape(i.shape + x.shape[1:]),
        [(rows, {}) for rows in _ROWS],
        ((normal(*LARGE), below(256, 300)), {}),
        nan_shows=[],
    ),
    "take_gradient": Case(
        _take_gradient,
        [((normal(*i.shape, *x.shape[1:]), i), {"shape": x.shape}) for x, i in _ROWS],
        ((normal(300, 512), below(256, 300)), {"shape": LARGE}),
    ),
    "put": Case(
        _put,
        [((_spread(*places.shape), places), {"size": size}) for places, size in _PLACES],
        (
            (_spread(8, 64, 256), np.arange(63, -1, -1)[:, None] + np.zeros((8, 1, 256), int)),
            {"size": 64},
        ),
        nan_shows=[0],
    ),
    "slice": Case(
        lambda x, index: x[index],
        [((normal(*shape),), {"index": index}) for shape, index in _INDICES],
        ((normal(*LARGE),), {"index": np.s_[::2]}),
        nan_shows=[],
    ),
    "slice_gradient": Case(
        _slice_gradient,
        [
            ((np.asarray(normal(*shape)[index]),), {"shape": shape, "index": index})
            for shape, index in _INDICES
        ],
        ((normal(128, 512),), {"shape": LARGE, "index": np.s_[::2]}),
    ),
    # axon/ops/views.py
    "reshape": Case(
        lambda x, shape: np.array(list(x.flat)).reshape(shape),
        [
            ((normal(2, 3),), {"shape": (6,)}),
            ((normal(2, 3),), {"shape": (3, 1, -1)}),
            ((normal(1),), {"shape": ()}),
            ((normal(),), {"shape": (1, 1)}),
            ((normal(0, 3),), {"shape": (3, 0)}),
        ],
        ((normal(*LARGE),), {"shape": (512, 256)}),
        strided=False,
    ),
    "transpose": Case(
        lambda x, axes: np.moveaxis(x, axes, range(x.ndim)),
        [
            ((normal(2, 3),), {"axes": (1, 0)}),
            ((normal(2, 3, 4),), {"axes": (2, 0, 1)}),
            ((normal(2, 3, 4),), {"axes": (-1, 0, -2)}),
            ((normal(),), {"axes": ()}),
            ((normal(0, 3),), {"axes": (1, 0)}),
        ],
        ((normal(*LARGE),), {"axes": (1, 0)}),
    ),
    # axon/ops/memory.py
    "copy": unary(lambda x: x + 0),
    "cast": Case(
        lambda x, dtype: np.array(x, dtype),
        [((normal(*s),), {"dtype": np.dtype(np.float64)}) for s in SHAPES],
        ((normal(*LARGE),), {"dtype": np.dtype(np.float64)}),
    ),
    "assign": Case(
        lambda x, y: (y + 0 * x,),
        [((normal(*s), normal(*s)), {}) for s in SHAPES] + [((normal(2, 3), normal()), {})],
        ((normal(*LARGE), normal(*LARGE)), {}),
        nan_shows=[1],
    ),
    "add_in_place": Case(
        lambda x, y: (x + y,),
        [((normal(*s), normal(*s)), {}) for s in SHAPES] + [((normal(2, 3), normal(3)), {})],
        ((normal(*LARGE), normal(*LARGE)), {}),
    ),
}
