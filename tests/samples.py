"""One entry per primitive: inputs to try it on, and what NumPy alone says that it must give.

Whoever adds a primitive adds a line here, and a dozen tests cover it (test_primitives.py).
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

Arrays = tuple[Any, ...]
Sample = tuple[Arrays, dict[str, Any]]  # inputs and metadata


class Case(NamedTuple):
    """How one primitive is tested.

    Attributes:
        reference: the same computed otherwise, of the inputs and the metadata. For a primitive that
            writes, the new values of the inputs that it changes, as a tuple.
        samples: inputs small enough for differences, where the function is smooth.
        large: inputs of about 256 x 512 numbers, for measuring memory.
        nan_shows: whether a NaN in this input must show in the result; all of them by default.
        strided: whether inputs may lie in memory in any order.
    """

    reference: Callable[..., Any]
    samples: list[Sample]
    large: Sample
    nan_shows: Sequence[int] | None = None
    strided: bool = True


_random = np.random.default_rng(42)

# ------------------------------------------------------------------------------------ numbers


def normal(*shape: int) -> np.ndarray:
    """Bell-shaped, but none nearer to 0 than 0.05, where |x| and the like have a kink."""
    x = _random.normal(size=shape)
    return np.asarray(x + np.copysign(0.05, x))


def positive(*shape: int) -> np.ndarray:
    """Between 0.3 and 2."""
    return np.asarray(_random.uniform(0.3, 2.0, shape))


def probability(*shape: int) -> np.ndarray:
    """Between 0.1 and 0.9."""
    return np.asarray(_random.uniform(0.1, 0.9, shape))


def distribution(*shape: int) -> np.ndarray:
    """Positive, adding up to 1 along the last axis."""
    p = positive(*shape)
    return p / p.sum(axis=-1, keepdims=True)


def truth(*shape: int) -> np.ndarray:
    """False or True."""
    return np.asarray(_random.random(shape) < 0.5)


def below(n: int, *shape: int) -> np.ndarray:
    """Whole numbers from -n to n - 1: indices of n rows."""
    return np.asarray(_random.integers(-n, n, shape))


def digits(*shape: int) -> np.ndarray:
    """Small whole numbers as floats, so that some are equal."""
    return np.asarray(_random.integers(-2, 3, shape).astype(float))


# ------------------------------------------------------------------------------------ families

SHAPES = [(2, 3), (1, 5), (7,), (1,), (), (0, 3), (3, 1, 5)]
PAIRS = [
    ((2, 3), (2, 3)),
    ((1, 4), (1, 4)),
    ((5, 1), (1, 7)),
    ((3,), (2, 1, 3)),
    ((), (3,)),
    ((1, 1), ()),
    ((), ()),
    ((0, 3), (3,)),
    ((1, 3), (0, 3)),
]
LARGE = (256, 512)


def unary(reference: Callable[..., Any], make: Callable[..., Any] = normal, **rest: Any) -> Case:
    """One input of any shape, element by element."""
    return Case(reference, [((make(*s),), {}) for s in SHAPES], ((make(*LARGE),), {}), **rest)


def binary(
    reference: Callable[..., Any],
    make: Callable[..., Any] = normal,
    make_y: Callable[..., Any] | None = None,
    **rest: Any,
) -> Case:
    """Two inputs that broadcast."""
    other = make_y or make
    samples = [((make(*a), other(*b)), {}) for a, b in PAIRS]
    return Case(reference, samples, ((make(*LARGE), other(*LARGE)), {}), **rest)


def reduction(
    reference: Callable[..., Any], empty: bool = True, one_axis: bool = False, **rest: Any
) -> Case:
    """One input, ``axis`` and ``keepdims``."""
    samples: list[Sample] = [
        ((normal(2, 3),), {"axis": 0}),
        ((normal(1, 5),), {"axis": -1}),
        ((normal(3, 4, 5),), {"axis": 1}),
        ((normal(7),), {"axis": 0}),
        ((normal(3, 1),), {"axis": -1}),
    ]
    if not one_axis:
        samples += [
            ((normal(2, 3),), {}),
            ((normal(),), {}),
            ((normal(3, 4, 5),), {"axis": (0, -1)}),
            ((normal(3, 4, 5),), {"axis": (2, 0), "keepdims": True}),
            ((normal(3, 5),), {"keepdims": True}),
            ((normal(2, 3),), {"axis": ()}),
        ]
    if empty:
        samples += [((normal(0, 3),), {"axis": 0}), ((normal(0, 3),), {"axis": 1})]
    return Case(reference, samples, ((normal(*LARGE),), {"axis": 0}), **rest)


# ------------------------------------------------------------------------------------ references


def _softmax(x: Any, axis: int = -1) -> Any:
    powers = np.exp(x)
    return powers / powers.sum(axis=axis, keepdims=True)


def _sigmoid(x: Any) -> Any:
    return (1 + np.tanh(x / 2)) / 2


def _product(a: Any, b: Any) -> Any:
    rows, columns = a.reshape(1, -1) if a.ndim < 2 else a, b.reshape(-1, 1) if b.ndim < 2 else b
    y = np.einsum("...ij,...jk->...ik", rows, columns)
    y = y[..., 0] if b.ndim < 2 else y
    return y[..., 0] if a.ndim < 2 and b.ndim < 2 else y[..., 0, :] if a.ndim < 2 else y


def _take_gradient(g: Any, indices: Any, shape: tuple[int, ...]) -> Any:
    one_hot = np.arange(shape[0]) == indices.astype(int).reshape(-1, 1) % shape[0]
    rows = g.reshape(indices.size, *shape[1:])
    return np.einsum("ir,i...->r...", one_hot.astype(g.dtype), rows)


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


def _momentum(w: Any, v: Any, g: Any, rate: Any, momentum: float, nesterov: bool) -> Arrays:
    v = momentum * v + g
    return w - rate * (g + momentum * v if nesterov else v), v


def _adam(
    w: Any, m: Any, v: Any, g: Any, rate: Any, epsilon: Any, beta_1: float, beta_2: float
) -> Arrays:
    m = beta_1 * m + g
    v = beta_2 * v + g**2
    return w - rate * m / (np.sqrt(v) + epsilon), m, v


def _log_softmax(x: Any, axis: int = -1) -> Any:
    return np.log(_softmax(x, axis))


def _binary_cross_entropy(x: Any, t: Any) -> Any:
    return -t * np.log(_sigmoid(x)) - (1 - t) * np.log(_sigmoid(-x))


# ------------------------------------------------------------------------------------ the table

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
    # axon/ops/shape.py
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
    # axon/activations
    "relu": unary(lambda x: x * (x > 0)),
    "relu_gradient": binary(lambda g, y: g * (y > 0), nan_shows=[0]),
    "sigmoid": unary(_sigmoid),
    "sigmoid_gradient": binary(lambda g, y: g * (y - y**2), normal, probability),
    "tanh": unary(lambda x: 1 - 2 / (np.exp(2 * x) + 1)),
    "tanh_gradient": binary(lambda g, y: g * (1 - y) * (1 + y), normal, probability),
    "softmax": Case(
        _softmax,
        [
            ((normal(2, 3),), {}),
            ((normal(1, 5),), {"axis": -1}),
            ((normal(3, 4, 5),), {"axis": 1}),
            ((normal(4, 1),), {}),
            ((normal(7),), {"axis": 0}),
            ((normal(0, 3),), {}),
        ],
        ((normal(*LARGE),), {}),
    ),
    "log_softmax": Case(
        _log_softmax,
        [
            ((normal(2, 3),), {}),
            ((normal(1, 5),), {"axis": -1}),
            ((normal(3, 4, 5),), {"axis": 1}),
            ((normal(4, 1),), {}),
            ((normal(7),), {"axis": 0}),
            ((normal(0, 3),), {}),
        ],
        ((normal(*LARGE),), {}),
    ),
    # axon/losses
    "log_probability": unary(lambda p: np.log2(p) / np.log2(np.e), probability),
    "over_probability": binary(lambda g, p: g * (1 / p), normal, probability),
    "sigmoid_cross_entropy": binary(_binary_cross_entropy, normal, probability),
    # axon/optimizers
    "sgd_update": Case(
        lambda w, g, rate: (w - rate * g,),
        [((normal(*s), normal(*s), positive()), {}) for s in SHAPES],
        ((normal(*LARGE), normal(*LARGE), positive()), {}),
    ),
    "momentum_update": Case(
        _momentum,
        [
            ((normal(*s), normal(*s), normal(*s), positive()), {"momentum": 0.9, "nesterov": n})
            for s in SHAPES
            for n in (False, True)
        ],
        (
            (normal(*LARGE), normal(*LARGE), normal(*LARGE), positive()),
            {"momentum": 0.9, "nesterov": True},
        ),
    ),
    "adam_update": Case(
        _adam,
        [
            (
                (normal(*s), normal(*s), positive(*s), normal(*s), positive(), positive()),
                {"beta_1": 0.9, "beta_2": 0.99},
            )
            for s in SHAPES
        ],
        (
            (*(positive(*LARGE) for _ in range(4)), positive(), positive()),
            {"beta_1": 0.9, "beta_2": 0.99},
        ),
    ),
}
