"""Convolution, pooling and resizing give the numbers of PyTorch, where it is installed."""

import numpy as np
import pytest

from axon import Tensor, grad
from axon.layers import (
    AveragePooling1D,
    AveragePooling2D,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    DepthwiseConv2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
    SeparableConv2D,
    UpSampling1D,
    UpSampling2D,
    ZeroPadding2D,
)
from axon.ops.windows import same

torch = pytest.importorskip("torch")
F = torch.nn.functional


def values(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("f4")


def leaf(array):
    return torch.tensor(np.array(array), requires_grad=True)


def first(x):
    """Channels first, as PyTorch has them."""
    return x.movedim(-1, 1)


def last(x):
    return x.movedim(1, -1)


def assert_close(ours, theirs, rtol=1e-5):
    """To 1e-5 of the largest number."""
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * max(1, np.abs(theirs).max()))


def assert_same(layer, x, theirs):
    """The result, and its gradients for inputs and parameters, of ``theirs(x, *parameters)``."""
    inputs, twin = Tensor(x, requires_grad=True), leaf(x)
    layer.build(x.shape[1:])
    for i, p in enumerate(layer.parameters()):
        p.assign(values(p.shape, seed=i + 1))
    parameters = layer.parameters()
    twins = [leaf(p.numpy()) for p in parameters]
    y, z = layer(inputs), theirs(twin, *twins)
    assert_close(y.numpy(), z)
    slope = values(y.shape, seed=9)
    z.backward(torch.tensor(slope))
    gradients = grad(y, [inputs, *parameters], gradient=slope)
    for ours, expected in zip(gradients, [twin, *twins], strict=True):
        assert_close(ours.numpy(), expected.grad)


def padded(x, name, kernel, strides, dilation, value=0.0):
    """Pad (n, ..., channels) for ``same``, as PyTorch cannot for all strides and kernels."""
    if name == "valid":
        return x
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    ends = [same(*axis) for axis in zip(x.shape[1:-1], spans, strides, strict=True)]
    flat = [n for before_after in [(0, 0), *ends[::-1]] for n in before_after]
    return F.pad(x, flat, value=value)


# images, filters, kernel, strides, dilation, groups
GRID = {
    "plain": ((2, 6, 5, 3), 4, (3, 3), (1, 1), (1, 1), 1),
    "batch of one, one channel": ((1, 5, 7, 1), 2, (3, 2), (1, 1), (1, 1), 1),
    "one pixel": ((3, 4, 5, 6), 4, (1, 1), (1, 1), (1, 1), 1),
    "one pixel, strides": ((2, 5, 5, 4), 3, (1, 1), (2, 3), (1, 1), 1),
    "even kernel": ((2, 7, 6, 2), 3, (2, 4), (1, 1), (1, 1), 1),
    "even kernel, strides": ((2, 7, 6, 2), 3, (2, 4), (2, 2), (1, 1), 1),
    "strides larger than the kernel": ((2, 9, 8, 2), 3, (2, 2), (3, 4), (1, 1), 1),
    "dilation": ((2, 9, 8, 2), 3, (3, 2), (1, 1), (2, 3), 1),
    "dilation and strides": ((2, 9, 9, 2), 3, (2, 3), (2, 1), (3, 2), 1),
    "groups": ((2, 5, 6, 4), 6, (3, 3), (1, 1), (1, 1), 2),
    "groups, one pixel": ((2, 5, 6, 4), 6, (1, 1), (1, 1), (1, 1), 2),
    "channel by channel": ((2, 5, 6, 3), 3, (3, 3), (2, 1), (1, 1), 3),
    "two filters for each channel": ((2, 5, 6, 3), 6, (3, 2), (1, 2), (2, 1), 3),
    "the whole image": ((3, 4, 5, 2), 3, (4, 5), (1, 1), (1, 1), 1),
    "many channels": ((2, 6, 6, 16), 8, (3, 3), (1, 1), (1, 1), 1),
    "in several chunks": ((12, 30, 30, 12), 4, (3, 3), (1, 1), (1, 1), 1),
    "rows in several chunks": ((2, 120, 40, 8), 4, (5, 5), (2, 1), (1, 1), 1),
    "channels in several chunks": ((2, 190, 80, 8), 8, (3, 3), (1, 1), (1, 1), 8),
}


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("shape", "filters", "k", "s", "d", "groups"), GRID.values(), ids=GRID)
def test_conv2d(shape, filters, k, s, d, groups, padding):
    def theirs(x, w, b):
        x, w = first(padded(x, padding, k, s, d)), w.permute(3, 2, 0, 1)
        return last(F.conv2d(x, w, b, stride=s, dilation=d, groups=groups))

    layer = Conv2D(filters, k, s, padding, dilation_rate=d, groups=groups)
    assert_same(layer, values(shape), theirs)


@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
@pytest.mark.parametrize(("k", "s", "d", "groups"), [(5, 1, 1, 1), (2, 3, 1, 2), (3, 1, 4, 4)])
def test_conv1d(k, s, d, groups, padding):
    def theirs(x, w, b):
        span = (k - 1) * d
        x = F.pad(first(x), (span, 0)) if padding == "causal" else first(x)
        x = last(x) if padding == "causal" else padded(last(x), padding, [k], [s], [d])
        return last(F.conv1d(first(x), w.permute(2, 1, 0), b, s, dilation=d, groups=groups))

    layer = Conv1D(8, k, s, padding, dilation_rate=d, groups=groups)
    assert_same(layer, values((3, 11, 4)), theirs)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("m", [1, 3])
def test_depthwise_and_separable(m, padding):
    k, s, d = (3, 2), (1, 2), (1, 1)

    def depthwise(x, w, b=None):
        w = w.reshape(*k, 1, 4 * m).permute(3, 2, 0, 1)
        return F.conv2d(first(padded(x, padding, k, s, d)), w, b, stride=s, groups=4)

    def separable(x, w, p, b):
        return last(F.conv2d(depthwise(x, w), p.permute(3, 2, 0, 1), b))

    x = values((2, 6, 7, 4))
    assert_same(DepthwiseConv2D(k, s, padding, m), x, lambda x, w, b: last(depthwise(x, w, b)))
    assert_same(SeparableConv2D(5, k, s, padding, depth_multiplier=m), x, separable)


TRANSPOSED = [(3, 1, 1), (3, 2, 1), (2, 2, 1), (4, 2, 1), (2, 3, 1), (3, 2, 2), (5, 3, 1)]


@pytest.mark.parametrize("filters", [1, 3])
@pytest.mark.parametrize(("k", "s", "d"), TRANSPOSED)
@pytest.mark.parametrize("extra", [0, 1, 2])
def test_transposed(k, s, d, extra, filters):
    """All that is painted, and zeros after it; or the middle of that."""
    if extra >= s:
        return
    x, span = values((2, 3, 4, 5)), (k - 1) * d + 1

    def painted(x, w):
        return F.conv_transpose2d(first(x), w.permute(3, 2, 0, 1), None, s, 0, extra, dilation=d)

    def middle(x, w, b):
        cut = max(0, span - span % 2 - extra) // 2
        H, W = ((n - 1) * s + span % 2 + extra for n in x.shape[1:3])
        room = F.pad(painted(x, w), (0, s, 0, s))
        return last(room[:, :, cut : cut + H, cut : cut + W]) + b

    layer = Conv2DTranspose(filters, k, s, "valid", extra, d)
    assert_same(layer, x, lambda x, w, b: last(painted(x, w)) + b)
    assert_same(Conv2DTranspose(filters, k, s, "same", extra, d), x, middle)


@pytest.mark.parametrize(("k", "s", "d"), [(3, 1, 1), (3, 2, 1), (2, 2, 1), (4, 3, 1), (3, 2, 2)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_transposed_is_the_gradient_of_a_convolution(k, s, d, padding):
    """Of images as large as the result: which is what ``same`` means."""
    layer = Conv2DTranspose(3, k, s, padding, dilation_rate=d, use_bias=False)
    n, m, _ = layer.build((4, 3, 5))

    def theirs(g, w):
        images = torch.zeros((2, n, m, 3), requires_grad=True)
        x = first(padded(images, padding, (k, k), (s, s), (d, d)))
        y = F.conv2d(x, w.permute(3, 2, 0, 1), stride=s, dilation=d)
        assert y.shape[2:] == (4, 3)
        return torch.autograd.grad(y, images, first(g), create_graph=True)[0]

    assert_same(layer, values((2, 4, 3, 5)), theirs)


POOLS = {
    "2 x 2": ((2, 6, 4, 3), (2, 2), (2, 2)),
    "left over": ((1, 7, 5, 1), (2, 2), (2, 2)),
    "overlapping": ((2, 7, 6, 2), (3, 2), (1, 1)),
    "overlapping, strides": ((2, 8, 7, 2), (3, 3), (2, 2)),
    "apart": ((2, 8, 7, 2), (2, 1), (3, 2)),
    "several chunks": ((9, 40, 40, 32), (2, 2), (2, 2)),
    "rows in several chunks": ((1, 250, 70, 20), (3, 3), (2, 1)),
}


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("shape", "k", "s"), POOLS.values(), ids=POOLS)
def test_pooling(shape, k, s, padding):
    one = (1, 1)

    def largest(x):
        x = padded(x, padding, k, s, one, value=-torch.inf)
        return last(F.max_pool2d(first(x), k, s))

    def mean(x):
        pixels = torch.ones_like(x)
        total, count = (
            F.avg_pool2d(first(padded(v, padding, k, s, one)), k, s) for v in (x, pixels)
        )
        return last(total / count)

    x = values(shape)
    assert_same(MaxPooling2D(k, s, padding), x, largest)
    assert_same(AveragePooling2D(k, s, padding), x, mean)


def test_equal_numbers_give_the_gradient_to_the_first():
    x = np.random.default_rng(0).integers(0, 2, (3, 6, 6, 4)).astype("f4")
    for k, s in ((2, 2), (3, 1), (3, 2)):
        layer = MaxPooling2D(k, s)
        assert_same(layer, x, lambda x, k=k, s=s: last(F.max_pool2d(first(x), k, s)))


def test_pooling_of_series():
    x = values((2, 9, 3))
    assert_same(MaxPooling1D(3, 2), x, lambda x: last(F.max_pool1d(first(x), 3, 2)))
    assert_same(AveragePooling1D(3, 2), x, lambda x: last(F.avg_pool1d(first(x), 3, 2)))


@pytest.mark.parametrize("keepdims", [False, True])
def test_global_pooling(keepdims):
    series, images = values((3, 5, 4)), values((3, 5, 2, 4))
    for layer, x, axes in (
        (GlobalAveragePooling1D(keepdims), series, (1,)),
        (GlobalAveragePooling2D(keepdims), images, (1, 2)),
    ):
        assert_same(layer, x, lambda x, axes=axes: x.mean(axes, keepdim=keepdims))
    for layer, x, axes in (
        (GlobalMaxPooling1D(keepdims), series, (1,)),
        (GlobalMaxPooling2D(keepdims), images, (1, 2)),
    ):
        assert_same(layer, x, lambda x, axes=axes: x.amax(axes, keepdim=keepdims))


@pytest.mark.parametrize("size", [(2, 2), (1, 3), (4, 1)])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 2), (1, 1, 5, 1)])
def test_upsampling(size, mode, shape):
    settings = {"mode": mode} if mode == "nearest" else {"mode": mode, "align_corners": False}

    def theirs(x):
        return last(F.interpolate(first(x), scale_factor=size, **settings))

    assert_same(UpSampling2D(size, mode), values(shape), theirs)


def test_upsampling_of_series_and_zero_padding():
    series, images = values((2, 4, 3)), values((2, 3, 4, 2))
    assert_same(UpSampling1D(3), series, lambda x: x.repeat_interleave(3, dim=1))
    assert_same(
        ZeroPadding2D(((1, 0), (2, 3))), images, lambda x: F.pad(x, (0, 0, 2, 3, 1, 0, 0, 0))
    )
