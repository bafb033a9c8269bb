"""Samples of convolution, pooling and padding: sizes where every border rule matters."""

from typing import Any

import numpy as np

from tests.samples.primitives.case import Case, Sample, normal

Pads = tuple[tuple[int, int], tuple[int, int]]
NONE: Pads = ((0, 0), (0, 0))

# ------------------------------------------------------------------------------------ references


def _around(x: Any, padding: Pads, value: float = 0.0) -> Any:
    return np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value)


def _conv(
    x: Any,
    w: Any,
    strides: Any = (1, 1),
    padding: Pads = NONE,
    dilation: Any = (1, 1),
    groups: int = 1,
) -> Any:
    """One window after another, one group after another."""
    x = _around(x, padding)
    KH, KW, Cg, F = w.shape
    spans = [(k - 1) * d + 1 for k, d in zip((KH, KW), dilation, strict=True)]
    counts = [(n - s) // t + 1 for n, s, t in zip(x.shape[1:3], spans, strides, strict=True)]
    y = np.zeros((len(x), *counts, F), np.result_type(x, w))
    for i, j in np.ndindex(*counts):
        a, b = i * strides[0], j * strides[1]
        seen = x[:, a : a + spans[0] : dilation[0], b : b + spans[1] : dilation[1]]
        for k in range(groups):
            f = slice(k * F // groups, (k + 1) * F // groups)
            part = seen[..., k * Cg : (k + 1) * Cg]
            y[:, i, j, f] = np.einsum("nhwc,hwcf->nf", part, w[..., f])
    return y


def _against(function: Any, shape: tuple[int, ...], y: Any) -> Any:
    """The gradient of the sum of y function(x) for x, where function is linear, one x at a time."""
    slope = np.zeros(shape, y.dtype)
    for index in np.ndindex(shape):
        one = np.zeros(shape, y.dtype)
        one[index] = 1
        slope[index] = (function(one) * y).sum()
    return slope


def _conv_input(g: Any, w: Any, shape: Any, **meta: Any) -> Any:
    return _against(lambda x: _conv(x, w, **meta), shape, g)


def _conv_weight(x: Any, g: Any, shape: Any, **meta: Any) -> Any:
    return _against(lambda w: _conv(x, w, **meta), shape, g)


def _windows(
    x: Any,
    pool_size: Any,
    strides: Any,
    padding: Pads = NONE,
    value: float = 0,
    dilation: Any = (1, 1),
) -> Any:
    """(N, OH, OW, C, taps): what each window sees."""
    x = _around(x * 1.0 if value else x, padding, value)
    spans = [(k - 1) * d + 1 for k, d in zip(pool_size, dilation, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(x, spans, axis=(1, 2))
    views = views[:, :: strides[0], :: strides[1], :, :: dilation[0], :: dilation[1]]
    return views.reshape(*views.shape[:4], pool_size[0] * pool_size[1])


def _max(x: Any, **meta: Any) -> Any:
    return _windows(x, **meta, value=-np.inf).max(axis=-1)


def _argmax(x: Any, y: Any, **meta: Any) -> Any:
    seen = _windows(x, **meta, value=-np.inf)
    taps = meta["pool_size"][0] * meta["pool_size"][1]
    return np.argmax(seen >= y[..., None], axis=-1).astype(np.min_scalar_type(taps))


def _pick(x: Any, index: Any, **meta: Any) -> Any:
    return np.take_along_axis(_windows(x, **meta), index[..., None].astype(int), -1)[..., 0]


def _max_gradient(g: Any, index: Any, shape: Any, **meta: Any) -> Any:
    return _against(lambda x: _pick(x, index, **meta), shape, g)


def _average(x: Any, **meta: Any) -> Any:
    count = _windows(np.ones_like(x), **meta).sum(axis=-1)
    return _windows(x, **meta).sum(axis=-1) / np.maximum(count, 1)


def _average_gradient(g: Any, shape: Any, **meta: Any) -> Any:
    return _against(lambda x: _average(x, **meta), shape, g)


# ------------------------------------------------------------------------------------ samples

# images, kernel, metadata
_CONVOLUTIONS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 4, 3, 2), (2, 2, 2, 3), {}),
    ((1, 5, 4, 1), (3, 3, 1, 2), {"padding": ((1, 1), (1, 1))}),
    ((2, 5, 3, 4), (2, 3, 4, 1), {"padding": ((0, 1), (2, 0)), "strides": (2, 1)}),
    ((1, 6, 5, 1), (2, 2, 1, 1), {"dilation": (2, 3), "strides": (1, 2)}),
    ((1, 7, 4, 2), (2, 1, 2, 2), {"strides": (3, 2)}),  # pixels that no window sees
    ((3, 2, 2, 3), (1, 1, 3, 2), {}),  # a matrix as it lies
    ((2, 2, 3, 2), (2, 3, 2, 2), {}),  # one window
    ((1, 3, 4, 4), (2, 2, 2, 6), {"groups": 2, "padding": ((1, 0), (0, 0))}),
    ((2, 2, 2, 4), (1, 1, 2, 2), {"groups": 2}),
    ((2, 3, 3, 2), (2, 2, 1, 2), {"groups": 2, "padding": ((1, 0), (0, 1))}),  # channel by channel
    ((1, 4, 3, 2), (2, 2, 1, 4), {"groups": 2, "strides": (2, 1), "dilation": (1, 2)}),
    ((1, 2, 14, 1), (2, 13, 1, 1), {}),  # wide enough to be laid out row by row
    ((0, 3, 3, 2), (2, 2, 2, 1), {}),
    ((0, 3, 3, 2), (2, 2, 1, 2), {"groups": 2}),
    ((0, 3, 3, 2), (1, 1, 2, 1), {}),
]
_LARGE_IMAGES, _LARGE_KERNEL = (8, 32, 32, 16), (3, 3, 16, 8)
_SAME: dict[str, Any] = {"padding": ((1, 1), (1, 1))}

_POOLS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 4, 4, 2), {"pool_size": (2, 2), "strides": (2, 2)}),
    ((1, 5, 3, 1), {"pool_size": (2, 2), "strides": (2, 2)}),  # a row and a column left over
    ((1, 4, 5, 2), {"pool_size": (3, 2), "strides": (1, 2)}),  # overlapping
    ((2, 5, 4, 1), {"pool_size": (2, 1), "strides": (3, 2)}),  # apart
    ((1, 3, 4, 2), {"pool_size": (2, 3), "strides": (2, 2), "padding": ((0, 1), (1, 0))}),
    ((1, 3, 3, 1), {"pool_size": (3, 3), "strides": (1, 1), "padding": ((1, 1), (1, 1))}),
    ((1, 4, 4, 1), {"pool_size": (2, 2), "strides": (2, 2), "padding": ((1, 0), (1, 0))}),
    ((2, 2, 3, 2), {"pool_size": (1, 1), "strides": (1, 1)}),
    ((0, 4, 4, 2), {"pool_size": (2, 2), "strides": (2, 2)}),
]
_LARGE_POOL: dict[str, Any] = {"pool_size": (2, 2), "strides": (2, 2)}


def _outputs() -> list[tuple[Any, Any, Any, dict[str, Any]]]:
    """Images, kernel and a gradient of the result's shape."""
    found = []
    for images, kernel, meta in _CONVOLUTIONS:
        x, w = normal(*images), normal(*kernel)
        found.append((x, w, normal(*_conv(x, w, **meta).shape), meta))
    return found


def _pooled() -> list[tuple[Any, Any, Any, dict[str, Any]]]:
    """Images, no two numbers nearly equal; the largest; which they are."""
    found = []
    for shape, meta in _POOLS:
        size = int(np.prod(shape))
        x = np.random.default_rng(size).permutation(size).reshape(shape) / 4.0 - 1.1
        y = _max(x, **meta)
        found.append((x, y, _argmax(x, y, **meta), meta))
    return found


def _with_gaps() -> tuple[Any, Any, Any, Any, dict[str, Any]]:
    """Images, the largest, which they are, a gradient; of taps that lie apart. No chance in it."""
    meta = {"pool_size": (2, 2), "strides": (2, 1), "padding": ((0, 1), (0, 1)), "dilation": (3, 2)}
    x = np.random.default_rng(3).permutation(40).reshape(2, 5, 4, 1) / 4.0 - 1.1
    y = _max(x, **meta)
    return x, y, _argmax(x, y, **meta), np.cos(np.arange(y.size)).reshape(y.shape), meta


_BOTH, _POOLED = _outputs(), _pooled()
_X, _Y, _INDEX, _G, _GAPS = _with_gaps()
_LARGE_X, _LARGE_W = normal(*_LARGE_IMAGES), normal(*_LARGE_KERNEL)
_LARGE_G = normal(8, 32, 32, 8)
_LARGE_Y = _max(_LARGE_X, **_LARGE_POOL)
_LARGE_INDEX = _argmax(_LARGE_X, _LARGE_Y, **_LARGE_POOL)


def _padded(x: Any, padding: Any) -> Any:
    return np.pad(x, padding) if x.ndim else x


_PADS: list[Sample] = [
    ((normal(2, 3),), {"padding": ((1, 2), (0, 3))}),
    ((normal(1, 2, 1, 2),), {"padding": ((0, 0), (1, 0), (2, 1), (0, 0))}),
    ((normal(),), {"padding": ()}),
    ((normal(0, 2),), {"padding": ((0, 0), (1, 1))}),
]

SAMPLES: dict[str, Case] = {
    "conv2d": Case(
        _conv,
        [((x, w), meta) for x, w, _, meta in _BOTH],
        ((_LARGE_X, _LARGE_W), _SAME),
    ),
    "conv2d_input": Case(
        _conv_input,
        [((g, w), {**meta, "shape": x.shape}) for x, w, g, meta in _BOTH],
        ((_LARGE_G, _LARGE_W), {**_SAME, "shape": _LARGE_IMAGES}),
    ),
    "conv2d_weight": Case(
        _conv_weight,
        [((x, g), {**meta, "shape": w.shape}) for x, w, g, meta in _BOTH],
        ((_LARGE_X, _LARGE_G), {**_SAME, "shape": _LARGE_KERNEL}),
    ),
    "max_pool2d": Case(
        _max,
        [*(((x,), meta) for x, _, _, meta in _POOLED), ((_X,), _GAPS)],
        ((_LARGE_X,), _LARGE_POOL),
    ),
    "max_pool2d_argmax": Case(
        _argmax,
        [*(((x, y), meta) for x, y, _, meta in _POOLED), ((_X, _Y), _GAPS)],
        ((_LARGE_X, _LARGE_Y), _LARGE_POOL),
        nan_shows=[],
    ),
    "max_pool2d_gradient": Case(
        _max_gradient,
        [
            *(((normal(*y.shape), i), {**meta, "shape": x.shape}) for x, y, i, meta in _POOLED),
            ((_G, _INDEX), {**_GAPS, "shape": _X.shape}),
        ],
        ((_LARGE_Y, _LARGE_INDEX), {**_LARGE_POOL, "shape": _LARGE_IMAGES}),
    ),
    "max_pool2d_pick": Case(
        _pick,
        [*(((x, i), meta) for x, _, i, meta in _POOLED), ((_X, _INDEX), _GAPS)],
        ((_LARGE_X, _LARGE_INDEX), _LARGE_POOL),
        nan_shows=[],
    ),
    "average_pool2d": Case(
        _average, [((x,), meta) for x, _, _, meta in _POOLED], ((_LARGE_X,), _LARGE_POOL)
    ),
    "average_pool2d_gradient": Case(
        _average_gradient,
        [((normal(*y.shape),), {**meta, "shape": x.shape}) for x, y, _, meta in _POOLED],
        ((_LARGE_Y,), {**_LARGE_POOL, "shape": _LARGE_IMAGES}),
    ),
    "pad": Case(_padded, _PADS, ((normal(256, 512),), {"padding": ((1, 1), (2, 0))})),
}
