"""Compiled convolution, pooling and batch statistics, against NumPy's kernels and against PyTorch.

Pieces are made small, so that few samples are several pieces, each done a few samples at a time.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", exc_type=ImportError)

from axon import activations, ops
from axon.core import Tensor
from axon.fast import builder, fusion, lower
from axon.ops import channels, convolution, pool
from axon.ops.pad import pad
from axon.program.plan import Plan
from axon.program.trace import trace

N = 11
Outer = Any
Function = Callable[..., Any]


@pytest.fixture(autouse=True, params=[300.0, 1e9], ids=["pieces", "whole"])
def _small_pieces(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "PIECE", request.param)
    monkeypatch.setattr(builder, "CACHE", 2**12)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Random numbers."""
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype(np.float32)


def compiled(function: Function, *arrays: np.ndarray) -> tuple[Any, Any]:
    """What a function of samples gives when compiled, and in NumPy; NumPy has no part in it."""
    inputs = [Tensor(a) for a in arrays]
    instructions, outputs = trace(lambda *x: [function(*x)], inputs)
    expected = outputs[0].data.copy()
    program = lower(Plan(instructions, outputs), inputs, outputs)
    assert program.complete
    program.outputs[0].fill(0)
    program.run()
    first = program.outputs[0].copy()
    program.run()
    np.testing.assert_array_equal(program.outputs[0], first)  # nothing is left from before
    return first, expected


def near(result: Any, expected: Any, tolerance: float = 2e-6) -> None:
    """Equal, but for rounding."""
    assert result.dtype == expected.dtype
    scale = max(1.0, float(np.abs(expected).max(initial=0, where=np.isfinite(expected))))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=tolerance * scale)


GEOMETRIES: list[tuple[tuple[int, int, int], tuple[int, int, int], dict[str, Any]]] = [
    ((8, 7, 1), (3, 3, 32), {}),
    ((9, 9, 3), (5, 5, 16), {"strides": (2, 1)}),
    ((13, 11, 32), (3, 3, 64), {}),
    ((6, 9, 16), (3, 3, 48), {"padding": ((1, 1), (1, 1))}),
    ((8, 7, 32), (3, 3, 16), {"padding": ((1, 1), (1, 1))}),
    ((12, 4, 16), (3, 3, 112), {"padding": ((0, 2), (2, 1))}),
    ((6, 9, 16), (3, 2, 16), {"padding": ((2, 0), (0, 1))}),
    ((9, 8, 32), (3, 3, 16), {"dilation": (2, 2), "padding": ((2, 2), (2, 2))}),
    ((9, 8, 3), (2, 3, 16), {"dilation": (1, 2), "strides": (2, 2)}),
    ((8, 8, 16), (3, 3, 112), {"strides": (2, 2), "padding": ((0, 1), (0, 1))}),
    ((5, 6, 5), (3, 3, 7), {"padding": ((1, 1), (1, 1))}),
    ((5, 6, 4), (1, 1, 16), {}),
    ((7, 5, 2), (3, 1, 3), {"strides": (3, 2), "padding": ((1, 2), (0, 0))}),
    ((7, 5, 20), (2, 2, 20), {"dilation": (3, 1)}),
    ((3, 3, 16), (3, 3, 16), {}),
    ((5, 5, 16), (1, 2, 16), {"padding": ((2, 2), (3, 3))}),
]


def _names(geometry: Any) -> str:
    return "-".join(str(part).replace(" ", "") for part in geometry)


@pytest.mark.parametrize("batch", [1, N])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=_names)
def test_convolution_and_its_gradients(geometry: Any, batch: int) -> None:
    """The three of them, for kernels, strides, padding and dilation of all kinds."""
    (H, W, C), (KH, KW, F), meta = geometry
    x, w = normal(batch, H, W, C), normal(KH, KW, C, F, seed=1)
    near(*compiled(lambda x: convolution.conv2d(x, Tensor(w), **meta), x))
    g = normal(*convolution.conv2d(x, w, **meta).shape, seed=2)
    near(*compiled(lambda g: convolution.conv2d_input(g, Tensor(w), shape=x.shape, **meta), g))
    near(*compiled(lambda x, g: convolution.conv2d_weight(x * 0.5, g, shape=w.shape, **meta), x, g))


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=_names)
def test_convolution_against_torch(geometry: Any) -> None:
    """Padding that differs from side to side is put around the images first."""
    torch = pytest.importorskip("torch")
    (H, W, C), (KH, KW, F), meta = geometry
    x, w = normal(N, H, W, C), normal(KH, KW, C, F, seed=1)
    y, _ = compiled(lambda x: convolution.conv2d(x, Tensor(w), **meta), x)
    (above, below), (left, right) = meta.get("padding", ((0, 0), (0, 0)))
    images = torch.tensor(x).permute(0, 3, 1, 2)
    images = torch.nn.functional.pad(images, (left, right, above, below))
    kernel = torch.tensor(w).permute(3, 2, 0, 1)
    options = {"stride": meta.get("strides", 1), "dilation": meta.get("dilation", 1)}
    expected = torch.nn.functional.conv2d(images, kernel, **options).permute(0, 2, 3, 1)
    near(y, expected.numpy())


POOLS: list[tuple[tuple[int, int, int], dict[str, Any]]] = [
    ((8, 6, 32), {"pool_size": (2, 2), "strides": (2, 2)}),
    ((7, 9, 5), {"pool_size": (2, 2), "strides": (2, 2)}),
    ((7, 9, 21), {"pool_size": (3, 2), "strides": (1, 2)}),
    ((6, 5, 16), {"pool_size": (3, 3), "strides": (2, 2), "padding": ((1, 1), (1, 1))}),
    ((9, 7, 1), {"pool_size": (2, 1), "strides": (3, 2), "padding": ((0, 1), (0, 0))}),
    ((5, 5, 18), {"pool_size": (5, 5), "strides": (5, 5)}),
    ((6, 6, 3), {"pool_size": (4, 4), "strides": (1, 1), "padding": ((2, 1), (3, 0))}),
]


@pytest.mark.parametrize("batch", [1, N])
@pytest.mark.parametrize("pooling", POOLS, ids=_names)
def test_pooling(pooling: Any, batch: int) -> None:
    """Maximum, its place, both means, and the gradients; equal numbers are frequent."""
    shape, meta = pooling
    x = np.round(normal(batch, *shape) * 2)
    y, expected = compiled(lambda x: pool.max_pool2d(x, **meta), x)
    np.testing.assert_array_equal(y, expected)
    index, expected = compiled(lambda x, y: pool.max_pool2d_argmax(x, y, **meta), x, y)
    np.testing.assert_array_equal(index, expected)
    g = normal(*y.shape, seed=1)

    def back(x: Any, y: Any, g: Any) -> Any:
        index = pool.max_pool2d_argmax(x, y, **meta)
        return pool.max_pool2d_gradient(g, index, shape=x.shape, **meta)

    near(*compiled(back, x, y, g))
    near(*compiled(lambda x: pool.average_pool2d(x, **meta), x))
    near(*compiled(lambda g: pool.average_pool2d_gradient(g, shape=x.shape, **meta), g))


@pytest.mark.parametrize("channels", [16, 3])
def test_pooling_shows_nan_and_sends_infinity_to_one_pixel(channels: int) -> None:
    """NaN wins against all numbers; an infinite gradient makes no NaN where others are."""
    meta: Any = {"pool_size": (2, 2), "strides": (2, 2)}
    x = normal(3, 4, 4, channels)
    x[1, 2, 3, 1] = 9.0  # the largest before the NaN, whose window counts for its first tap
    x[1, 3, 3, 1] = x[0, 0, 0, 0] = np.nan
    x[2, 1, 1, 2] = -np.inf
    y, expected = compiled(lambda x: pool.max_pool2d(x, **meta), x)
    np.testing.assert_array_equal(y, expected)
    index, expected = compiled(lambda x, y: pool.max_pool2d_argmax(x, y, **meta), x, y)
    np.testing.assert_array_equal(index, expected)
    g = normal(3, 2, 2, channels)
    g[0, 1, 1, 2] = np.inf
    gradient = pool.max_pool2d_gradient
    dx, expected = compiled(
        lambda x, y, g: gradient(
            g, pool.max_pool2d_argmax(x, y, **meta), shape=x.shape, **meta
        ), x, y, g,
    )  # fmt: skip
    np.testing.assert_array_equal(dx, expected)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("filters", [16, 5])
def test_convolution_shows_nan_where_windows_see_it(filters: int) -> None:
    """And nowhere else, forwards and backwards."""
    meta: Any = {"padding": ((1, 1), (1, 1))}
    x, w = normal(N, 8, 8, 16), normal(3, 3, 16, filters)
    x[4, 0, 2, 1] = np.nan
    y, expected = compiled(lambda x: convolution.conv2d(x, Tensor(w), **meta), x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
    g = normal(*y.shape)
    g[2, 5, 0, 3] = np.inf
    dx, expected = compiled(
        lambda g: convolution.conv2d_input(g, Tensor(w), shape=x.shape, **meta), g
    )
    np.testing.assert_array_equal(np.isfinite(dx), np.isfinite(expected))
    dw, expected = compiled(
        lambda x, g: convolution.conv2d_weight(x, g, shape=w.shape, **meta), x, g
    )
    np.testing.assert_array_equal(np.isfinite(dw), np.isfinite(expected))


@pytest.mark.parametrize("batch", [1, N])
@pytest.mark.parametrize("shape", [(5, 7, 32), (3, 3, 19), (4,), (16,), (6, 1)])
def test_batch_statistics(shape: tuple[int, ...], batch: int) -> None:
    """Moments, shift and scale, and what the gradient says about them."""
    x, g = normal(batch, *shape) + 3, normal(batch, *shape, seed=1)
    p, C = normal(3, shape[-1]), shape[-1]
    near(*compiled(lambda x: channels.channel_moments(x * 0.5), x))
    near(*compiled(lambda x: channels.channel_affine(Tensor(p), x), x))
    near(*compiled(lambda x: channels.channel_scale(x, Tensor(p[1])), x))
    slopes = channels.channel_affine_gradient
    near(*compiled(lambda g, x: slopes(g * 0.5, x, Tensor(p)), g, x), 1e-5)
    assert compiled(channels.channel_moments, x)[0].shape == (2, C)


def test_variance_far_from_zero() -> None:
    """The mean is found before the squares are added up, in each piece and across pieces."""
    x = normal(N, 9, 9, 20) * 0.01 + 1000
    result, _ = compiled(channels.channel_moments, x)
    np.testing.assert_allclose(result[1], x.astype(float).var((0, 1, 2)), rtol=2e-3)


@pytest.mark.parametrize(
    ("shape", "padding"),
    [
        ((N, 4, 5, 3), ((0, 0), (1, 2), (3, 0), (0, 0))),
        ((1, 4, 5, 32), ((0, 0), (0, 0), (0, 1), (0, 0))),
        ((N, 6, 5), ((0, 0), (2, 0), (0, 0))),
        ((N, 6), ((0, 0), (1, 1))),
    ],
)
def test_padding(shape: Any, padding: Any) -> None:
    """Zeros along the second and third axis."""
    y, expected = compiled(lambda x: pad(x, padding=padding), normal(*shape))
    np.testing.assert_array_equal(y, expected)


def _network(normalized: bool) -> Function:
    """Convolution, bias, perhaps statistics, relu, pooling, convolution; and all gradients."""
    weights = [normal(3, 3, 2, 16), normal(16, seed=1), normal(3, 3, 16, 32), normal(32, seed=2)]
    pooling: Any = {"pool_size": (2, 2), "strides": (2, 2)}

    def step(x: Tensor, g: Tensor) -> list[Tensor]:
        w, b, v, c = parameters = [Tensor(p, requires_grad=True) for p in weights]
        y = convolution.conv2d(x, w, padding=((1, 1), (1, 1)))
        y = y.reshape(-1, 16) + b
        y = y.reshape(len(x.data), 12, 11, 16)
        if normalized:
            m = channels.channel_moments(y)
            slope = 1.0 / ops.sqrt(m[1] + 0.1)
            y = channels.channel_affine(ops.stack([m[0], slope, m[0] * 0.5]), y)
        y = pool.max_pool2d(activations.relu(y), **pooling)
        z = convolution.conv2d(y, v)
        z = (z.reshape(-1, 32) + c).reshape(z.shape)
        z = pool.max_pool2d(activations.relu(z), **pooling)
        z.backward(g)
        return [z.detach(), *(p.grad for p in parameters)]

    return step


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("batch", [1, N])
def test_a_network_forwards_and_backwards(normalized: bool, batch: int) -> None:
    """Bias and relu move into their neighbours; the gradients stay what they are."""
    inputs = [Tensor(normal(batch, 12, 11, 2)), Tensor(normal(batch, 2, 1, 32, seed=3))]
    instructions, outputs = trace(_network(normalized), inputs)
    expected = [t.data.copy() for t in outputs]
    plan = Plan(instructions, outputs)
    names = [i.primitive.name for i in fusion.fused(plan, outputs).instructions]
    assert names.count("conv2d_bias") == 2
    assert names.index("max_pool2d") < names.index("relu")
    program = lower(plan, inputs, outputs)
    assert program.complete
    for _ in range(2):
        for y in program.outputs:
            y.fill(0)
        program.run()
        for y, e in zip(program.outputs, expected, strict=True):
            near(y, e, 1e-5)


def test_a_result_that_is_read_elsewhere_is_not_fused_away() -> None:
    """The convolution without its bias is asked for; and relu of what is not pooled."""
    w, b = Tensor(normal(3, 3, 2, 16)), Tensor(normal(16))

    def step(x: Tensor) -> list[Tensor]:
        y = convolution.conv2d(x, w)
        z, t = activations.relu(y + b), activations.relu(y)
        pools = [pool.max_pool2d(t, pool_size=(2, 2), strides=(k, k)) for k in (1, 2)]
        return [y, z, pool.max_pool2d(z, pool_size=(2, 2), strides=(2, 2)), *pools]

    inputs = [Tensor(normal(N, 6, 6, 2))]
    instructions, outputs = trace(step, inputs)
    expected = [t.data.copy() for t in outputs]
    program = lower(Plan(instructions, outputs), inputs, outputs)
    for y in program.outputs:
        y.fill(0)
    program.run()
    for y, e in zip(program.outputs, expected, strict=True):
        near(y, e)
