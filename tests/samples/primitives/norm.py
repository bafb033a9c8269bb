"""Samples of normalization, random masks and boxes, and images looked up along maps."""

from math import floor
from typing import Any

import numpy as np

from tests.samples.primitives.case import LARGE, Case, Sample, normal, positive
from tests.samples.primitives.random import _fractions, _keys

ONE = 2**24

# ------------------------------------------------------------------------------------ references


def _samples(x: Any) -> Any:
    return x.reshape(-1, x.shape[-1]) if x.size else np.zeros((1, x.shape[-1]), x.dtype)


def _moments(x: Any) -> Any:
    rows = _samples(x) * 1.0
    return np.stack([rows.mean(axis=0), rows.var(axis=0)])


def _affine(p: Any, x: Any) -> Any:
    return (x - p[0]) * p[1] + p[2]


def _affine_gradient(g: Any, x: Any, p: Any) -> Any:
    total, product = _samples(g).sum(axis=0), _samples(g * (x - p[0])).sum(axis=0)
    return np.stack([-p[1] * total, product, total])


def _factor(x: Any, epsilon: float, centered: bool = True) -> Any:
    if not x.shape[-1]:
        return np.full((*x.shape[:-1], 1), epsilon**-0.5)
    middle = x.mean(axis=-1, keepdims=True) if centered else 0.0
    return (((x - middle) ** 2).mean(axis=-1, keepdims=True) + epsilon) ** -0.5


def _standardize(x: Any, epsilon: float, centered: bool = True) -> Any:
    if not x.shape[-1]:
        return x * 1.0
    middle = x.mean(axis=-1, keepdims=True) if centered else 0.0
    return (x - middle) * _factor(x, epsilon, centered)


def _standardize_gradient(g: Any, y: Any, s: Any, centered: bool = True) -> Any:
    """By the matrix of each row: s (1 - 1 1' / n - y y' / n) g."""
    n = g.shape[-1]
    each = np.eye(n) - (np.ones((n, n)) / n if centered else 0.0)
    matrices = s[..., None] * (each - y[..., :, None] * y[..., None, :] / n)
    return np.einsum("...ij,...j->...i", matrices, g)


def _keep(key: Any, shape: Any, dtype: Any, rate: float) -> Any:
    bits = _fractions(key, int(np.prod(shape))).reshape(shape)
    return np.where(bits >= floor(rate * 2**24) / 2**24, 1 / (1 - rate), 0.0).astype(dtype)


def _dropped(key: Any, threshold: Any, value: Any, shape: Any) -> Any:
    bits = _fractions(key, int(np.prod(shape))).reshape(shape)
    return np.where(bits >= floor(threshold / 2**8) / 2**24, value, value * 0)


def _boxes(shares: Any, size: Any, scale: Any, share: float) -> Any:
    found = np.zeros((len(shares), *size, 1), bool)
    for image, (chosen, large, ratio, down, right) in zip(found, shares, strict=True):
        area = scale[0] + (scale[1] - scale[0]) * large
        longer = 9.0 ** (ratio - 0.5)
        sides = [np.sqrt(area * longer) * size[0], np.sqrt(area / longer) * size[1]]
        h, w = (min(round(side), n) for side, n in zip(sides, size, strict=True))
        top, left = floor(down * (size[0] + 1 - h)), floor(right * (size[1] + 1 - w))
        image[top : top + h, left : left + w] = chosen < share
    return found


def _affine_maps(moves: Any, size: Any) -> Any:
    """As products of matrices: to the middle, turn, stretch, and back."""

    def shift(a: float, b: float) -> Any:
        return np.array([[1, 0, a], [0, 1, b], [0, 0, 1]])

    middle = (size[0] - 1) / 2, (size[1] - 1) / 2
    maps = np.zeros((len(moves), 2, 3))
    for m, (down, right, turn, high, wide) in zip(maps, np.asarray(moves, float), strict=True):
        a = 2 * np.pi * turn
        turned = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
        stretched = np.diag([1 + high, 1 + wide, 1])
        moved = shift(-down * size[0], -right * size[1])
        back = shift(-middle[0], -middle[1])
        m[...] = (moved @ shift(*middle) @ stretched @ turned @ back)[:2]
    return np.rint(maps * ONE).astype(np.int64)


def _corner_maps(shares: Any, room: Any) -> Any:
    maps = np.tile(np.eye(2, 3), (len(shares), 1, 1))
    maps[:, :, 2] = np.minimum(np.floor(shares * (np.array(room) + 1)), room)
    return (maps * ONE).astype(np.int64)


def _look(image: Any, i: int, j: int, fill_mode: str, fill_value: float) -> Any:
    """One pixel, which may lie beyond the edge."""
    H, W = image.shape[:2]
    if fill_mode == "constant":
        return image[i, j] if 0 <= i < H and 0 <= j < W else fill_value
    if fill_mode == "reflect":
        i, j = (min(k % (2 * n), 2 * n - 1 - k % (2 * n)) for k, n in ((i, H), (j, W)))
    return image[min(max(i, 0), H - 1), min(max(j, 0), W - 1)]


def _warp(
    x: Any,
    maps: Any,
    size: Any,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    smooth: bool = True,
) -> Any:
    """One pixel after another."""
    y = np.zeros((len(x), *size, x.shape[-1]), x.dtype if x.dtype.kind == "f" else np.float32)
    for n, i, j in np.ndindex(y.shape[:3]):
        a, b = (float(v) for v in maps[n] @ [i, j, 1] / ONE)
        if not smooth:
            a, b = floor(a + 0.5), floor(b + 0.5)
        for down in (0, 1):
            for right in (0, 1):
                p, q = floor(a) + down, floor(b) + right
                weight = (1 - abs(a - p)) * (1 - abs(b - q))
                y[n, i, j] += weight * _look(x[n], p, q, fill_mode, fill_value)
    return y


def _adjoint(g: Any, maps: Any, shape: Any, **meta: Any) -> Any:
    """The gradient of the sum of g warp(x) for x, which is linear, one x at a time."""
    slope = np.zeros(shape, g.dtype if g.dtype.kind == "f" else np.float32)
    for index in np.ndindex(shape):
        one = np.zeros(shape)
        one[index] = 1
        slope[index] = (_warp(one, maps, g.shape[1:3], **meta) * g).sum()
    return slope


# ------------------------------------------------------------------------------------ samples

_ROWS = [(5, 3), (2, 3, 4, 2), (1, 1), (1, 7), (3, 1, 5), (0, 3)]
_MANY = positive(700, 30), positive(3, 30) / 8  # several long rows; no terms cancel
_CHANNELS = [*((normal(*s), normal(3, s[-1])) for s in _ROWS), _MANY]
_LARGE_X = normal(8, 64, 64, 4)


def _rows(*shapes: Any) -> list[Sample]:
    each = [{"epsilon": 0.1}, {"epsilon": 0.01, "centered": False}]
    return [((normal(*s),), meta) for s in shapes for meta in each]


def _row_gradients() -> list[Sample]:
    return [
        ((normal(*s), normal(*s), positive(*s[:-1], 1) / 8), meta)
        for s in _ROWS
        for meta in ({}, {"centered": False})
    ]


def _shares(n: int, width: int) -> Any:
    """Shares in [0, 1), exact in every type of floats."""
    return np.random.default_rng(n + width).integers(0, 64, (n, width)) / 64


def _moves(n: int) -> Any:
    """Exact in every type of floats."""
    return np.random.default_rng(n).integers(-32, 33, (n, 5)) / 64


# images, size of the result, metadata
_WARPS: list[tuple[tuple[int, ...], tuple[int, int], dict[str, Any]]] = [
    ((2, 3, 4, 2), (3, 4), {}),
    ((2, 3, 4, 1), (3, 4), {"fill_mode": "nearest"}),
    ((2, 3, 5, 1), (3, 5), {"fill_mode": "reflect"}),
    ((1, 1, 1, 1), (2, 3), {"fill_mode": "reflect"}),
    ((1, 4, 3, 3), (2, 2), {"smooth": False}),
    ((0, 3, 3, 1), (3, 3), {}),
]


def _maps(n: int, image: Any) -> Any:
    return _affine_maps(_moves(n) / 2, image)


def _warps() -> list[Sample]:
    found: list[Sample] = [
        ((normal(*s), _maps(s[0], s[1:3])), {"size": size, **meta}) for s, size, meta in _WARPS
    ]
    filled = {"size": (3, 3), "fill_value": 2.5}
    return [*found, ((normal(1, 3, 3, 1), _maps(1, (3, 3))), filled)]


def _adjoints() -> list[Sample]:
    return [
        ((normal(s[0], *size, s[3]), _maps(s[0], s[1:3])), {"shape": s, **meta})
        for s, size, meta in _WARPS
    ]


_LARGE_MAPS = _maps(8, (64, 64))

SAMPLES: dict[str, Case] = {
    "channel_moments": Case(_moments, [((x,), {}) for x, _ in _CHANNELS], ((_LARGE_X,), {})),
    "channel_affine": Case(
        _affine, [((p, x), {}) for x, p in _CHANNELS], ((normal(3, 4), _LARGE_X), {})
    ),
    "channel_affine_gradient": Case(
        _affine_gradient,
        [
            *[((normal(*x.shape), x, p), {}) for x, p in _CHANNELS[:-1]],
            ((positive(700, 30), positive(700, 30), -positive(3, 30)), {}),  # nothing cancels
        ],
        ((_LARGE_X, _LARGE_X, normal(3, 4)), {}),
        nan_shows=[0, 1],  # of nothing the sums are 0, whatever p is
    ),
    "channel_scale": Case(
        lambda x, slope: x * slope,
        [((x, p[0]), {}) for x, p in _CHANNELS],
        ((_LARGE_X, normal(4)), {}),
    ),
    "standardize": Case(_standardize, _rows(*_ROWS), ((normal(*LARGE),), {"epsilon": 1e-3})),
    "row_scale": Case(_factor, _rows(*_ROWS), ((normal(*LARGE),), {"epsilon": 1e-3})),
    "standardize_gradient": Case(
        _standardize_gradient,
        _row_gradients(),
        ((normal(*LARGE), normal(*LARGE), positive(LARGE[0], 1)), {}),
    ),
    "keep_mask": Case(
        _keep,
        [(key, {**meta, "rate": r}) for key, meta in _keys() for r in (0.0, 0.25, 0.5)],
        (
            (np.array([1, 2], np.uint32),),
            {"shape": LARGE, "dtype": np.dtype(np.float32), "rate": 0.5},
        ),
        strided=False,
    ),
    "dropout_mask": Case(
        _dropped,
        [
            (
                (*key, np.array(int(rate * 2**32)), np.array(1 / (1 - rate))),
                {"shape": meta["shape"]},
            )
            for key, meta in _keys()
            for rate in (0.0, 0.25, 0.5)
        ],
        (
            (np.array([1, 2], np.uint32), np.array(2**31), np.array(2.0)),
            {"shape": LARGE},
        ),
        strided=False,
        nan_shows=(2,),
    ),
    "random_boxes": Case(
        _boxes,
        [
            ((_shares(4, 5),), {"size": (6, 9), "scale": (0.1, 0.6), "share": 0.5}),
            ((_shares(3, 5),), {"size": (1, 4), "scale": (0.3, 1.0), "share": 1.0}),
            ((_shares(0, 5),), {"size": (3, 3), "scale": (0.1, 0.2), "share": 1.0}),
        ],
        ((_shares(16, 5),), {"size": (64, 64), "scale": (0.1, 0.6), "share": 0.5}),
        nan_shows=[],
    ),
    "affine_maps": Case(
        _affine_maps,
        [((_moves(n),), {"size": size}) for n, size in ((3, (4, 7)), (1, (1, 1)), (0, (2, 2)))],
        ((_moves(256),), {"size": (28, 28)}),
        nan_shows=[],
    ),
    "corner_maps": Case(
        _corner_maps,
        [((_shares(n, 2),), {"room": room}) for n, room in ((4, (3, 5)), (1, (0, 0)), (0, (1, 1)))],
        ((_shares(256, 2),), {"room": (4, 4)}),
        nan_shows=[],
    ),
    "warp": Case(_warp, _warps(), ((_LARGE_X, _LARGE_MAPS), {"size": (64, 64)}), nan_shows=[]),
    "warp_adjoint": Case(
        _adjoint,
        _adjoints(),
        ((_LARGE_X, _LARGE_MAPS), {"shape": (8, 64, 64, 4)}),
        nan_shows=[],
    ),
}
